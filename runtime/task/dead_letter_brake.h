#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/clock.h"

namespace freshet::task {

/// Decides when so many records are set aside that going on would pour the stream away: pure. Looks at the last minute,
/// in six stretches.
class DeadLetterBrake {
 public:
  /// Fewer records than this say nothing about a share.
  static constexpr std::uint64_t kLeastRecords = 200;

  explicit DeadLetterBrake(double pause_above) : pause_above_(pause_above) {}

  /// What came until now does not count.
  void begin_anew(std::uint64_t records, std::uint64_t letters) {
    marks_.fill({records, letters});
    last_records_ = records;
    last_letters_ = letters;
  }
  /// `records` and `letters`: totals so far.
  void observe(base::SteadyTime now, std::uint64_t records, std::uint64_t letters) {
    const auto stretch = now.time_since_epoch() / std::chrono::seconds(10);
    if (stretch != stretch_ || !started_) {
      started_ = true;
      stretch_ = stretch;
      next_ = (next_ + 1) % marks_.size();
      marks_[next_] = {last_records_, last_letters_};
    }
    last_records_ = records;
    last_letters_ = letters;
  }

  double share() const {
    const auto& oldest = marks_[(next_ + 1) % marks_.size()];
    const auto records = last_records_ - oldest.records;
    return records == 0 ? 0 : static_cast<double>(last_letters_ - oldest.letters) / static_cast<double>(records);
  }
  bool pulled() const {
    const auto& oldest = marks_[(next_ + 1) % marks_.size()];
    return last_records_ - oldest.records >= kLeastRecords && share() > pause_above_;
  }

 private:
  struct Mark {
    std::uint64_t records = 0;
    std::uint64_t letters = 0;
  };
  const double pause_above_;
  std::array<Mark, 6> marks_{};
  std::size_t next_ = 0;
  bool started_ = false;
  std::int64_t stretch_ = 0;
  std::uint64_t last_records_ = 0;
  std::uint64_t last_letters_ = 0;
};

}  // namespace freshet::task
