#pragma once

#include <deque>
#include <string>
#include <vector>

#include <freshet/record.h>

namespace freshet::manager {

/// Something that happened to a job, as a person would tell it.
struct Event {
  std::int64_t time_ms = 0;  ///< since the epoch
  std::string kind{};        ///< state, worker, agent, checkpoint, problem, verb
  std::string text{};
  bool operator==(const Event&) const = default;
  FRESHET_RECORD(time_ms, kind, text)
};

/// The events of one job, oldest first; at the limit the oldest are forgotten, and counted.
class TimeLine {
 public:
  static constexpr std::size_t kMaxTextBytes = 4u << 10;

  explicit TimeLine(std::size_t max_events) : max_events_(max_events) {}

  void add(std::int64_t time_ms, std::string kind, std::string text) {
    if (text.size() > kMaxTextBytes) text.resize(kMaxTextBytes);
    if (events_.size() >= max_events_) {
      events_.pop_front();
      ++forgotten_;
    }
    events_.push_back({time_ms, std::move(kind), std::move(text)});
  }
  std::vector<Event> events() const { return {events_.begin(), events_.end()}; }
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  const std::size_t max_events_;
  std::deque<Event> events_;
  std::uint64_t forgotten_ = 0;
};

}  // namespace freshet::manager
