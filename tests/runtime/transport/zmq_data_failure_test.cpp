#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <zmq.hpp>

#include "runtime/transport/zmq_data_transport.h"
#include "tests/runtime/transport/transport_support.h"

/// Peers that die, hang, or are no peers at all.
namespace freshet::transport {
namespace {

using namespace testing_support;

constexpr WorkerId kPeer{7};

std::unique_ptr<ZmqDataTransport> make(const ZmqDataOptions& options = {}) {
  auto transport = ZmqDataTransport::create(options);
  EXPECT_TRUE(transport) << transport.error().message;
  return std::move(*transport);
}

TEST(LostPeer, IsReportedOnceAndNeverReconnected) {
  const SocketDirectory directory;
  RecordingReceiver received;
  RecordingReceiver events;
  auto peer = make({.bind = directory.endpoint("peer")});
  peer->start(received);
  auto transport = make();
  transport->connect(kPeer, peer->endpoint());
  transport->start(events);
  send_text(*transport, kPeer, "first");
  ASSERT_TRUE(received.wait_for_messages(1));
  peer->stop(0ms);
  ASSERT_TRUE(events.wait_for_loss());

  // Another one at the same address must not get what belongs behind the messages that were lost.
  RecordingReceiver successor_received;
  auto successor = make({.bind = directory.endpoint("peer")});
  successor->start(successor_received);
  send_text(*transport, kPeer, "second");
  auto other = make();
  other->connect(kPeer, successor->endpoint());
  send_text(*other, kPeer, "from another");
  ASSERT_TRUE(successor_received.wait_for_messages(1));
  transport->stop(0ms);
  EXPECT_EQ(successor_received.texts(), std::vector<std::string>{"from another"});
  EXPECT_EQ(transport->counts().dropped_messages, 1u);
  EXPECT_EQ(events.lost(), std::vector<WorkerId>{kPeer});
  EXPECT_EQ(events.reasons().at(0), "the connection to worker 7 at " + directory.endpoint("peer") + " was lost");
}

TEST(LostPeer, QueuedBuffersReturnToThePool) {
  RecordingReceiver received;
  RecordingReceiver events;
  received.cork(true);
  auto peer = make();
  peer->start(received);
  auto transport = make();
  transport->connect(kPeer, peer->endpoint());
  transport->start(events);
  for (int i = 0; i < 200; ++i) send_text(*transport, kPeer, std::string(500'000, 'x'));
  received.cork(false);
  peer->stop(0ms);
  ASSERT_TRUE(events.wait_for_loss());
  EXPECT_TRUE(eventually([&] { return dynamic_cast<RecyclingBufferPool&>(transport->buffers()).outstanding() == 0; }));
}

TEST(LostPeer, AddressThatMakesNoSenseIsOne) {
  RecordingReceiver events;
  auto transport = make();
  transport->connect(kPeer, "carrier-pigeon://7");
  transport->start(events);
  ASSERT_TRUE(events.wait_for_loss());
  EXPECT_NE(events.reasons().at(0).find("cannot connect to worker 7 at carrier-pigeon://7"), std::string::npos);
  send_text(*transport, kPeer, "x");
  EXPECT_EQ(transport->counts().dropped_messages, 1u);
}

/// A worker process of its own; tells by a byte on a pipe that a message has arrived.
class PeerProcess {
 public:
  explicit PeerProcess(const std::string& endpoint) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      RecordingReceiver received;
      auto transport = ZmqDataTransport::create({.bind = endpoint});
      if (!transport) _exit(1);
      (*transport)->start(received);
      if (!received.wait_for_messages(1) || write(ends[1], "!", 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ends[1]);
    arrived_ = ends[0];
  }
  ~PeerProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(arrived_);
  }
  bool has_message() const {
    char byte = 0;
    return read(arrived_, &byte, 1) == 1;
  }
  void send_signal(int number) const { kill(pid_, number); }

 private:
  pid_t pid_ = -1;
  int arrived_ = -1;
};

class LostProcess : public testing::TestWithParam<int> {};

// SIGKILL: the system closes its connections. SIGSTOP: they stay open, and only silence tells.
TEST_P(LostProcess, IsReportedOnce) {
  const SocketDirectory directory;
  const PeerProcess peer(directory.endpoint("peer"));  // before this process has other threads
  RecordingReceiver events;
  auto transport = make({.keepalive_interval = 200ms, .keepalive_timeout = 1000ms});
  transport->connect(kPeer, directory.endpoint("peer"));
  transport->start(events);
  send_text(*transport, kPeer, "hello");
  ASSERT_TRUE(peer.has_message());
  peer.send_signal(GetParam());
  ASSERT_TRUE(events.wait_for_loss());
  transport->stop(0ms);
  EXPECT_EQ(events.lost(), std::vector<WorkerId>{kPeer});
}

INSTANTIATE_TEST_SUITE_P(Signals, LostProcess, testing::Values(SIGKILL, SIGSTOP));

class HostilePeer : public testing::Test {
 protected:
  HostilePeer()
      : transport_(make({.max_message_bytes = kLimit})), context_(1), dealer_(context_, zmq::socket_type::dealer) {
    transport_->start(received_);
    dealer_.set(zmq::sockopt::linger, 0);
    dealer_.connect(transport_->endpoint());
  }
  ~HostilePeer() override { dealer_.close(); }

  /// A sound peer still gets through.
  void expect_sound_peer_is_heard() {
    const std::size_t before = received_.texts().size();
    auto sound = make();
    sound->connect(kPeer, transport_->endpoint());
    send_text(*sound, kPeer, "sound");
    ASSERT_TRUE(received_.wait_for_messages(before + 1));  // counted is a message before it is handed on
    EXPECT_EQ(received_.texts().back(), "sound");
  }

  static constexpr std::size_t kLimit = 100'000;
  RecordingReceiver received_;
  std::unique_ptr<ZmqDataTransport> transport_;
  zmq::context_t context_;
  zmq::socket_t dealer_;
};

TEST_F(HostilePeer, MessageOfSeveralPartsIsRefusedWhole) {
  for (int i = 0; i < 10; ++i) {
    for (int part = 0; part < 5; ++part)
      dealer_.send(zmq::str_buffer("part"), part < 4 ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  EXPECT_TRUE(eventually([&] { return transport_->counts().refused_messages == 10; }));
  expect_sound_peer_is_heard();
  EXPECT_EQ(received_.texts(), std::vector<std::string>{"sound"});
}

TEST_F(HostilePeer, MessageAtTheLimitArrivesAndOneAboveCostsItsConnection) {
  dealer_.send(zmq::buffer(std::string(kLimit, 'x')));
  ASSERT_TRUE(received_.wait_for_messages(1));
  dealer_.send(zmq::buffer(std::string(kLimit + 1, 'x')));
  EXPECT_TRUE(eventually([&] { return transport_->counts().closed_connections >= 1; }));
  EXPECT_EQ(transport_->counts().received, 1u);
  expect_sound_peer_is_heard();
}

TEST_F(HostilePeer, EmptyMessageIsHandedOnToBeRefusedThere) {
  dealer_.send(zmq::message_t(), zmq::send_flags::none);
  ASSERT_TRUE(received_.wait_for_messages(1));
  EXPECT_EQ(received_.texts(), std::vector<std::string>{""});
}

TEST_F(HostilePeer, BytesThatAreNoZeroMqAreCounted) {
  const auto colon = transport_->endpoint().rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(transport_->endpoint().substr(colon + 1))));
  const base::FileDescriptor raw(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(connect(raw.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  // A greeting of this protocol's size, then a mechanism that does not exist.
  std::string garbage = std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0", 12) + "GARBAGE" + std::string(1000, '\x99');
  EXPECT_GT(send(raw.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
  EXPECT_TRUE(eventually([&] { return transport_->counts().failed_handshakes >= 1; }));
  expect_sound_peer_is_heard();
}

}  // namespace
}  // namespace freshet::transport
