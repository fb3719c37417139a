#include "runtime/transport/zmq_socket.h"

#include <atomic>
#include <cstring>

#include "runtime/base/check.h"

namespace freshet::transport {

bool try_send(zmq::socket_t& socket, zmq::message_t& message, bool more) {
  for (;;) {
    if (zmq_msg_send(message.handle(), socket.handle(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0) return true;
    if (errno == EINTR) continue;
    CHECK(errno == EAGAIN || errno == EHOSTUNREACH, "an open socket can be sent to");
    return false;
  }
}

bool try_receive(zmq::socket_t& socket, zmq::message_t& part) {
  for (;;) {
    if (zmq_msg_recv(part.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0) return true;
    if (errno == EINTR) continue;
    CHECK(errno == EAGAIN, "an open socket can be received from");
    return false;
  }
}

void skip_rest(zmq::socket_t& socket, const zmq::message_t& part) {
  if (!part.more()) return;
  zmq::message_t rest;
  do {
    CHECK(try_receive(socket, rest), "all parts of a message come together");
  } while (rest.more());
}

void poll_sockets(std::vector<zmq::pollitem_t>& items, long timeout_ms) {
  for (auto& item : items) item.revents = 0;
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms);
  CHECK(ready >= 0 || errno == EINTR, "open sockets can be polled");
  if (ready >= 0) return;
  for (auto& item : items) item.revents = 0;
}

void set_common_options(zmq::socket_t& socket, const Keepalive& keepalive, std::size_t max_message_bytes) {
  const auto interval = static_cast<int>(keepalive.interval.count());
  const auto timeout = static_cast<int>(keepalive.timeout.count());
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(max_message_bytes));
  socket.set(zmq::sockopt::heartbeat_ivl, interval);
  socket.set(zmq::sockopt::heartbeat_timeout, timeout);
  socket.set(zmq::sockopt::heartbeat_ttl, timeout);  // tells the other side to give up on us after as long
  socket.set(zmq::sockopt::handshake_ivl, timeout);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::linger, 0);
}

Result<std::string> bind_socket(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    retry_interrupted([&] { socket.bind(endpoint); });
    return socket.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& problem) {
    return Error{"cannot listen on " + endpoint + ": " + problem.what() + "; choose another address or port"};
  }
}

SocketMonitor::SocketMonitor(zmq::context_t& context, zmq::socket_t& watched)
    : events_(context, zmq::socket_type::pair) {
  // Names are per context; counting through the process keeps them apart in each.
  static std::atomic<std::uint64_t> counter{0};
  const std::string address = "inproc://monitor-" + std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
  constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  int monitored = 0;
  do {
    monitored = zmq_socket_monitor(watched.handle(), address.c_str(), kEvents);
  } while (monitored != 0 && errno == EINTR);
  CHECK(monitored == 0, "a socket can be monitored");
  events_.set(zmq::sockopt::linger, 0);
  retry_interrupted([&] { events_.connect(address); });
}

std::optional<ConnectionEvent> SocketMonitor::next() {
  for (;;) {
    zmq::message_t event;
    if (!try_receive(events_, event)) return std::nullopt;
    skip_rest(events_, event);  // the address: ours, and known
    std::uint16_t number = 0;
    CHECK(event.size() >= sizeof number, "a monitor's event begins with its number");
    std::memcpy(&number, event.data(), sizeof number);
    switch (number) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return ConnectionEvent::connected;
      case ZMQ_EVENT_DISCONNECTED:
        return ConnectionEvent::lost;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return ConnectionEvent::handshake_failed;
      default:
        break;  // that the monitor was stopped
    }
  }
}

}  // namespace freshet::transport
