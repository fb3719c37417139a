#pragma once

#include <map>

#include <freshet/stage.h>

/// Event time: when what a record tells of happened, and how far the source of the records has come in it.
namespace freshet {

struct EventTimeOptions {
  Duration max_disorder{0};  ///< how much later than its successors a record may come
  /// A split without an end that was asked for records for so long, and had none, holds nothing up until it has some.
  /// Time in which nobody asked does not count. Duration::max(): never.
  Duration idle_after = std::chrono::seconds(30);
  Time earliest{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}};  ///< before this it is malformed
  /// The watermark moves behind each record instead of each few hundred, so what is late does not depend on how records
  /// were taken together. Slow; at parallelism 1 two runs are then alike record for record.
  bool each_record = false;
};

namespace detail {

/// Times from the year 10000 on are mistakes: one of them would make all else late for ever.
inline constexpr Time kEndOfTime{std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1}};

/// Gives the records of a source their event time and refuses those before `earliest`, or far too late. Its watermark
/// is behind the greatest time that each split has shown, by the disorder allowed: the slowest split counts, one that
/// was not read yet holds it back, one that was read to its end or is idle does not. One thread, the task's.
template <class T>
class EventTime {
 public:
  EventTime(Time T::*field, EventTimeOptions options) : field_(field), options_(options) {}

  /// Stamps the records that a batch has from `from` on, all of one partition. refuse(index) for each that is out of
  /// range; it is taken out then.
  template <class Refuse>
  void stamp(Batch<T>& batch, std::size_t from, std::uint32_t partition, Refuse refuse) {
    if (from == batch.size()) return;
    Time& newest = seen_[partition].newest;
    std::size_t kept = from;
    for (std::size_t i = from; i < batch.size(); ++i) {
      const Time time = batch.records[i].*field_;
      if (time < options_.earliest || time >= kEndOfTime) {
        refuse(i);
        continue;
      }
      if (kept != i) {
        std::swap(batch.records[kept], batch.records[i]);
        batch.metas[kept] = batch.metas[i];
      }
      batch.metas[kept++].event_time_ms = time.time_since_epoch().count();
      newest = std::max(newest, time);
    }
    batch.records.truncate(kept);
    batch.metas.resize(kept);
  }
  bool each_record() const { return options_.each_record; }
  /// Why a record that was refused was.
  std::string reason(const T& record) const {
    std::string text = "event time ";
    append_time(text, record.*field_);
    return text + (record.*field_ < options_.earliest ? " is before the earliest allowed" : " is beyond the year 9999");
  }
  /// A split was asked for records.
  void polled(const SavedSplit& split, bool had_some, Time now) {
    Seen& seen = seen_[split.partition_number];
    // A clock that was set, or a process that was stopped, is no time in which the split was asked.
    if (had_some || split.split.end != ~0ULL)
      seen.empty_for = Duration(0);
    else if (seen.polled != Time::min())
      seen.empty_for += std::clamp(now - seen.polled, Duration(0), most_between_polls());
    seen.polled = now;
  }
  /// Nothing comes for now: no split has records, and one at least may have some later.
  bool is_idle(const std::vector<SavedSplit>& splits) const {
    bool waits = false;
    for (const auto& split : splits) {
      if (!split.done && !is_idle(split)) return false;
      waits = waits || !split.done;
    }
    return waits;
  }
  /// Time::min() until every split that is not idle has shown a time, and when all are idle.
  Time watermark(const std::vector<SavedSplit>& splits) const {
    Time lowest = Time::max();
    bool waits = false;
    for (const auto& split : splits) {
      waits = waits || !split.done;
      if (!split.done && !is_idle(split)) lowest = std::min(lowest, newest_of(split.partition_number));
    }
    if (lowest == Time::max() && !waits)  // all were read to their ends
      for (const auto& [partition, seen] : seen_) lowest = std::min(lowest, seen.newest);
    return lowest == Time::max() || lowest == Time::min() ? Time::min() : lowest - options_.max_disorder;
  }

  void save(SnapshotOut& out, std::string_view operator_id) const {
    out.begin(operator_id, "newest", "");
    ByteBuffer record;
    for (const auto& [partition, seen] : seen_) {
      if (seen.newest == Time::min()) continue;
      record.clear();
      encode(record, std::pair(partition, seen.newest));
      out.put(record.view());
    }
  }
  /// False: the record is not of save().
  [[nodiscard]] bool restore(const SavedRecord& saved, const RestoreScope& scope) {
    std::pair<std::uint32_t, Time> newest;
    if (saved.kind != "newest" || !decode_all(saved.bytes, newest)) return false;
    if (!scope.owns_partition(newest.first)) return true;
    Time& time = seen_[newest.first].newest;
    time = std::max(time, newest.second);
    return true;
  }

 private:
  struct Seen {
    Time newest = Time::min();
    Time polled = Time::min();
    Duration empty_for{0};  ///< so long it was polled and had nothing
  };
  /// A source that has nothing is polled far more often. And no single poll makes it idle.
  Duration most_between_polls() const {
    constexpr std::int64_t kLeastPolls = 8;
    return std::min(Duration(1'000), options_.idle_after / kLeastPolls + Duration(1));
  }

  Time newest_of(std::uint32_t partition) const {
    const auto found = seen_.find(partition);
    return found == seen_.end() ? Time::min() : found->second.newest;
  }
  bool is_idle(const SavedSplit& split) const {
    const auto found = seen_.find(split.partition_number);
    return found != seen_.end() && found->second.empty_for >= options_.idle_after;
  }

  Time T::*field_;
  EventTimeOptions options_;
  std::map<std::uint32_t, Seen> seen_;  // by partition
};

}  // namespace detail

}  // namespace freshet
