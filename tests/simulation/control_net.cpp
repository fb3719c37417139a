#include "tests/simulation/control_net.h"

#include "runtime/base/check.h"

namespace freshet::sim {

namespace {

constexpr Nanoseconds kLongestPause = std::chrono::seconds(2);

std::string encoded(const wire::ControlMessage& message) {
  ByteBuffer bytes;
  wire::encode_control(bytes, message);
  return std::string(bytes.view());
}

wire::ControlMessage decoded(const std::string& bytes) {
  wire::ControlMessage message;
  std::string why;
  CHECK(wire::decode_control(bytes, message, why), "what one process encodes the other can read");
  return message;
}

}  // namespace

void ControlServer::send(const std::string& peer, const wire::ControlMessage& message) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;  // gone: its silence will tell
  network_.scheduler().note(wire::control_name(message.body));
  auto* client = found->second.client;
  found->second.down->send([client, peer, bytes = encoded(message)] {
    if (!client->closed_ && client->name_ == peer) client->callbacks_.deliver(decoded(bytes));
  });
}

void ControlServer::go_down(Nanoseconds duration) {
  up_again_ = network_.scheduler().now() + duration;
  for (auto& [name, peer] : std::exchange(peers_, {})) {
    peer.down->close(peer.down->under_way());
    peer.up->cut("the job manager ended");
  }
}

void ControlClient::connect() {
  const auto make = [this] {
    if (closed_) return;
    if (network_.is_blocked(place_.machine, server_.manager_.machine) || server_.up_again_ > network_.scheduler().now())
      return retry();
    pause_ = std::chrono::milliseconds(50);
    name_ = "peer-" + std::to_string(++server_.connections_);
    up_ = &network_.open(place_, server_.manager_, [this, name = name_](const std::string&) {
      if (name_ == name) lose();
    });
    server_.peers_[name_] = {this, up_,
                             &network_.open(server_.manager_, place_,
                                            [this, name = name_](const std::string&) { server_.peers_.erase(name); })};
    greeting_ = true;
    callbacks_.on_connected();
    greeting_ = false;
    while (!held_.empty()) {
      put(held_.front());
      held_.pop_front();
    }
  };
  network_.scheduler().after(network_.delay(place_.machine, server_.manager_.machine), "connect", make, place_.process);
}

void ControlClient::retry() {
  network_.scheduler().after(
      pause_, "reconnect", [this] { connect(); }, place_.process);
  pause_ = std::min(pause_ * 2, kLongestPause);
}

void ControlClient::lose() {
  if (closed_ || up_ == nullptr) return;
  up_ = nullptr;
  callbacks_.on_disconnected();
  if (!closed_) retry();
}

void ControlClient::send(const wire::ControlMessage& message) {
  network_.scheduler().note(wire::control_name(message.body));
  auto bytes = encoded(message);
  if (up_ != nullptr && (greeting_ || held_.empty()))
    put(bytes);
  else
    held_.push_back(std::move(bytes));
}

void ControlClient::put(const std::string& bytes) {
  up_->send([this, bytes, name = name_] { server_.deliver_(name, decoded(bytes)); });
}

void ControlClient::close(std::size_t lost) {
  closed_ = true;
  if (up_ == nullptr) return;
  up_->close(lost);
  server_.peers_.erase(name_);
}

}  // namespace freshet::sim
