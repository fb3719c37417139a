#pragma once

#include <freshet/record.h>

namespace freshet::redis {

/// How long one step may still wait for Redis, by the steady clock. Any thread's.
class Deadline {
 public:
  explicit Deadline(Duration from_now);
  /// Not below zero; rounded up to whole milliseconds.
  Duration left() const;
  /// Until the descriptor has one of these poll() events, or an error that the next call will tell. False: time is
  /// over.
  [[nodiscard]] bool wait_for(int descriptor, short events) const;
  /// Lets some time pass, but none beyond the deadline.
  void pause(Duration pause) const;

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace freshet::redis
