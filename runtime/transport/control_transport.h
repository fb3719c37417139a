#pragma once

#include <string>
#include <string_view>

#include "runtime/wire/control.h"

/// Ports for control messages. The processes' cores send through an outbox and are called with what arrives; they never
/// see a socket. Implementations: ZeroMQ (zmq_control_server.h, zmq_control_client.h), and the simulator's.
namespace freshet::transport {

/// The manager's side: many peers, each named by the address that its first message came from.
class ControlOutbox {
 public:
  virtual ~ControlOutbox() = default;
  /// Queues a message for a peer; never blocks. A peer that is gone is no error: its silence will tell.
  virtual void send(const std::string& peer, const wire::ControlMessage& message) = 0;
  /// Messages that came in and could not be read: malformed, of another version, of several parts.
  virtual std::uint64_t refused() const { return 0; }
};

/// An agent's or worker's side: one manager.
class ManagerOutbox {
 public:
  virtual ~ManagerOutbox() = default;
  virtual void send(const wire::ControlMessage& message) = 0;
};

}  // namespace freshet::transport
