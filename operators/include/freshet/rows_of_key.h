#pragma once

#include <freshet/join_spec.h>
#include <freshet/operator.h>
#include <freshet/time_order.h>

/// What a join keeps of one stream and key: records that may still find partners.
namespace freshet::detail {

/// A record that waits for partners.
template <class T>
struct JoinRow {
  std::int64_t time_ms = 0;
  SourcePosition position{};
  bool has_partner = false;  ///< known of the left records of a left join by time
  T record{};
  FRESHET_RECORD(time_ms, position, has_partner, record)
};

/// The records of one key, each in a place of its own, which is an entry of its own when it is saved.
template <class T>
class RowsOfKey {
 public:
  using Item = TimeOrder::Item;
  using Walk = TimeOrder::Walk;
  static constexpr std::uint32_t kMostPlaces = 1u << 24;

  std::size_t size() const { return taken_; }
  const JoinRow<T>& row(std::uint32_t place) const { return places_[place].row; }

  // In the order of their times; behind order().
  Walk from(Item item) const { return order_.from(item); }
  const Item* next(Walk& walk) const { return order_.next(walk); }
  const JoinRow<T>& first() const { return row(order_.first().place); }
  /// No row is earlier; exact behind order(), and where no row was changed by take_back(). Not when empty.
  std::int64_t first_ms() const { return first_ms_; }
  /// Finds the order again, where some were put back.
  void order() {
    if (is_in_order_) [[likely]]
      return;
    is_in_order_ = true;
    order_.clear();
    free_.clear();
    for (std::uint32_t place = 0; place < places(); ++place) {
      if (places_[place].is_taken)
        order_.append({places_[place].row.time_ms, place});
      else
        free_.push_back(place);
    }
    order_.sort();
    note_first();
  }

  /// Throws where one more would be too many.
  void check_room() const {
    if (taken_ >= kMostPlaces)
      throw RejectRecord("its key has " + std::to_string(kMostPlaces) + " records that wait for partners already",
                         "too many records of a key");
  }
  /// `saves`: what changes is noted.
  void insert(const T& record, const RecordMeta& meta, bool has_partner, bool saves) {
    order();
    check_room();
    std::uint32_t place = places();
    if (free_.empty()) {
      places_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    Place& taken = places_[place];
    taken.row.time_ms = meta.event_time_ms;
    taken.row.position = meta.position;
    taken.row.has_partner = has_partner;
    taken.row.record = record;  // assigned, so that its strings keep their capacity
    taken.is_taken = true;
    ++taken_;
    order_.insert({meta.event_time_ms, place});
    first_ms_ = std::min(first_ms_, meta.event_time_ms);
    if (saves) note(place);
  }
  void note_partner(std::uint32_t place, bool saves) {
    places_[place].row.has_partner = true;
    if (saves) note(place);
  }
  void remove_first(bool saves) {
    const std::uint32_t place = order_.first().place;
    order_.pop_first();
    places_[place].is_taken = false;
    free_.push_back(place);
    --taken_;
    note_first();
    if (saves) note(place);
  }

  // What is saved, and comes back.
  std::uint32_t places() const { return static_cast<std::uint32_t>(places_.size()); }
  bool is_taken(std::uint32_t place) const { return places_[place].is_taken; }
  /// The last snapshot holds a row of this place.
  bool is_saved(std::uint32_t place) const { return places_[place].is_saved; }
  const std::vector<std::uint32_t>& changed() const { return changed_; }
  void note_saved(bool everything) {
    for (const std::uint32_t place : changed_) {
      places_[place].is_changed = false;
      places_[place].is_saved = places_[place].is_taken;
    }
    changed_.clear();
    if (!everything) return;
    for (auto& place : places_) place.is_saved = place.is_taken;
  }
  /// False: it is no row.
  bool put_back(std::uint32_t place, std::string_view saved) {
    if (place >= kMostPlaces) return false;
    if (place >= places_.size()) places_.resize(place + 1);
    is_in_order_ = false;
    Place& into = places_[place];
    if (!decode_all(saved, into.row) || is_out_of_range(into.row.time_ms)) return false;
    taken_ += !into.is_taken;
    into.is_taken = into.is_saved = true;
    first_ms_ = std::min(first_ms_, into.row.time_ms);
    return true;
  }
  void free(std::uint32_t place) {
    if (place >= places_.size() || !places_[place].is_taken) return;
    places_[place].is_taken = places_[place].is_saved = false;
    --taken_;
    is_in_order_ = false;
  }

  /// Forgets all rows, and keeps the memory for those of another key.
  void recycle() {
    order_.clear();
    free_.clear();
    for (std::uint32_t place = places(); place-- != 0;) {
      places_[place].is_taken = places_[place].is_changed = places_[place].is_saved = false;
      free_.push_back(place);
    }
    changed_.clear();
    taken_ = 0;
    first_ms_ = kNone;
    is_in_order_ = true;
  }

  /// Bytes on the heap, about.
  std::size_t heap() const {
    std::size_t bytes =
        places_.capacity() * sizeof(Place) + order_.bytes() + (free_.capacity() + changed_.capacity()) * 4;
    if constexpr (!std::is_trivially_copyable_v<T>) {
      const std::size_t looked_at = std::min<std::size_t>(places_.size(), 16);
      std::size_t heap = 0;
      for (std::size_t place = 0; place < looked_at; ++place) heap += heap_bytes(places_[place].row.record);
      if (looked_at != 0) bytes += heap * places_.size() / looked_at;
    }
    return bytes;
  }

 private:
  struct Place {
    JoinRow<T> row{};
    bool is_taken = false;
    bool is_changed = false;  // since it was saved
    bool is_saved = false;
  };
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

  void note(std::uint32_t place) {
    if (places_[place].is_changed) return;
    places_[place].is_changed = true;
    changed_.push_back(place);
  }
  void note_first() { first_ms_ = order_.empty() ? kNone : order_.first().time_ms; }

  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  TimeOrder order_;  // of places that are taken
  bool is_in_order_ = true;
  std::size_t taken_ = 0;
  std::int64_t first_ms_ = kNone;
  std::vector<std::uint32_t> changed_;
};

}  // namespace freshet::detail
