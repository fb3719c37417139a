#include "runtime/task/input_gate.h"

#include <gmock/gmock.h>

#include "runtime/task/frame_mix.h"
#include "tests/runtime/task/support.h"
#include "tests/support/write_meta.h"

namespace freshet::task {

namespace {

using namespace testing_support;
using Kind = InputGate::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kWindow = 64u << 10;

/// from 0 ──┐
/// from 1 ──┼─▶ gate        one edge, `from_tasks` channels, remote or local
/// from 2 ──┘
class Gate {
 public:
  explicit Gate(std::uint32_t from_tasks, bool local = false, bool aligns = true)
      : local_(local), gate_({{kEdge, 0, from_tasks, 0, type_}}, carrier, kWindow, aligns), sequence_(from_tasks) {}

  /// A frame of channel `from`: numbers are records, what else there is stands behind them.
  Gate& frame(std::uint32_t from, std::vector<std::uint64_t> records,
              const std::vector<ControlElement>& controls = {}) {
    auto batch = std::make_unique<VisitBatch>();
    for (const auto number : records) {
      batch->records.add() = visit(number, 20);
      batch->metas.push_back({.position = {1, number}});
    }
    Frame frame;
    frame.header.elements = static_cast<std::uint32_t>(records.size() + controls.size());
    auto bytes = std::make_shared<ByteBuffer>();
    if (local_) {
      frame.header.length = static_cast<std::uint32_t>(100 * frame.header.elements);
      frame.local = true;
      frame.pool = pool;
      frame.controls = controls;
      if (!records.empty()) {
        frame.header.checksum = batch_checksum(*batch);
        frame.batch = std::move(batch);
      }
    } else {
      detail::FrameDelta delta;
      for (std::size_t i = 0; i < records.size(); ++i) {
        test::write_meta(*bytes, delta, batch->metas[i], false);
        encode(*bytes, batch->records[i]);
      }
      for (const auto& control : controls) write_control(*bytes, control);
    }
    return post(from, std::move(frame), bytes);
  }
  Gate& bytes(std::uint32_t from, std::string_view payload, std::uint32_t elements) {
    auto buffer = std::make_shared<ByteBuffer>();
    buffer->append(payload);
    Frame frame;
    frame.header.elements = elements;
    return post(from, std::move(frame), buffer);
  }
  /// All that there is to do, in short, as elements_of() writes it; records of one batch in brackets.
  std::vector<std::string> all() {
    std::vector<std::string> found;
    for (;;) {
      switch (gate_.next()) {
        case Kind::nothing:
          return found;
        case Kind::records: {
          std::string batch;
          for (const auto number : numbers(gate_.view())) batch += (batch.empty() ? "" : " ") + std::to_string(number);
          found.push_back("[" + batch + "]");
          break;
        }
        case Kind::watermark:
          found.push_back("W" + std::to_string(gate_.watermark_ms()));
          break;
        case Kind::barrier:
          found.push_back("B" + std::to_string(gate_.barrier().checkpoint));
          break;
        case Kind::end_of_data:
          found.push_back("D");
          break;
        case Kind::end_of_stream:
          found.push_back("E");
          break;
      }
    }
  }
  std::string refusal() {
    try {
      all();
    } catch (const TaskFailure& failure) {
      EXPECT_EQ(failure.reason, "bad frame");
      return failure.what();
    }
    return "none";
  }
  InputGate* operator->() { return &gate_; }

  RecordingCarrier carrier;
  std::shared_ptr<BatchPool> pool = std::make_shared<BatchPool>();

 private:
  static constexpr std::uint32_t kEdge = 4;
  Gate& post(std::uint32_t from, Frame frame, const std::shared_ptr<ByteBuffer>& bytes) {
    frame.header.channel = {kEdge, from, 0, 0};
    frame.header.sequence = ++sequence_[from];
    if (!local_) {
      frame.header.length = static_cast<std::uint32_t>(bytes->size());
      frame.header.checksum = wire::payload_checksum(bytes->view());
      frame.payload = bytes->view();
      frame.owner = bytes;
    }
    gate_.on_frame(std::move(frame));
    return *this;
  }
  std::shared_ptr<const detail::EdgeType> type_ = edge_by_number();
  bool local_;
  InputGate gate_;
  std::vector<std::uint64_t> sequence_;
};

ControlElement watermark(std::int64_t time_ms) { return {.kind = ElementKind::watermark, .time_ms = time_ms}; }
ControlElement barrier(std::uint64_t checkpoint) { return {.kind = ElementKind::barrier, .checkpoint = checkpoint}; }
const ControlElement kIdle{.kind = ElementKind::idle};
const ControlElement kActive{.kind = ElementKind::active};
const ControlElement kData{.kind = ElementKind::end_of_data};
const ControlElement kStream{.kind = ElementKind::end_of_stream};

class InputGateEither : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Channels, InputGateEither, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

TEST_P(InputGateEither, ChannelsComeInTurnAndEachInOrder) {
  Gate gate(3, GetParam());
  gate.frame(0, {1}).frame(0, {2}).frame(0, {3}).frame(1, {10, 11}).frame(2, {20}).frame(1, {12});
  EXPECT_THAT(gate.all(), ElementsAre("[10 11]", "[20]", "[1]", "[12]", "[2]", "[3]"));
  EXPECT_EQ(gate->queued_bytes(), 0u);
}

TEST_P(InputGateEither, WatermarksMergeAndIdleChannelsAreNotWaitedFor) {
  Gate gate(2, GetParam());
  gate.frame(0, {1}, {watermark(10)});
  EXPECT_THAT(gate.all(), ElementsAre("[1]"));
  gate.frame(1, {}, {watermark(5)});
  EXPECT_THAT(gate.all(), ElementsAre("W5"));
  gate.frame(1, {}, {kIdle});
  EXPECT_THAT(gate.all(), ElementsAre("W10"));
  gate.frame(1, {}, {kActive});
  EXPECT_THAT(gate.all(), ElementsAre());
  gate.frame(0, {}, {watermark(30)});
  EXPECT_THAT(gate.all(), ElementsAre()) << "channel 1 holds at 5 again, and nothing goes back";
  gate.frame(1, {}, {watermark(20)});
  EXPECT_THAT(gate.all(), ElementsAre("W20"));
}

TEST_P(InputGateEither, ABarrierHoldsItsChannelUntilAllHaveDelivered) {
  Gate gate(2, GetParam());
  gate.frame(0, {1}, {barrier(1)}).frame(0, {2}).frame(1, {10});
  EXPECT_THAT(gate.all(), ElementsAre("[10]", "[1]"));
  EXPECT_GT(gate->queued_bytes(), 0u) << "what stands behind the barrier waits";
  gate.frame(1, {11}, {barrier(1)});
  EXPECT_THAT(gate.all(), ElementsAre("[11]", "B1", "[2]"));
}

TEST_P(InputGateEither, WithoutAlignmentABarrierHoldsNothingBack) {
  Gate gate(2, GetParam(), false);
  gate.frame(0, {1}, {barrier(1)}).frame(0, {2}).frame(1, {10}).frame(1, {11}, {barrier(1)});
  EXPECT_THAT(gate.all(), ElementsAre("[10]", "[1]", "[11]", "B1", "[2]"));
  gate.frame(0, {3}, {barrier(2)}).frame(0, {4});
  EXPECT_THAT(gate.all(), ElementsAre("[3]", "[4]"));
  gate.frame(1, {}, {barrier(2)});
  EXPECT_THAT(gate.all(), ElementsAre("B2"));
}

TEST_P(InputGateEither, WhatCameInIsCountedUpToTheBarrier) {
  Gate gate(2, GetParam());
  gate.frame(0, {1, 2}, {barrier(1)}).frame(0, {3, 4, 5}).frame(1, {10}).frame(1, {}, {barrier(1)});
  int barriers = 0;
  for (Kind kind = gate->next(); kind != Kind::nothing; kind = gate->next()) {
    if (kind != Kind::barrier) continue;
    ++barriers;
    ASSERT_EQ(gate->tallies().size(), 1u);
    EXPECT_EQ(gate->tallies()[0].edge, 4u);
    EXPECT_EQ(gate->tallies()[0].received, 3u) << "what stands behind a barrier belongs to the next checkpoint";
  }
  EXPECT_EQ(barriers, 1);
  EXPECT_EQ(gate->tallies()[0].received, 6u);
}

TEST_P(InputGateEither, TheSameRecordsInOtherFramesOrOnAnotherChannelMakeAnotherSum) {
  const auto sum_of = [](Gate& gate) {
    gate.all();
    EXPECT_EQ(gate->tallies()[0].received, 2u);
    return gate->tallies()[0].received_sum;
  };
  const bool local = GetParam();
  Gate one(2, local), again(2, local), other_channel(2, local), swapped(2, local);
  const auto sum = sum_of(one.frame(0, {1}).frame(1, {2}, {watermark(5)}));
  EXPECT_EQ(sum_of(again.frame(1, {2}, {watermark(5)}).frame(0, {1})), sum) << "whichever channel comes first";
  EXPECT_NE(sum_of(other_channel.frame(0, {1}).frame(0, {2}, {watermark(5)})), sum);
  EXPECT_NE(sum_of(swapped.frame(1, {1}).frame(0, {2}, {watermark(5)})), sum);
}

TEST_P(InputGateEither, AnEndedChannelIsNotExpectedToDeliverABarrier) {
  Gate gate(2, GetParam());
  gate.frame(0, {}, {barrier(1)}).frame(0, {2});
  EXPECT_THAT(gate.all(), ElementsAre());
  gate.frame(1, {}, {kData, kStream});
  EXPECT_THAT(gate.all(), ElementsAre("B1", "[2]"));
  gate.frame(0, {}, {barrier(2)});
  EXPECT_THAT(gate.all(), ElementsAre("B2"));
}

TEST_P(InputGateEither, TheEndIsToldWhenTheLastChannelEnds) {
  Gate gate(2, GetParam());
  gate.frame(0, {1}, {kData}).frame(0, {}, {kStream});
  EXPECT_THAT(gate.all(), ElementsAre("[1]"));
  gate.frame(1, {10}, {kData});
  EXPECT_THAT(gate.all(), ElementsAre("[10]", "D"));
  gate.frame(1, {}, {barrier(1)});
  EXPECT_THAT(gate.all(), ElementsAre("B1")) << "barriers may come between the ends";
  gate.frame(1, {}, {kStream});
  EXPECT_THAT(gate.all(), ElementsAre("E"));
  EXPECT_THAT(gate.all(), ElementsAre()) << "told once";
}

TEST_P(InputGateEither, TheEndOfAChannelsDataNoLongerHoldsTheWatermark) {
  Gate gate(2, GetParam());
  gate.frame(0, {}, {watermark(10)}).frame(1, {}, {kData});
  EXPECT_THAT(gate.all(), ElementsAre("W10"));
}

TEST_P(InputGateEither, GrantsAreGatheredAndCumulative) {
  Gate gate(1, GetParam());
  gate.frame(0, {1});
  const auto one = gate->queued_bytes();
  gate.all();
  EXPECT_TRUE(gate.carrier.grants.empty()) << "one small frame is not worth a message";
  std::uint64_t consumed = one;
  while (gate.carrier.grants.empty()) {
    gate.frame(0, {1}).all();
    consumed += one;
    ASSERT_LT(consumed, kWindow);
  }
  EXPECT_EQ(gate.carrier.grants.back().consumed_bytes, consumed);
  EXPECT_GE(consumed, kWindow / 8);
  gate.frame(0, {1}).all();
  gate->send_grants();  // the task has nothing else to do
  EXPECT_EQ(gate.carrier.grants.back().consumed_bytes, consumed + one);
  const auto count = gate.carrier.grants.size();
  gate->send_grants();
  EXPECT_EQ(gate.carrier.grants.size(), count);
}

TEST_P(InputGateEither, RecordsBehindTheEndOfTheirDataAreRefused) {
  Gate gate(2, GetParam());
  gate.frame(0, {1}, {kData}).frame(0, {2});
  EXPECT_THAT(gate.refusal(), HasSubstr("behind the end"));
}

TEST_P(InputGateEither, WhatStandsBehindTheEndOfAStreamIsRefused) {
  Gate gate(2, GetParam());
  gate.frame(0, {1}, {kData, kStream}).frame(0, {}, {watermark(5)});
  EXPECT_THAT(gate.refusal(), HasSubstr("behind the end"));
}

TEST_P(InputGateEither, AStreamThatEndsTwiceOrBeforeItsDataIsRefused) {
  Gate twice(2, GetParam());
  EXPECT_THAT(twice.frame(0, {}, {kData, kData}).refusal(), HasSubstr("ended twice"));
  Gate before(2, GetParam());
  EXPECT_THAT(before.frame(0, {}, {kStream}).refusal(), HasSubstr("ended before its data"));
}

TEST(InputGate, LocalBatchesGoBackToTheirPool) {
  Gate gate(1, true);
  gate.frame(0, {1, 2}).all();
  EXPECT_NE(gate.pool->take(), nullptr);
}

TEST(InputGate, ABatchThatIsNotTheOneThatWasSentIsRefused) {
  RecordingCarrier carrier;
  InputGate gate({{4, 0, 1, 0, edge_by_number()}}, carrier, kWindow);
  Frame frame;
  frame.local = true;
  frame.header.channel = {4, 0, 0, 0};
  frame.batch = std::make_unique<VisitBatch>(batch_of(0, 3));
  frame.header.checksum = batch_checksum(*frame.batch);
  frame.batch->metas.pop_back();
  gate.on_frame(std::move(frame));
  EXPECT_THROW(gate.next(), TaskFailure);
}

TEST(InputGate, MalformedBytesAreRefusedWithTheChannelsName) {
  Gate gate(2);
  EXPECT_THAT(gate.bytes(1, "\x0e", 1).refusal(),
              HasSubstr("frame 1 of edge 4, task 1 to 0: an element is malformed or of an unknown kind"));
  Gate short_record(2);
  EXPECT_THAT(short_record.bytes(0, std::string_view("\x00\x93\x01", 3), 1).refusal(), HasSubstr("malformed"));
  Gate huge(2);
  EXPECT_THAT(huge.bytes(0, std::string_view("\x00\xdd\xff\xff\xff\xff", 6), 1).refusal(), HasSubstr("malformed"));
}

TEST(InputGate, AWrongCountOfElementsIsRefused) {
  for (const std::uint32_t claimed : {0u, 1u, 3u, 0xffffffffu}) {
    ByteBuffer bytes;
    write_control(bytes, watermark(1));
    write_control(bytes, watermark(2));
    Gate gate(2);
    EXPECT_THAT(gate.bytes(0, bytes.view(), claimed).refusal(),
                HasSubstr("it holds 2 elements, its header says " + std::to_string(claimed)));
  }
}

TEST(InputGate, ABarrierThatDoesNotEndItsFrameIsRefused) {
  Gate gate(2);
  EXPECT_THAT(gate.frame(0, {}, {barrier(1), watermark(1)}).refusal(), HasSubstr("not the last element"));
}

TEST(InputGate, ABatchFromBytesHasAtMostTheRoomOfABatch) {
  Gate gate(1);
  std::vector<std::uint64_t> many(kBatchRecords + 1);
  gate.frame(0, many);
  ASSERT_EQ(gate->next(), Kind::records);
  EXPECT_EQ(gate->view().size, kBatchRecords);
  ASSERT_EQ(gate->next(), Kind::records);
  EXPECT_EQ(gate->view().size, 1u);
  EXPECT_EQ(gate->next(), Kind::nothing);
}

}  // namespace

}  // namespace freshet::task
