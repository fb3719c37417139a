#include <zmq.hpp>

#include "runtime/transport/zmq_control_client.h"
#include "runtime/transport/zmq_control_server.h"
#include "tests/runtime/transport/transport_support.h"

namespace freshet::transport {
namespace {

using namespace testing_support;
using wire::ControlMessage;

ControlMessage heartbeat(std::uint64_t number) {
  wire::AgentHeartbeat beat;
  beat.memory_used = number;
  return {Term{1}, beat};
}

std::uint64_t number_of(const ControlMessage& message) {
  return std::get<wire::AgentHeartbeat>(message.body).memory_used;
}

/// Manager and agent on one loop, on one thread.
class ControlTest : public testing::Test {
 protected:
  ControlTest() : loop_(clock_) {}

  void start_server(ZmqControlServerOptions options = {}) {
    options.bind = directory_.endpoint("manager");
    auto server = ZmqControlServer::create(loop_, options, [this](const std::string& peer, ControlMessage message) {
      last_peer_ = peer;
      at_server_.push_back(std::move(message));
    });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(server.value());
  }

  void start_client(ZmqControlClientOptions options = {}) {
    options.endpoint = directory_.endpoint("manager");
    options.reconnect_first = 10ms;
    options.reconnect_most = 20ms;
    options.linger = 0ms;
    auto client = ZmqControlClient::create(
        loop_, options,
        {.deliver = [this](ControlMessage message) { at_client_.push_back(std::move(message)); },
         .on_connected =
             [this] {
               ++connected_;
               client_->send({Term{1}, wire::AgentHello{.agent = "a"}});
             },
         .on_disconnected = [this] { ++disconnected_; }});
    ASSERT_TRUE(client) << client.error().message;
    client_ = std::move(*client);
  }

  template <class Condition>
  bool run_until(Condition condition) {
    const auto give_up = clock_.steady() + kPatience;
    while (!condition()) {
      if (clock_.steady() > give_up) return false;
      loop_.run_once(10ms);
    }
    return true;
  }

  std::vector<std::string_view> names_at_server() const {
    std::vector<std::string_view> names;
    for (const auto& message : at_server_) names.push_back(wire::control_name(message.body));
    return names;
  }

  const base::SystemClock clock_;
  SocketDirectory directory_;
  EventLoop loop_;
  std::unique_ptr<ZmqControlServer> server_;
  std::unique_ptr<ZmqControlClient> client_;
  std::vector<ControlMessage> at_server_;
  std::vector<ControlMessage> at_client_;
  std::string last_peer_;
  int connected_ = 0;
  int disconnected_ = 0;
};

TEST_F(ControlTest, PeerIsAnsweredAtTheAddressItsMessageCameFrom) {
  start_server();
  start_client();
  ASSERT_TRUE(run_until([&] { return !at_server_.empty(); }));
  EXPECT_EQ(std::get<wire::AgentHello>(at_server_[0].body).agent, "a");
  server_->send(last_peer_, {Term{4}, wire::AgentWelcome{1s, 5s}});
  ASSERT_TRUE(run_until([&] { return !at_client_.empty(); }));
  EXPECT_EQ(at_client_[0].term, Term{4});
  EXPECT_EQ(std::get<wire::AgentWelcome>(at_client_[0].body).silence_limit, 5s);
  EXPECT_TRUE(client_->is_connected());
}

TEST_F(ControlTest, WhatIsSentBeforeTheManagerStartsFollowsTheHelloInOrder) {
  start_client();
  for (std::uint64_t i = 0; i < 20; ++i) client_->send(heartbeat(i));
  start_server();
  ASSERT_TRUE(run_until([&] { return at_server_.size() == 21; }));
  EXPECT_EQ(names_at_server()[0], "AgentHello");
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(number_of(at_server_[i + 1]), i);
}

TEST_F(ControlTest, ReconnectsAndGreetsAgainWhenTheManagerComesBack) {
  start_server();
  start_client();
  ASSERT_TRUE(run_until([&] { return at_server_.size() == 1; }));
  for (int round = 1; round <= 3; ++round) {
    const std::string old_address = last_peer_;
    server_.reset();
    ASSERT_TRUE(run_until([&] { return disconnected_ == round; }));
    EXPECT_FALSE(client_->is_connected());
    client_->send(heartbeat(7));
    at_server_.clear();
    start_server();
    ASSERT_TRUE(run_until([&] { return at_server_.size() == 2; }));
    EXPECT_EQ(names_at_server(), (std::vector<std::string_view>{"AgentHello", "AgentHeartbeat"}));
  }
  EXPECT_EQ(connected_, 4);
  EXPECT_EQ(client_->counts().connections, 4u);
}

TEST_F(ControlTest, HeldMessagesHaveALimitAndTheOldestGoFirst) {
  start_client({.held_messages = 3});
  for (std::uint64_t i = 0; i < 5; ++i) client_->send(heartbeat(i));
  EXPECT_EQ(client_->counts().dropped, 2u);
  start_server();
  ASSERT_TRUE(run_until([&] { return at_server_.size() == 4; }));
  EXPECT_EQ(number_of(at_server_[1]), 2u);
}

TEST_F(ControlTest, HeldBytesHaveALimit) {
  start_client({.held_bytes = 10'000});
  wire::LibraryChunk chunk;
  chunk.bytes = std::string(4000, 'x');
  for (int i = 0; i < 5; ++i) client_->send({Term{1}, chunk});
  EXPECT_EQ(client_->counts().dropped, 3u);
}

TEST_F(ControlTest, MessageAboveTheLimitIsNotSent) {
  start_server({.max_message_bytes = 1000});
  start_client({.max_message_bytes = 1000});
  ASSERT_TRUE(run_until([&] { return at_server_.size() == 1; }));
  wire::LibraryChunk chunk;
  chunk.bytes = std::string(1000, 'x');
  client_->send({Term{1}, chunk});
  server_->send(last_peer_, {Term{1}, chunk});
  EXPECT_EQ(client_->counts().dropped, 1u);
  EXPECT_EQ(server_->counts().dropped, 1u);
}

TEST_F(ControlTest, UnknownPeerIsIgnoredAndCounted) {
  start_server();
  server_->send("nobody", heartbeat(1));
  server_->send("", heartbeat(1));
  EXPECT_EQ(server_->counts().dropped, 2u);
  start_client();
  ASSERT_TRUE(run_until([&] { return !at_server_.empty(); }));
  client_.reset();
  ASSERT_TRUE(run_until([&] {
    server_->send(last_peer_, heartbeat(1));
    return server_->counts().dropped > 2;
  }));
}

TEST_F(ControlTest, PeerThatDoesNotReadCostsMessagesAndNeverBlocks) {
  start_server({.max_queued = 5});
  zmq::context_t context(1);
  zmq::socket_t deaf(context, zmq::socket_type::dealer);
  deaf.set(zmq::sockopt::linger, 0);
  deaf.set(zmq::sockopt::rcvhwm, 1);
  deaf.connect(directory_.endpoint("manager"));
  ByteBuffer hello;
  wire::encode_control(hello, {Term{1}, wire::AgentHello{.agent = "deaf"}});
  deaf.send(zmq::buffer(hello.data(), hello.size()));
  ASSERT_TRUE(run_until([&] { return !at_server_.empty(); }));
  wire::LibraryChunk chunk;
  chunk.bytes = std::string(wire::kLibraryChunkBytes, 'x');
  for (int i = 0; i < 1000 && server_->counts().dropped == 0; ++i) server_->send(last_peer_, {Term{1}, chunk});
  EXPECT_GT(server_->counts().dropped, 0u);
}

TEST_F(ControlTest, HostileMessagesAreRefusedAndCounted) {
  start_server({.max_message_bytes = 10'000});
  start_client();
  zmq::context_t context(1);
  zmq::socket_t hostile(context, zmq::socket_type::dealer);
  hostile.set(zmq::sockopt::linger, 0);
  hostile.connect(directory_.endpoint("manager"));
  hostile.send(zmq::str_buffer("garbage"));
  hostile.send(zmq::message_t(), zmq::send_flags::none);
  hostile.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  hostile.send(zmq::str_buffer("parts"));
  ASSERT_TRUE(run_until([&] { return server_->counts().refused == 3; }));
  hostile.send(zmq::buffer(std::string(10'001, 'x')));  // costs its connection
  client_->send(heartbeat(1));
  ASSERT_TRUE(run_until([&] { return at_server_.size() == 2; }));
  EXPECT_EQ(server_->counts().refused, 3u);
  EXPECT_EQ(server_->counts().received, 2u);
}

TEST_F(ControlTest, ClientRefusesWhatIsNoControlMessage) {
  zmq::context_t context(1);
  zmq::socket_t impostor(context, zmq::socket_type::router);
  impostor.set(zmq::sockopt::linger, 0);
  impostor.bind(directory_.endpoint("manager"));
  start_client();
  zmq::message_t address;
  ASSERT_TRUE(run_until([&] { return bool(impostor.recv(address, zmq::recv_flags::dontwait)); }));
  impostor.send(address, zmq::send_flags::sndmore);
  impostor.send(zmq::str_buffer("garbage"));
  EXPECT_TRUE(run_until([&] { return client_->counts().refused == 1; }));
  EXPECT_TRUE(at_client_.empty());
}

TEST_F(ControlTest, AddressesThatMakeNoSenseAreErrors) {
  EXPECT_FALSE(ZmqControlClient::create(loop_, {.endpoint = "nonsense"}, {}));
  EXPECT_FALSE(ZmqControlServer::create(loop_, {.bind = "nonsense"}, {}));
  const auto client = ZmqControlClient::create(loop_, {.endpoint = "tcp://"}, {});
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().message.find("cannot connect to a job manager at tcp://"), std::string::npos);
}

}  // namespace
}  // namespace freshet::transport
