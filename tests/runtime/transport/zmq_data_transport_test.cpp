#include "runtime/transport/zmq_data_transport.h"

#include <malloc.h>

#include "runtime/base/random.h"
#include "tests/runtime/transport/transport_support.h"

namespace freshet::transport {
namespace {

using namespace testing_support;

constexpr WorkerId kReceiver{2};

std::unique_ptr<ZmqDataTransport> make_transport(const ZmqDataOptions& options = {}) {
  auto transport = ZmqDataTransport::create(options);
  EXPECT_TRUE(transport) << transport.error().message;
  return std::move(*transport);
}

/// Its number, the checksum of what follows, and that.
void append_message(ByteBuffer& out, std::uint64_t number, std::size_t size) {
  const std::string body(size, static_cast<char>('a' + number % 26));
  const std::uint64_t checksum = wire::payload_checksum(body);
  out.write(reinterpret_cast<const char*>(&number), sizeof number);
  out.write(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  out.append(body);
}

std::uint64_t word(std::string_view bytes, std::size_t index) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

/// Checks number and checksum of what arrives, and keeps nothing. Slow when corked: then not one message is taken.
class CheckingReceiver final : public DataReceiver {
 public:
  void on_message(ReceivedMessage message) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !corked_; });
    const auto bytes = message.bytes();
    if (word(bytes, 0) != next_ || word(bytes, 1) != wire::payload_checksum(bytes.substr(16))) ++wrong_;
    ++next_;
    changed_.notify_all();
  }
  void on_peer_lost(WorkerId, const std::string&) override {
    const std::lock_guard lock(mutex_);
    ++wrong_;
  }
  void uncork() {
    const std::lock_guard lock(mutex_);
    corked_ = false;
    changed_.notify_all();
  }
  bool wait_for(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return next_ >= count; });
  }
  std::uint64_t wrong() {
    const std::lock_guard lock(mutex_);
    return wrong_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;
  std::uint64_t wrong_ = 0;
  bool corked_ = true;
};

// A socket with a high-water mark loses most of these without a word.
TEST(ZmqDataTransport, LosesNothingAndKeepsOrderHoweverSlowTheReceiver) {
  constexpr std::uint64_t kMessages = 100'000;
  constexpr std::uint64_t kSeed = 11;
  CheckingReceiver received;
  RecordingReceiver nothing;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  sender->start(nothing);
  base::Random random(kSeed);
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    ByteBuffer buffer = sender->buffers().take();
    append_message(buffer, i, random.below(random.chance(0.02) ? 200'000 : 3'000));
    sender->send(kReceiver, std::move(buffer));
  }
  received.uncork();
  EXPECT_TRUE(received.wait_for(kMessages));
  EXPECT_EQ(received.wrong(), 0u) << "seed " << kSeed;
  EXPECT_EQ(sender->counts().sent, kMessages);
  EXPECT_EQ(sender->counts().dropped_messages, 0u);
  EXPECT_EQ(receiver->counts().received, kMessages);
  auto& pool = dynamic_cast<RecyclingBufferPool&>(sender->buffers());
  EXPECT_TRUE(eventually([&] { return pool.outstanding() == 0; })) << "every buffer returns";
  EXPECT_LE(pool.kept(), BufferPoolLimits{}.buffers);
}

TEST(ZmqDataTransport, MessageOfManyMebibytesArrivesWhole) {
  CheckingReceiver received;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  ByteBuffer buffer;
  append_message(buffer, 0, 32u << 20);
  sender->send(kReceiver, std::move(buffer));
  received.uncork();
  EXPECT_TRUE(received.wait_for(1));
  EXPECT_EQ(received.wrong(), 0u);
}

TEST(ZmqDataTransport, EachThreadsMessagesStayInOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  RecordingReceiver received;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const std::string padding(t % 2 == 0 ? 10 : 5000, 'p');  // copied and not copied
      for (int i = 0; i < kEach; ++i)
        send_text(*sender, kReceiver, std::to_string(t) + " " + std::to_string(i) + " " + padding);
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(received.wait_for_messages(kThreads * kEach));
  std::vector<int> next(kThreads, 0);
  for (const auto& text : received.texts()) {
    const auto thread = static_cast<std::size_t>(text[0] - '0');
    ASSERT_EQ(std::stoi(text.substr(2)), next[thread]++);
  }
}

TEST(ZmqDataTransport, PeerMayStartLater) {
  const SocketDirectory directory;
  RecordingReceiver received;
  RecordingReceiver nothing;
  auto sender = make_transport();
  sender->connect(kReceiver, directory.endpoint("late"));
  sender->start(nothing);
  send_text(*sender, kReceiver, "early");
  auto receiver = make_transport({.bind = directory.endpoint("late")});
  receiver->start(received);
  ASSERT_TRUE(received.wait_for_messages(1));
  EXPECT_EQ(received.texts(), std::vector<std::string>{"early"});
  EXPECT_TRUE(nothing.lost().empty());
}

TEST(ZmqDataTransport, PeersMayConnectWhileItRuns) {
  RecordingReceiver received;
  RecordingReceiver nothing;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->start(nothing);
  for (std::uint32_t i = 0; i < 5; ++i) {  // five names for one worker: five connections
    sender->connect(WorkerId{i}, receiver->endpoint());
    sender->connect(WorkerId{i}, "tcp://127.0.0.1:1");  // a second time changes nothing
    send_text(*sender, WorkerId{i}, "x");
  }
  EXPECT_TRUE(received.wait_for_messages(5));
}

TEST(ZmqDataTransport, StopSendsWhatIsQueuedWithinItsLinger) {
  RecordingReceiver received;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  for (int i = 0; i < 1000; ++i) send_text(*sender, kReceiver, std::string(10'000, 'x'));
  sender->stop(kPatience);
  EXPECT_TRUE(received.wait_for_messages(1000));
}

TEST(ZmqDataTransport, AfterStopNothingHappensAndBuffersReturn) {
  RecordingReceiver received;
  auto receiver = make_transport();
  auto sender = make_transport();
  sender->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  sender->stop(0ms);
  sender->stop(0ms);
  send_text(*sender, kReceiver, "late");
  sender->connect(WorkerId{9}, receiver->endpoint());
  EXPECT_EQ(sender->counts().dropped_messages, 1u);
  EXPECT_EQ(dynamic_cast<RecyclingBufferPool&>(sender->buffers()).outstanding(), 0);
}

TEST(ZmqDataTransport, ReceivedMessageOutlivesTheTransport) {
  RecordingReceiver received;
  auto receiver = make_transport();
  auto sender = make_transport();
  receiver->start(received);
  sender->connect(kReceiver, receiver->endpoint());
  const std::string small = "small";
  const std::string large(100'000, 'L');
  send_text(*sender, kReceiver, small);
  send_text(*sender, kReceiver, large);
  ASSERT_TRUE(received.wait_for_messages(2));
  sender.reset();
  receiver.reset();
  EXPECT_EQ(received.texts(), (std::vector<std::string>{small, large}));
}

TEST(ZmqDataTransport, AddressThatIsTakenIsAnError) {
  auto first = make_transport();
  const auto second = ZmqDataTransport::create({.bind = first->endpoint()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("cannot listen on " + first->endpoint()), std::string::npos);
}

/// Bytes that the program has taken from the heap; stays 0 where a sanitizer has another heap.
std::size_t heap_bytes_taken() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

TEST(ZmqDataTransport, SmallMessagesThatComeOneByOneAndWaitWeighLittle) {
  constexpr std::size_t kMessages = 2000, kMostEach = 1024;
  RecordingReceiver waiting, ignored;  // outlive the transports, which call them until they end
  auto sender = make_transport();
  auto receiver = make_transport();
  receiver->start(waiting);
  sender->start(ignored);
  sender->connect(kReceiver, receiver->endpoint());
  send_text(*sender, kReceiver, "first");
  ASSERT_TRUE(waiting.wait_for_messages(1));
  const std::size_t before = heap_bytes_taken();
  for (std::size_t i = 0; i < kMessages; ++i) {
    send_text(*sender, kReceiver, std::string(112, 'x'));
    ASSERT_TRUE(waiting.wait_for_messages(2 + i));  // so that each is read from the network alone
  }
  EXPECT_LT(heap_bytes_taken(), before + kMessages * kMostEach);
}

}  // namespace
}  // namespace freshet::transport
