#include "tests/simulation/data_net.h"

#include "runtime/base/check.h"
#include "runtime/wire/frame.h"

namespace freshet::sim {

namespace {

/// A message in flight; its buffer goes back to the sender's pool with its last holder.
struct Parcel {
  Parcel(ByteBuffer bytes, std::shared_ptr<transport::RecyclingBufferPool> home)
      : buffer(std::move(bytes)), pool(std::move(home)) {}
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;
  ~Parcel() { pool->give_back(std::move(buffer)); }

  ByteBuffer buffer;
  std::shared_ptr<transport::RecyclingBufferPool> pool;
};

}  // namespace

SimDataTransport::SimDataTransport(DataNet& net, Place place, std::string endpoint)
    : net_(net),
      place_(place),
      endpoint_(std::move(endpoint)),
      pool_(std::make_shared<transport::RecyclingBufferPool>()) {
  net_.listening_[endpoint_] = this;
}

/// A peer that has ended already is never reached, and never lost: nothing was on its way.
void SimDataTransport::connect(WorkerId peer, const std::string& endpoint) {
  if (stopped_ || peers_.contains(peer)) return;
  Peer& here = peers_[peer];
  here.endpoint = endpoint;
  const auto found = net_.listening_.find(endpoint);
  if (found == net_.listening_.end()) return;
  here.watching = std::make_shared<bool>(true);
  here.pipe = &net_.network_.open(place_, found->second->place_,
                                  [this, peer, watching = here.watching](const std::string& reason) {
                                    if (*watching && receiver_ != nullptr) receiver_->on_peer_lost(peer, reason);
                                  });
}

void SimDataTransport::send(WorkerId peer, ByteBuffer message) {
  const auto parcel = std::make_shared<Parcel>(std::move(message), pool_);
  if (stopped_) return;
  const auto found = peers_.find(peer);
  CHECK(found != peers_.end(), "a peer is connected before anything is sent to it");
  if (found->second.pipe == nullptr || !found->second.pipe->is_open()) return;
  auto& scheduler = net_.network_.scheduler();
  scheduler.note(parcel->buffer.size());
  net_.observer_.on_data_sent(parcel->buffer.view());
  if (net_.loses(parcel->buffer.view())) return;
  found->second.pipe->send([&net = net_, parcel, endpoint = found->second.endpoint] {
    const auto to = net.listening_.find(endpoint);
    if (to == net.listening_.end()) return;
    CHECK(to->second->receiver_ != nullptr, "workers are prepared before any of them is told of the others");
    net.observer_.on_data_delivered(parcel->buffer.view());
    to->second->receiver_->on_message({parcel->buffer.view(), parcel});
  });
}

void SimDataTransport::die() {
  std::size_t most = 0;
  for (const auto& [id, peer] : peers_)
    if (peer.pipe != nullptr) most = std::max(most, peer.pipe->under_way());
  leave(static_cast<std::size_t>(net_.network_.random().below(most + 1)));
}

void SimDataTransport::leave(std::size_t lost) {
  if (stopped_) return;
  stopped_ = true;
  net_.listening_.erase(endpoint_);
  for (auto& [id, peer] : peers_) {
    if (peer.pipe == nullptr) continue;
    *peer.watching = false;
    peer.pipe->close(lost);
  }
  for (auto& [endpoint, other] : net_.listening_) {
    for (auto& [id, peer] : other->peers_)
      if (peer.endpoint == endpoint_ && peer.pipe != nullptr) peer.pipe->cut("worker at " + endpoint_ + " closed it");
  }
}

bool DataNet::disconnect(const std::string& one, const std::string& other) {
  bool any = false;
  const auto cut = [&](const std::string& from, const std::string& to) {
    const auto found = listening_.find(from);
    if (found == listening_.end()) return;
    for (auto& [id, peer] : found->second->peers_) {
      if (peer.endpoint != to || peer.pipe == nullptr || !peer.pipe->is_open()) continue;
      peer.pipe->cut("the connection to " + to + " broke");
      any = true;
    }
  };
  cut(one, other);
  cut(other, one);
  return any;
}

bool DataNet::loses(std::string_view message) {
  wire::FrameHeader header;
  if (wire::read_header(message, header) != wire::Refusal::none) return false;
  if (header.kind == wire::MessageKind::grant) return lose_all_grants_;
  if (header.kind != wire::MessageKind::data || !lose_next_frame_) return false;
  lose_next_frame_ = false;
  has_lost_frame_ = true;
  return true;
}

}  // namespace freshet::sim
