#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <freshet/batch.h>
#include <freshet/element.h>

#include "runtime/wire/frame.h"

namespace freshet::task {

/// Batches on their way back from a task of the same worker. Shared by the sending and the receiving task's threads.
class BatchPool {
 public:
  std::unique_ptr<detail::BatchBase> take() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return nullptr;
    auto batch = std::move(kept_.back());
    kept_.pop_back();
    return batch;
  }
  void give_back(std::unique_ptr<detail::BatchBase> batch) {
    batch->clear();
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kMost) kept_.push_back(std::move(batch));
  }

 private:
  static constexpr std::size_t kMost = 64;  // more than a channel's credit lets be on the way
  std::mutex mutex_;                        // taken once a frame, never held while anything is done
  std::vector<std::unique_ptr<detail::BatchBase>> kept_;
};

/// A batch of stream elements of one channel, as a task receives it. Either bytes that came over the network, or a
/// batch handed over by a task of the same worker; there the control elements follow the records.
struct Frame {
  wire::FrameHeader header;

  std::string_view payload;           ///< remote: elements as bytes
  std::shared_ptr<const void> owner;  ///< remote: keeps `payload` alive

  std::unique_ptr<detail::BatchBase> batch;  ///< local; null when there are only control elements
  std::vector<ControlElement> controls;      ///< local
  std::shared_ptr<BatchPool> pool;           ///< local: where the batch goes when it is used up
  bool local = false;

  /// What it takes from the channel's credit.
  std::uint64_t cost() const { return std::uint64_t{header.length} + wire::kFrameCost; }
};

/// Carries a task's frames and grants to the other end of its channels. Never blocks: credit bounds what is under way.
/// Called on task threads.
class FrameCarrier {
 public:
  virtual ~FrameCarrier() = default;
  /// A buffer for a remote frame; it begins empty.
  virtual ByteBuffer take_buffer() = 0;
  /// A whole message, header and payload.
  virtual void send_remote(const ChannelId& channel, ByteBuffer message) = 0;
  virtual void send_local(Frame frame) = 0;
  /// Tells the sender of a channel that frames of `consumed_bytes` in all have been used up.
  virtual void grant(const ChannelId& channel, std::uint64_t consumed_bytes) = 0;
};

}  // namespace freshet::task
