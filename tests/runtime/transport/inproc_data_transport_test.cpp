#include "runtime/transport/inproc_data_transport.h"

#include "tests/runtime/transport/transport_support.h"

namespace freshet::transport {
namespace {

using namespace testing_support;

constexpr WorkerId kOne{1};
constexpr WorkerId kTwo{2};

TEST(InprocDataTransport, DeliversOnlyInsideDrainAndInOrder) {
  InprocHub hub;
  InprocDataTransport one(hub, kOne, InprocDelivery::by_drain);
  InprocDataTransport two(hub, kTwo, InprocDelivery::by_drain);
  RecordingReceiver received;
  two.start(received);
  one.connect(kTwo, two.endpoint());
  for (const auto* text : {"a", "b", "c"}) send_text(one, kTwo, text);
  EXPECT_TRUE(received.texts().empty());
  EXPECT_EQ(two.drain(2), 2u);
  EXPECT_EQ(received.texts(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(two.drain(), 1u);
  EXPECT_EQ(two.drain(), 0u);
}

TEST(InprocDataTransport, PeerMayBeMadeLater) {
  InprocHub hub;
  InprocDataTransport one(hub, kOne, InprocDelivery::by_drain);
  one.connect(kTwo, "inproc://worker-2");
  send_text(one, kTwo, "early");
  InprocDataTransport two(hub, kTwo, InprocDelivery::by_drain);
  RecordingReceiver received;
  two.start(received);
  EXPECT_EQ(two.drain(), 1u);
  EXPECT_EQ(received.texts(), std::vector<std::string>{"early"});
}

TEST(InprocDataTransport, BufferReturnsWhenTheReceiverIsDone) {
  InprocHub hub;
  InprocDataTransport one(hub, kOne, InprocDelivery::by_drain);
  InprocDataTransport two(hub, kTwo, InprocDelivery::by_drain);
  RecordingReceiver received;
  two.start(received);
  one.connect(kTwo, two.endpoint());
  send_text(one, kTwo, "x");
  two.drain();
  auto& pool = dynamic_cast<RecyclingBufferPool&>(one.buffers());
  EXPECT_EQ(pool.outstanding(), 1);
  received.take_messages();
  EXPECT_EQ(pool.outstanding(), 0);
  EXPECT_EQ(pool.kept(), 1u);
}

TEST(InprocDataTransport, StoppedPeerIsLostOnceToWhoeverConnected) {
  InprocHub hub;
  InprocDataTransport one(hub, kOne, InprocDelivery::by_drain);
  InprocDataTransport two(hub, kTwo, InprocDelivery::by_drain);
  RecordingReceiver events;
  one.start(events);
  one.connect(kTwo, two.endpoint());
  one.connect(kTwo, two.endpoint());
  two.stop(0ms);
  send_text(one, kTwo, "nobody is there");
  EXPECT_EQ(one.drain(), 1u);
  EXPECT_EQ(events.lost(), std::vector<WorkerId>{kTwo});
  EXPECT_EQ(events.reasons().at(0), "the worker at inproc://worker-2 stopped");
  EXPECT_EQ(dynamic_cast<RecyclingBufferPool&>(one.buffers()).outstanding(), 0);
}

TEST(InprocDataTransport, PeerThatStoppedBeforeTheConnectionIsLost) {
  InprocHub hub;
  InprocDataTransport one(hub, kOne, InprocDelivery::by_drain);
  RecordingReceiver events;
  one.start(events);
  { const InprocDataTransport two(hub, kTwo, InprocDelivery::by_drain); }
  one.connect(kTwo, "inproc://worker-2");
  one.drain();
  EXPECT_EQ(events.lost(), std::vector<WorkerId>{kTwo});
}

TEST(InprocDataTransport, OwnThreadDeliversFromManySenders) {
  InprocHub hub;
  RecordingReceiver received;
  RecordingReceiver nothing;
  InprocDataTransport two(hub, kTwo, InprocDelivery::own_thread);
  InprocDataTransport one(hub, kOne, InprocDelivery::own_thread);
  two.start(received);
  one.start(nothing);
  one.connect(kTwo, two.endpoint());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) send_text(one, kTwo, "x");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(received.wait_for_messages(3000));
  two.stop(0ms);
  EXPECT_TRUE(nothing.wait_for_loss());
}

}  // namespace
}  // namespace freshet::transport
