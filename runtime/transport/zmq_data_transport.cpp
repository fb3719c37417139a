#include "runtime/transport/zmq_data_transport.h"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "runtime/base/check.h"
#include "runtime/base/thread_name.h"
#include "runtime/transport/wake_fd.h"
#include "runtime/transport/zmq_socket.h"

namespace freshet::transport {

namespace {

/// Below it, copying is cheaper than the bookkeeping of not copying.
constexpr std::size_t kCopiedBytes = 2048;
/// ZeroMQ reads from the network into blocks of this size. A message that lies in one keeps the whole block as long as
/// it lives, so one that waits in a queue would weigh far more than the credit it takes.
constexpr std::size_t kReceiveBlockBytes = 8192;
/// Messages taken before the network thread looks at its other sockets again.
constexpr int kReceiveBatch = 256;
/// Between attempts to reach a peer that does not listen yet. Also how long the network thread has to close a broken
/// connection before ZeroMQ would make it anew.
constexpr int kReconnectMs = 100;
/// Where the peers' monitors begin among the polled: behind wake-up, router and router's monitor.
constexpr std::size_t kFirstPeer = 3;

/// A buffer on its way through ZeroMQ.
struct Outgoing {
  ByteBuffer buffer;
  std::shared_ptr<RecyclingBufferPool> pool;  // shared: ZeroMQ may finish after the transport is gone
  // ZeroMQ's queue orders sender and I/O thread; this says so to the thread sanitizer, which cannot see into ZeroMQ.
  std::atomic<bool> handed_over{false};
};

void return_to_pool(void*, void* hint) {
  const std::unique_ptr<Outgoing> outgoing(static_cast<Outgoing*>(hint));
  CHECK(outgoing->handed_over.load(std::memory_order_acquire), "ZeroMQ returns what it was given");
  outgoing->pool->give_back(std::move(outgoing->buffer));
}

zmq::message_t to_message(ByteBuffer buffer, const std::shared_ptr<RecyclingBufferPool>& pool) {
  if (buffer.size() <= kCopiedBytes) {
    zmq::message_t message(buffer.data(), buffer.size());
    pool->give_back(std::move(buffer));
    return message;
  }
  auto outgoing = std::make_unique<Outgoing>();
  outgoing->buffer = std::move(buffer);
  outgoing->pool = pool;
  char* const data = outgoing->buffer.data();
  const std::size_t size = outgoing->buffer.size();
  outgoing->handed_over.store(true, std::memory_order_release);
  return zmq::message_t(data, size, &return_to_pool, outgoing.release());
}

struct Peer {
  Peer(WorkerId peer, std::string address) : id(peer), endpoint(std::move(address)) {}
  const WorkerId id;
  const std::string endpoint;

  // Any thread sends; the network thread closes when the connection is lost.
  std::mutex mutex;
  zmq::socket_t dealer;  // closed: lost, or stopped

  // The network thread's, once it has seen the peer.
  std::unique_ptr<SocketMonitor> monitor;
  bool was_connected = false;
  std::string cannot_connect;  // set by connect(): never was a connection
};

struct Counters {
  std::atomic<std::uint64_t> sent{0}, received{0}, refused_messages{0}, failed_handshakes{0}, closed_connections{0},
      dropped_messages{0};
};

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

class ZmqDataTransport::Sockets {
 public:
  explicit Sockets(const ZmqDataOptions& options)
      : options_(options),
        pool_(std::make_shared<RecyclingBufferPool>(options.pool)),
        context_(1),
        router_(context_, zmq::socket_type::router),
        router_monitor_(std::make_unique<SocketMonitor>(context_, router_)) {
    prepare(router_);
  }

  Status bind() {
    auto bound = bind_socket(router_, options_.bind);
    if (!bound) return bound.error();
    endpoint_ = *bound;
    return {};
  }
  const std::string& endpoint() const { return endpoint_; }
  BufferPool& pool() { return *pool_; }
  const Counters& counters() const { return counters_; }

  void connect(WorkerId id, const std::string& endpoint);
  void send(WorkerId id, ByteBuffer buffer);
  void start(DataReceiver& receiver);
  void stop(Duration linger);

 private:
  void prepare(zmq::socket_t& socket) const {
    set_common_options(socket, {options_.keepalive_interval, options_.keepalive_timeout}, options_.max_message_bytes);
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
  }

  // On the network thread.
  void run();
  void list_sockets();
  bool receive_one();
  void watch_router();
  void watch(Peer& peer);
  void lose(Peer& peer, const std::string& reason);

  // Set once in the constructor, or by bind.
  const ZmqDataOptions options_;
  const std::shared_ptr<RecyclingBufferPool> pool_;  // shared with buffers that ZeroMQ still holds
  std::string endpoint_;
  zmq::context_t context_;
  WakeFd wake_;

  // The network thread's between start() and stop().
  zmq::socket_t router_;
  std::unique_ptr<SocketMonitor> router_monitor_;
  DataReceiver* receiver_ = nullptr;
  std::vector<zmq::pollitem_t> poll_items_;  // [kFirstPeer + i] is the monitor of watched_[i]
  std::vector<Peer*> watched_;

  // Senders look peers up while connect() adds some. Peers stay until the end, so a found one may be kept.
  std::shared_mutex peers_mutex_;
  std::map<WorkerId, std::unique_ptr<Peer>> peers_;

  std::atomic<bool> stopping_{false};
  std::thread thread_;
  Counters counters_;
};

void ZmqDataTransport::Sockets::connect(WorkerId id, const std::string& endpoint) {
  {
    const std::lock_guard lock(peers_mutex_);
    if (stopping_ || peers_.contains(id)) return;
    auto peer = std::make_unique<Peer>(id, endpoint);
    peer->dealer = zmq::socket_t(context_, zmq::socket_type::dealer);
    prepare(peer->dealer);
    peer->dealer.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
    peer->monitor = std::make_unique<SocketMonitor>(context_, peer->dealer);
    try {
      retry_interrupted([&] { peer->dealer.connect(endpoint); });
    } catch (const zmq::error_t& problem) {
      peer->cannot_connect = problem.what();
    }
    peers_.emplace(id, std::move(peer));
  }
  wake_.wake();
}

void ZmqDataTransport::Sockets::send(WorkerId id, ByteBuffer buffer) {
  CHECK(buffer.size() <= options_.max_message_bytes, "a message is within the transport's limit");
  Peer* peer = nullptr;
  {
    const std::shared_lock lock(peers_mutex_);
    const auto found = peers_.find(id);
    CHECK(found != peers_.end() || stopping_, "a peer is connected before anything is sent to it");
    if (found != peers_.end()) peer = found->second.get();
  }
  zmq::message_t message = to_message(std::move(buffer), pool_);
  if (peer != nullptr) {
    const std::lock_guard lock(peer->mutex);
    if (peer->dealer && try_send(peer->dealer, message)) return count(counters_.sent);
  }
  count(counters_.dropped_messages);
}

void ZmqDataTransport::Sockets::start(DataReceiver& receiver) {
  CHECK(!thread_.joinable() && !stopping_, "a transport is started once");
  receiver_ = &receiver;
  thread_ = std::thread([this] { run(); });
}

void ZmqDataTransport::Sockets::stop(Duration linger) {
  CHECK(std::this_thread::get_id() != thread_.get_id(), "a receiver does not stop its transport");
  if (stopping_.exchange(true)) return;
  wake_.wake();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(peers_mutex_);
    for (auto& [id, peer] : peers_) {
      const std::lock_guard peer_lock(peer->mutex);
      if (peer->dealer) {
        peer->dealer.set(zmq::sockopt::linger, static_cast<int>(linger.count()));
        peer->dealer.close();
      }
      peer->monitor.reset();
    }
  }
  router_.close();
  router_monitor_.reset();
  context_.close();  // waits for what lingers
}

void ZmqDataTransport::Sockets::run() {
  base::set_thread_name("freshet-net");
  list_sockets();
  while (!stopping_) {
    poll_sockets(poll_items_, -1);
    const bool woken = (poll_items_[0].revents & ZMQ_POLLIN) != 0;
    if (woken) wake_.drain();
    // Before the monitors: what a lost peer sent and we have is still good.
    for (int i = 0; i < kReceiveBatch && !stopping_ && receive_one(); ++i) {
    }
    watch_router();
    bool changed = woken;
    for (std::size_t i = 0; i < watched_.size() && !stopping_; ++i) {
      if ((poll_items_[kFirstPeer + i].revents & ZMQ_POLLIN) == 0) continue;
      watch(*watched_[i]);
      changed = changed || !watched_[i]->monitor;
    }
    if (changed) list_sockets();
  }
}

void ZmqDataTransport::Sockets::list_sockets() {
  poll_items_ = {{nullptr, wake_.fd(), ZMQ_POLLIN, 0},
                 {router_.handle(), 0, ZMQ_POLLIN, 0},
                 {router_monitor_->socket().handle(), 0, ZMQ_POLLIN, 0}};
  watched_.clear();
  std::vector<Peer*> unreachable;
  {
    const std::shared_lock lock(peers_mutex_);
    for (auto& [id, peer] : peers_) {
      if (!peer->monitor) continue;  // lost
      if (!peer->cannot_connect.empty()) unreachable.push_back(peer.get());
      poll_items_.push_back({peer->monitor->socket().handle(), 0, ZMQ_POLLIN, 0});
      watched_.push_back(peer.get());
    }
  }
  for (Peer* peer : unreachable) {
    lose(*peer, "cannot connect to worker " + std::to_string(peer->id.value) + " at " + peer->endpoint + ": " +
                    peer->cannot_connect);
  }
  if (!unreachable.empty()) list_sockets();
}

/// False: nothing is there.
bool ZmqDataTransport::Sockets::receive_one() {
  zmq::message_t sender;
  if (!try_receive(router_, sender)) return false;
  zmq::message_t received;
  CHECK(sender.more() && try_receive(router_, received), "all parts of a message come together");
  if (received.more()) {
    skip_rest(router_, received);
    count(counters_.refused_messages);
    return true;
  }
  count(counters_.received);
  // Shared, for it is the owner that ReceivedMessage asks for.
  const auto message = received.size() <= kReceiveBlockBytes
                           ? std::make_shared<zmq::message_t>(received.data(), received.size())
                           : std::make_shared<zmq::message_t>(std::move(received));
  receiver_->on_message(ReceivedMessage({message->data<char>(), message->size()}, message));
  return true;
}

void ZmqDataTransport::Sockets::watch_router() {
  while (const auto event = router_monitor_->next()) {
    if (*event == ConnectionEvent::handshake_failed) count(counters_.failed_handshakes);
    if (*event == ConnectionEvent::lost) count(counters_.closed_connections);
  }
}

void ZmqDataTransport::Sockets::watch(Peer& peer) {
  while (peer.monitor) {
    const auto event = peer.monitor->next();
    if (!event) return;
    if (*event == ConnectionEvent::connected) peer.was_connected = true;
    // Before the first connection nothing has left us: a failed attempt costs nothing and is made again.
    if (*event == ConnectionEvent::lost && peer.was_connected)
      lose(peer, "the connection to worker " + std::to_string(peer.id.value) + " at " + peer.endpoint + " was lost");
  }
}

void ZmqDataTransport::Sockets::lose(Peer& peer, const std::string& reason) {
  {
    const std::lock_guard lock(peer.mutex);
    peer.dealer.close();
  }
  peer.monitor.reset();
  receiver_->on_peer_lost(peer.id, reason);
}

Result<std::unique_ptr<ZmqDataTransport>> ZmqDataTransport::create(const ZmqDataOptions& options) {
  auto sockets = std::make_unique<Sockets>(options);
  if (auto bound = sockets->bind(); !bound) {
    sockets->stop(0ms);
    return bound.error();
  }
  return std::unique_ptr<ZmqDataTransport>(new ZmqDataTransport(std::move(sockets)));
}

ZmqDataTransport::ZmqDataTransport(std::unique_ptr<Sockets> sockets) : sockets_(std::move(sockets)) {}
ZmqDataTransport::~ZmqDataTransport() { sockets_->stop(0ms); }

std::string ZmqDataTransport::endpoint() const { return sockets_->endpoint(); }
void ZmqDataTransport::connect(WorkerId peer, const std::string& endpoint) { sockets_->connect(peer, endpoint); }
void ZmqDataTransport::send(WorkerId peer, ByteBuffer message) { sockets_->send(peer, std::move(message)); }
BufferPool& ZmqDataTransport::buffers() { return sockets_->pool(); }
void ZmqDataTransport::start(DataReceiver& receiver) { sockets_->start(receiver); }
void ZmqDataTransport::stop(Duration linger) { sockets_->stop(linger); }

DataTransportCounts ZmqDataTransport::counts() const {
  const auto& counters = sockets_->counters();
  return {counters.sent,
          counters.received,
          counters.refused_messages,
          counters.failed_handshakes,
          counters.closed_connections,
          counters.dropped_messages};
}

}  // namespace freshet::transport
