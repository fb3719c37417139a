#include "runtime/checkpoint/snapshot_file.h"

#include <charconv>

#include "runtime/base/check.h"
#include "runtime/checkpoint/file_bytes.h"

namespace freshet::checkpoint {

namespace {

constexpr std::uint8_t kSectionTag = 1;
constexpr std::uint8_t kFooterTag = 2;
constexpr std::size_t kSectionHeaderBytes = sizeof kSectionTag + sizeof(std::uint64_t);

using Section = SnapshotReader::Section;

void append_text(std::string& out, std::string_view text) {
  CHECK(text.size() <= kMaxSectionTextBytes, "what names a section of a snapshot is within kMaxSectionTextBytes");
  append_number(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

bool read_varint(ByteReader& in, std::uint64_t& value) {
  constexpr int kMaxBytes = 5;  // kMaxSnapshotRecordBytes fits
  value = 0;
  for (int i = 0; i < kMaxBytes; ++i) {
    std::uint8_t byte = 0;
    if (!in.byte(byte)) return false;
    value |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

bool read_text(ByteReader& in, std::string_view& text) {
  std::uint16_t length = 0;
  return in.big_endian(length) && length <= kMaxSectionTextBytes && in.bytes(length, text);
}

bool read_record(ByteReader& in, std::string_view& record) {
  std::uint64_t length = 0;
  return read_varint(in, length) && length <= kMaxSnapshotRecordBytes && in.bytes(length, record);
}

/// Of a section's body, all but the records.
bool read_section_head(ByteReader& body, Section& section) {
  return read_text(body, section.kind) && read_text(body, section.operator_id) && read_text(body, section.name) &&
         body.big_endian(section.records);
}

/// Walks over a whole file and says where it is damaged.
class Verifier {
 public:
  Verifier(std::string_view bytes, const SnapshotId& expected) : file_(bytes), in_(bytes), expected_(expected) {}

  Status verify() {
    if (auto header = verify_header(); !header) return header;
    for (;;) {
      const std::size_t at = offset();
      std::uint8_t tag = 0;
      if (!in_.byte(tag)) return damaged("footer", at, "the file ends before it");
      if (tag == kFooterTag) return verify_footer(at);
      if (tag != kSectionTag) return damaged(section_text(), at, "neither a section nor the footer begins here");
      if (auto section = verify_section(at); !section) return section;
      if (++sections_ > kMaxSnapshotSections) return damaged(section_text(), at, "too many sections");
    }
  }

 private:
  std::size_t offset() const { return file_.size() - in_.remaining(); }
  std::string section_text() const { return "section " + std::to_string(sections_ + 1); }
  static Error damaged(const std::string& part, std::size_t at, const std::string& what) {
    return Error{"snapshot file damaged in its " + part + " at byte " + std::to_string(at) + ": " + what};
  }
  static Error damaged_header(std::size_t at, const std::string& what) { return damaged("header", at, what); }

  Status verify_header() {
    if (file_.size() > kMaxSnapshotBytes) return damaged_header(0, "the file is longer than any snapshot");
    std::uint32_t magic = 0;
    std::uint8_t version = 0;
    std::string_view reserved;
    if (file_.size() < kSnapshotHeaderBytes) return damaged_header(file_.size(), "the file ends in it");
    SnapshotId id;
    const bool read = in_.big_endian(magic) && in_.byte(version) && in_.bytes(kReservedBytes, reserved) &&
                      in_.big_endian(id.job.value) && in_.big_endian(id.attempt.value) &&
                      in_.big_endian(id.checkpoint.value) && in_.big_endian(id.task.chain) &&
                      in_.big_endian(id.task.index) && in_.big_endian(id.part);
    CHECK(read, "the header is as long as kSnapshotHeaderBytes");
    if (magic != kSnapshotMagic) return damaged_header(0, "this is no snapshot file");
    if (version != kSnapshotVersion)
      return damaged_header(4, "version " + std::to_string(version) + ", known is " + std::to_string(kSnapshotVersion));
    if (reserved != std::string_view("\0\0\0", kReservedBytes))
      return damaged_header(5, "the reserved bytes are not 0");
    if (id != expected_)
      return damaged_header(8, "this is the snapshot " + snapshot_name(id) + ", not " + snapshot_name(expected_));
    return {};
  }

  /// The tag has been read.
  Status verify_section(std::size_t at) {
    std::uint64_t length = 0;
    std::string_view body;
    std::uint64_t checksum = 0;
    if (!in_.big_endian(length) || !in_.bytes(length, body) || !in_.big_endian(checksum))
      return damaged(section_text(), at, "it goes on behind the end of the file");
    if (checksum != checksum_of(file_.substr(at, kSectionHeaderBytes + length)))
      return damaged(section_text(), at, "the checksum is wrong");
    ByteReader records(body);
    Section section;
    if (!read_section_head(records, section)) return damaged(section_text(), at, "the names do not fit");
    std::string_view record;
    for (std::uint64_t i = 0; i < section.records; ++i) {
      const std::size_t record_at = at + kSectionHeaderBytes + body.size() - records.remaining();
      if (!read_record(records, record))
        return damaged(section_text(), record_at, "record " + std::to_string(i + 1) + " does not fit");
    }
    if (records.remaining() != 0) return damaged(section_text(), at, "it is longer than its records");
    return {};
  }

  /// The tag has been read.
  Status verify_footer(std::size_t at) {
    std::uint32_t sections = 0;
    std::uint64_t checksum = 0;
    if (!in_.big_endian(sections) || !in_.big_endian(checksum)) return damaged("footer", at, "the file ends in it");
    if (in_.remaining() != 0) return damaged("footer", at, "the file goes on behind it");
    if (checksum != checksum_of(file_.substr(0, file_.size() - kChecksumBytes)))
      return damaged("footer", at, "the checksum of the file is wrong");
    if (sections != sections_)
      return damaged("footer", at, std::to_string(sections) + " sections, found are " + std::to_string(sections_));
    return {};
  }

  const std::string_view file_;
  ByteReader in_;
  const SnapshotId& expected_;
  std::uint32_t sections_ = 0;
};

/// Takes `text` and a decimal number, written as std::to_string does, from the front of `rest`.
template <class Number>
bool take(std::string_view& rest, std::string_view text, Number& number) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

}  // namespace

std::string snapshot_folder(JobId job) { return "job-" + std::to_string(job.value) + "/snapshots"; }

std::string snapshot_name(const SnapshotId& id) {
  return snapshot_folder(id.job) + "/c" + std::to_string(id.checkpoint.value) + "-a" +
         std::to_string(id.attempt.value) + "-t" + std::to_string(id.task.chain) + "." + std::to_string(id.task.index) +
         (id.part == 0 ? "" : "-p" + std::to_string(id.part));
}

Result<SnapshotId> parse_snapshot_name(std::string_view name) {
  SnapshotId id;
  std::string_view rest = name;
  const bool read = take(rest, "job-", id.job.value) && take(rest, "/snapshots/c", id.checkpoint.value) &&
                    take(rest, "-a", id.attempt.value) && take(rest, "-t", id.task.chain) &&
                    take(rest, ".", id.task.index) && (rest.empty() || take(rest, "-p", id.part)) && rest.empty();
  // Numbers with zeros in front would give one snapshot two names.
  if (read && snapshot_name(id) == name) return id;
  return Error{"'" + std::string(name.substr(0, 300)) + "' is no name of a snapshot file"};
}

SnapshotWriter::SnapshotWriter(const SnapshotId& id) {
  append_number(bytes_, kSnapshotMagic);
  append_number(bytes_, kSnapshotVersion);
  bytes_.append(kReservedBytes, '\0');
  append_number(bytes_, id.job.value);
  append_number(bytes_, id.attempt.value);
  append_number(bytes_, id.checkpoint.value);
  append_number(bytes_, id.task.chain);
  append_number(bytes_, id.task.index);
  append_number(bytes_, id.part);
}

void SnapshotWriter::begin_section(std::string_view kind, std::string_view operator_id, std::string_view name) {
  CHECK(!finished_, "a finished snapshot takes no section");
  end_section();
  CHECK(sections_ < kMaxSnapshotSections, "a snapshot has at most kMaxSnapshotSections");
  ++sections_;
  section_at_ = bytes_.size();
  append_number(bytes_, kSectionTag);
  append_number(bytes_, std::uint64_t{0});  // the length, which end_section() knows
  append_text(bytes_, kind);
  append_text(bytes_, operator_id);
  append_text(bytes_, name);
  count_at_ = bytes_.size();
  append_number(bytes_, std::uint64_t{0});
  records_ = 0;
}

void SnapshotWriter::put(std::string_view record) {
  CHECK(section_at_ != 0, "a record of a snapshot stands in a section");
  CHECK(record.size() <= kMaxSnapshotRecordBytes, "a record of a snapshot is within kMaxSnapshotRecordBytes");
  append_varint(bytes_, record.size());
  bytes_.append(record);
  ++records_;
}

void SnapshotWriter::end_section() {
  if (section_at_ == 0) return;
  const std::uint64_t length = bytes_.size() - section_at_ - kSectionHeaderBytes;
  write_number(bytes_.data() + section_at_ + sizeof kSectionTag, length);
  write_number(bytes_.data() + count_at_, records_);
  append_number(bytes_, checksum_of(std::string_view(bytes_).substr(section_at_)));
  section_at_ = 0;
}

std::string SnapshotWriter::finish() {
  CHECK(!finished_, "a snapshot is finished once");
  end_section();
  finished_ = true;
  append_number(bytes_, kFooterTag);
  append_number(bytes_, sections_);
  append_number(bytes_, checksum_of(bytes_));
  return std::move(bytes_);
}

Result<SnapshotReader> SnapshotReader::open(std::string_view bytes, const SnapshotId& expected) {
  if (const auto verified = Verifier(bytes, expected).verify(); !verified) return verified.error();
  return SnapshotReader(bytes.substr(kSnapshotHeaderBytes, bytes.size() - kSnapshotHeaderBytes - kSnapshotFooterBytes));
}

bool SnapshotReader::next_section(Section& section) {
  if (sections_.remaining() == 0) return false;
  std::uint8_t tag = 0;
  std::uint64_t length = 0;
  std::string_view body;
  std::uint64_t checksum = 0;
  const bool read = sections_.byte(tag) && sections_.big_endian(length) && sections_.bytes(length, body) &&
                    sections_.big_endian(checksum);
  CHECK(read, "open() has verified the sections");
  records_ = ByteReader(body);
  CHECK(read_section_head(records_, section), "open() has verified the names");
  return true;
}

bool SnapshotReader::next_record(std::string_view& record) {
  if (records_.remaining() == 0) return false;
  CHECK(read_record(records_, record), "open() has verified the records");
  return true;
}

}  // namespace freshet::checkpoint
