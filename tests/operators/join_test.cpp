#include <freshet/operator_harness.h>
#include <freshet/window_join_stage.h>
#include <gmock/gmock.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::test::joins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Order {
  std::uint64_t id = 0;
  std::string text{};
  FRESHET_RECORD(id, text)
};
struct Payment {
  std::uint64_t id = 0;
  FRESHET_RECORD(id)
};
struct Joined {
  std::uint64_t key = 0, order = 0;
  std::optional<std::uint64_t> payment{};
  std::int64_t window = 0;  // its start
  std::int64_t time = 0;    // event time of the result
  auto operator<=>(const Joined&) const = default;
  FRESHET_RECORD(order, payment, window)
};
void PrintTo(const Joined& each, std::ostream* out) {
  *out << "{key " << each.key << ", order " << each.order << ", payment "
       << (each.payment ? std::to_string(*each.payment) : "none") << ", window " << each.window << ", at " << each.time
       << "}";
}

Time at(std::int64_t ms) { return Time(Duration(ms)); }

/// Throws on payment 13, and on order 13 alone.
const auto kInner = [](const Order& order, const Payment& payment, const Window& window) -> Joined {
  if (payment.id == 13) throw std::runtime_error("thirteen");
  return {.order = order.id, .payment = payment.id, .window = window.start.time_since_epoch().count()};
};
const auto kInnerByTime = [](const Order& order, const Payment& payment) { return kInner(order, payment, {}); };
const auto kLeft = [](const Order& order, const Payment* payment, const Window& window) -> Joined {
  if (payment != nullptr) return kInner(order, *payment, window);
  if (order.id == 13) throw std::runtime_error("thirteen");
  return {.order = order.id, .payment = {}, .window = window.start.time_since_epoch().count()};
};
const auto kLeftByTime = [](const Order& order, const Payment* payment) { return kLeft(order, payment, {}); };

template <bool kIsLeft, class F>
std::unique_ptr<Stage> by_time(const TimeBounds& bounds, F function) {
  return std::make_unique<detail::IntervalJoinStage<std::uint64_t, Order, Payment, Joined, F, kIsLeft>>(bounds,
                                                                                                       function);
}
template <bool kIsLeft, class F>
std::unique_ptr<Stage> by_window(const WindowSpec& windows, F function) {
  return std::make_unique<detail::WindowJoinStage<std::uint64_t, Order, Payment, Joined, F, kIsLeft>>(windows,
                                                                                                     function);
}
std::unique_ptr<Stage> make_stage(const TimeBounds& bounds, bool is_left) {
  return is_left ? by_time<true>(bounds, kLeftByTime) : by_time<false>(bounds, kInnerByTime);
}
std::unique_ptr<Stage> make_stage(const WindowSpec& windows, bool is_left) {
  return is_left ? by_window<true>(windows, kLeft) : by_window<false>(windows, kInner);
}

/// A record of either stream.
struct Record {
  bool is_order = false;
  std::uint64_t key = 0, id = 0;
  std::int64_t time = 0;
  std::int64_t over = detail::kNoWatermark;  ///< the watermark when it came
};

/// A join by itself. Outputs are emptied whenever the chain would; `chain` saves are those of all its tables.
class Join {
 public:
  using Make = std::function<std::unique_ptr<Stage>()>;
  explicit Join(Make make) : make_(std::move(make)) { start(); }
  template <class Pairs>
  explicit Join(const Pairs& pairs, bool is_left = false)
      : Join([=] { return make_stage(pairs, is_left); }) {}

  void order(std::uint64_t key, std::uint64_t id, std::int64_t time) { push({true, key, id, time}); }
  void payment(std::uint64_t key, std::uint64_t id, std::int64_t time) { push({false, key, id, time}); }
  void push(const Record& record) { push(std::vector<Record>{record}); }
  /// Of one stream, as one batch.
  void push(const std::vector<Record>& records) {
    detail::KeyedBatch<std::uint64_t, Order> orders;
    detail::KeyedBatch<std::uint64_t, Payment> payments;
    for (const auto& record : records) {
      const RecordMeta meta{record.time, key_hash(record.key), {1, record.id}};
      if (record.is_order) {
        orders.records.add() = {record.id, "an order, whose text is too long for the string itself"};
        orders.keys.add() = record.key;
        orders.metas.push_back(meta);
      } else {
        payments.records.add() = {record.id};
        payments.keys.add() = record.key;
        payments.metas.push_back(meta);
      }
    }
    if (orders.size() != 0) process(0, orders);
    if (payments.size() != 0) process(1, payments);
    emit_due();
  }
  void watermark(std::int64_t ms) {
    watermark_ = ms;
    stage_->on_watermark(at(ms));
    emit_due();
  }
  void spill() {
    store_ = std::make_unique<MemorySpill>();
    std::uint32_t number = 0;
    for (const auto& [name, table] : stage_->states()) table->spill_to(*store_, ++number);
  }
  void evict(std::size_t keys) {
    for (const auto& [name, table] : stage_->states()) (void)table->evict(keys);
  }
  /// While outputs are full, everything that can leave memory does.
  void evict_in_between() { evicts_in_between_ = true; }
  void save() {
    const auto tables = stage_->states();
    saved_.resize(tables.size());
    bool everything = saved_[0].logs.empty();
    for (const auto& [name, table] : tables) everything = everything || table->wants_everything();
    for (std::size_t i = 0; i < tables.size(); ++i) saved_[i].save(*tables[i].second, everything);
  }
  /// Entries of the newest save, erased ones in front of a bar.
  std::string newest_save() const {
    std::size_t erased = 0, there = 0;
    for (const auto& table : saved_) {
      for (const auto& record : table.logs.back()->records) {
        StateEntry entry;
        EXPECT_TRUE(read_state_entry(record, entry));
        ++(entry.erased ? erased : there);
      }
    }
    return std::to_string(erased) + "|" + std::to_string(there);
  }
  void crash_and_restore() {
    start();
    if (store_) spill();
    const auto tables = stage_->states();
    for (std::size_t i = 0; i < tables.size(); ++i) saved_[i].restore_to(*tables[i].second);
    saved_.clear();
    if (watermark_) watermark(*watermark_);
  }
  /// Takes those keys of what another has saved that are its own.
  void restore_some(const Join& other, std::uint32_t task, std::uint32_t tasks) {
    const auto tables = stage_->states();
    for (std::size_t i = 0; i < tables.size(); ++i) {
      for (const auto& log : other.saved_[i].logs) {
        for (const auto& record : log->records) {
          StateEntry entry;
          ASSERT_TRUE(read_state_entry(record, entry));
          if (key_group_of(entry.key_hash, tasks) == task) ASSERT_TRUE(tables[i].second->restore(entry));
        }
      }
    }
    if (other.watermark_) watermark(*other.watermark_);
  }
  std::size_t entries() const {
    std::size_t entries = 0;
    for (const auto& [name, table] : stage_->states()) entries += table->entries();
    return entries;
  }
  std::vector<Joined> take() { return std::exchange(results_, {}); }
  std::vector<std::uint64_t> take_late_orders() { return std::exchange(late_orders_, {}); }
  std::vector<std::uint64_t> take_late_payments() { return std::exchange(late_payments_, {}); }
  std::vector<DeadLetter> take_letters() { return std::exchange(letters_, {}); }
  std::uint64_t late() const { return stage_->late_records(); }
  std::size_t most_at_once() const { return most_at_once_; }
  detail::HarnessHost host;

 private:
  void start() {
    stage_ = make_();
    stage_->open(host);
  }
  void process(std::uint32_t input, const detail::BatchBase& batch) {
    const detail::BatchView view{&batch, nullptr, static_cast<std::uint32_t>(batch.size())};
    for (std::size_t from = 0; from < view.size; collect()) {
      from = stage_->process(input, view, from);
      if (from == view.size) continue;
      EXPECT_EQ(stage_->process(input, view, from), from) << "a stage whose output is full took a record";
      if (evicts_in_between_) evict(1000);
    }
  }
  void emit_due() {
    while (stage_->next_due() <= host.now()) {
      const bool is_done = stage_->emit_due();
      collect();
      if (evicts_in_between_ && !is_done) evict(1000);
      if (is_done) break;
    }
    EXPECT_GT(stage_->next_due(), host.now()) << "it said that all is out";
  }
  template <class T>
  detail::Batch<T>& output(std::size_t i) {
    return static_cast<detail::Batch<T>&>(stage_->outputs()[i].batch());
  }
  void collect() {
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Joined>&>(stage_->outputs()[0].batch());
    most_at_once_ = std::max(most_at_once_, out.size());
    EXPECT_EQ(out.keys.size(), out.size());
    EXPECT_EQ(out.records.size(), out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out.metas[i].key_hash, key_hash(out.keys[i]));
      results_.push_back(out.records[i]);
      results_.back().key = out.keys[i];
      results_.back().time = out.metas[i].event_time_ms;
      EXPECT_TRUE(!watermark_passed_ || results_.back().time >= *watermark_passed_) << "late for what comes behind";
    }
    for (std::size_t i = 0; i < output<Order>(1).size(); ++i) late_orders_.push_back(output<Order>(1).records[i].id);
    for (std::size_t i = 0; i < output<Payment>(2).size(); ++i)
      late_payments_.push_back(output<Payment>(2).records[i].id);
    for (std::size_t i = 0; i < output<DeadLetter>(3).size(); ++i)
      letters_.push_back(output<DeadLetter>(3).records[i]);
    for (auto& port : stage_->outputs()) port.clear();
    if (stage_->next_due() > host.now()) watermark_passed_ = watermark_;
  }

  Make make_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Stage> stage_;
  std::vector<SavedTableChain> saved_;
  std::optional<std::int64_t> watermark_, watermark_passed_;
  std::vector<Joined> results_;
  std::vector<std::uint64_t> late_orders_, late_payments_;
  std::vector<DeadLetter> letters_;
  std::size_t most_at_once_ = 0;
  bool evicts_in_between_ = false;
};

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

TEST(IntervalJoin, PairsLieWithinTheBoundsBothOfWhichCount) {
  Join join(between(-3ms, 5ms));
  join.order(7, 1, 100);
  for (const std::int64_t time : {96, 97, 100, 105, 106}) join.payment(7, static_cast<std::uint64_t>(time), time);
  join.payment(8, 1, 100);
  EXPECT_THAT(join.take(),
              ElementsAre(Joined{7, 1, 97, 0, 100}, Joined{7, 1, 100, 0, 100}, Joined{7, 1, 105, 0, 105}));
  join.order(7, 2, 102);
  EXPECT_THAT(join.take(),
              ElementsAre(Joined{7, 2, 100, 0, 102}, Joined{7, 2, 105, 0, 105}, Joined{7, 2, 106, 0, 106}));
}

TEST(IntervalJoin, BoundsMayLieOnOneSide) {
  Join before(between(-5ms, -2ms)), behind(between(2ms, 5ms));
  for (auto* join : {&before, &behind}) {
    for (std::int64_t time = 90; time <= 110; ++time) join->payment(7, static_cast<std::uint64_t>(time), time);
    join->order(7, 1, 100);
  }
  EXPECT_THAT(before.take(), ElementsAre(Joined{7, 1, 95, 0, 100}, Joined{7, 1, 96, 0, 100}, Joined{7, 1, 97, 0, 100},
                                         Joined{7, 1, 98, 0, 100}));
  EXPECT_THAT(behind.take(), ElementsAre(Joined{7, 1, 102, 0, 102}, Joined{7, 1, 103, 0, 103},
                                         Joined{7, 1, 104, 0, 104}, Joined{7, 1, 105, 0, 105}));
  before.watermark(kEnd);
  behind.watermark(kEnd);
  EXPECT_EQ(before.entries() + behind.entries(), 0u);
}

TEST(IntervalJoin, ARecordGoesWhenNoPartnerOfItCanCome) {
  Join join(between(-3ms, 5ms));
  join.order(7, 1, 100);
  join.payment(7, 2, 90);
  join.watermark(93);
  EXPECT_EQ(join.entries(), 2u) << "an order of 93 would be a partner of the payment";
  join.watermark(94);
  EXPECT_EQ(join.entries(), 1u);
  join.watermark(105);
  EXPECT_EQ(join.entries(), 1u) << "a payment of 105 would be a partner of the order";
  join.watermark(106);
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, WhatIsOlderThanTheWatermarkIsLate) {
  Join join(between(-3ms, 5ms));
  join.payment(7, 1, 100);
  join.watermark(100);
  join.order(7, 2, 99);
  join.order(7, 3, 100);
  join.payment(7, 4, 98);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 3, 1, 0, 100}));
  EXPECT_THAT(join.take_late_orders(), ElementsAre(2));
  EXPECT_THAT(join.take_late_payments(), ElementsAre(4));
  EXPECT_EQ(join.late(), 2u);
}

TEST(IntervalJoin, ALeftRecordWithoutPartnerGoesOutOnceWhenNoneCanCome) {
  Join join(between(-3ms, 5ms), true);
  join.order(7, 1, 100);
  join.order(7, 2, 101);
  join.payment(7, 9, 106);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 2, 9, 0, 106}));
  join.watermark(105);
  EXPECT_THAT(join.take(), IsEmpty());
  join.watermark(106);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, {}, 0, 105}));
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty()) << "payments go without a word, and so does what had a partner";
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, ALeftRecordWhoseTimeForPartnersIsOverGoesOutAtOnce) {
  Join join(between(-9ms, -5ms), true);
  join.watermark(100);
  join.order(7, 1, 101);
  join.order(7, 2, 105);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, {}, 0, 101}));
  join.watermark(101);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 2, {}, 0, 105}));
}

TEST(IntervalJoin, ItIsRememberedThatALeftRecordHadAPartner) {
  Join join(between(0ms, 5ms), true);
  join.order(7, 1, 100);
  join.save();
  join.payment(7, 2, 101);
  EXPECT_EQ(join.take().size(), 1u);
  join.save();
  join.crash_and_restore();
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty());
}

TEST(IntervalJoin, APairThatThrowsIsSetAsideAloneWhicheverCameLast) {
  for (const bool order_first : {true, false}) {
    Join join(between(0ms, 5ms), true);
    join.host.sets_aside = true;
    if (order_first) join.order(7, 1, 100);
    join.payment(7, 12, 100);
    join.payment(7, 13, 101);
    join.payment(7, 14, 102);
    if (!order_first) join.order(7, 1, 100);
    join.order(8, 13, 100);
    join.payment(9, 13, 100);
    join.order(9, 2, 100);
    join.watermark(kEnd);
    EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, 12, 0, 100}, Joined{7, 1, 14, 0, 102}));
    const auto letters = join.take_letters();
    ASSERT_EQ(letters.size(), 3u);
    for (const auto& letter : letters) EXPECT_EQ(letter.message, "thirteen");
    EXPECT_THAT(letters[0].record, HasSubstr(R"({"key":7,"left":{"id":1,)"));
    EXPECT_THAT(letters[0].record, HasSubstr(R"("right":{"id":13}})"));
    EXPECT_EQ(letters[0].origin, "harness, record 1") << "the left record's";
    EXPECT_THAT(letters[1].record, HasSubstr(R"({"key":9,"left":{"id":2,)")) << "it had a partner all the same";
    EXPECT_THAT(letters[2].record, HasSubstr(R"("right":null})"));
    EXPECT_EQ(join.entries(), 0u);
  }
}

TEST(IntervalJoin, APairThatThrowsFailsTheJobWhereThatIsThePolicy) {
  Join join(between(0ms, 5ms));
  join.order(7, 1, 100);
  try {
    join.payment(7, 13, 101);
    ADD_FAILURE() << "it went on";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("exception std::runtime_error: thirteen on {\"key\":7,\"left\":{\"id\":1,"));
  }
}

TEST(IntervalJoin, ARecordWithoutEventTimeIsSetAside) {
  Join join(between(0ms, 5ms));
  join.host.sets_aside = true;
  join.order(7, 1, RecordMeta::kNoTime);
  join.payment(7, 2, kEnd);
  const auto letters = join.take_letters();
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_THAT(letters[0].message, HasSubstr("no event time"));
  EXPECT_THAT(letters[1].message, HasSubstr("out of range"));
  EXPECT_EQ(join.entries(), 0u);
}

/// More partners than an output takes, while what waits leaves memory again and again.
TEST(IntervalJoin, GoesOnInTheMiddleOfARecordWhoseOutputIsFull) {
  for (const bool evicts : {false, true}) {
    Join join(between(-3ms, 5ms), true);
    if (evicts) {
      join.spill();
      join.evict_in_between();
    }
    std::vector<Record> payments;
    for (std::uint64_t id = 0; id < 2000; ++id)
      payments.push_back({false, 7, 100 + id, 100 + static_cast<std::int64_t>(id % 5)});
    join.push(payments);
    join.push(std::vector<Record>{{true, 7, 1, 100}, {true, 7, 2, 101}, {true, 8, 3, 101}});
    std::set<Joined> all;
    for (const auto& each : join.take()) EXPECT_TRUE(all.insert(each).second) << "came twice";
    EXPECT_EQ(all.size(), 4000u);
    EXPECT_EQ(join.most_at_once(), kBatchRecords);
    join.watermark(kEnd);
    EXPECT_THAT(join.take(), ElementsAre(Joined{8, 3, {}, 0, 106}));
    EXPECT_EQ(join.entries(), 0u);
  }
}

TEST(IntervalJoin, LeftRecordsWithoutPartnerGoOutInPieces) {
  Join join(between(0ms, 5ms), true);
  join.spill();
  join.evict_in_between();
  std::vector<Record> orders;
  for (std::uint64_t id = 0; id < 3000; ++id)
    orders.push_back({true, id % 7, id, 100 + static_cast<std::int64_t>(id % 50)});
  join.push(orders);
  join.watermark(kEnd);
  EXPECT_EQ(join.take().size(), 3000u);
  EXPECT_EQ(join.most_at_once(), kBatchRecords);
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, ACheckpointHoldsWhatCameAndWent) {
  Join join(between(0ms, 5ms));
  for (std::uint64_t id = 0; id < 100; ++id) join.order(7, id, 100);
  join.save();
  EXPECT_EQ(join.newest_save(), "0|100");
  join.order(7, 100, 200);
  join.payment(8, 1, 200);
  join.save();
  EXPECT_EQ(join.newest_save(), "0|2");
  join.watermark(150);
  EXPECT_EQ(join.entries(), 2u);
  join.order(7, 101, 200);
  join.save();
  EXPECT_EQ(join.newest_save(), "99|1") << "the new one takes the place of one that went";
  join.order(9, 1, 300);
  join.payment(7, 1, 205);
  join.watermark(301);
  join.watermark(306);
  join.save();
  EXPECT_EQ(join.newest_save(), "3|0") << "of what came and went in the meantime nothing is said";
  join.crash_and_restore();
  EXPECT_EQ(join.entries(), 0u);
}

TEST(IntervalJoin, StateGoesOnInMoreTasks) {
  Join one(between(-30ms, 50ms), true);
  std::vector<Record> records;
  base::Random random(5);
  for (std::uint64_t id = 0; id < 400; ++id)
    records.push_back({random.chance(0.5), random.below(40), id, random.between(0, 300)});
  Join whole(between(-30ms, 50ms), true);
  for (const auto& record : records) whole.push(record);
  whole.watermark(kEnd);
  for (std::size_t i = 0; i < 200; ++i) {
    one.push(records[i]);
    if (i == 100) one.save();
  }
  one.save();
  std::vector<Joined> results = one.take();
  for (std::uint32_t task = 0; task < 3; ++task) {
    Join part(between(-30ms, 50ms), true);
    part.restore_some(one, task, 3);
    for (std::size_t i = 200; i < 400; ++i)
      if (key_group_of(key_hash(records[i].key), 3) == task) part.push(records[i]);
    part.watermark(kEnd);
    const auto more = part.take();
    results.insert(results.end(), more.begin(), more.end());
  }
  EXPECT_THAT(results, ::testing::UnorderedElementsAreArray(whole.take()));
}

TEST(WindowJoin, PairsOfAWindowGoOutWhenItIsOver) {
  Join join(tumbling(10ms));
  join.order(7, 1, 10);
  join.order(7, 2, 19);
  join.payment(7, 3, 15);
  join.payment(7, 4, 20);
  join.payment(8, 5, 15);
  join.watermark(19);
  EXPECT_THAT(join.take(), IsEmpty());
  join.watermark(20);
  EXPECT_THAT(join.take(), UnorderedElementsAre(Joined{7, 1, 3, 10, 19}, Joined{7, 2, 3, 10, 19}));
  EXPECT_EQ(join.entries(), 2u) << "the payment of the next window, and when that ends";
  join.order(7, 6, 19);
  EXPECT_THAT(join.take_late_orders(), ElementsAre(6));
  join.watermark(kEnd);
  EXPECT_THAT(join.take(), IsEmpty());
  EXPECT_EQ(join.entries(), 0u);
}

TEST(WindowJoin, OfOverlappingWindowsInEachThatHoldsBoth) {
  Join join(sliding(30ms, 10ms), true);
  join.order(7, 1, 25);
  join.payment(7, 2, 41);
  join.watermark(1000);
  EXPECT_THAT(join.take(),
              ElementsAre(Joined{7, 1, {}, 0, 29}, Joined{7, 1, {}, 10, 39}, Joined{7, 1, 2, 20, 49}));
  EXPECT_EQ(join.entries(), 0u);
}

TEST(WindowJoin, APairThatThrowsIsSetAsideAlone) {
  Join join(tumbling(10ms), true);
  join.host.sets_aside = true;
  for (const std::uint64_t id : {12, 13, 14}) join.payment(7, id, 11);
  join.order(7, 1, 12);
  join.order(8, 13, 13);
  join.watermark(20);
  EXPECT_THAT(join.take(), ElementsAre(Joined{7, 1, 12, 10, 19}, Joined{7, 1, 14, 10, 19}));
  EXPECT_EQ(join.take_letters().size(), 2u);
  EXPECT_EQ(join.entries(), 0u);
}

/// 300 x 300 pairs of each of two keys whose windows end at once, while what waits leaves memory again and again.
TEST(WindowJoin, GoesOnInTheMiddleOfAWindow) {
  for (const bool evicts : {false, true}) {
    Join join(tumbling(10ms), true);
    if (evicts) {
      join.spill();
      join.evict_in_between();
    }
    for (const std::uint64_t key : {7, 8}) {
      for (std::uint64_t id = 0; id < 300; ++id) join.order(key, id, 10 + static_cast<std::int64_t>(id % 10));
      for (std::uint64_t id = 0; id < 300; ++id) join.payment(key, 100 + id, 10 + static_cast<std::int64_t>(id % 3));
    }
    for (std::uint64_t id = 0; id < 2000; ++id) join.order(9, id, 10);
    join.watermark(20);
    std::set<Joined> all;
    for (const auto& each : join.take()) EXPECT_TRUE(all.insert(each).second) << "came twice";
    EXPECT_EQ(all.size(), 2 * 90'000u + 2000u);
    EXPECT_EQ(join.most_at_once(), kBatchRecords);
    EXPECT_EQ(join.entries(), 0u);
  }
}

/// What should come out, by means that are slow and plain.
std::multiset<Joined> plain_join(const TimeBounds& bounds, bool is_left, const std::vector<Record>& records) {
  std::multiset<Joined> all;
  for (const auto& order : records) {
    if (!order.is_order) continue;
    bool is_alone = true;
    for (const auto& payment : records) {
      if (payment.is_order || payment.key != order.key || payment.time < order.time + bounds.lower.count() ||
          payment.time > order.time + bounds.upper.count())
        continue;
      is_alone = false;
      all.insert({order.key, order.id, payment.id, 0, std::max(order.time, payment.time)});
    }
    if (is_left && is_alone)
      all.insert({order.key, order.id, {}, 0, std::max(order.time, order.time + bounds.upper.count())});
  }
  return all;
}
std::multiset<Joined> plain_join(const WindowSpec& spec, bool is_left, const std::vector<Record>& records) {
  std::multiset<Joined> all;
  const std::int64_t size = spec.size.count(), slide = spec.slide.count(), offset = spec.offset.count();
  for (std::int64_t start = -300; start < 5000; ++start) {
    if (((start - offset) % slide + slide) % slide != 0) continue;
    const auto is_in = [&](const Record& record) {
      return record.time >= start && record.time < start + size && record.over < start + size;
    };
    for (const auto& order : records) {
      if (!order.is_order || !is_in(order)) continue;
      bool is_alone = true;
      for (const auto& payment : records) {
        if (payment.is_order || payment.key != order.key || !is_in(payment)) continue;
        is_alone = false;
        all.insert({order.key, order.id, payment.id, start, start + size - 1});
      }
      if (is_left && is_alone) all.insert({order.key, order.id, {}, start, start + size - 1});
    }
  }
  return all;
}

bool is_late(const TimeBounds&, std::int64_t time, std::int64_t watermark) { return time < watermark; }
bool is_late(const WindowSpec& spec, std::int64_t time, std::int64_t watermark) {
  std::int64_t last = time + spec.size.count();
  while (((last - spec.size.count() - spec.offset.count()) % spec.slide.count()) != 0) --last;
  return last <= watermark;
}

/// Records in disorder, some of them late; crashes, saves and evictions between them. What is not late makes up the
/// pairs that the plain means find.
template <class Pairs>
void check_at_random(const Pairs& pairs, bool is_left, std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  base::Random random(seed);
  Join join(pairs, is_left);
  const bool spills = seed % 2 == 0;
  if (spills) join.spill();
  if (seed % 4 == 0) join.evict_in_between();
  std::vector<Record> taken, saved_taken;
  std::vector<Joined> told, saved_told;
  bool is_saved = false;
  const auto collect = [&] {
    for (const auto& each : join.take()) told.push_back(each);
  };
  std::int64_t now = 100, watermark = detail::kNoWatermark;
  for (std::uint64_t step = 0; step < 300; ++step) {
    now += random.between(0, 8);
    Record record{random.chance(0.5), random.below(4), step,
                  std::max<std::int64_t>(now - random.between(0, random.chance(0.1) ? 150 : 30), 0), watermark};
    join.push(record);
    const bool was_late = join.take_late_orders().size() + join.take_late_payments().size() != 0;
    ASSERT_EQ(was_late, is_late(pairs, record.time, watermark));
    if (!was_late) taken.push_back(record);
    if (random.chance(0.3) && now - 30 > watermark) join.watermark(watermark = now - 30);
    collect();
    if (spills && random.chance(0.3)) join.evict(random.below(4));
    if (random.chance(0.1)) {
      join.save();
      saved_taken = taken;
      saved_told = told;
      is_saved = true;
    }
    if (is_saved && random.chance(0.03)) {
      taken = saved_taken;
      told = saved_told;
      is_saved = false;
      join.crash_and_restore();
      collect();
    }
  }
  join.watermark(kEnd);
  collect();
  EXPECT_EQ(join.entries(), 0u);
  ASSERT_EQ(std::multiset<Joined>(told.begin(), told.end()), plain_join(pairs, is_left, taken));
}

struct Case {
  const char* name;
  TimeBounds bounds;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
class AnyInterval : public testing::TestWithParam<Case> {};

TEST_P(AnyInterval, HoldsWhatAPlainSearchFinds) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) check_at_random(GetParam().bounds, seed % 3 == 0, seed);
}

/// In any order in which records come, while none is late.
TEST_P(AnyInterval, IsTheSameInAnyOrder) {
  for (const bool is_left : {false, true}) {
    base::Random random(9);
    std::vector<Record> records;
    for (std::uint64_t id = 0; id < 300; ++id)
      records.push_back({random.chance(0.5), random.below(5), id, random.between(0, 200)});
    const auto expected = plain_join(GetParam().bounds, is_left, records);
    for (int round = 0; round < 4; ++round) {
      Join join(GetParam().bounds, is_left);
      for (const auto& record : records) join.push(record);
      join.watermark(kEnd);
      const auto results = join.take();
      ASSERT_EQ(std::multiset<Joined>(results.begin(), results.end()), expected);
      for (std::size_t i = records.size(); i-- > 1;) std::swap(records[i], records[random.below(i + 1)]);
      if (round == 2) std::stable_sort(records.begin(), records.end(), [](auto& a, auto& b) { return a.time > b.time; });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, AnyInterval,
                         testing::Values(Case{"around", between(-13ms, 25ms)}, Case{"at_once", between(0ms, 0ms)},
                                         Case{"before", between(-40ms, -10ms)}, Case{"behind", between(10ms, 40ms)}),
                         [](const auto& each) { return each.param.name; });

TEST(WindowJoin, HoldsWhatAPlainSearchFinds) {
  for (const auto& windows : {tumbling(20ms), tumbling(20ms, 7ms), sliding(40ms, 10ms), sliding(50ms, 20ms, 3ms)}) {
    SCOPED_TRACE(detail::in_words(windows));
    for (std::uint64_t seed = 1; seed <= 24; ++seed) check_at_random(windows, seed % 3 == 0, seed);
  }
}

TEST(TimeOrder, IsThatOfAPlainSetHoweverTimesCome) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    base::Random random(seed);
    detail::TimeOrder order;
    using Item = detail::TimeOrder::Item;
    std::set<Item> model;
    std::int64_t now = 0;
    for (std::uint32_t place = 0; place < 6000; ++place) {
      now += seed % 2 == 0 ? 1 : 0;
      const Item item{now - random.between(0, seed % 3 == 0 ? 20 : 100'000), place};
      order.insert(item);
      model.insert(item);
      if (random.chance(place < 4000 ? 0.3 : 0.9)) {
        ASSERT_EQ(order.first(), *model.begin());
        order.pop_first();
        model.erase(model.begin());
      }
      if (place % 500 != 0) continue;
      const Item from{now - random.between(0, 100'000), 3000};
      auto walk = order.from(from);
      for (auto at = model.lower_bound(from); at != model.end(); ++at) {
        const Item* next = order.next(walk);
        ASSERT_NE(next, nullptr);
        ASSERT_EQ(*next, *at);
      }
      ASSERT_EQ(order.next(walk), nullptr);
      ASSERT_EQ(order.empty(), model.empty());
    }
  }
}

}  // namespace
}  // namespace freshet::test::joins
