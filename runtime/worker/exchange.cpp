#include "runtime/worker/exchange.h"

#include "runtime/base/check.h"

namespace freshet::worker {

namespace {

constexpr std::size_t kRefusals = static_cast<std::size_t>(wire::Refusal::unknown_peer) + 1;

std::string to_string(const ChannelId& channel) {
  return "edge " + std::to_string(channel.edge) + ", task " + std::to_string(channel.from) + " to " +
         std::to_string(channel.to);
}

}  // namespace

Exchange::Exchange(WorkerKey self, const dag::ExecutionPlan& plan, transport::DataTransport* transport,
                   OnBroken on_broken)
    : self_(self), transport_(transport), on_broken_(std::move(on_broken)), refusals_(kRefusals) {
  const auto end_of = [&](std::uint32_t chain) {
    End end;
    end.worker.resize(plan.chains[chain].parallelism);
    end.mailbox.resize(plan.chains[chain].parallelism);
    for (const auto& placed : plan.tasks) {
      if (placed.chain == chain) end.worker[placed.index] = placed.worker;
    }
    return end;
  };
  for (const auto& planned : plan.edges) {
    Edge edge;
    edge.from_chain = planned.from_chain;
    edge.to_chain = planned.to_chain;
    edge.from = end_of(planned.from_chain);
    edge.to = end_of(planned.to_chain);
    const std::size_t channels = edge.from.worker.size() * edge.to.worker.size();
    edge.sent = std::vector<std::atomic<std::uint64_t>>(channels);
    edge.received.resize(channels);
    edges_.push_back(std::move(edge));
  }
}

void Exchange::add_task(TaskId task, task::Mailbox& mailbox) {
  for (auto& edge : edges_) {
    if (edge.from_chain == task.chain) edge.from.mailbox[task.index] = &mailbox;
    if (edge.to_chain == task.chain) edge.to.mailbox[task.index] = &mailbox;
  }
}

Exchange::Edge* Exchange::find(const ChannelId& channel) {
  if (channel.edge >= edges_.size() || !edges_[channel.edge].has(channel)) return nullptr;
  return &edges_[channel.edge];
}

// ---- sending; task threads
// -------------------------------------------------------------------------------------------

ByteBuffer Exchange::take_buffer() {
  CHECK(transport_ != nullptr, "only jobs of one worker run without a transport");
  return transport_->buffers().take();
}

void Exchange::send_remote(const ChannelId& channel, ByteBuffer message) {
  auto& edge = edges_[channel.edge];
  transport_->send({edge.to.worker[channel.to]}, std::move(message));
  // After the send: a heartbeat that names this frame must stand behind it in the connection.
  edge.sent[edge.index(channel)].fetch_add(1, std::memory_order_release);
}

void Exchange::send_local(task::Frame frame) {
  const auto& channel = frame.header.channel;
  auto* mailbox = edges_[channel.edge].to.mailbox[channel.to];
  CHECK(mailbox != nullptr, "a local channel ends at a task of this worker");
  mailbox->post(std::move(frame));
}

void Exchange::grant(const ChannelId& channel, std::uint64_t consumed_bytes) {
  const auto& edge = edges_[channel.edge];
  if (auto* mailbox = edge.from.mailbox[channel.from]; mailbox != nullptr)
    mailbox->post(task::GrantReceived{channel, consumed_bytes});
  else
    send_small({edge.from.worker[channel.from]}, wire::MessageKind::grant, wire::Grants{{{channel, consumed_bytes}}});
}

template <class Body>
void Exchange::send_small(WorkerId peer, wire::MessageKind kind, const Body& body) {
  ByteBuffer message = transport_->buffers().take();
  message.clear();
  static constexpr char kHeaderRoom[wire::kHeaderBytes] = {};
  message.write(kHeaderRoom, sizeof kHeaderRoom);
  encode(message, body);
  wire::FrameHeader header;
  header.kind = kind;
  header.attempt = self_.attempt;
  header.length = static_cast<std::uint32_t>(message.size() - wire::kHeaderBytes);
  header.checksum = wire::payload_checksum(message.view().substr(wire::kHeaderBytes));
  wire::write_header(header, message.data());
  transport_->send(peer, std::move(message));
}

void Exchange::send_hello(WorkerId peer) {
  send_small(peer, wire::MessageKind::hello, wire::Hello{self_, {self_.job, self_.attempt, peer}});
}

void Exchange::send_heartbeats() {
  if (transport_ == nullptr) return;
  std::map<std::uint32_t, wire::Heartbeat> by_peer;
  for (std::uint32_t id = 0; id < edges_.size(); ++id) {
    const auto& edge = edges_[id];
    for (std::uint32_t from = 0; from < edge.from.worker.size(); ++from) {
      if (edge.from.worker[from] != self_.worker.value) continue;
      for (std::uint32_t to = 0; to < edge.to.worker.size(); ++to) {
        const ChannelId channel{id, from, to, 0};
        const auto sent = edge.sent[edge.index(channel)].load(std::memory_order_acquire);
        // Inside this worker frames are handed over, unless they are forced through the transport.
        if (edge.to.worker[to] == self_.worker.value && sent == 0) continue;
        by_peer[edge.to.worker[to]].channels.push_back({channel, sent});
      }
    }
  }
  for (const auto& [peer, heartbeat] : by_peer) send_small({peer}, wire::MessageKind::heartbeat, heartbeat);
}

// ---- receiving; the transport's thread
// -------------------------------------------------------------------------------

void Exchange::refuse(wire::Refusal refusal) {
  refusals_[static_cast<std::size_t>(refusal)].fetch_add(1, std::memory_order_relaxed);
}

void Exchange::on_message(transport::ReceivedMessage message) {
  wire::FrameHeader header;
  if (const auto refusal = wire::read_header(message.bytes(), header); refusal != wire::Refusal::none)
    return refuse(refusal);
  if (header.attempt != self_.attempt) return refuse(wire::Refusal::wrong_attempt);
  const auto payload = message.bytes().substr(wire::kHeaderBytes);
  if (wire::payload_checksum(payload) != header.checksum) return refuse(wire::Refusal::bad_checksum);
  switch (header.kind) {
    case wire::MessageKind::data:
      return on_data(header, std::move(message));
    case wire::MessageKind::grant:
      return on_grants(payload);
    case wire::MessageKind::heartbeat:
      return on_heartbeat(payload);
    case wire::MessageKind::hello:
      return on_hello(payload);
  }
}

void Exchange::on_data(const wire::FrameHeader& header, transport::ReceivedMessage message) {
  auto* edge = find(header.channel);
  auto* mailbox = edge == nullptr ? nullptr : edge->to.mailbox[header.channel.to];
  if (mailbox == nullptr) return refuse(wire::Refusal::unknown_channel);
  auto& received = edge->received[edge->index(header.channel)];
  if (header.sequence != received + 1) {
    refuse(wire::Refusal::wrong_sequence);
    // A repeat harms nobody; a gap means that frames are lost.
    if (header.sequence > received)
      on_broken_("frames " + std::to_string(received + 1) + " to " + std::to_string(header.sequence - 1) + " of " +
                 to_string(header.channel) + " were lost");
    return;
  }
  received = header.sequence;
  task::Frame frame;
  frame.header = header;
  frame.payload = message.bytes().substr(wire::kHeaderBytes);
  frame.owner = message.owner();
  mailbox->post(std::move(frame));
}

void Exchange::on_grants(std::string_view payload) {
  wire::Grants grants;
  if (!decode_all(payload, grants)) return refuse(wire::Refusal::bad_element);
  for (const auto& grant : grants.grants) {
    auto* edge = find(grant.channel);
    auto* mailbox = edge == nullptr ? nullptr : edge->from.mailbox[grant.channel.from];
    if (mailbox == nullptr)
      refuse(wire::Refusal::unknown_channel);
    else
      mailbox->post(task::GrantReceived{grant.channel, grant.consumed_bytes});
  }
}

void Exchange::on_heartbeat(std::string_view payload) {
  wire::Heartbeat heartbeat;
  if (!decode_all(payload, heartbeat)) return refuse(wire::Refusal::bad_element);
  for (const auto& highest : heartbeat.channels) {
    const auto* edge = find(highest.channel);
    if (edge == nullptr || edge->to.mailbox[highest.channel.to] == nullptr) {
      refuse(wire::Refusal::unknown_channel);
    } else if (const auto received = edge->received[edge->index(highest.channel)]; highest.sequence > received) {
      on_broken_("the last " + std::to_string(highest.sequence - received) + " frames of " +
                 to_string(highest.channel) + " were lost");
    }
  }
}

void Exchange::on_hello(std::string_view payload) {
  wire::Hello hello;
  if (!decode_all(payload, hello)) return refuse(wire::Refusal::bad_element);
  if (hello.to != self_ || hello.from.job != self_.job) refuse(wire::Refusal::unknown_peer);
}

void Exchange::on_peer_lost(WorkerId peer, const std::string& reason) {
  on_broken_("the connection to worker " + std::to_string(peer.value) + " was lost: " + reason);
}

std::vector<std::uint64_t> Exchange::refusals() const {
  std::vector<std::uint64_t> counts;
  for (const auto& count : refusals_) counts.push_back(count.load(std::memory_order_relaxed));
  return counts;
}

std::uint64_t Exchange::refused() const {
  std::uint64_t sum = 0;
  for (const auto count : refusals()) sum += count;
  return sum;
}

}  // namespace freshet::worker
