#include "runtime/worker/exchange.h"

#include <gmock/gmock.h>

#include "runtime/transport/inproc_data_transport.h"

namespace freshet::worker {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Refusal;

/// task 0.0 on worker 0 ─▶ task 1.0 on worker 1, and task 1.1 on worker 0
dag::ExecutionPlan plan() {
  dag::ExecutionPlan plan;
  plan.chains = {{.id = 0, .parallelism = 1}, {.id = 1, .parallelism = 2}};
  plan.edges = {{.id = 0, .from_chain = 0, .to_chain = 1}};
  plan.tasks = {{0, 0, 0}, {1, 0, 1}, {1, 1, 0}};
  return plan;
}

/// Two workers in one thread. Messages to worker 1 can also be handed to it as bytes, hostile ones included.
class Exchanges : public testing::Test {
 protected:
  Exchanges() {
    sender_.connect({1}, receiver_.endpoint());
    receiver_.connect({0}, sender_.endpoint());
    sender_.start(from_);
    receiver_.start(to_);
    from_.add_task({0, 0}, source_mail_);
    from_.add_task({1, 1}, near_mail_);
    to_.add_task({1, 0}, far_mail_);
  }
  static wire::FrameHeader header(std::uint64_t sequence) {
    wire::FrameHeader header;
    header.attempt = {3};
    header.channel = {0, 0, 0, 0};
    header.sequence = sequence;
    return header;
  }
  static ByteBuffer message(wire::FrameHeader header, std::string_view payload) {
    ByteBuffer bytes;
    bytes.append(std::string(wire::kHeaderBytes, '\0'));
    bytes.append(payload);
    header.length = static_cast<std::uint32_t>(payload.size());
    header.checksum = wire::payload_checksum(payload);
    wire::write_header(header, bytes.data());
    return bytes;
  }
  void deliver(const ByteBuffer& bytes) { to_.on_message({bytes.view(), nullptr}); }
  template <class Body>
  void deliver_small(wire::MessageKind kind, const Body& body) {
    ByteBuffer payload;
    encode(payload, body);
    auto head = header(0);
    head.kind = kind;
    deliver(message(head, payload.view()));
  }
  void heartbeat(const ChannelId& channel, std::uint64_t sequence) {
    deliver_small(wire::MessageKind::heartbeat, wire::Heartbeat{{{channel, sequence}}});
  }
  std::uint64_t count(Refusal refusal) { return to_.refusals()[static_cast<std::size_t>(refusal)]; }
  static std::vector<task::Letter> letters(task::Mailbox& mailbox) {
    std::vector<task::Letter> letters;
    mailbox.take(letters);
    return letters;
  }

  transport::InprocHub hub_;
  transport::InprocDataTransport sender_{hub_, {0}, transport::InprocDelivery::by_drain};
  transport::InprocDataTransport receiver_{hub_, {1}, transport::InprocDelivery::by_drain};
  std::vector<std::string> broken_;
  Exchange from_{{{1}, {3}, {0}}, plan(), &sender_, [this](const std::string& why) { broken_.push_back(why); }};
  Exchange to_{{{1}, {3}, {1}}, plan(), &receiver_, [this](const std::string& why) { broken_.push_back(why); }};
  task::Mailbox source_mail_, near_mail_, far_mail_;
};

TEST_F(Exchanges, FramesGoToTheOtherWorkerAndGrantsComeBack) {
  from_.send_remote({0, 0, 0, 0}, message(header(1), "payload"));
  EXPECT_EQ(receiver_.drain(), 1u);
  auto got = letters(far_mail_);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(std::get<task::Frame>(got[0]).payload, "payload");
  to_.grant({0, 0, 0, 0}, 99);
  EXPECT_EQ(sender_.drain(), 1u);
  got = letters(source_mail_);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(std::get<task::GrantReceived>(got[0]).consumed_bytes, 99u);
}

TEST_F(Exchanges, WhatStaysInTheWorkerIsHandedOver) {
  task::Frame frame;
  frame.header.channel = {0, 0, 1, 0};
  frame.local = true;
  from_.send_local(std::move(frame));
  EXPECT_THAT(letters(near_mail_), SizeIs(1));
  from_.grant({0, 0, 1, 0}, 5);
  EXPECT_THAT(letters(source_mail_), SizeIs(1));
  EXPECT_EQ(receiver_.drain(), 0u);
}

TEST_F(Exchanges, AnOlderAttemptIsRefused) {
  auto old = header(1);
  old.attempt = {2};
  deliver(message(old, "x"));
  EXPECT_EQ(count(Refusal::wrong_attempt), 1u);
  EXPECT_FALSE(far_mail_.has_mail());
  EXPECT_THAT(broken_, IsEmpty());
}

TEST_F(Exchanges, ChannelsThatDoNotEndHereAreRefused) {
  for (const ChannelId channel :
       {ChannelId{1, 0, 0, 0}, ChannelId{0, 1, 0, 0}, ChannelId{0, 0, 2, 0}, ChannelId{0, 0, 0, 1},
        ChannelId{0, 0, 1, 0}, ChannelId{0xffffffff, 0, 0, 0}, ChannelId{0, 0xffffffff, 0xffffffff, 0}}) {
    auto head = header(1);
    head.channel = channel;
    deliver(message(head, "x"));
    heartbeat(channel, 1);
  }
  EXPECT_EQ(count(Refusal::unknown_channel), 14u);
  deliver_small(wire::MessageKind::grant, wire::Grants{{{{0, 0, 0, 0}, 1}, {{9, 0, 0, 0}, 1}}});
  EXPECT_EQ(count(Refusal::unknown_channel), 16u) << "the senders of both are elsewhere";
  EXPECT_FALSE(far_mail_.has_mail());
  EXPECT_THAT(broken_, IsEmpty());
}

TEST_F(Exchanges, ARepeatedFrameIsCountedAndHarmless) {
  deliver(message(header(1), "one"));
  deliver(message(header(1), "one"));
  deliver(message(header(0), "none"));
  deliver(message(header(2), "two"));
  EXPECT_THAT(letters(far_mail_), SizeIs(2));
  EXPECT_EQ(count(Refusal::wrong_sequence), 2u);
  EXPECT_THAT(broken_, IsEmpty());
}

TEST_F(Exchanges, AGapBreaksTheAttempt) {
  deliver(message(header(1), "one"));
  deliver(message(header(4), "four"));
  EXPECT_THAT(broken_, ElementsAre("frames 2 to 3 of edge 0, task 0 to 0 were lost"));
  EXPECT_THAT(letters(far_mail_), SizeIs(1));
}

TEST_F(Exchanges, AHeartbeatShowsALostTail) {
  deliver(message(header(1), "one"));
  heartbeat({0, 0, 0, 0}, 1);
  EXPECT_THAT(broken_, IsEmpty());
  heartbeat({0, 0, 0, 0}, 3);
  EXPECT_THAT(broken_, ElementsAre("the last 2 frames of edge 0, task 0 to 0 were lost"));
}

TEST_F(Exchanges, HeartbeatsNameWhatWasSentAndNothingElse) {
  from_.send_remote({0, 0, 0, 0}, message(header(1), "one"));
  from_.send_heartbeats();
  EXPECT_EQ(receiver_.drain(), 2u);
  EXPECT_THAT(broken_, IsEmpty());
  EXPECT_EQ(to_.refused(), 0u);
}

TEST_F(Exchanges, HostileMessagesAreCountedByReason) {
  const auto good = message(header(1), "payload");
  const auto changed = [&](std::size_t at, char to) {
    ByteBuffer bytes;
    bytes.append(good.view());
    bytes.data()[at] = to;
    return bytes;
  };
  to_.on_message({good.view().substr(0, wire::kHeaderBytes - 1), nullptr});
  to_.on_message({{}, nullptr});
  EXPECT_EQ(count(Refusal::too_short), 2u);
  deliver(changed(0, 'X'));
  EXPECT_EQ(count(Refusal::bad_magic), 1u);
  deliver(changed(4, 9));
  EXPECT_EQ(count(Refusal::bad_version), 1u);
  deliver(changed(5, 0));
  EXPECT_EQ(count(Refusal::bad_kind), 1u);
  deliver(changed(6, 1));
  EXPECT_EQ(count(Refusal::bad_flags), 1u);
  to_.on_message({good.view().substr(0, good.size() - 1), nullptr});
  EXPECT_EQ(count(Refusal::bad_length), 1u);
  deliver(changed(wire::kHeaderBytes, 'X'));
  EXPECT_EQ(count(Refusal::bad_checksum), 1u);
  for (const auto kind : {wire::MessageKind::grant, wire::MessageKind::heartbeat, wire::MessageKind::hello}) {
    auto head = header(0);
    head.kind = kind;
    deliver(message(head, std::string_view("\x91\xdd\xff\xff\xff\xff", 6)));  // four thousand million entries
  }
  EXPECT_EQ(count(Refusal::bad_element), 3u);
  EXPECT_EQ(to_.refused(), 11u);
  EXPECT_FALSE(far_mail_.has_mail());
  EXPECT_THAT(broken_, IsEmpty());
}

TEST_F(Exchanges, AnIntroductionToSomebodyElseIsCounted) {
  from_.send_hello({1});
  EXPECT_EQ(receiver_.drain(), 1u);
  EXPECT_EQ(to_.refused(), 0u);
  deliver_small(wire::MessageKind::hello, wire::Hello{{{1}, {3}, {0}}, {{1}, {3}, {2}}});
  deliver_small(wire::MessageKind::hello, wire::Hello{{{2}, {3}, {0}}, {{1}, {3}, {1}}});
  EXPECT_EQ(count(Refusal::unknown_peer), 2u);
}

TEST_F(Exchanges, ALostConnectionBreaksTheAttempt) {
  sender_.stop(0ms);
  receiver_.drain();
  ASSERT_THAT(broken_, SizeIs(1));
  EXPECT_THAT(broken_[0], HasSubstr("the connection to worker 0 was lost"));
}

}  // namespace

}  // namespace freshet::worker
