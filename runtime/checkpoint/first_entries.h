#pragma once

#include <algorithm>
#include <map>

#include "runtime/checkpoint/saved_state.h"

/// Chooses a page of state from entries in any order: of saved ones, and of those that a task has now.
namespace freshet::checkpoint {

/// Of an entry in one task.
struct Address {
  std::string_view key{};
  std::string_view map_key{};
  auto operator<=>(const Address&) const = default;
};

/// An address that owns its bytes, found by one that does not.
struct OwnAddress {
  std::string key{};
  std::string map_key{};
  Address view() const { return {key, map_key}; }
};
struct InOrder {
  using is_transparent = void;
  static Address view(const Address& address) { return address; }
  static Address view(const OwnAddress& address) { return address.view(); }
  template <class Left, class Right>
  bool operator()(const Left& left, const Right& right) const {
    return view(left) < view(right);
  }
};

using Declaration = std::shared_ptr<const StateDeclaration>;

/// Of all entries of one task that it is given, oldest first, keeps the newest of each of the first addresses behind a
/// position. Once an address did not fit, none behind it is taken any more, also when there is room again: those given
/// up would be missing before it.
class FirstEntries {
 public:
  FirstEntries(Address after, std::size_t most_entries, std::size_t most_bytes)
      : after_(after), most_entries_(most_entries), most_bytes_(most_bytes) {}

  void take(const StateEntry& entry, const Declaration& declaration) {
    const Address address{entry.key, entry.map_key};
    if (address.key < after_.key || (given_up_ && address.key > given_up_->key)) return;
    if (!entry.erased && lives_as_one(*declaration)) note_written(entry);
    if (address <= after_ || (given_up_ && address >= given_up_->view())) return;
    auto found = kept_.find(address);
    if (found == kept_.end()) found = kept_.try_emplace({std::string(entry.key), std::string(entry.map_key)}).first;
    bytes_ += entry.value.size();
    bytes_ -= found->second.value.size();
    if (found->second.declaration == nullptr) bytes_ += entry.key.size() + entry.map_key.size();
    found->second = {std::string(entry.value), entry.written_ms, entry.erased, declaration};
    while (kept_.size() > most_entries_ || (bytes_ > most_bytes_ && kept_.size() > 1)) give_up_last();
  }

  bool empty() const { return kept_.empty(); }
  std::size_t bytes() const { return bytes_; }
  /// More stands behind what it keeps.
  bool has_more() const { return given_up_.has_value(); }

  /// Moves what it keeps behind the entries of the page.
  void move_to(StatePage& page, std::uint32_t task, std::int64_t now_ms) {
    for (auto& [address, kept] : kept_) {
      last_ = {task, address.key, address.map_key};
      if (kept.erased) continue;
      if (lives_as_one(*kept.declaration)) kept.written_ms = written_[address.key];
      if (is_over(kept, now_ms))
        ++page.expired;
      else
        page.entries.push_back({last_, std::move(kept.value), kept.written_ms, std::move(kept.declaration)});
    }
  }
  const StatePosition& last() const { return last_; }

 private:
  struct Kept {
    std::string value{};
    std::int64_t written_ms = StateEntry::kNoStamp;
    bool erased = false;
    Declaration declaration{};
  };

  /// A map lives as long as what was written into it last, which any of its entries may tell.
  static bool lives_as_one(const StateDeclaration& declaration) { return declaration.kind == "map"; }
  static bool is_over(const Kept& kept, std::int64_t now_ms) {
    const std::int64_t ttl_ms = std::max<std::int64_t>(0, kept.declaration->ttl.count());
    const bool expires = kept.declaration->ttl != Duration::max() && kept.written_ms != StateEntry::kNoStamp;
    return expires && kept.written_ms <= now_ms - ttl_ms;
  }
  void note_written(const StateEntry& entry) {
    const auto found = written_.find(entry.key);
    if (found == written_.end())
      written_.emplace(entry.key, entry.written_ms);
    else
      found->second = std::max(found->second, entry.written_ms);
  }
  void give_up_last() {
    const auto last = std::prev(kept_.end());
    bytes_ -= last->second.value.size() + last->first.key.size() + last->first.map_key.size();
    given_up_ = last->first;
    kept_.erase(last);
    written_.erase(written_.upper_bound(given_up_->key), written_.end());
  }

  const Address after_;
  const std::size_t most_entries_;
  const std::size_t most_bytes_;
  std::map<OwnAddress, Kept, InOrder> kept_;                  // those that are erased, too: they hide older ones
  std::map<std::string, std::int64_t, std::less<>> written_;  // when the map of a key was, newest
  std::size_t bytes_ = 0;
  std::optional<OwnAddress> given_up_;  // the first of all that did not fit
  StatePosition last_{};
};

}  // namespace freshet::checkpoint
