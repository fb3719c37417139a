#include "runtime/task/output_edge.h"

#include <gmock/gmock.h>

#include "tests/runtime/task/support.h"

namespace freshet::task {

namespace {

using namespace testing_support;
using testing::ElementsAre;

constexpr std::uint64_t kOutputWindow = 8192;

struct Fixture {
  explicit Fixture(std::vector<bool> is_local, std::uint64_t max_record_bytes = 1u << 20,
                   std::shared_ptr<const detail::EdgeType> of = edge_by_number())
      : type(std::move(of)) {
    setup.edge = 3;
    setup.to_tasks = static_cast<std::uint32_t>(is_local.size());
    setup.is_local = std::move(is_local);
    setup.attempt = {1};
    setup.window = kOutputWindow;
    setup.max_record_bytes = max_record_bytes;
    edge = std::make_unique<OutputEdge>(setup, type, carrier, clock);
  }
  std::size_t route(const VisitBatch& batch, std::size_t from = 0) { return edge->route(view_of(batch), from); }
  std::vector<std::vector<std::string>> sent() {
    std::vector<std::vector<std::string>> frames;
    for (const auto& frame : carrier.take()) frames.push_back(elements_of(frame, *type));
    return frames;
  }

  std::shared_ptr<const detail::EdgeType> type;
  RecordingCarrier carrier;
  base::ManualClock clock;
  OutputEdgeSetup setup;
  std::unique_ptr<OutputEdge> edge;
};

class OutputEdgeEither : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Channels, OutputEdgeEither, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

TEST_P(OutputEdgeEither, StopsAtTheRecordForWhichThereIsNoCredit) {
  Fixture fixture({GetParam()});
  const auto batch = batch_of(0, 2000, 100);
  const auto taken = fixture.route(batch);
  fixture.edge->flush();
  ASSERT_GT(taken, 0u);
  ASSERT_LT(taken, 2000u);
  EXPECT_EQ(fixture.route(batch, taken), taken) << "no room without a grant";
  std::uint64_t cost = 0;
  std::vector<std::uint64_t> seen;
  for (const auto& frame : fixture.carrier.sent) {
    cost += frame.cost();
    EXPECT_LE(frame.header.length, kOutputWindow / 4 + 300) << "a frame is about a quarter of the window";
  }
  EXPECT_GE(fixture.carrier.sent.size(), 3u);
  EXPECT_LE(cost, kOutputWindow + 300) << "the last record of a frame may stand out";
  EXPECT_EQ(fixture.edge->bytes_in_flight(), cost);
  fixture.edge->on_grant(0, cost);
  EXPECT_GT(fixture.route(batch, taken), taken);
}

TEST_P(OutputEdgeEither, NothingIsLostOrDoubledWhereRoutingGoesOn) {
  Fixture fixture({GetParam(), GetParam()});
  const auto batch = batch_of(0, 1000, 30);
  std::vector<std::uint64_t> consumed(2);
  std::vector<std::vector<std::string>> arrived(2);
  for (std::size_t from = 0; from < 1000;) {
    const auto next = fixture.route(batch, from);
    from = next;
    fixture.edge->flush();
    const auto frames = fixture.carrier.take();
    ASSERT_FALSE(frames.empty()) << "stuck at " << from;
    for (const auto& frame : frames) {
      const auto to = frame.header.channel.to;
      for (auto& element : elements_of(frame, *fixture.type)) arrived[to].push_back(std::move(element));
      consumed[to] += frame.cost();
      fixture.edge->on_grant(to, consumed[to]);
    }
  }
  for (std::size_t to = 0; to < 2; ++to) {
    ASSERT_EQ(arrived[to].size(), 500u);
    for (std::size_t i = 0; i < 500; ++i) EXPECT_EQ(arrived[to][i], std::to_string(2 * i + to));
  }
}

TEST_P(OutputEdgeEither, OneOversizedRecordMayOverdrawAnIdleChannel) {
  Fixture fixture({GetParam()});
  const auto batch = batch_of(0, 2, kOutputWindow * 3);
  EXPECT_EQ(fixture.route(batch), 1u);
  fixture.edge->flush();
  EXPECT_THAT(fixture.sent(), ElementsAre(ElementsAre("0")));
  EXPECT_EQ(fixture.route(batch, 1), 1u);
  fixture.edge->on_grant(0, fixture.edge->bytes_in_flight());
  EXPECT_EQ(fixture.route(batch, 1), 2u);
}

TEST_P(OutputEdgeEither, GrantsAreCumulativeAndAbsurdOnesIgnored) {
  Fixture fixture({GetParam()});
  const auto batch = batch_of(0, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(fixture.edge->route({batch, nullptr, static_cast<std::uint32_t>(i + 1)}, i), i + 1);
    fixture.edge->flush();
  }
  const auto frames = fixture.carrier.take();
  ASSERT_EQ(frames.size(), 3u);
  const auto one = frames[0].cost();
  fixture.edge->on_grant(0, 3 * one + 1);  // more than was ever sent
  EXPECT_EQ(fixture.edge->bytes_in_flight(), 3 * one);
  fixture.edge->on_grant(0, 2 * one);  // that for the first was lost: this one heals it
  EXPECT_EQ(fixture.edge->bytes_in_flight(), one);
  fixture.edge->on_grant(0, one);  // overtaken
  EXPECT_EQ(fixture.edge->bytes_in_flight(), one);
}

TEST_P(OutputEdgeEither, NumbersTheFramesOfEachChannelFromOne) {
  Fixture fixture({GetParam(), GetParam()});
  const auto batch = batch_of(0, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(fixture.edge->route({batch, nullptr, static_cast<std::uint32_t>(i + 1)}, i), i + 1);
    fixture.edge->flush();
  }
  std::vector<std::pair<std::uint32_t, std::uint64_t>> found;
  for (const auto& frame : fixture.carrier.sent) {
    found.emplace_back(frame.header.channel.to, frame.header.sequence);
    EXPECT_EQ(frame.header.elements, 1u);
    EXPECT_EQ(frame.header.channel.edge, 3u);
  }
  EXPECT_THAT(found, ElementsAre(std::pair(0u, 1u), std::pair(1u, 1u), std::pair(0u, 2u), std::pair(1u, 2u)));
}

TEST_P(OutputEdgeEither, FlushesFramesThatLingeredLongEnough) {
  Fixture fixture({GetParam(), GetParam()});
  const auto batch = batch_of(0, 2);
  EXPECT_EQ(fixture.edge->route({batch, nullptr, 1}, 0), 1u);
  fixture.clock.advance(1ms);
  EXPECT_EQ(fixture.route(batch, 1), 2u);
  fixture.edge->flush_older_than(fixture.clock.steady() - 1ms);
  EXPECT_THAT(fixture.sent(), ElementsAre(ElementsAre("0")));
  fixture.clock.advance(1ms);
  fixture.edge->flush_older_than(fixture.clock.steady() - 1ms);
  EXPECT_THAT(fixture.sent(), ElementsAre(ElementsAre("1")));
  fixture.edge->flush();
  EXPECT_TRUE(fixture.carrier.sent.empty());
}

TEST_P(OutputEdgeEither, RecordsBehindAControlElementStayBehindIt) {
  Fixture fixture({GetParam()});
  const auto batch = batch_of(0, 4);
  EXPECT_EQ(fixture.edge->route({batch, nullptr, 2}, 0), 2u);
  EXPECT_TRUE(fixture.edge->send_control({.kind = ElementKind::watermark, .time_ms = 5}));
  EXPECT_EQ(fixture.route(batch, 2), 4u);
  EXPECT_TRUE(fixture.edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1}));
  EXPECT_TRUE(fixture.edge->send_control({.kind = ElementKind::end_of_data}));
  EXPECT_TRUE(fixture.edge->send_control({.kind = ElementKind::end_of_stream}));
  fixture.edge->flush();
  const auto frames = fixture.carrier.take();
  std::vector<std::string> all;
  for (const auto& frame : frames) {
    const auto elements = elements_of(frame, *fixture.type);
    EXPECT_EQ(elements.size(), frame.header.elements);
    all.insert(all.end(), elements.begin(), elements.end());
    const bool has_barrier = std::find(elements.begin(), elements.end(), "B1") != elements.end();
    if (has_barrier) {
      EXPECT_EQ(elements.back(), "B1") << "a barrier ends its frame";
    }
    const bool behind = std::find(all.begin(), all.end(), "B1") != all.end() && !has_barrier;
    EXPECT_EQ(frame.header.epoch, behind ? 1u : 0u);
  }
  EXPECT_THAT(all, ElementsAre("0", "1", "W5", "2", "3", "B1", "D", "E"));
}

TEST_P(OutputEdgeEither, AControlElementReachesEachChannelOnceWhenSomeHadNoRoom) {
  Fixture fixture({GetParam(), GetParam()});
  // Fill channel 1 only.
  VisitBatch odd;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    odd.records.add() = visit(2 * i + 1, 100);
    odd.metas.push_back({});
  }
  ASSERT_LT(fixture.route(odd), 1000u);
  fixture.edge->flush();
  fixture.carrier.take();
  EXPECT_FALSE(fixture.edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1}));
  EXPECT_FALSE(fixture.edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1}));
  EXPECT_THAT(fixture.sent(), ElementsAre(ElementsAre("B1"))) << "channel 0 has it";
  fixture.edge->on_grant(1, fixture.edge->bytes_in_flight() / 2);
  EXPECT_TRUE(fixture.edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1}));
  ASSERT_EQ(fixture.carrier.sent.size(), 1u);
  EXPECT_EQ(fixture.carrier.sent[0].header.channel.to, 1u);
}

TEST(OutputEdge, ARecordRefusedForItsSizeLeavesNothingInTheFrame) {
  Fixture fixture({false}, 1000);
  VisitBatch batch = batch_of(0, 1);
  batch.records.add() = visit(1, 2000);
  batch.records.add() = visit(2);
  batch.metas.resize(3, {.event_time_ms = 77, .position = {1, 5}});
  EXPECT_THROW(fixture.route(batch), RejectRecord);
  EXPECT_EQ(fixture.edge->failed_at(), 1u);
  EXPECT_EQ(fixture.route(batch, 2), 3u);
  fixture.edge->flush();
  const auto frames = fixture.carrier.take();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].header.elements, 2u);
  EXPECT_THAT(elements_of(frames[0], *fixture.type), ElementsAre("0", "2"));
}

TEST(OutputEdge, AFrameWhoseOnlyRecordWasRefusedIsNotSent) {
  Fixture fixture({false}, 1000);
  EXPECT_THROW(fixture.route(batch_of(0, 1, 2000)), RejectRecord);
  fixture.edge->flush();
  EXPECT_TRUE(fixture.carrier.sent.empty());
  EXPECT_EQ(fixture.route(batch_of(0, 1)), 1u);
  fixture.edge->flush();
  ASSERT_EQ(fixture.carrier.sent.size(), 1u);
  EXPECT_EQ(fixture.carrier.sent[0].header.sequence, 1u);
}

// It was given to the task of the same worker before it was found too large for the other: there, and a dead letter,
// too.
TEST(OutputEdge, ABroadcastRecordTooLargeForOneTaskReachesNone) {
  Fixture fixture({true, false}, 1000, detail::make_broadcast_edge<Visit>());
  EXPECT_THROW(fixture.route(batch_of(0, 1, 2000)), RejectRecord);
  EXPECT_EQ(fixture.route(batch_of(1, 2)), 1u);
  fixture.edge->flush();
  EXPECT_THAT(fixture.sent(), ElementsAre(ElementsAre("1"), ElementsAre("1")));
}

/// What a receiver finds of visits sent by key: their keys' hashes, and how many bytes went over.
template <class K>
std::pair<std::vector<std::uint64_t>, std::size_t> hashes_received(K Visit::*key) {
  const auto key_of = [key](const Visit& visit) { return visit.*key; };
  const auto type = detail::make_edge<K, Visit>(key_of, detail::ByKey<decltype(key_of)>{key_of});
  Fixture fixture({false}, 1u << 20, type);
  const auto batch = batch_of(0, 10, 5);
  EXPECT_EQ(fixture.route(batch), 10u);
  fixture.edge->flush();
  const auto frames = fixture.carrier.take();
  EXPECT_EQ(frames.size(), 1u);
  ByteReader reader(frames[0].payload);
  detail::FrameDelta delta;
  const auto received = type->make_batch();
  EXPECT_TRUE(type->read_records(reader, delta, *received, 100));
  std::vector<std::uint64_t> hashes;
  for (const auto& meta : received->metas) hashes.push_back(meta.key_hash);
  return {hashes, frames[0].payload.size()};
}

TEST(OutputEdge, AKeysHashTravelsUnlessItIsCheaperToComputeAgain) {
  std::vector<std::uint64_t> of_numbers, of_pages;
  for (std::uint64_t number = 0; number < 10; ++number) {
    of_numbers.push_back(key_hash(number));
    of_pages.push_back(key_hash(std::string(5, 'p')));
  }
  const auto [numbers_hashes, numbers_bytes] = hashes_received(&Visit::number);
  const auto [pages_hashes, pages_bytes] = hashes_received(&Visit::page);
  EXPECT_EQ(numbers_hashes, of_numbers);
  EXPECT_EQ(pages_hashes, of_pages);
  EXPECT_EQ(pages_bytes - numbers_bytes, 10 * sizeof(std::uint64_t));
}

TEST(OutputEdge, CarriesTheOriginOfItsOldestRecord) {
  Fixture fixture({false});
  const auto batch = batch_of(0, 2);
  fixture.edge->set_origin(111);
  EXPECT_EQ(fixture.edge->route({batch, nullptr, 1}, 0), 1u);
  fixture.edge->set_origin(222);
  EXPECT_EQ(fixture.route(batch, 1), 2u);
  fixture.edge->flush();
  ASSERT_EQ(fixture.carrier.sent.size(), 1u);
  EXPECT_EQ(fixture.carrier.sent[0].header.origin_us, 111);
}

}  // namespace

}  // namespace freshet::task
