#include "runtime/transport/buffer_pool.h"

namespace freshet::transport {

ByteBuffer RecyclingBufferPool::take() {
  const std::lock_guard lock(mutex_);
  ++outstanding_;
  if (kept_.empty()) return {};
  ByteBuffer buffer = std::move(kept_.back());  // the last one: most likely still in the processor's cache
  kept_.pop_back();
  kept_bytes_ -= buffer.capacity();
  return buffer;
}

void RecyclingBufferPool::give_back(ByteBuffer buffer) {
  const std::lock_guard lock(mutex_);
  --outstanding_;
  const std::size_t capacity = buffer.capacity();
  if (capacity == 0 || capacity > limits_.buffer_bytes) return;
  if (kept_.size() >= limits_.buffers || kept_bytes_ + capacity > limits_.bytes) return;
  buffer.clear();
  kept_bytes_ += capacity;
  kept_.push_back(std::move(buffer));
}

std::size_t RecyclingBufferPool::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

std::int64_t RecyclingBufferPool::outstanding() const {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

}  // namespace freshet::transport
