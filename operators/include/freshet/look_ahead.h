#pragma once

#include <algorithm>
#include <array>

#include <freshet/batch.h>

/// Keyed stages work batch by batch: while one record is in work, the table lines of later ones are on their way from
/// memory.
namespace freshet::detail {

/// Asks memory for what coming records of a batch will touch: the index line first, and when that has had time to come,
/// the entry that it names. One of each a record, so that the author's function runs while others are under way.
template <class Cells>
class LookAhead {
 public:
  /// Begins with record `from`.
  LookAhead(const Cells& cells, const BatchView& view, std::size_t from) : cells_(cells), view_(view) {
    for (std::size_t i = from; i < std::min<std::size_t>(from + kIndexAhead, view.size); ++i)
      cells.prefetch_index(view.meta(i).key_hash);
    for (std::size_t i = from; i < std::min<std::size_t>(from + kEntryAhead, view.size); ++i) ask_for_entry(i);
  }

  /// The slot that record `i` will probably need; `i` counts up by one.
  [[gnu::always_inline]] std::uint32_t slot(std::size_t i) {
    if (i + kIndexAhead < view_.size) cells_.prefetch_index(view_.meta(i + kIndexAhead).key_hash);
    const std::uint32_t slot = slots_[i % kEntryAhead];
    if (i + kEntryAhead < view_.size) ask_for_entry(i + kEntryAhead);
    return slot;
  }

  /// The same for one of the next records that has been asked for, or kNone.
  std::uint32_t peek(std::size_t i) const { return i < view_.size ? slots_[i % kEntryAhead] : Cells::kNone; }

 private:
  /// Measured on 1 M keys.
  static constexpr std::size_t kEntryAhead = 16;
  static constexpr std::size_t kIndexAhead = 2 * kEntryAhead;

  [[gnu::always_inline]] void ask_for_entry(std::size_t i) {
    slots_[i % kEntryAhead] = cells_.prefetch_entry(view_.meta(i).key_hash);
  }

  const Cells& cells_;
  const BatchView& view_;
  std::array<std::uint32_t, kEntryAhead> slots_;  // of the records before the one asked for last
};

}  // namespace freshet::detail
