#pragma once

#include <map>

#include <freshet/stage.h>

/// Event time: when what a record tells of happened, and how far the source of the records has come in it.
namespace freshet {

struct EventTimeOptions {
  Duration max_disorder{0};  ///< how much later than its successors a record may come
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
/// was not read yet holds it back, one that was read to its end does not. One thread, the task's.
template <class T>
class EventTime {
 public:
  EventTime(Time T::*field, EventTimeOptions options) : field_(field), options_(options) {}

  /// Stamps the records that a batch has from `from` on, all of one partition. refuse(index) for each that is out of
  /// range; it is taken out then.
  template <class Refuse>
  void stamp(Batch<T>& batch, std::size_t from, std::uint32_t partition, Refuse refuse) {
    if (from == batch.size()) return;
    Time& newest = newest_.try_emplace(partition, Time::min()).first->second;
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
  /// Time::min() until every split has shown a time.
  Time watermark(const std::vector<SavedSplit>& splits) const {
    Time lowest = Time::max();
    for (const auto& split : splits)
      if (!split.done) lowest = std::min(lowest, newest_of(split.partition_number));
    if (lowest == Time::max())  // all were read to their ends
      for (const auto& [partition, time] : newest_) lowest = std::min(lowest, time);
    return newest_.empty() || lowest == Time::min() ? Time::min() : lowest - options_.max_disorder;
  }

  void save(SnapshotOut& out, std::string_view operator_id) const {
    out.begin(operator_id, "newest", "");
    ByteBuffer record;
    for (const auto& [partition, time] : newest_) {
      record.clear();
      encode(record, std::pair(partition, time));
      out.put(record.view());
    }
  }
  /// False: the record is not of save().
  [[nodiscard]] bool restore(const SavedRecord& saved, const RestoreScope& scope) {
    std::pair<std::uint32_t, Time> newest;
    if (saved.kind != "newest" || !decode_all(saved.bytes, newest)) return false;
    if (!scope.owns_partition(newest.first)) return true;
    auto& time = newest_.try_emplace(newest.first, newest.second).first->second;
    time = std::max(time, newest.second);
    return true;
  }

 private:
  Time newest_of(std::uint32_t partition) const {
    const auto found = newest_.find(partition);
    return found == newest_.end() ? Time::min() : found->second;
  }

  Time T::*field_;
  EventTimeOptions options_;
  std::map<std::uint32_t, Time> newest_;  // by partition
};

}  // namespace detail

}  // namespace freshet
