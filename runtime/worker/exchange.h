#pragma once

#include <atomic>
#include <map>

#include "dag/plan.h"
#include "runtime/task/mailbox.h"
#include "runtime/transport/data_transport.h"

namespace freshet::worker {

/// Brings frames, grants and heartbeats to where they belong: a task of this worker, or another worker. The one place
/// where messages from other workers are believed or refused. Built before the tasks start; then task threads send
/// through it and the transport's thread delivers to it.
class Exchange final : public task::FrameCarrier, public transport::DataReceiver {
 public:
  /// Called on the transport's thread when a channel or peer can no longer be trusted: the attempt is over.
  using OnBroken = std::function<void(const std::string& reason)>;

  /// `transport` may be null when the whole job runs in one worker.
  Exchange(WorkerKey self, const dag::ExecutionPlan& plan, transport::DataTransport* transport, OnBroken on_broken);

  /// Tells where a task of this worker takes its mail. Before anything is sent.
  void add_task(TaskId task, task::Mailbox& mailbox);

  // task::FrameCarrier
  ByteBuffer take_buffer() override;
  void send_remote(const ChannelId& channel, ByteBuffer message) override;
  void send_local(task::Frame frame) override;
  void grant(const ChannelId& channel, std::uint64_t consumed_bytes) override;

  // transport::DataReceiver
  void on_message(transport::ReceivedMessage message) override;
  void on_peer_lost(WorkerId peer, const std::string& reason) override;

  /// Introduces this worker to a peer it has connected to.
  void send_hello(WorkerId peer);
  /// Tells each peer the highest sequence number sent on each channel; any thread, at intervals.
  void send_heartbeats();

  /// Messages refused so far, by reason; the index is the Refusal.
  std::vector<std::uint64_t> refusals() const;
  std::uint64_t refused() const;

 private:
  /// One end of an edge: which worker each task is on, and its mailbox if that is this one.
  struct End {
    std::vector<std::uint32_t> worker;
    std::vector<task::Mailbox*> mailbox;
  };
  struct Edge {
    std::uint32_t from_chain = 0;
    std::uint32_t to_chain = 0;
    End from;
    End to;
    std::vector<std::atomic<std::uint64_t>> sent;  ///< highest sequence sent, by channel
    std::vector<std::uint64_t> received;           ///< highest sequence received, by channel; transport's thread only
    std::size_t index(const ChannelId& channel) const {
      return std::size_t{channel.from} * to.worker.size() + channel.to;
    }
    bool has(const ChannelId& channel) const {
      return channel.from < from.worker.size() && channel.to < to.worker.size() && channel.lane == 0;
    }
  };

  void refuse(wire::Refusal refusal);
  void on_data(const wire::FrameHeader& header, transport::ReceivedMessage message);
  void on_grants(std::string_view payload);
  void on_heartbeat(std::string_view payload);
  void on_hello(std::string_view payload);
  template <class Body>
  void send_small(WorkerId peer, wire::MessageKind kind, const Body& body);
  Edge* find(const ChannelId& channel);

  // Set once before the tasks start.
  const WorkerKey self_;
  transport::DataTransport* const transport_;
  const OnBroken on_broken_;
  std::vector<Edge> edges_;  // by edge id

  std::vector<std::atomic<std::uint64_t>> refusals_;
};

}  // namespace freshet::worker
