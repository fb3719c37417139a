#pragma once

#include <algorithm>
#include <numeric>

#include "jobs/log_monitor/totals.h"

/// A host was answered 404 so often, from the first of these answers to the last.
struct Alert {
  std::string site{}, host{};
  std::uint64_t answers = 0;
  freshet::Time from{}, to{};
  bool operator==(const Alert&) const = default;
  FRESHET_RECORD(site, host, answers, from, to)
};

/// Says when a host has `least` answers 404 or more within a time; then it begins to count anew. Looks at answers in
/// the order of event time, those of one moment together, so that neither disorder nor the number of tasks shows. Keeps
/// a time and a number for each of less than `least` moments, and of a host without further ones nothing.
class NotFoundAlerts : public freshet::KeyedOperator<std::tuple<std::string, std::string>, NotFound, Alert> {
 public:
  NotFoundAlerts(std::uint64_t least, freshet::Duration within) : least_(least), within_(within) {}

  void process(const NotFound& answer, freshet::Out<Alert>&) override {
    std::uint64_t& waiting = waiting_[answer.last];
    if (waiting == 0) due_.set(answer.last, answer.last);
    waiting += answer.answers;
  }

 private:
  /// Answers by time, oldest first.
  struct Recent {
    std::vector<std::pair<freshet::Time, std::uint64_t>> answers{};
    FRESHET_RECORD(answers)
  };

  /// All answers of this moment are there.
  void count(const freshet::Time& time, freshet::Out<Alert>& out) {
    auto& recent = recent_.get().answers;
    const auto behind = std::find_if(recent.begin(), recent.end(), [&](const auto& each) { return each.first > time; });
    recent.emplace(behind, time, *waiting_.find(time));  // not the newest only when it came too late
    waiting_.erase(time);
    const freshet::Time newest = recent.back().first;
    std::erase_if(recent, [&](const auto& each) { return newest - each.first > within_; });
    const auto answers = std::accumulate(recent.begin(), recent.end(), std::uint64_t{0},
                                         [](std::uint64_t sum, const auto& each) { return sum + each.second; });
    if (answers >= least_) {
      out.emit({std::get<0>(key()), std::get<1>(key()), answers, recent.front().first, newest});
      recent_.clear();
      forget_.cancel(0);
    } else {
      forget_.set(0, newest + within_ + freshet::Duration(1));
    }
  }
  void forget(const std::uint32_t&, freshet::Out<Alert>&) { recent_.clear(); }

  const std::uint64_t least_;
  const freshet::Duration within_;
  freshet::MapState<freshet::Time, std::uint64_t> waiting_{this, "waiting"};  // answers that disorder may add to
  freshet::ValueState<Recent> recent_{this, "recent"};
  freshet::Timer<freshet::Time> due_{this, "due", &NotFoundAlerts::count};
  freshet::Timer<std::uint32_t> forget_{this, "forget", &NotFoundAlerts::forget};
};
