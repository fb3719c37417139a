#include "runtime/checkpoint/snapshot_file.h"

#include <gtest/gtest.h>

#include "runtime/base/random.h"
#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/storage.h"
#include "tests/runtime/checkpoint/support.h"
#include "tests/support/seed.h"

namespace freshet::checkpoint {

static bool operator==(const SnapshotReader::Section& left, const SnapshotReader::Section& right) {
  return left.kind == right.kind && left.operator_id == right.operator_id && left.name == right.name &&
         left.records == right.records;
}

namespace {

using Section = SnapshotReader::Section;

const SnapshotId kId{.job = {0x0102030405060708},
                     .attempt = {0x11121314},
                     .checkpoint = {0x2122232425262728},
                     .task = {.chain = 0x31323334, .index = 0x41424344}};

struct Written {
  std::string kind{};
  std::string operator_id{};
  std::string name{};
  std::vector<std::string> records{};
  bool operator==(const Written&) const = default;
};

std::string write(const std::vector<Written>& sections) {
  SnapshotWriter writer(kId);
  for (const Written& section : sections) {
    writer.begin_section(section.kind, section.operator_id, section.name);
    for (const std::string& record : section.records) writer.put(record);
  }
  return writer.finish();
}

std::vector<Written> read_all(SnapshotReader reader) {
  std::vector<Written> sections;
  Section section;
  std::string_view record;
  EXPECT_FALSE(reader.next_record(record)) << "before the first section";
  while (reader.next_section(section)) {
    sections.push_back({std::string(section.kind), std::string(section.operator_id), std::string(section.name), {}});
    while (reader.next_record(record)) sections.back().records.emplace_back(record);
    EXPECT_EQ(sections.back().records.size(), section.records);
    EXPECT_FALSE(reader.next_record(record));
  }
  EXPECT_FALSE(reader.next_section(section));
  return sections;
}

const std::vector<Written> kSample = {{"state", "per_user", "totals", {"one", "", "three"}},
                                      {"timers", "per_user", "", {}}};

TEST(SnapshotName, TellsWhoseItIs) {
  const SnapshotId id{.job = {1}, .attempt = {3}, .checkpoint = {7}, .task = {.chain = 0, .index = 2}};
  EXPECT_EQ(snapshot_name(id), "job-1/snapshots/c7-a3-t0.2");
  EXPECT_TRUE(check_name(snapshot_name(kId)).ok());
  EXPECT_EQ(*parse_snapshot_name(snapshot_name(id)), id);
  EXPECT_EQ(*parse_snapshot_name(snapshot_name(kId)), kId);
  SnapshotId second = id;
  second.part = 1;
  EXPECT_EQ(snapshot_name(second), "job-1/snapshots/c7-a3-t0.2-p1");
  EXPECT_EQ(*parse_snapshot_name(snapshot_name(second)), second);
}

TEST(SnapshotName, RefusesWhatIsNone) {
  for (const char* name :
       {"", "job-1/snapshots/", "job-1/snapshots/c7-a3-t0", "job-1/snapshots/c7-a3-t0.2x",
        "job-1/snapshots/c07-a3-t0.2", "job-1/snapshots/c7-a3-t0.2-p0", "job-1/snapshots/c7-a3-t0.2-p01",
        "job-1/snapshots/c7-a3-t0.2-p", "job-1/snapshots/c7-a-3-t0.2", "job-1/manifests/c7",
        "job-1/snapshots/c7-a4294967296-t0.2", "xjob-1/snapshots/c7-a3-t0.2"}) {
    const auto parsed = parse_snapshot_name(name);
    EXPECT_TRUE(contains(why(parsed), std::string("'") + name + "'")) << why(parsed);
  }
}

TEST(SnapshotFile, BytesAreFrozen) { EXPECT_EQ(test::to_hex(write(kSample)), golden_digits("snapshot.hex")); }

TEST(SnapshotFile, ChecksumIsXxh3) { EXPECT_EQ(checksum_of(""), 0x2d06800538d394c2ULL); }  // from its specification

TEST(SnapshotFile, SectionsAndRecordsComeBackInOrder) {
  std::vector<Written> sections = kSample;
  sections.push_back({"", "", "", {std::string("\0\xff", 2)}});
  sections.push_back({std::string(kMaxSectionTextBytes, 'k'), "o", "n", {}});
  // On both sides of each length of a varint.
  for (const std::size_t length : {126u, 127u, 128u, 129u, 16'383u, 16'384u, 2'097'151u, 2'097'152u})
    sections.back().records.emplace_back(length, 'r');
  const std::string bytes = write(sections);
  const auto reader = SnapshotReader::open(bytes, kId);
  ASSERT_TRUE(reader.ok()) << why(reader);
  EXPECT_EQ(read_all(*reader), sections);
}

TEST(SnapshotFile, MayHaveNoSections) {
  const std::string bytes = write({});
  EXPECT_EQ(bytes.size(), kSnapshotHeaderBytes + kSnapshotFooterBytes);
  const auto reader = SnapshotReader::open(bytes, kId);
  ASSERT_TRUE(reader.ok()) << why(reader);
  EXPECT_EQ(read_all(*reader), std::vector<Written>{});
}

TEST(SnapshotFile, TheNextSectionCanBeHadFromAnywhereInThisOne) {
  const std::string bytes = write(kSample);
  for (int taken = 0; taken <= 3; ++taken) {
    auto reader = SnapshotReader::open(bytes, kId);
    ASSERT_TRUE(reader.ok()) << why(reader);
    Section section;
    std::string_view record;
    ASSERT_TRUE(reader->next_section(section));
    EXPECT_EQ(section, (Section{"state", "per_user", "totals", 3}));
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(reader->next_record(record));
    ASSERT_TRUE(reader->next_section(section));
    EXPECT_EQ(section, (Section{"timers", "per_user", "", 0}));
    EXPECT_FALSE(reader->next_record(record));
  }
}

TEST(SnapshotFile, OfAnotherTaskIsRefused) {
  const std::string bytes = write(kSample);
  std::vector<SnapshotId> others(5, kId);
  others[0].job.value ^= 1;
  others[1].attempt.value ^= 1;
  others[2].checkpoint.value ^= 1;
  others[3].task.chain ^= 1;
  others[4].task.index ^= 1;
  for (const SnapshotId& other : others) {
    const auto reader = SnapshotReader::open(bytes, other);
    EXPECT_TRUE(contains(why(reader), snapshot_name(kId))) << why(reader);
    EXPECT_TRUE(contains(why(reader), snapshot_name(other))) << why(reader);
  }
}

/// Refused, with the part and the byte.
void expect_damaged(const std::string& bytes) {
  const auto reader = SnapshotReader::open(bytes, kId);
  ASSERT_FALSE(reader.ok());
  EXPECT_TRUE(contains(why(reader), "snapshot file damaged in its ")) << why(reader);
  EXPECT_TRUE(contains(why(reader), " at byte ")) << why(reader);
}

TEST(SnapshotFile, EveryFlippedBitIsFound) {
  const std::string bytes = write(kSample);
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    SCOPED_TRACE("bit " + std::to_string(i));
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    expect_damaged(damaged);
  }
}

TEST(SnapshotFile, EveryTruncationIsFound) {
  const std::string bytes = write(kSample);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    SCOPED_TRACE(length);
    expect_damaged(std::string(bytes.data(), length));
  }
}

TEST(SnapshotFile, MoreBytesAreFound) {
  const std::string bytes = write(kSample);
  expect_damaged(bytes + '\0');
  expect_damaged(bytes + bytes);
}

TEST(SnapshotFile, DamageIsNamedByPartAndByte) {
  const std::string bytes = write(kSample);
  const std::size_t first = kSnapshotHeaderBytes;
  const std::size_t second = first + write({kSample[0]}).size() - kSnapshotHeaderBytes - kSnapshotFooterBytes;
  const std::size_t footer = bytes.size() - kSnapshotFooterBytes;
  const auto flipped = [&](std::size_t at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    return why(SnapshotReader::open(damaged, kId));
  };
  EXPECT_TRUE(contains(flipped(0), "header at byte 0: this is no snapshot file"));
  EXPECT_TRUE(contains(flipped(4), "header at byte 4: version 18"));
  EXPECT_TRUE(contains(flipped(6), "header at byte 5: the reserved"));
  EXPECT_TRUE(contains(flipped(first), "section 1 at byte 40: neither"));
  EXPECT_TRUE(contains(flipped(first + 1), "section 1 at byte 40: it goes on behind the end"));
  EXPECT_TRUE(contains(flipped(bytes.find("one")), "section 1 at byte 40: the checksum"));
  EXPECT_TRUE(
      contains(flipped(bytes.find("timers")), "section 2 at byte " + std::to_string(second) + ": the checksum"));
  EXPECT_TRUE(contains(flipped(footer + 1), "footer at byte " + std::to_string(footer)));
}

// Files whose checksums are right and whose content is not: from a writer with a mistake, or a malicious one.

std::string header() { return write({}).substr(0, kSnapshotHeaderBytes); }

std::string section_of(const std::string& body, std::uint64_t length) {
  std::string section(1, '\1');
  append_number(section, length);
  section += body;
  append_number(section, checksum_of(section));
  return section;
}

std::string body_of(std::uint64_t count, const std::string& records) {
  std::string body(3 * sizeof(std::uint16_t), '\0');  // three empty texts
  append_number(body, count);
  return body + records;
}

std::string file_of(const std::string& sections, std::uint32_t count) {
  std::string file = header() + sections + '\2';
  append_number(file, count);
  append_number(file, checksum_of(file));
  return file;
}

std::string opened(const std::string& body) {
  return why(SnapshotReader::open(file_of(section_of(body, body.size()), 1), kId));
}

TEST(SnapshotFile, CraftedContentIsRefused) {
  ASSERT_EQ(opened(body_of(2, std::string("\1a\0", 3))), "success") << "the helpers are right";
  EXPECT_TRUE(contains(opened(body_of(3, std::string("\1a\0", 3))), "at byte 66: record 3 does not fit"));
  EXPECT_TRUE(contains(opened(body_of(~std::uint64_t{0}, "\1a")), "record 2 does not fit"));
  EXPECT_TRUE(contains(opened(body_of(1, "\2a")), "record 1 does not fit"));
  EXPECT_TRUE(contains(opened(body_of(1, "\x80")), "record 1 does not fit"));
  EXPECT_TRUE(contains(opened(body_of(1, "\xff\xff\xff\xff\x0f")), "record 1 does not fit")) << "4 GiB";
  EXPECT_TRUE(contains(opened(body_of(1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), "record 1 does not fit"));
  EXPECT_TRUE(contains(opened(body_of(1, "\1a\1b")), "longer than its records"));
  EXPECT_TRUE(contains(opened(""), "the names do not fit"));
  EXPECT_TRUE(contains(opened(std::string(13, '\0')), "the names do not fit")) << "no room for the number of records";
  EXPECT_TRUE(contains(opened(std::string("\xff\xff", 2) + std::string(0xffff + 20, '\0')), "the names do not fit"));
}

TEST(SnapshotFile, CraftedLengthsAreRefused) {
  const std::string body = body_of(0, "");
  const std::string good = section_of(body, body.size());
  const auto open = [](const std::string& file) { return why(SnapshotReader::open(file, kId)); };
  ASSERT_EQ(open(file_of(good + good, 2)), "success");
  EXPECT_TRUE(contains(open(file_of(good + good, 3)), "3 sections, found are 2"));
  EXPECT_TRUE(contains(open(file_of(section_of(body, ~std::uint64_t{0}), 1)), "behind the end of the file"));
  EXPECT_TRUE(contains(open(file_of(section_of(body, ~std::uint64_t{0} - 8), 1)), "behind the end of the file"));
}

TEST(SnapshotFile, RandomBodiesWithRightChecksumsAreReadOrRefused) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = body_of(random.below(4), "");
    for (std::uint64_t n = random.below(12); n > 0; --n) body.push_back(static_cast<char>(random.below(5)));
    if (random.below(4) == 0) body[random.below(body.size())] = static_cast<char>(random.next());
    const std::string file = file_of(section_of(body, body.size()), 1);
    const auto reader = SnapshotReader::open(file, kId);
    if (!reader) continue;
    ++good;
    EXPECT_EQ(read_all(*reader).size(), 1u);
  }
  EXPECT_GT(good, 100);
}

TEST(SnapshotFileDeathTest, MisuseEndsTheProcess) {
  EXPECT_DEATH(SnapshotWriter(kId).put("x"), "stands in a section");
  EXPECT_DEATH(SnapshotWriter(kId).begin_section(std::string(kMaxSectionTextBytes + 1, 'k'), "", ""),
               "kMaxSectionTextBytes");
  SnapshotWriter writer(kId);
  static_cast<void>(writer.finish());
  EXPECT_DEATH(writer.begin_section("", "", ""), "takes no section");
  EXPECT_DEATH(static_cast<void>(writer.finish()), "finished once");
}

}  // namespace
}  // namespace freshet::checkpoint
