#pragma once

#include <functional>
#include <memory>

#include <freshet/result.h>
#include "runtime/base/log.h"
#include "runtime/transport/control_transport.h"
#include "runtime/transport/event_loop.h"

namespace freshet::transport {

struct ZmqControlServerOptions {
  std::string bind = "tcp://127.0.0.1:*";
  std::size_t max_message_bytes = wire::kMaxControlBytes;  ///< a peer that sends a longer one is disconnected
  std::uint32_t max_queued = 10'000;                       ///< messages waiting for one peer; more are dropped
  Duration keepalive_interval = 2s;
  Duration keepalive_timeout = 10s;
  Duration linger = 500ms;  ///< for queued messages, when it is destroyed
};

struct ControlCounts {
  std::uint64_t received = 0;
  std::uint64_t refused = 0;  ///< malformed, of another version, of several parts
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;  ///< to a peer that is gone or does not read
};

/// The manager's end of the control plane: agents and workers connect to it. A peer's address is opaque and valid for
/// one connection; who reconnects has a new one. Lives on an event loop, from construction to destruction; all of it,
/// send() included, belongs to the loop's thread. Not destroyed from its own callbacks.
class ZmqControlServer final : public ControlOutbox {
 public:
  using Deliver = std::function<void(const std::string& peer, wire::ControlMessage message)>;

  /// Error when the address cannot be had.
  static Result<std::unique_ptr<ZmqControlServer>> create(EventLoop& loop, const ZmqControlServerOptions& options,
                                                          Deliver deliver, base::Logger log = {});
  ~ZmqControlServer() override;

  /// "tcp://127.0.0.1:40213".
  const std::string& endpoint() const;
  void send(const std::string& peer, const wire::ControlMessage& message) override;
  std::uint64_t refused() const override { return counts().refused; }
  const ControlCounts& counts() const;

 private:
  class Sockets;
  explicit ZmqControlServer(std::unique_ptr<Sockets> sockets);
  std::unique_ptr<Sockets> sockets_;  // keeps ZeroMQ out of this header
};

}  // namespace freshet::transport
