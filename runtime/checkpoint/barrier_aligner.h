#pragma once

#include <cstdint>
#include <vector>

/// Decides which of a task's input channels wait while a barrier is on its way through: pure, no time, no queue.
namespace freshet::checkpoint {

/// One per input gate. A channel that has delivered the barrier is held back until all that are expected have; a
/// channel whose stream has ended is not expected. Barriers of one channel come with growing ids (FIFO).
class BarrierAligner {
 public:
  explicit BarrierAligner(std::size_t channels) : channels_(channels), open_(channels) {}

  enum class Verdict {
    hold,      ///< hold this channel back; others are still to come
    complete,  ///< all are here: pass the barrier on and release all channels
    stale,     ///< of a checkpoint that was given up for a newer one: ignore
  };

  /// `channel` delivered the barrier of `checkpoint`. A newer one gives up the older: its channels are released first.
  Verdict on_barrier(std::size_t channel, std::uint64_t checkpoint) {
    if (checkpoint <= completed_ || checkpoint < current_) return Verdict::stale;
    if (checkpoint > current_) {
      current_ = checkpoint;
      for (auto& state : channels_) state.held = false;
      held_ = 0;
    }
    if (channels_[channel].held || channels_[channel].ended) return Verdict::stale;
    channels_[channel].held = true;
    ++held_;
    return held_ == open_ ? complete() : Verdict::hold;
  }

  /// `channel` will deliver no barrier any more. True: a barrier in progress is complete by that.
  bool on_end(std::size_t channel) {
    auto& state = channels_[channel];
    if (state.ended) return false;
    state.ended = true;
    --open_;
    if (state.held) {
      state.held = false;
      --held_;
    }
    if (current_ <= completed_ || held_ == 0 || held_ != open_) return false;
    complete();
    return true;
  }

  bool is_held(std::size_t channel) const { return channels_[channel].held; }
  bool is_aligning() const { return held_ != 0; }
  std::uint64_t current() const { return current_; }

 private:
  struct Channel {
    bool held = false;
    bool ended = false;
  };
  Verdict complete() {
    completed_ = current_;
    for (auto& state : channels_) state.held = false;
    held_ = 0;
    return Verdict::complete;
  }
  std::vector<Channel> channels_;
  std::size_t open_;      // channels that have not ended
  std::size_t held_ = 0;  // channels that delivered the current barrier
  std::uint64_t current_ = 0;
  std::uint64_t completed_ = 0;
};

}  // namespace freshet::checkpoint
