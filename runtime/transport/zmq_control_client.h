#pragma once

#include <functional>
#include <memory>

#include <freshet/result.h>
#include "runtime/base/log.h"
#include "runtime/transport/control_transport.h"
#include "runtime/transport/event_loop.h"

namespace freshet::transport {

struct ZmqControlClientOptions {
  std::string endpoint{};  ///< the manager's, "tcp://127.0.0.1:7601"
  std::size_t max_message_bytes = wire::kMaxControlBytes;
  Duration reconnect_first = 50ms;     ///< doubled at each attempt …
  Duration reconnect_most = 2s;        ///< … up to this
  std::size_t held_messages = 1000;    ///< kept while there is no connection; then the oldest is dropped
  std::size_t held_bytes = 16u << 20;  ///< … together no longer than this
  std::uint32_t max_queued = 10'000;   ///< messages on a connection that the manager does not read from
  Duration keepalive_interval = 2s;
  Duration keepalive_timeout = 10s;
  Duration linger = 1s;  ///< for queued messages, when it is destroyed
};

struct ControlClientCounts {
  std::uint64_t received = 0;
  std::uint64_t refused = 0;  ///< malformed or of another version
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;      ///< held too long, or above the limit
  std::uint64_t connections = 0;  ///< made so far
};

/// An agent's or worker's end of the control plane: one manager, to which it connects for ever, with growing pauses.
/// The manager may start later, end and come back. Each time a connection is made `on_connected` is called first: the
/// place for a hello. Then what was sent without a connection follows, in order. What was on its way when a connection
/// broke is lost: messages may be repeated, so repeat. Lives on an event loop, from construction to destruction; all of
/// it, send() included, belongs to the loop's thread. Not destroyed from its own callbacks.
class ZmqControlClient final : public ManagerOutbox {
 public:
  struct Callbacks {
    std::function<void(wire::ControlMessage message)> deliver{};
    std::function<void()> on_connected{};     ///< may be empty
    std::function<void()> on_disconnected{};  ///< may be empty
  };

  /// Error when the address makes no sense; that nobody listens there is none.
  static Result<std::unique_ptr<ZmqControlClient>> create(EventLoop& loop, const ZmqControlClientOptions& options,
                                                          Callbacks callbacks, base::Logger log = {});
  ~ZmqControlClient() override;

  void send(const wire::ControlMessage& message) override;
  bool is_connected() const;
  const ControlClientCounts& counts() const;

 private:
  class Sockets;
  explicit ZmqControlClient(std::unique_ptr<Sockets> sockets);
  std::unique_ptr<Sockets> sockets_;  // keeps ZeroMQ out of this header
};

}  // namespace freshet::transport
