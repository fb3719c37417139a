#include "runtime/transport/inproc_data_transport.h"

#include "runtime/base/check.h"
#include "runtime/base/thread_name.h"

namespace freshet::transport {

namespace {

/// A message in flight; its buffer goes back to the sender's pool with its last holder.
struct Parcel {
  Parcel(ByteBuffer bytes, std::shared_ptr<RecyclingBufferPool> home)
      : buffer(std::move(bytes)), pool(std::move(home)) {}
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;
  ~Parcel() { pool->give_back(std::move(buffer)); }

  ByteBuffer buffer;
  std::shared_ptr<RecyclingBufferPool> pool;  // shared: the sender's transport may be gone before the receiver is done
};

}  // namespace

bool InprocInbox::put(Item item) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
  }
  changed_.notify_one();
  return true;
}

bool InprocInbox::take(Item& item, bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) changed_.wait(lock, [this] { return closed_ || !items_.empty(); });
  if (closed_ || items_.empty()) return false;
  item = std::move(items_.front());
  items_.pop_front();
  return true;
}

void InprocInbox::close(const std::string& reason) {
  std::vector<Watcher> watchers;
  std::deque<Item> dropped;  // destroyed outside the lock: buffers go to pools with locks of their own
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    closed_reason_ = reason;
    watchers.swap(watchers_);
    dropped.swap(items_);
  }
  changed_.notify_all();
  for (const auto& watcher : watchers) {
    if (const auto inbox = watcher.inbox.lock()) inbox->put({{}, true, watcher.name, reason});
  }
}

void InprocInbox::watch(const std::shared_ptr<InprocInbox>& watcher, WorkerId name) {
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      watchers_.push_back({watcher, name});
      return;
    }
    reason = closed_reason_;
  }
  watcher->put({{}, true, name, reason});
}

std::shared_ptr<InprocInbox> InprocHub::inbox(const std::string& endpoint) {
  const std::lock_guard lock(mutex_);
  auto& inbox = inboxes_[endpoint];
  if (!inbox) inbox = std::make_shared<InprocInbox>();
  return inbox;
}

InprocDataTransport::InprocDataTransport(InprocHub& hub, WorkerId self, InprocDelivery delivery)
    : hub_(hub),
      endpoint_("inproc://worker-" + std::to_string(self.value)),
      delivery_(delivery),
      inbox_(hub.inbox(endpoint_)),
      pool_(std::make_shared<RecyclingBufferPool>()) {}

InprocDataTransport::~InprocDataTransport() { stop(0ms); }

void InprocDataTransport::connect(WorkerId peer, const std::string& endpoint) {
  const auto inbox = hub_.inbox(endpoint);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || !peers_.emplace(peer, inbox).second) return;
  }
  inbox->watch(inbox_, peer);
}

void InprocDataTransport::send(WorkerId peer, ByteBuffer message) {
  const auto parcel = std::make_shared<Parcel>(std::move(message), pool_);
  std::shared_ptr<InprocInbox> inbox;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    const auto found = peers_.find(peer);
    CHECK(found != peers_.end(), "a peer is connected before anything is sent to it");
    inbox = found->second;
  }
  inbox->put({ReceivedMessage(parcel->buffer.view(), parcel)});
}

void InprocDataTransport::start(DataReceiver& receiver) {
  CHECK(receiver_ == nullptr, "a transport is started once");
  receiver_ = &receiver;
  if (delivery_ == InprocDelivery::by_drain) return;
  thread_ = std::thread([this] {
    base::set_thread_name("freshet-net");
    InprocInbox::Item item;
    while (inbox_->take(item, true)) deliver(std::move(item));
  });
}

void InprocDataTransport::stop(Duration) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  inbox_->close("the worker at " + endpoint_ + " stopped");
  if (thread_.joinable()) thread_.join();
}

std::size_t InprocDataTransport::drain(std::size_t most) {
  CHECK(delivery_ == InprocDelivery::by_drain && receiver_ != nullptr,
        "drain is for a started transport without thread");
  std::size_t delivered = 0;
  InprocInbox::Item item;
  while (delivered < most && inbox_->take(item, false)) {
    deliver(std::move(item));
    ++delivered;
  }
  return delivered;
}

void InprocDataTransport::deliver(InprocInbox::Item item) {
  if (item.peer_lost)
    receiver_->on_peer_lost(item.peer, item.reason);
  else
    receiver_->on_message(std::move(item.message));
}

}  // namespace freshet::transport
