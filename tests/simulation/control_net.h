#pragma once

#include "runtime/transport/control_transport.h"
#include "tests/simulation/network.h"

/// The control plane of a simulation: what transport/zmq_control_server.h and zmq_control_client.h promise, on virtual
/// time. Messages travel in their encoded form.
namespace freshet::sim {

class ControlClient;

/// The job manager's end. Peers have a new name with each connection.
class ControlServer final : public transport::ControlOutbox {
 public:
  using Deliver = std::function<void(const std::string& peer, const wire::ControlMessage& message)>;

  /// `manager`: its process.
  ControlServer(Network& network, const Freeze& manager, Deliver deliver)
      : network_(network), manager_(0, manager), deliver_(std::move(deliver)) {}
  void send(const std::string& peer, const wire::ControlMessage& message) override;
  /// The process ends: all connections are lost, and none can be made for a while.
  void go_down(Nanoseconds duration);

 private:
  friend class ControlClient;
  struct Peer {
    ControlClient* client = nullptr;
    Pipe* up = nullptr;
    Pipe* down = nullptr;
  };
  Network& network_;
  const Place manager_;
  const Deliver deliver_;
  std::map<std::string, Peer> peers_;
  std::uint64_t connections_ = 0;
  base::SteadyTime up_again_{};
};

/// An agent's or worker's end: connects for ever, keeps what is sent while there is no connection.
class ControlClient final : public transport::ManagerOutbox {
 public:
  struct Callbacks {
    std::function<void(const wire::ControlMessage& message)> deliver;
    std::function<void()> on_connected;
    std::function<void()> on_disconnected;
  };
  ControlClient(Network& network, ControlServer& server, Place place, Callbacks callbacks)
      : network_(network), server_(server), place_(place), callbacks_(std::move(callbacks)) {}

  void connect();
  void send(const wire::ControlMessage& message) override;
  /// The process ends: what it sent arrives, but for the last `lost` messages.
  void close(std::size_t lost = 0);
  bool is_connected() const { return up_ != nullptr; }

 private:
  friend class ControlServer;
  void retry();
  void put(const std::string& bytes);
  void lose();

  Network& network_;
  ControlServer& server_;
  const Place place_;
  const Callbacks callbacks_;

  bool closed_ = false;
  bool greeting_ = false;  // inside on_connected: what it sends goes ahead of what is held
  Nanoseconds pause_{std::chrono::milliseconds(50)};
  std::string name_;
  Pipe* up_ = nullptr;  // null: not connected
  std::deque<std::string> held_;
};

}  // namespace freshet::sim
