#include "runtime/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include <freshet/codec.h>
#include "runtime/checkpoint/file_bytes.h"
#include "tests/runtime/checkpoint/support.h"

namespace freshet::checkpoint {
namespace {

Manifest sample() {
  return {.kind = ManifestKind::complete,
          .job = {1},
          .job_name = "shop",
          .attempt = {3},
          .revision = {2},
          .checkpoint = {7},
          .barrier = BarrierKind::savepoint,
          .created_ms = 1'700'000'000'000,
          .key_groups = 128,
          .chains = {{{"events", "parse"}, 1}, {{"per_user"}, 2}},
          .snapshots = {{{0, 0}, "job-1/snapshots/c7-a3-t0.0", 81, 0x0102030405060708, true},
                        {{1, 0}, "job-1/snapshots/c7-a3-t1.0", 300, 0xfffefdfcfbfaf9f8, false},
                        {{1, 1},
                         "job-1/snapshots/c7-a3-t1.1",
                         70'000,
                         1,
                         false,
                         {{"job-1/snapshots/c5-a3-t1.1", 9'000, 2}, {"job-1/snapshots/c5-a3-t1.1-p1", 800, 3}}}},
          .handles = {{"per_user", 1, std::string("\0tx", 3)}},
          .edges = {{"events", "out", "per_user", 0, {2}, {70'000, 70'000, 69'999, 1}, {5, 5, 5, 0}}}};
}

/// The file of a manifest, also of one that encode_manifest() refuses.
std::string sealed(std::string_view body) {
  std::string bytes = "FRSM";
  bytes += std::string("\3\0\0\0", 4);
  append_number(bytes, std::uint64_t{body.size()});
  bytes += body;
  append_number(bytes, checksum_of(bytes));
  return bytes;
}
std::string sealed(const Manifest& manifest) {
  ByteBuffer body;
  encode(body, manifest);
  return sealed(body.view());
}

TEST(ManifestName, IsOneForAllAttempts) {
  EXPECT_EQ(manifest_name(JobId{1}, CheckpointId{7}), "job-1/manifests/c7");
  EXPECT_EQ(parse_manifest_file_name("c7")->value, 7u);
  EXPECT_EQ(parse_manifest_file_name("c18446744073709551615")->value, ~std::uint64_t{0});
  for (const char* name : {"", "c", "7", "d7", "c07", "c7x", "c-7", "c 7", "c18446744073709551616", "c7.old"})
    EXPECT_FALSE(parse_manifest_file_name(name).ok()) << name;
}

TEST(Manifest, TellsWhichFilesItNeedsAndWhichAreNew) {
  const auto needed = needed_files({7}, sample().snapshots);
  EXPECT_EQ(needed.names.size(), 5u);
  EXPECT_EQ(needed.names[2], "job-1/snapshots/c5-a3-t1.1") << "the oldest of a task first";
  EXPECT_EQ(needed.bytes, 81u + 300 + 70'000 + 9'000 + 800);
  EXPECT_EQ(needed.new_bytes, 81u + 300 + 70'000);
}

TEST(Manifest, BytesAreFrozen) { EXPECT_EQ(test::to_hex(*encode_manifest(sample())), golden_digits("manifest.hex")); }

TEST(Manifest, EveryFieldComesBack) {
  const auto bytes = encode_manifest(sample());
  ASSERT_TRUE(bytes.ok()) << why(bytes);
  EXPECT_EQ(*bytes, sealed(sample()));
  const auto read = decode_manifest(*bytes);
  ASSERT_TRUE(read.ok()) << why(read);
  EXPECT_EQ(*read, sample());
}

TEST(Manifest, AVoidOneNeedsNothingButItsIds) {
  const Manifest wanted{.kind = ManifestKind::void_, .job = {1}, .checkpoint = {7}};
  const auto bytes = encode_manifest(wanted);
  ASSERT_TRUE(bytes.ok()) << why(bytes);
  const auto read = decode_manifest(*bytes);
  ASSERT_TRUE(read.ok()) << why(read);
  EXPECT_EQ(*read, wanted);
}

TEST(Manifest, EveryFlippedBitIsFound) {
  const std::string bytes = *encode_manifest(sample());
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    const auto read = decode_manifest(damaged);
    EXPECT_TRUE(contains(why(read), "manifest damaged at byte ")) << "bit " << i << ": " << why(read);
  }
}

TEST(Manifest, EveryTruncationIsFound) {
  const std::string bytes = *encode_manifest(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto read = decode_manifest(std::string(bytes.data(), length));
    EXPECT_TRUE(contains(why(read), "manifest damaged at byte ")) << length << ": " << why(read);
  }
  EXPECT_FALSE(decode_manifest(bytes + '\0').ok());
  EXPECT_FALSE(decode_manifest(bytes + bytes).ok());
}

TEST(Manifest, OverTheLimitIsNeitherWrittenNorRead) {
  Manifest large = sample();
  large.handles.push_back({"per_user", 0, {}});
  const std::size_t rest = encode_manifest(large)->size() + 4;  // a long text's header has four bytes more
  large.handles.back().handle.assign(kMaxManifestBytes - rest, 'x');
  const auto bytes = encode_manifest(large);
  ASSERT_TRUE(bytes.ok()) << why(bytes);
  EXPECT_EQ(bytes->size(), kMaxManifestBytes);
  EXPECT_TRUE(decode_manifest(*bytes).ok());
  large.handles.back().handle.push_back('x');
  EXPECT_TRUE(contains(why(encode_manifest(large)), "longer than 67108864 bytes"));
  EXPECT_TRUE(contains(why(decode_manifest(sealed(large))), "longer than any manifest"));
}

/// Neither written nor, when someone wrote it all the same, read.
void expect_refused(const Manifest& manifest, const std::string& reason) {
  EXPECT_TRUE(contains(why(encode_manifest(manifest)), reason)) << why(encode_manifest(manifest));
  EXPECT_TRUE(contains(why(decode_manifest(sealed(manifest))), reason)) << why(decode_manifest(sealed(manifest)));
}

TEST(Manifest, WhatItCannotSayIsRefused) {
  const auto with = [](auto change) {
    Manifest manifest = sample();
    change(manifest);
    return manifest;
  };
  expect_refused(with([](auto& m) { m.snapshots[0].task = {1, 1}; }), "task 1.1 has two snapshots");
  expect_refused(with([](auto& m) { m.snapshots[0].task = {2, 0}; }), "task 2.0 is of no chain");
  expect_refused(with([](auto& m) { m.snapshots[0].task = {0, 1}; }), "task 0.1 is of no chain");
  expect_refused(with([](auto& m) { m.snapshots[1].name = "../../secret"; }), "'../../secret' is no name");
  expect_refused(with([](auto& m) { m.snapshots[1].name.clear(); }), "task 1.0 has no snapshot file");
  expect_refused(with([](auto& m) { m.snapshots[2].earlier[0].name = "/etc/x"; }), "'/etc/x' is no name");
  expect_refused(with([](auto& m) { m.snapshots[2].name.clear(), m.snapshots[2].ended = true; }),
                 "task 1.1 builds on too many files, or has none of its own");
  expect_refused(with([](auto& m) {
                   m.snapshots[2].earlier.resize(kMaxEarlierFiles + 1, {"a", 1, 1});
                 }),
                 "task 1.1 builds on too many files");
  expect_refused(with([](auto& m) { m.kind = ManifestKind::void_; }), "it is void and yet");
  expect_refused(with([](auto& m) { m.chains[0].parallelism = ~std::uint32_t{0}; }), "more than 1048576 tasks");
  EXPECT_TRUE(encode_manifest(with([](auto& m) { m.snapshots[0].name.clear(); })).ok()) << "this task had ended";
}

TEST(Manifest, BodiesThatAreNoneAreRefused) {
  EXPECT_TRUE(contains(why(decode_manifest(sealed(""))), "no manifest in msgpack"));
  ByteBuffer body;
  encode(body, sample());
  std::string bytes(body.view());
  EXPECT_TRUE(contains(why(decode_manifest(sealed(bytes + '\0'))), "no manifest in msgpack"));
  bytes[1] = '\3';  // a kind that nobody knows
  EXPECT_TRUE(contains(why(decode_manifest(sealed(bytes))), "no manifest in msgpack"));
  // A list of 4 billion chains, of which there are none.
  const Manifest empty{.kind = ManifestKind::void_};
  ByteBuffer none;
  encode(none, empty);
  std::string many(none.view());
  many.replace(many.size() - 3, 1, "\xdd\xff\xff\xff\xff");
  EXPECT_TRUE(contains(why(decode_manifest(sealed(many))), "no manifest in msgpack"));
}

}  // namespace
}  // namespace freshet::checkpoint
