#include "runtime/task/waiting_records.h"

#include "runtime/base/random.h"

namespace freshet::task {

using freshet::detail::WaitingFor;

namespace {

std::optional<Time> time_or_none(std::int64_t time_ms, std::int64_t none) {
  if (time_ms == none) return std::nullopt;
  return Time(Duration(time_ms));
}

}  // namespace

WaitingRecords::WaitingRecords(std::shared_ptr<const freshet::detail::RecordCodec> codec)
    : codec_(std::move(codec)), checked_(codec_->make_batch()) {}

void WaitingRecords::write_blank(ByteBuffer& out) const {
  const char header = static_cast<char>(0x90 | parts());
  out.write(&header, 1);
  encode(out, WaitingFor{});
  codec_->write_blank(out);
}

void WaitingRecords::write_slot(std::uint32_t slot, StateWriter& out, freshet::detail::EntryBytes& bytes, bool) const {
  const auto& [key, record] = std::tie(cells_.at(slot).key, cells_.at(slot).value);
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  const WaitingFor waiting{.attempts = record.attempts,
                           .first = Time(Duration(record.first_ms)),
                           .next = time_or_none(record.due_ms, kNever),
                           .reason = record.reason,
                           .message = record.message,
                           .event_time = time_or_none(record.meta.event_time_ms, RecordMeta::kNoTime),
                           .partition = record.meta.position.partition,
                           .offset = record.meta.position.offset,
                           .key_hash = record.meta.key_hash,
                           .origin = record.origin};
  ByteBuffer value;
  const char header = static_cast<char>(0x90 | parts());
  value.write(&header, 1);
  encode(value, waiting);
  value.append(record.bytes);
  out.put({.key_hash = key.first, .key = bytes.of_key(key), .value = value.view()});
}

std::size_t WaitingRecords::heap_of(std::uint32_t slot) const {
  const WaitingRecord& record = cells_.at(slot).value;
  using freshet::detail::heap_bytes;
  return heap_bytes(record.reason) + heap_bytes(record.message) + heap_bytes(record.bytes) + heap_bytes(record.origin);
}

std::uint64_t WaitingRecords::hash_of(const WaitingKey& key) {
  return (key.first ^ base::mixed(key.second)) * base::kGoldenRatio;
}

bool WaitingRecords::decode_address(const StateEntry& entry, WaitingKey& key, std::uint64_t& hash) const {
  if (!decode_key(entry.key, key)) return false;
  hash = hash_of(key);
  return key.first == entry.key_hash;
}

bool WaitingRecords::take_back(const StateEntry& entry, const WaitingKey& key, std::uint64_t hash) {
  if (entry.erased) {
    if (const auto slot = cells_.find(key, hash); slot != Cells::kNone) cells_.erase(slot);
    return true;
  }
  ByteReader in(entry.value);
  std::uint32_t count = 0;
  WaitingFor waiting;
  if (!in.array_header(count) || count != static_cast<std::uint32_t>(parts()) || !decode(in, waiting)) return false;
  WaitingRecord record{.attempts = waiting.attempts,
                       .first_ms = ms_of(waiting.first),
                       .due_ms = waiting.next ? ms_of(*waiting.next) : std::numeric_limits<std::int64_t>::max(),
                       .reason = std::move(waiting.reason),
                       .message = std::move(waiting.message),
                       .bytes = std::string(entry.value.substr(entry.value.size() - in.remaining())),
                       .origin = std::move(waiting.origin)};
  record.meta = {waiting.event_time ? ms_of(*waiting.event_time) : RecordMeta::kNoTime,
                 waiting.key_hash,
                 {waiting.partition, waiting.offset}};
  checked_->clear();
  if (!codec_->read(record.bytes, record.meta, *checked_)) return false;
  bool made = false;
  cells_.at(cells_.find_or_add(key, hash, made)).value = std::move(record);
  return true;
}

std::uint32_t WaitingRecords::put(const WaitingKey& key, WaitingRecord record) {
  bool made = false;
  const std::uint32_t slot = look_up_or_add(key, hash_of(key), made);
  note_touch(slot);
  before_change(slot);
  cells_.at(slot).value = std::move(record);
  return slot;
}

void WaitingRecords::take_out(std::uint32_t slot) {
  save_.before_erase(slot, saver());
  const WaitingKey& key = cells_.at(slot).key;
  if (save_.is_on()) save_.note_erased(key.first, bytes_.of_key(key), {});
  cells_.erase(slot);
}

std::string WaitingRecords::bytes_of(const freshet::detail::BatchView& view, std::size_t i) {
  scratch_.clear();
  codec_->write(view, i, scratch_);
  return std::string(scratch_.view());
}

}  // namespace freshet::task
