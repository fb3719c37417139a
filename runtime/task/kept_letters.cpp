#include "runtime/task/kept_letters.h"

#include "runtime/base/random.h"

namespace freshet::task {

namespace {

/// What an entry takes beside its texts and its record, as it is saved.
constexpr std::size_t kEntryBytes = 128;

std::size_t bytes_of_entry(const WaitingRecord& record) {
  return kEntryBytes + record.reason.size() + record.message.size() + record.origin.size() + record.bytes.size();
}

}  // namespace

KeptLetters::KeptLetters(std::uint64_t most, std::shared_ptr<const freshet::detail::RecordCodec> codec)
    : WaitingRecords(std::move(codec)), most_(most) {}

StateDeclaration KeptLetters::declaration() const {
  return freshet::detail::lane_declaration(*codec_, freshet::detail::kLettersState);
}

void KeptLetters::keep(const freshet::detail::BatchView& view, std::size_t i, const DeadLetter& letter) {
  know_places();
  WaitingRecord record{.meta = view.meta(i),
                       .attempts = letter.attempts,
                       .first_ms = ms_of(letter.at),
                       .due_ms = std::numeric_limits<std::int64_t>::max(),
                       .reason = letter.reason.substr(0, kMaxMessageBytes),
                       .message = letter.message.substr(0, kMaxMessageBytes),
                       .bytes = bytes_of(view, i),
                       .origin = letter.origin.substr(0, kMaxMessageBytes)};
  const Place place{is_keyed() ? record.meta.key_hash : base::mixed(letter.id), bytes_of_entry(record)};
  put({place.hash, letter.id}, std::move(record));
  places_[letter.id] = place;
  kept_bytes_ += place.bytes;
  while (places_.size() > most_ || (kept_bytes_ > kMostBytes && places_.size() > 1)) forget_oldest();
}

std::vector<std::uint64_t> KeptLetters::chosen(const LetterOrder& order) {
  know_places();
  std::vector<std::uint64_t> ids;
  if (order.ids.empty()) {
    for (auto place = places_.rbegin(); place != places_.rend(); ++place) ids.push_back(place->first);
  } else {
    for (const std::uint64_t id : order.ids)
      if (places_.contains(id)) ids.push_back(id);
    std::sort(ids.begin(), ids.end(), [](std::uint64_t left, std::uint64_t right) { return Older()(right, left); });
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }
  return ids;
}

bool KeptLetters::may_have(const LetterOrder& order) const {
  if (entries() == 0 || order.ids.empty() || !knows_places_) return entries() != 0;
  return std::any_of(order.ids.begin(), order.ids.end(), [&](std::uint64_t id) { return places_.contains(id); });
}

std::optional<WaitingRecord> KeptLetters::take(std::uint64_t id, const LetterOrder& order) {
  know_places();
  const auto place = places_.find(id);
  if (place == places_.end()) return std::nullopt;
  const WaitingKey key{place->second.hash, id};
  const std::uint32_t slot = look_up(key, hash_of(key));
  if (slot == Cells::kNone) throw damaged();
  if (!order.reason.empty() && cells_.at(slot).value.reason != order.reason) return std::nullopt;
  WaitingRecord record = cells_.at(slot).value;
  kept_bytes_ -= place->second.bytes;
  places_.erase(place);
  take_out(slot);
  return record;
}

bool KeptLetters::restore(const StateEntry& entry) {
  knows_places_ = false;
  return WaitingRecords::restore(entry);
}

/// Entries come back in any order, and some are erased behind their restoring.
void KeptLetters::know_places() {
  if (knows_places_) return;
  knows_places_ = true;
  places_.clear();
  kept_bytes_ = 0;
  for_each_key([&](const WaitingKey& key, std::size_t bytes) {
    places_[key.second] = {key.first, bytes};
    kept_bytes_ += bytes;
  });
}

void KeptLetters::forget_oldest() {
  const auto oldest = places_.begin();
  const WaitingKey key{oldest->second.hash, oldest->first};
  kept_bytes_ -= oldest->second.bytes;
  places_.erase(oldest);
  const std::uint32_t slot = look_up(key, hash_of(key));
  if (slot == Cells::kNone) throw damaged();
  take_out(slot);
}

}  // namespace freshet::task
