#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <vector>

namespace freshet::detail {

/// Places in the order of their times. Made for times that come nearly in order, and not slow when they do not: a time
/// that is far from the end goes into a second, short run, which is merged into the first when it is full (two levels
/// of a log-structured merge, O'Neil et al. 1996). Not thread-safe.
class TimeOrder {
 public:
  struct Item {
    std::int64_t time_ms = 0;
    std::uint32_t place = 0;
    auto operator<=>(const Item&) const = default;
  };
  /// Where a walk stands; good until the order changes.
  struct Walk {
    std::size_t main = 0;  // next of the first run
    std::size_t late = 0;  // so many of the second are left
  };

  bool empty() const { return head_ == main_.size() && late_.empty(); }
  void clear() {
    main_.clear();
    late_.clear();
    head_ = 0;
  }
  void insert(Item item) {
    auto at = main_.end();
    for (std::size_t left = kNear; at != main_.begin() + first_of_main() && item < *(at - 1); --at, --left) {
      if (left == 0) return insert_late(item);
    }
    main_.insert(at, item);
  }
  /// Any number in any order; then sort().
  void append(Item item) { main_.push_back(item); }
  void sort() { std::sort(main_.begin(), main_.end()); }

  /// Of the earliest; not when empty.
  Item first() const { return late_is_next(head_, late_.size()) ? late_.back() : main_[head_]; }
  void pop_first() {
    if (late_is_next(head_, late_.size())) return late_.pop_back();
    ++head_;
    if (head_ != main_.size() && (head_ < kNear || head_ * 2 < main_.size())) return;
    main_.erase(main_.begin(), main_.begin() + first_of_main());
    head_ = 0;
  }

  /// Begins with the first that is not before `item`.
  Walk from(Item item) const {
    const auto main = std::lower_bound(main_.begin() + first_of_main(), main_.end(), item);
    const auto late = std::partition_point(late_.begin(), late_.end(), [&](const Item& each) { return each >= item; });
    return {static_cast<std::size_t>(main - main_.begin()), static_cast<std::size_t>(late - late_.begin())};
  }
  /// Null: there is no more.
  const Item* next(Walk& walk) const {
    if (late_is_next(walk.main, walk.late)) return &late_[--walk.late];
    return walk.main < main_.size() ? &main_[walk.main++] : nullptr;
  }

  std::size_t bytes() const { return (main_.capacity() + late_.capacity()) * sizeof(Item); }

 private:
  static constexpr std::size_t kNear = 64;  // items: moving so many costs next to nothing
  static constexpr std::size_t kMostLate =
      1024;  // a hundred thousand of the first run cost each of them 1.6 kB to move

  std::ptrdiff_t first_of_main() const { return static_cast<std::ptrdiff_t>(head_); }
  bool late_is_next(std::size_t main, std::size_t late) const {
    return late != 0 && (main >= main_.size() || late_[late - 1] < main_[main]);
  }
  void insert_late(Item item) {
    late_.insert(std::upper_bound(late_.begin(), late_.end(), item, std::greater<>()), item);
    if (late_.size() < kMostLate) return;
    main_.erase(main_.begin(), main_.begin() + first_of_main());
    head_ = 0;
    const auto first_run = static_cast<std::ptrdiff_t>(main_.size());
    main_.insert(main_.end(), late_.rbegin(), late_.rend());
    std::inplace_merge(main_.begin(), main_.begin() + first_run, main_.end());
    late_.clear();
  }

  std::vector<Item> main_;  // in order from head_ on
  std::size_t head_ = 0;
  std::vector<Item> late_;  // the latest first
};

}  // namespace freshet::detail
