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
    channels_[channel].time_ms = std::max(channels_[channel].time_ms, time_ms);
    channels_[channel].idle = false;
  }
  void on_idle(std::size_t channel, bool idle) { channels_[channel].idle = idle; }
  void on_end(std::size_t channel) { channels_[channel].time_ms = kEnd; }

  /// The merged watermark after what was told last; kNone until every channel has spoken.
  std::int64_t merged() {
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
  std::int64_t merged_ = kNone;
};

}  // namespace freshet::task
