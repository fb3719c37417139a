#include <freshet/operator_harness.h>
#include <freshet/pane_combining.h>
#include <freshet/window_stage.h>
#include <gmock/gmock.h>

#include <map>

#include "runtime/base/random.h"
#include "tests/support/seed.h"

/// Records that are summed up before they are sent, and the windows that are made of the parts.
namespace freshet::test::panes {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

struct Visit {
  std::string user{};
  std::int64_t amount = 0;
  FRESHET_RECORD(user, amount)
};
struct Total {
  std::string user{};
  Window window{};
  std::uint64_t visits = 0;
  std::int64_t amount = 0, most = 0;
  FRESHET_RECORD(user, window, visits, amount, most)
};

auto summary() {
  const auto make = [](auto... columns) {
    return detail::ColumnSummary<std::string, Visit, Total, decltype(columns)...>(columns...);
  };
  return make(count().as(&Total::visits), sum(&Visit::amount).as(&Total::amount), max(&Visit::amount).as(&Total::most));
}
using Summary = decltype(summary());
using Part = detail::PanePart<std::pair<std::uint64_t, Summary::States>>;
using Parts = detail::KeyedBatch<std::string, Part>;
using Stage = detail::WindowStage<std::string, Visit, Summary>;

/// Channels to three tasks, in the same worker or elsewhere, that have room when they are told to.
class Channels final : public detail::ChannelPort {
 public:
  Channels(const detail::EdgeType& edge, bool local) : edge_(edge), local_(local) { frames.resize(3); }
  bool make_room(std::uint32_t to) override {
    if (random.chance(has_no_room)) return false;
    take(to);
    auto& frame = frames[to];
    frame.limit = 300;
    if (local_) frame.batch = edge_.make_batch();
    return true;
  }
  /// What has come, by receiving task.
  std::vector<std::unique_ptr<detail::BatchBase>> take_all() {
    for (std::uint32_t to = 0; to < frames.size(); ++to) take(to);
    return std::exchange(came_, {});
  }

  base::Random random{1};
  double has_no_room = 0;

 private:
  void take(std::uint32_t to) {
    auto& frame = frames[to];
    if (frame.elements != 0 && !local_) {
      frame.batch = edge_.make_batch();
      ByteReader in(frame.bytes.view());
      detail::FrameDelta delta;
      ASSERT_TRUE(edge_.read_records(in, delta, *frame.batch, SIZE_MAX));
      ASSERT_EQ(in.remaining(), 0u);
    }
    if (frame.elements != 0) came_.push_back(std::move(frame.batch));
    frame = {};
  }
  const detail::EdgeType& edge_;
  const bool local_;
  std::vector<std::unique_ptr<detail::BatchBase>> came_;
};

/// One sender's edge to a window step, and its three tasks.
class Panes : public testing::TestWithParam<bool> {
 protected:
  explicit Panes(const WindowSpec& spec = tumbling(1s), Duration lateness = {})
      : edge_(detail::PaneCombiner<std::string, Visit, Summary>(spec, summary())
                  .edge([](const Visit& visit, std::string& key) { key = visit.user; })),
        router_(edge_->make_router()),
        port_(*edge_, GetParam()),
        stage_(spec, lateness, summary(), true) {
    stage_.open(host_);
  }

  void send(const std::string& user, std::int64_t amount, std::int64_t time_ms) {
    batch_.clear();
    batch_.records.add() = {user, amount};
    batch_.metas.push_back({.event_time_ms = time_ms, .position = {1, ++offset_}});
    // What is kept back for long goes out between two tries, as far as there is room.
    while (router_->route({batch_, nullptr, 1}, 0, port_) != 1) (void)router_->drain(port_);
    if (port_.random.chance(port_.has_no_room / 20)) (void)router_->drain(port_);
  }
  void watermark(std::int64_t ms) {
    while (!router_->drain_before(port_, ms)) continue;
    receive();
    stage_.on_watermark(Time(Duration(ms)));
    emit();
  }
  void barrier() {
    while (!router_->drain(port_)) continue;
    EXPECT_FALSE(router_->keeps_some());
    receive();
  }
  void receive() {
    for (const auto& batch : port_.take_all()) {
      const auto& parts = static_cast<const Parts&>(*batch);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        EXPECT_EQ(parts.metas[i].key_hash, key_hash(parts.keys[i]));
        ++parts_[{parts.keys[i], parts.records[i].start}];
      }
      const detail::BatchView view(parts);
      for (std::size_t from = 0; from < view.size; emit()) from = stage_.process(0, view, from);
    }
  }
  void emit() {
    for (bool all = false; !all;) {
      all = stage_.emit_due();
      auto& out = static_cast<detail::KeyedBatch<std::string, Total>&>(stage_.outputs()[0].batch());
      for (std::size_t i = 0; i < out.size(); ++i) {
        const Total& total = out.records[i];
        results_[{total.user, total.window.start.time_since_epoch().count()}] = {
            static_cast<std::int64_t>(total.visits), total.amount, total.most};
      }
      stage_.outputs()[0].clear();
    }
  }

  /// Many users in many panes, now and then without room; every window comes to what a plain count says.
  void count_everything(const WindowSpec& spec, std::uint64_t seed) {
    base::Random random(seed);
    port_.random = base::Random(seed + 1);
    port_.has_no_room = 0.3;
    std::map<std::pair<std::string, std::int64_t>, std::vector<std::int64_t>> expected;
    std::int64_t now = 100'000;
    const std::int64_t size = spec.size.count(), slide = spec.slide.count();
    for (int i = 0; i < 20'000; ++i) {
      now += random.between(0, 2);
      const std::int64_t time = now - random.between(0, 500);
      const auto user = "u" + std::to_string(random.below(random.chance(0.5) ? 5 : 40'000));
      const std::int64_t amount = random.between(-50, 50);
      send(user, amount, time);
      for (std::int64_t start = detail::aligned(time, slide, 0); start > time - size; start -= slide) {
        auto [place, is_new] = expected.try_emplace({user, start}, std::vector<std::int64_t>{0, 0, amount});
        ++place->second[0];
        place->second[1] += amount;
        place->second[2] = std::max(place->second[2], amount);
      }
      if (random.chance(0.01)) watermark(now - 500);
      if (random.chance(0.001)) barrier();
    }
    int sent = 0;
    for (const auto& [place, parts] : parts_) sent += parts;
    EXPECT_LT(sent, 15'000) << "hardly anything was summed up";
    watermark(detail::kNeverDue);
    EXPECT_EQ(stage_.late_records(), 0u);
    EXPECT_EQ(results_, expected);
  }

  using Place = std::pair<std::string, std::int64_t>;  // user and start
  const std::shared_ptr<const detail::EdgeType> edge_;
  const std::unique_ptr<detail::Router> router_;
  Channels port_;
  detail::HarnessHost host_;
  Stage stage_;
  detail::Batch<Visit> batch_;
  std::uint64_t offset_ = 0;
  std::map<Place, int> parts_;  // that have come
  std::map<Place, std::vector<std::int64_t>> results_;
};
INSTANTIATE_TEST_SUITE_P(Channels, Panes, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

TEST_P(Panes, RecordsOfOneKeyAndPaneAreSentAsOne) {
  for (int i = 1; i <= 100; ++i) send("a", i, i % 2 * 1000 + i);
  send("b", 7, 30);
  barrier();
  EXPECT_THAT(parts_, UnorderedElementsAre(Pair(Place("a", 0), 1), Pair(Place("a", 1000), 1), Pair(Place("b", 0), 1)));
  watermark(5000);
  EXPECT_THAT(results_, UnorderedElementsAre(Pair(Place("a", 0), std::vector<std::int64_t>{50, 2550, 100}),
                                             Pair(Place("a", 1000), std::vector<std::int64_t>{50, 2500, 99}),
                                             Pair(Place("b", 0), std::vector<std::int64_t>{1, 7, 7})));
}

TEST_P(Panes, WhatIsOverGoesOutBeforeTheWatermarkAndTheRestStays) {
  send("a", 1, 10);
  send("a", 2, 1010);
  watermark(999);
  EXPECT_THAT(parts_, IsEmpty());
  watermark(1000);
  EXPECT_THAT(parts_, UnorderedElementsAre(Pair(Place("a", 0), 1)));
  EXPECT_THAT(results_, UnorderedElementsAre(Pair(Place("a", 0), std::vector<std::int64_t>{1, 1, 1})));
  EXPECT_TRUE(router_->keeps_some());
  watermark(3000);
  EXPECT_FALSE(router_->keeps_some());
  EXPECT_EQ(results_.size(), 2u);
}

TEST_P(Panes, WhatIsLateAlreadyIsSentAtOnceAndCounted) {
  watermark(2000);
  send("a", 1, 1999);
  send("a", 1, 1999);
  EXPECT_FALSE(router_->keeps_some());
  receive();
  EXPECT_EQ(stage_.late_records(), 2u);
  watermark(9000);
  EXPECT_THAT(results_, IsEmpty());
}

TEST_P(Panes, AKeyThatIsLongIsNotKeptBack) {
  const std::string user(1000, 'a');
  send(user, 1, 10);
  send(user, 2, 10);
  EXPECT_FALSE(router_->keeps_some());
  watermark(1000);
  EXPECT_THAT(results_, UnorderedElementsAre(Pair(Place(user, 0), std::vector<std::int64_t>{2, 3, 2})));
}

TEST_P(Panes, ARecordWithoutATimeIsRefusedByTheWindowStep) {
  host_.sets_aside = true;
  send("a", 1, RecordMeta::kNoTime);
  send("a", 1, 5);
  barrier();
  EXPECT_EQ(stage_.outputs().back().size(), 1u) << "a dead letter";
  watermark(1000);
  EXPECT_EQ(results_.size(), 1u);
}

class SlidingPanes : public Panes {
 protected:
  SlidingPanes() : Panes(sliding(900ms, 600ms)) {}
};
INSTANTIATE_TEST_SUITE_P(Channels, SlidingPanes, testing::Values(false, true));

TEST_P(Panes, ComeToWhatAPlainCountSays) {
  FRESHET_SEEDED(seed);
  count_everything(tumbling(1s), seed);
}
TEST_P(SlidingPanes, ComeToWhatAPlainCountSays) {
  FRESHET_SEEDED(seed);
  count_everything(sliding(900ms, 600ms), seed);
}

}  // namespace
}  // namespace freshet::test::panes
