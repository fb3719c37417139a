#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <tuple>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/random.h"

namespace freshet::sim {

using Nanoseconds = std::chrono::nanoseconds;

/// Whether a process stands still (SIGSTOP, a machine that swaps): nothing of what it does happens until then.
struct Freeze {
  base::SteadyTime until{};
};

/// Everything that happens in a simulation, in the order of virtual time; what is due at the same moment comes in an
/// order that the seed picks. Moves the clock. Keeps a hash of all that happened: two runs with the same are the same.
class Scheduler {
 public:
  using Action = std::function<void()>;

  Scheduler(base::ManualClock& clock, base::Random random) : clock_(clock), random_(random) {}

  base::SteadyTime now() const { return clock_.steady(); }
  /// `process`: whose doing it is; null: nobody's. While that one stands still it waits, and keeps its place in line.
  void at(base::SteadyTime when, std::string_view label, Action action, const Freeze* process = nullptr) {
    push({std::max(when, now()), random_.next(), next_number_++, label, std::move(action), process});
  }
  void after(Nanoseconds delay, std::string_view label, Action action, const Freeze* process = nullptr) {
    at(now() + delay, label, std::move(action), process);
  }
  /// Lets the next thing happen. False: nothing is left.
  bool run_one() {
    if (queue_.empty()) return false;
    std::pop_heap(queue_.begin(), queue_.end());
    Event event = std::move(queue_.back());
    queue_.pop_back();
    clock_.advance_to(event.when);
    if (event.process != nullptr && event.process->until > now()) {
      event.when = event.process->until;
      event.turn = 0;
      push(std::move(event));
      return true;
    }
    ++events_;
    note(static_cast<std::uint64_t>(event.when.time_since_epoch().count()));
    note(event.label);
    event.action();
    return true;
  }

  /// Facts that belong to what happens, for the hash.
  void note(std::uint64_t fact) { trace_ = (std::rotl(trace_, 5) ^ fact) * 0x9e3779b97f4a7c15ULL; }
  void note(std::string_view text) {
    for (const char c : text) note(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  std::uint64_t trace() const { return trace_; }
  std::uint64_t events() const { return events_; }

 private:
  struct Event {
    base::SteadyTime when;
    std::uint64_t turn;  ///< decides between those of one moment
    std::uint64_t number;
    std::string_view label;  ///< a literal
    Action action;
    const Freeze* process;
    bool operator<(const Event& other) const {
      return std::tie(other.when, other.turn, other.number) < std::tie(when, turn, number);
    }
  };

  void push(Event event) {
    queue_.push_back(std::move(event));
    std::push_heap(queue_.begin(), queue_.end());
  }

  base::ManualClock& clock_;
  base::Random random_;
  std::vector<Event> queue_;  // a heap
  std::uint64_t next_number_ = 0;
  std::uint64_t trace_ = 0x243f6a8885a308d3ULL;
  std::uint64_t events_ = 0;
};

}  // namespace freshet::sim
