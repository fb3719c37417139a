#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace freshet::detail {

/// Slots of a table in the order of their times: a heap of four children a node that knows where each slot stands, so
/// that a slot can be moved and taken out (binary heap: Williams 1964; d-ary: Johnson 1975). 16 bytes a slot in it, 4 a
/// slot of the table. Not thread-safe.
class DueQueue {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  /// Of the earliest; not when empty.
  std::int64_t first_ms() const { return heap_[0].time_ms; }
  std::uint32_t first_slot() const { return heap_[0].slot; }

  /// Puts a slot in, or moves it.
  void set(std::uint32_t slot, std::int64_t time_ms) {
    if (slot >= places_.size()) places_.resize(std::max<std::size_t>(slot + 1, places_.size() * 2), kNowhere);
    std::uint32_t place = places_[slot];
    if (place == kNowhere) {
      place = static_cast<std::uint32_t>(heap_.size());
      heap_.emplace_back();
    }
    settle({time_ms, slot}, place);
  }
  /// The same, but a slot that is in already and would come later stays where it is, at its earlier time: what is put
  /// off again and again costs nothing until its first time has come.
  void set_lazily(std::uint32_t slot, std::int64_t time_ms) {
    if (slot < places_.size() && places_[slot] != kNowhere && heap_[places_[slot]].time_ms <= time_ms) return;
    set(slot, time_ms);
  }
  /// Takes a slot out, if it is in.
  void erase(std::uint32_t slot) {
    if (slot >= places_.size() || places_[slot] == kNowhere) return;
    const std::uint32_t place = places_[slot];
    places_[slot] = kNowhere;
    const Element last = heap_.back();
    heap_.pop_back();
    if (place < heap_.size()) settle(last, place);
  }
  std::size_t bytes() const { return heap_.capacity() * sizeof(Element) + places_.capacity() * sizeof(std::uint32_t); }

 private:
  struct Element {
    std::int64_t time_ms = 0;
    std::uint32_t slot = 0;
  };
  static constexpr std::uint32_t kNowhere = 0xffffffff;
  static constexpr std::uint32_t kChildren = 4;

  /// Finds the place of an element; `place` is free.
  void settle(Element element, std::uint32_t place) {
    while (place != 0) {
      const std::uint32_t parent = (place - 1) / kChildren;
      if (heap_[parent].time_ms <= element.time_ms) break;
      put(heap_[parent], place);
      place = parent;
    }
    for (;;) {
      const std::uint64_t first = std::uint64_t{place} * kChildren + 1;
      if (first >= heap_.size()) break;
      const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(first + kChildren, heap_.size()));
      auto least = static_cast<std::uint32_t>(first);
      for (std::uint32_t child = least + 1; child < end; ++child)
        if (heap_[child].time_ms < heap_[least].time_ms) least = child;
      if (heap_[least].time_ms >= element.time_ms) break;
      put(heap_[least], place);
      place = least;
    }
    put(element, place);
  }
  void put(const Element& element, std::uint32_t place) {
    heap_[place] = element;
    places_[element.slot] = place;
  }

  std::vector<Element> heap_;
  std::vector<std::uint32_t> places_;  // by slot
};

}  // namespace freshet::detail
