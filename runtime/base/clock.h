#pragma once

#include <chrono>
#include <cstdint>

#include <freshet/record.h>

/// Time is a parameter: nothing outside runtime/base asks the system for it.
namespace freshet::base {

/// A point on the steady clock: for intervals, time-outs and liveness. Nanoseconds since some start.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Never goes back; not comparable between processes.
  virtual SteadyTime steady() const = 0;
  /// Wall clock, microseconds since the epoch; comparable between processes as far as their clocks agree.
  virtual std::int64_t wall_us() const = 0;
  Time wall() const { return Time(Duration(wall_us() / 1000)); }
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  SteadyTime steady() const override;
  std::int64_t wall_us() const override;
};

/// Stands still until moved; for tests and the simulator.
class ManualClock final : public Clock {
 public:
  SteadyTime steady() const override { return SteadyTime(now_); }
  std::int64_t wall_us() const override {
    return kStartUs + std::chrono::duration_cast<std::chrono::microseconds>(now_).count();
  }
  void advance(std::chrono::nanoseconds by) { now_ += by; }
  void advance_to(SteadyTime when) {
    if (when.time_since_epoch() > now_) now_ = when.time_since_epoch();
  }

 private:
  static constexpr std::int64_t kStartUs = 1'700'000'000'000'000;
  std::chrono::nanoseconds now_{0};
};

}  // namespace freshet::base
