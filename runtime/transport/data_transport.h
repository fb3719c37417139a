#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <freshet/codec.h>
#include "runtime/base/ids.h"

/// Moves whole messages (header and payload, see wire/frame.h) between the workers of one attempt. Knows nothing of
/// what is in them. Implementations: ZeroMQ over TCP or ipc (zmq_data_transport.h), and the simulator's.
namespace freshet::transport {

/// A received message; owns its memory, wherever that came from.
class ReceivedMessage {
 public:
  ReceivedMessage() = default;
  ReceivedMessage(std::string_view bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  std::string_view bytes() const { return bytes_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::string_view bytes_;
  std::shared_ptr<const void> owner_;  // shared: the type of the owner is the transport's business
};

/// What a worker does with what arrives. Called on the transport's thread; must not block.
class DataReceiver {
 public:
  virtual ~DataReceiver() = default;
  virtual void on_message(ReceivedMessage message) = 0;
  /// The connection to a peer was lost after it had been made: what was on its way is gone. `reason` is for people.
  virtual void on_peer_lost(WorkerId peer, const std::string& reason) = 0;
};

/// Buffers for outgoing messages, returned when the transport is done with them. Thread-safe.
class BufferPool {
 public:
  virtual ~BufferPool() = default;
  /// An empty buffer that keeps the capacity of its last use.
  virtual ByteBuffer take() = 0;
  virtual void give_back(ByteBuffer buffer) = 0;
};

class DataTransport {
 public:
  virtual ~DataTransport() = default;
  /// Where other workers reach this one; known from construction on.
  virtual std::string endpoint() const = 0;
  /// Opens the connection to a peer. Before the first send to it.
  virtual void connect(WorkerId peer, const std::string& endpoint) = 0;
  /// Queues a message; never blocks, never drops: memory is bounded by the channels' credit, not here. Thread-safe.
  /// The buffer goes back to `buffers()` when it has been sent.
  virtual void send(WorkerId peer, ByteBuffer message) = 0;
  virtual BufferPool& buffers() = 0;
  /// Messages that came in and could be no peer's: of several parts, or in no language we speak. Thread-safe.
  virtual std::uint64_t refused() const { return 0; }
  /// Starts delivery to `receiver`, which must live until stop().
  virtual void start(DataReceiver& receiver) = 0;
  /// Sends what is queued, for at most `linger`, and closes. No call to the receiver after it returns.
  virtual void stop(Duration linger) = 0;
};

}  // namespace freshet::transport
