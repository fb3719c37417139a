#include "runtime/transport/zmq_control_client.h"

#include <bit>
#include <deque>

#include "runtime/transport/zmq_socket.h"

namespace freshet::transport {

namespace {

/// Messages taken in one round of the loop: others on it want their turn.

}  // namespace

class ZmqControlClient::Sockets {
 public:
  Sockets(EventLoop& loop, const ZmqControlClientOptions& options, Callbacks callbacks, base::Logger log)
      : loop_(loop),
        options_(options),
        callbacks_(std::move(callbacks)),
        log_(std::move(log)),
        context_(1),
        dealer_(context_, zmq::socket_type::dealer),
        monitor_(context_, dealer_) {
    set_common_options(dealer_, {options_.keepalive_interval, options_.keepalive_timeout}, options_.max_message_bytes);
    dealer_.set(zmq::sockopt::sndhwm, static_cast<int>(options_.max_queued));
    dealer_.set(zmq::sockopt::immediate, true);  // queues for a connection that is, never for one that may come
    dealer_.set(zmq::sockopt::reconnect_ivl, static_cast<int>(options_.reconnect_first.count()));
    dealer_.set(zmq::sockopt::reconnect_ivl_max, static_cast<int>(options_.reconnect_most.count()));
    dealer_.set(zmq::sockopt::linger, static_cast<int>(options_.linger.count()));
  }

  ~Sockets() {
    loop_.remove_socket(monitor_.socket().handle());
    loop_.remove_socket(dealer_.handle());
  }

  Status connect() {
    try {
      retry_interrupted([&] { dealer_.connect(options_.endpoint); });
    } catch (const zmq::error_t& problem) {
      return Error{"cannot connect to a job manager at " + options_.endpoint + ": " + problem.what() +
                   "; an address looks like tcp://127.0.0.1:7601"};
    }
    // The monitor first: that a connection was made is heard before what comes through it.
    loop_.add_socket(monitor_.socket().handle(), [this] { watch(); });
    loop_.add_socket(dealer_.handle(), [this] { receive_some(); });
    return {};
  }

  void send(const wire::ControlMessage& message) {
    scratch_.clear();
    wire::encode_control(scratch_, message);
    if (scratch_.size() > options_.max_message_bytes) {
      ++counts_.dropped;
      log_.error(wire::control_name(message.body), " of ", scratch_.size(), " bytes not sent: at most ",
                 options_.max_message_bytes, " are taken");
      return;
    }
    if (connected_ && !greeting_) send_held();
    const bool in_turn = connected_ && (greeting_ || held_.empty());
    if (!in_turn || !send_bytes(scratch_.view())) hold(std::string(scratch_.view()));
  }

  bool is_connected() const { return connected_; }
  const ControlClientCounts& counts() const { return counts_; }

 private:
  bool send_bytes(std::string_view bytes) {
    zmq::message_t message(bytes.data(), bytes.size());
    if (!try_send(dealer_, message)) {
      // A connection just made is known to the socket only once it has looked into its mailbox; asking for its events
      // makes it look.
      int events = 0;
      std::size_t size = sizeof events;
      zmq_getsockopt(dealer_.handle(), ZMQ_EVENTS, &events, &size);
      if (!try_send(dealer_, message)) return false;
    }
    ++counts_.sent;
    return true;
  }

  void hold(std::string bytes) {
    held_bytes_ += bytes.size();
    held_.push_back(std::move(bytes));
    while (held_.size() > options_.held_messages || held_bytes_ > options_.held_bytes) {
      held_bytes_ -= held_.front().size();
      held_.pop_front();
      ++counts_.dropped;
    }
  }

  void watch() {
    while (const auto event = monitor_.next()) {
      if (*event == ConnectionEvent::connected && !connected_) {
        connected_ = true;
        ++counts_.connections;
        greeting_ = true;
        if (callbacks_.on_connected) callbacks_.on_connected();
        greeting_ = false;
        send_held();
      } else if (*event == ConnectionEvent::lost && connected_) {
        connected_ = false;
        if (callbacks_.on_disconnected) callbacks_.on_disconnected();
      }
    }
  }

  void send_held() {
    while (!held_.empty() && send_bytes(held_.front())) {
      held_bytes_ -= held_.front().size();
      held_.pop_front();
    }
  }

  void receive_some() {
    zmq::message_t body;
    for (int i = 0; i < kControlBatch && try_receive(dealer_, body); ++i) {
      wire::ControlMessage message;
      std::string why = "a message of several parts";
      const bool single = !body.more();
      skip_rest(dealer_, body);
      if (single && wire::decode_control(body.to_string_view(), message, why)) {
        ++counts_.received;
        callbacks_.deliver(std::move(message));
      } else {
        refuse(why);
      }
    }
  }

  void refuse(const std::string& why) {
    ++counts_.refused;
    if (std::has_single_bit(counts_.refused))
      log_.warn("refused a message of the job manager: ", why, "; ", counts_.refused, " so far");
  }

  // Set once in the constructor.
  EventLoop& loop_;
  const ZmqControlClientOptions options_;
  const Callbacks callbacks_;
  const base::Logger log_;

  zmq::context_t context_;
  zmq::socket_t dealer_;
  SocketMonitor monitor_;
  bool connected_ = false;
  bool greeting_ = false;         // inside on_connected: what it sends goes ahead of what is held
  std::deque<std::string> held_;  // encoded, while there is no connection
  std::size_t held_bytes_ = 0;
  ByteBuffer scratch_;
  ControlClientCounts counts_;
};

Result<std::unique_ptr<ZmqControlClient>> ZmqControlClient::create(EventLoop& loop,
                                                                   const ZmqControlClientOptions& options,
                                                                   Callbacks callbacks, base::Logger log) {
  auto sockets = std::make_unique<Sockets>(loop, options, std::move(callbacks), std::move(log));
  if (auto connecting = sockets->connect(); !connecting) return connecting.error();
  return std::unique_ptr<ZmqControlClient>(new ZmqControlClient(std::move(sockets)));
}

ZmqControlClient::ZmqControlClient(std::unique_ptr<Sockets> sockets) : sockets_(std::move(sockets)) {}
ZmqControlClient::~ZmqControlClient() = default;

void ZmqControlClient::send(const wire::ControlMessage& message) { sockets_->send(message); }
bool ZmqControlClient::is_connected() const { return sockets_->is_connected(); }
const ControlClientCounts& ZmqControlClient::counts() const { return sockets_->counts(); }

}  // namespace freshet::transport
