#pragma once

#include <memory>

#include <freshet/result.h>
#include "runtime/transport/buffer_pool.h"
#include "runtime/transport/data_transport.h"
#include "runtime/wire/frame.h"

namespace freshet::transport {

struct ZmqDataOptions {
  std::string bind = "tcp://127.0.0.1:*";  ///< or "ipc:///path"; * takes any free port
  std::size_t max_message_bytes = wire::kHeaderBytes + wire::kMaxPayloadBytes;
  Duration keepalive_interval = 2s;  ///< between pings on a silent connection
  Duration keepalive_timeout = 10s;  ///< a peer that does not answer for as long is lost
  BufferPoolLimits pool{};
};

/// What happened so far; counted since construction.
struct DataTransportCounts {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t refused_messages = 0;    ///< of more than one part
  std::uint64_t failed_handshakes = 0;   ///< something connected that does not speak ZeroMQ
  std::uint64_t closed_connections = 0;  ///< that others had made: ended, or cut for a message above the limit
  std::uint64_t dropped_messages = 0;    ///< for a peer that was lost, or after stop
};

/// Frames over ZeroMQ. One ROUTER receives from everybody; to each peer one DEALER sends. High-water marks are 0: they
/// would drop silently or block; channel credit bounds what is in the queues.
///
/// Life: create (listens) → connect and start in any order → send → stop. What is sent to a peer that does not listen
/// yet is kept. A connection that was made and broke is never made again, for what was in it is lost: on_peer_lost,
/// once; later sends to that peer are dropped and counted. Only connections that this side made are watched so: connect
/// to every peer whose loss matters (both ends of a channel do: data one way, grants the other).
///
/// Threads: send() writes into the peer's socket itself, under that peer's mutex (a ZeroMQ socket may move between
/// threads across a full fence). A network thread, from start() to stop(), calls the DataReceiver. Buffers return to
/// the pool from ZeroMQ's thread. A ReceivedMessage owns ZeroMQ's memory (a small one: a copy) and may outlive the
/// transport.
class ZmqDataTransport final : public DataTransport {
 public:
  /// Error when the address cannot be had.
  static Result<std::unique_ptr<ZmqDataTransport>> create(const ZmqDataOptions& options = {});
  ~ZmqDataTransport() override;

  std::string endpoint() const override;
  /// A second call for the same peer changes nothing. An address that makes no sense is a lost peer.
  void connect(WorkerId peer, const std::string& endpoint) override;
  void send(WorkerId peer, ByteBuffer message) override;
  BufferPool& buffers() override;
  std::uint64_t refused() const override { return counts().refused_messages + counts().failed_handshakes; }
  void start(DataReceiver& receiver) override;
  /// Not from the receiver's calls. Everything else may follow it and does nothing.
  void stop(Duration linger) override;

  /// From any thread.
  DataTransportCounts counts() const;

 private:
  class Sockets;
  explicit ZmqDataTransport(std::unique_ptr<Sockets> sockets);
  std::unique_ptr<Sockets> sockets_;  // keeps ZeroMQ out of this header
};

}  // namespace freshet::transport
