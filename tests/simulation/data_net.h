#pragma once

#include "runtime/transport/buffer_pool.h"
#include "runtime/transport/data_transport.h"
#include "tests/simulation/network.h"

/// The data plane of a simulation: what transport/zmq_data_transport.h promises, on virtual time.
namespace freshet::sim {

class SimDataTransport;

/// Sees every message between workers when it leaves and when it arrives.
class DataObserver {
 public:
  virtual ~DataObserver() = default;
  virtual void on_data_sent(std::string_view message) = 0;
  virtual void on_data_delivered(std::string_view message) = 0;
};

/// Where the workers' transports find each other.
class DataNet {
 public:
  DataNet(Network& network, DataObserver& observer) : network_(network), observer_(observer) {}
  Network& network() { return network_; }
  DataObserver& observer() { return observer_; }

  /// Breaks the connections between two workers, both ways. False: they have none.
  bool disconnect(const std::string& one, const std::string& other);
  /// The next frame that is sent gets lost without a sound, which no transport may do: the engine has to notice.
  void lose_next_frame() { lose_next_frame_ = true; }
  bool has_lost_frame() const { return has_lost_frame_; }
  /// No grant arrives any more: a job with more to send than its windows hold must stop.
  void lose_all_grants() { lose_all_grants_ = true; }

 private:
  friend class SimDataTransport;
  Network& network_;
  DataObserver& observer_;
  bool loses(std::string_view message);

  std::map<std::string, SimDataTransport*> listening_;
  bool lose_next_frame_ = false;
  bool has_lost_frame_ = false;
  bool lose_all_grants_ = false;
};

class SimDataTransport final : public transport::DataTransport {
 public:
  SimDataTransport(DataNet& net, Place place, std::string endpoint);
  ~SimDataTransport() override { leave(0); }

  std::string endpoint() const override { return endpoint_; }
  void connect(WorkerId peer, const std::string& endpoint) override;
  void send(WorkerId peer, ByteBuffer message) override;
  transport::BufferPool& buffers() override { return *pool_; }
  void start(transport::DataReceiver& receiver) override { receiver_ = &receiver; }
  void stop(Duration) override { leave(0); }
  /// The process is killed: of what it sent the last messages are lost.
  void die();

 private:
  friend class DataNet;
  struct Peer {
    std::string endpoint;
    Pipe* pipe = nullptr;
    // Shared with the pipe's callbacks, which may outlive this transport.
    std::shared_ptr<bool> watching;
  };
  void leave(std::size_t lost);

  DataNet& net_;
  const Place place_;
  const std::string endpoint_;
  const std::shared_ptr<transport::RecyclingBufferPool> pool_;  // shared with messages that others still hold
  transport::DataReceiver* receiver_ = nullptr;
  std::map<WorkerId, Peer> peers_;
  bool stopped_ = false;
};

}  // namespace freshet::sim
