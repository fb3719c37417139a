#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/transport/buffer_pool.h"
#include "runtime/transport/data_transport.h"

namespace freshet::transport {

/// Who calls the receiver of an in-process transport: a thread of its own, or whoever calls drain().
enum class InprocDelivery : std::uint8_t { own_thread, by_drain };

/// What has arrived for one worker of a hub and was not delivered yet. Any thread puts in; its transport takes out.
class InprocInbox {
 public:
  struct Item {
    ReceivedMessage message{};
    bool peer_lost = false;  // then `peer` and `reason` count
    WorkerId peer{};
    std::string reason{};
  };

  /// False: closed, the item is dropped.
  bool put(Item item);
  /// The next item; `wait`: until there is one or the inbox is closed. False: there is none.
  bool take(Item& item, bool wait);
  /// Tells all watchers, and drops what is in it and what will come.
  void close(const std::string& reason);
  /// `watcher` hears, as loss of `name`, that this inbox was closed; at once if it is.
  void watch(const std::shared_ptr<InprocInbox>& watcher, WorkerId name);

 private:
  struct Watcher {
    std::weak_ptr<InprocInbox> inbox;
    WorkerId name;
  };

  std::mutex mutex_;  // senders put while the transport takes
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::vector<Watcher> watchers_;
  bool closed_ = false;
  std::string closed_reason_;
};

/// Where the in-process transports of one attempt find each other. Must outlive them. Thread-safe.
class InprocHub {
 public:
  /// The inbox of an address; made when it is first asked for, so that transports may be made in any order.
  std::shared_ptr<InprocInbox> inbox(const std::string& endpoint);

 private:
  std::mutex mutex_;  // transports of several threads connect
  std::map<std::string, std::shared_ptr<InprocInbox>> inboxes_;
};

/// Frames inside one process, for `run --in-process`, tests and the simulator: same promises as the one over ZeroMQ,
/// order and loss included. A message is handed over as it is, not copied; its buffer returns to the sender's pool when
/// the receiver drops it. The receiver is called on the transport's own thread, or, with by_drain, inside drain() and
/// nowhere else, so that one thread can run many transports in an order of its choice.
class InprocDataTransport final : public DataTransport {
 public:
  /// `self` once per hub: its address is "inproc://worker-<self>".
  InprocDataTransport(InprocHub& hub, WorkerId self, InprocDelivery delivery);
  ~InprocDataTransport() override;

  std::string endpoint() const override { return endpoint_; }
  void connect(WorkerId peer, const std::string& endpoint) override;
  void send(WorkerId peer, ByteBuffer message) override;
  BufferPool& buffers() override { return *pool_; }
  void start(DataReceiver& receiver) override;
  /// Everything sent is with its receiver already: nothing lingers. Peers that connected to this one lose it.
  void stop(Duration linger) override;

  /// Delivers what is there, at most `most` items; how many it were. Only with by_drain, after start.
  std::size_t drain(std::size_t most = ~std::size_t{0});

 private:
  void deliver(InprocInbox::Item item);

  // Set once in the constructor.
  InprocHub& hub_;
  const std::string endpoint_;
  const InprocDelivery delivery_;
  const std::shared_ptr<InprocInbox> inbox_;         // shared with those that send to it
  const std::shared_ptr<RecyclingBufferPool> pool_;  // shared with messages that others still hold

  std::mutex mutex_;  // any thread sends while connect() adds peers
  std::map<WorkerId, std::shared_ptr<InprocInbox>> peers_;
  bool stopped_ = false;

  DataReceiver* receiver_ = nullptr;
  std::thread thread_;
};

}  // namespace freshet::transport
