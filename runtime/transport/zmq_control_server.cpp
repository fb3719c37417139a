#include "runtime/transport/zmq_control_server.h"

#include <bit>

#include "runtime/base/check.h"
#include "runtime/transport/zmq_socket.h"

namespace freshet::transport {

namespace {

/// Messages taken in one round of the loop: others on it want their turn.

}  // namespace

class ZmqControlServer::Sockets {
 public:
  Sockets(EventLoop& loop, const ZmqControlServerOptions& options, Deliver deliver, base::Logger log)
      : loop_(loop),
        options_(options),
        deliver_(std::move(deliver)),
        log_(std::move(log)),
        context_(1),
        router_(context_, zmq::socket_type::router) {
    set_common_options(router_, {options_.keepalive_interval, options_.keepalive_timeout}, options_.max_message_bytes);
    router_.set(zmq::sockopt::sndhwm, static_cast<int>(options_.max_queued));
    router_.set(zmq::sockopt::router_mandatory, true);  // tells when a peer is gone or full, else that is silent
    router_.set(zmq::sockopt::linger, static_cast<int>(options_.linger.count()));
  }
  ~Sockets() { loop_.remove_socket(router_.handle()); }

  Status listen() {
    auto bound = bind_socket(router_, options_.bind);
    if (!bound) return bound.error();
    endpoint_ = *bound;
    loop_.add_socket(router_.handle(), [this] { receive_some(); });
    return {};
  }

  const std::string& endpoint() const { return endpoint_; }
  const ControlCounts& counts() const { return counts_; }

  void send(const std::string& peer, const wire::ControlMessage& message) {
    scratch_.clear();
    wire::encode_control(scratch_, message);
    if (scratch_.size() > options_.max_message_bytes) {
      ++counts_.dropped;
      log_.error(wire::control_name(message.body), " of ", scratch_.size(), " bytes not sent: at most ",
                 options_.max_message_bytes, " are taken");
      return;
    }
    zmq::message_t address(peer.data(), peer.size());
    zmq::message_t body(scratch_.data(), scratch_.size());
    const bool sent = try_send(router_, address, true) && try_send(router_, body);
    ++(sent ? counts_.sent : counts_.dropped);
  }

 private:
  void receive_some() {
    for (int i = 0; i < kControlBatch && receive_one(); ++i) {
    }
  }

  bool receive_one() {
    zmq::message_t address;
    if (!try_receive(router_, address)) return false;
    zmq::message_t body;
    CHECK(address.more() && try_receive(router_, body), "all parts of a message come together");
    const std::string peer = address.to_string();
    if (body.more()) {
      skip_rest(router_, body);
      refuse("a message of several parts");
      return true;
    }
    wire::ControlMessage message;
    std::string why;
    if (!wire::decode_control(body.to_string_view(), message, why)) {
      refuse(why);
      return true;
    }
    ++counts_.received;
    deliver_(peer, std::move(message));
    return true;
  }

  /// Logs the 1st, 2nd, 4th, 8th …: a hostile peer must not fill the disk.
  void refuse(const std::string& why) {
    ++counts_.refused;
    if (std::has_single_bit(counts_.refused))
      log_.warn("refused a control message: ", why, "; ", counts_.refused, " so far");
  }

  // Set once in the constructor, or by listen.
  EventLoop& loop_;
  const ZmqControlServerOptions options_;
  const Deliver deliver_;
  const base::Logger log_;
  std::string endpoint_;

  zmq::context_t context_;
  zmq::socket_t router_;
  ByteBuffer scratch_;
  ControlCounts counts_;
};

Result<std::unique_ptr<ZmqControlServer>> ZmqControlServer::create(EventLoop& loop,
                                                                   const ZmqControlServerOptions& options,
                                                                   Deliver deliver, base::Logger log) {
  auto sockets = std::make_unique<Sockets>(loop, options, std::move(deliver), std::move(log));
  if (auto listening = sockets->listen(); !listening) return listening.error();
  return std::unique_ptr<ZmqControlServer>(new ZmqControlServer(std::move(sockets)));
}

ZmqControlServer::ZmqControlServer(std::unique_ptr<Sockets> sockets) : sockets_(std::move(sockets)) {}
ZmqControlServer::~ZmqControlServer() = default;

const std::string& ZmqControlServer::endpoint() const { return sockets_->endpoint(); }
void ZmqControlServer::send(const std::string& peer, const wire::ControlMessage& message) {
  sockets_->send(peer, message);
}
const ControlCounts& ZmqControlServer::counts() const { return sockets_->counts(); }

}  // namespace freshet::transport
