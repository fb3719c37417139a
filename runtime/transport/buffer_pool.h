#pragma once

#include <mutex>
#include <vector>

#include "runtime/transport/data_transport.h"

namespace freshet::transport {

/// What a pool keeps for the next user; what is above is freed.
struct BufferPoolLimits {
  std::size_t buffers = 256;
  std::size_t bytes = 32u << 20;        ///< all kept buffers together
  std::size_t buffer_bytes = 1u << 20;  ///< a longer one carried an oversized record: such are rare
};

/// Keeps buffers between uses, so that sending allocates nothing in the long run. Thread-safe: tasks take, the
/// transport's threads give back.
class RecyclingBufferPool final : public BufferPool {
 public:
  explicit RecyclingBufferPool(BufferPoolLimits limits = {}) : limits_(limits) {}

  ByteBuffer take() override;
  void give_back(ByteBuffer buffer) override;

  std::size_t kept() const;
  /// Taken and not yet given back. Buffers that came from elsewhere may be given, too: then this is too low.
  std::int64_t outstanding() const;

 private:
  const BufferPoolLimits limits_;

  mutable std::mutex mutex_;  // takers and givers are different threads
  std::vector<ByteBuffer> kept_;
  std::size_t kept_bytes_ = 0;
  std::int64_t outstanding_ = 0;
};

}  // namespace freshet::transport
