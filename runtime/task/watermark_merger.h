#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

/// Merges the watermarks of a task's input channels: pure.
namespace freshet::task {

/// The merged watermark is the least of the channels that are neither idle nor ended; it never goes back.
class WatermarkMerger {
 public:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

  explicit WatermarkMerger(std::size_t channels) : channels_(channels) {}

  void on_watermark(std::size_t channel, std::int64_t time_ms) {
    if (time_ms == kEnd && channels_[channel].time_ms != kEnd) ++ended_;
    channels_[channel].time_ms = std::max(channels_[channel].time_ms, time_ms);
    on_idle(channel, false);
  }
  void on_idle(std::size_t channel, bool idle) {
    if (channels_[channel].time_ms == kEnd) idle = false;  // it has ended
    idle_ = idle_ + idle - channels_[channel].idle;
    channels_[channel].idle = idle;
  }
  void on_end(std::size_t channel) { on_watermark(channel, kEnd); }
  /// Nothing comes for now.
  bool is_idle() const { return idle_ != 0 && idle_ + ended_ == channels_.size(); }

  /// The merged watermark after what was told last; kNone until every channel has spoken.
  std::int64_t merged() {
    if (is_idle()) return merged_;  // those that have ended do not speak for those that may have something yet
    std::int64_t least = kEnd;
    bool any = false;
    for (const auto& channel : channels_) {
      if (channel.idle) continue;
      any = true;
      least = std::min(least, channel.time_ms);
    }
    if (any) merged_ = std::max(merged_, least);
    return merged_;
  }

 private:
  struct Channel {
    std::int64_t time_ms = kNone;
    bool idle = false;
  };
  std::vector<Channel> channels_;
  std::size_t idle_ = 0, ended_ = 0;  // of them
  std::int64_t merged_ = kNone;
};

}  // namespace freshet::task
