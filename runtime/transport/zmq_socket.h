#pragma once

#include <cerrno>
#include <optional>
#include <vector>
#include <zmq.hpp>

#include <freshet/record.h>
#include <freshet/result.h>

/// What all our ZeroMQ sockets have in common. Included by the sources of this folder only.
namespace freshet::transport {

// Any call into ZeroMQ may end early when the thread handles a signal, also those that do not wait. What follows begins
// anew then; the library's C++ binding throws.

/// Queues a message; false: there is no room, or nobody to send to. On success `message` is empty.
[[nodiscard]] bool try_send(zmq::socket_t& socket, zmq::message_t& message, bool more = false);
/// Takes the next part; false: there is none.
[[nodiscard]] bool try_receive(zmq::socket_t& socket, zmq::message_t& part);
/// Takes and drops parts until the message that `part` belongs to ends.
void skip_rest(zmq::socket_t& socket, const zmq::message_t& part);
/// Waits until one is ready; negative: for ever. Interrupted: as if none were ready.
void poll_sockets(std::vector<zmq::pollitem_t>& items, long timeout_ms);

template <class Call>
auto retry_interrupted(Call call) -> decltype(call()) {
  for (;;) {
    try {
      return call();
    } catch (const zmq::error_t& problem) {
      if (problem.num() != EINTR) throw;
    }
  }
}

/// Control messages that are taken at once, before others have their turn.
inline constexpr int kControlBatch = 64;

/// Finds peers that are half dead: a stopped process, a pulled cable.
struct Keepalive {
  Duration interval = 2s;  ///< between two pings on a silent connection
  Duration timeout = 10s;  ///< without an answer, and for a handshake
};

/// Time-outs, keep-alive and the longest message that is taken. Before bind or connect.
void set_common_options(zmq::socket_t& socket, const Keepalive& keepalive, std::size_t max_message_bytes);

/// Binds and tells the address that was got ("tcp://127.0.0.1:*" asks for any free port).
Result<std::string> bind_socket(zmq::socket_t& socket, const std::string& endpoint);

enum class ConnectionEvent : std::uint8_t { connected, lost, handshake_failed };

/// Hears what happens to a socket's connections. Made before the socket binds or connects; may be used by another
/// thread than the socket.
class SocketMonitor {
 public:
  SocketMonitor(zmq::context_t& context, zmq::socket_t& watched);
  /// The next event that has happened; nothing when there is none.
  std::optional<ConnectionEvent> next();
  /// To poll for; readable when next() may have something.
  zmq::socket_t& socket() { return events_; }

 private:
  zmq::socket_t events_;
};

}  // namespace freshet::transport
