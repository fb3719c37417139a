#include <freshet/timer.h>

#include <freshet/operator_harness.h>
#include <gmock/gmock.h>

#include <map>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"
#include "tests/support/seed.h"

namespace freshet::test::timers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Order {
  std::uint64_t user = 0;
  std::string item{};
  std::int64_t due_s = 0;  ///< 0: paid
  FRESHET_RECORD(user, item, due_s)
};

struct Late {
  std::uint64_t user = 0;
  std::string item{};
  std::int64_t told = 0;  ///< how often the user has been told
  bool operator==(const Late&) const = default;
  FRESHET_RECORD(user, item, told)
};

/// Tells of each order whose time came before it was paid.
class Overdue : public KeyedOperator<std::uint64_t, Order, Late> {
 public:
  explicit Overdue(std::int64_t again_s = 0) : again_s_(again_s) {}
  void process(const Order& order, Out<Late>&) override {
    if (order.due_s == 0)
      due.cancel(order.item);
    else
      due.set(order.item, Time(Duration(order.due_s * 1000)));
    if (order.item == "refused") throw RejectRecord("this one is refused");
  }
  void tell(const std::string& item, Out<Late>& out) {
    told.get() += 1;
    out.emit({key(), item, told.get()});
    if (item == "bomb") throw std::runtime_error("it went off");
    if (again_s_ != 0 && told.get() < 3) due.set(item, Time(Duration((told.get() + 1) * again_s_ * 1000)));
  }

  ValueState<std::int64_t> told{this, "told"};
  Timer<std::string> due{this, "due", &Overdue::tell};

 private:
  const std::int64_t again_s_;
};

struct TimerTest : ::testing::Test {
  TimerTest() { harness.key_by(&Order::user); }
  static Time at(std::int64_t s) { return Time(Duration(s * 1000)); }
  OperatorHarness<Overdue> harness{};
};

TEST_F(TimerTest, FiresWhenTheWatermarkHasPassedItsTime) {
  harness.push({1, "a", 10}).watermark(at(10));
  EXPECT_THAT(harness.take(), IsEmpty()) << "records of that time may still come";
  harness.watermark(at(10) + 1ms);
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1}));
  harness.watermark(at(99));
  EXPECT_THAT(harness.take(), IsEmpty()) << "and once only";
}

TEST_F(TimerTest, FireInTheOrderOfTheirTimesEachUnderItsKey) {
  harness.push({1, "c", 30}).push({2, "b", 20}).push({1, "a", 10}).push({3, "d", 40}).watermark(at(35));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1}, Late{2, "b", 1}, Late{1, "c", 2}));
  EXPECT_EQ(harness.at_key(3).due.find("d"), at(40));
  EXPECT_EQ(harness.at_key(1).due.find("a"), std::nullopt);
}

TEST_F(TimerTest, OneThatIsCancelledDoesNotFire) {
  harness.push({1, "a", 10}).push({1, "b", 10}).push({1, "a", 0}).push({2, "b", 0}).watermark(at(99));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "b", 1}));
}

TEST_F(TimerTest, SettingItAgainMovesIt) {
  harness.push({1, "later", 10}).push({1, "later", 30}).push({1, "sooner", 40}).push({1, "sooner", 20});
  harness.watermark(at(25));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "sooner", 1}));
  harness.watermark(at(99));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "later", 2}));
}

TEST_F(TimerTest, ATimeThatHasPassedFiresBehindTheCall) {
  harness.watermark(at(100)).push({1, "a", 10});
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1}));
}

TEST_F(TimerTest, SurvivesACrashAndFiresOnce) {
  harness.push({7, "a", 10}).push({7, "b", 20}).crash_and_restore().watermark(at(15));
  EXPECT_THAT(harness.take(), ElementsAre(Late{7, "a", 1}));
  harness.crash_and_restore().watermark(at(99));
  EXPECT_THAT(harness.take(), ElementsAre(Late{7, "b", 2}));
}

TEST_F(TimerTest, ACallThatThrowsHasNeitherSetNorCancelledAny) {
  harness.set_aside();
  harness.push({1, "kept", 10});
  harness.push({1, "refused", 10});
  EXPECT_EQ(harness.dead_letters().size(), 1u);
  harness.push({1, "refused", 0});
  harness.watermark(at(99));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "kept", 1}));
}

TEST_F(TimerTest, ACallbackThatThrowsIsSetAsideWithItsTimer) {
  harness.set_aside();
  harness.push({1, "bomb", 10}).push({1, "other", 20}).watermark(at(99));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "other", 1})) << "what the call counted is undone";
  const auto letters = harness.dead_letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].message, "it went off");
  EXPECT_EQ(letters[0].record, R"({"timer":"due","key":1,"payload":"bomb","time":"1970-01-01T00:00:10Z"})");
  harness.watermark(at(200));
  EXPECT_THAT(harness.take(), IsEmpty());
}

TEST(Timer, ACallbackMaySetTheNext) {
  OperatorHarness<Overdue> harness{std::int64_t{10}};
  harness.key_by(&Order::user);
  harness.push({1, "a", 10}).watermark(Time(15s));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1}));
  harness.watermark(Time(99s));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 2}, Late{1, "a", 3}));
}

TEST(Timer, MoreThanOneBatchFiresPieceByPiece) {
  OperatorHarness<Overdue> harness{};
  harness.key_by(&Order::user);
  for (std::uint64_t user = 0; user < 5000; ++user) harness.push({user, "a", static_cast<std::int64_t>(user % 7) + 1});
  harness.watermark(Time(99s));
  EXPECT_EQ(harness.take().size(), 5000u);
}

/// Its handles are called what the engine calls its lists of them.
struct Namesake : KeyedOperator<std::uint64_t, Order, Late> {
  void process(const Order& order, Out<Late>& out) override {
    timers.set(order.item, Time(1s));
    ++states.get();
    counters.add();
    side_outputs.emit(order);
    out.emit({key(), order.item, states.get()});
  }
  void tell(const std::string& item, Out<Late>& out) { out.emit({key(), item, ++states.get()}); }
  ValueState<std::int64_t> states{this, "states"};
  Timer<std::string> timers{this, "timers", &Namesake::tell};
  SideOutput<Order> side_outputs{this, "side_outputs"};
  Counter counters{this, "counters"};
};

TEST(Timer, HandlesMayHaveAnyName) {
  OperatorHarness<Namesake> harness{};
  harness.key_by(&Order::user);
  harness.push({1, "a", 5}).crash_and_restore().finish();
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1}, Late{1, "a", 2}));
  EXPECT_EQ(harness.take(&Namesake::side_outputs).size(), 0u) << "emitted before the crash";
}

struct Alarm : KeyedOperator<std::uint64_t, Order, Late> {
  void process(const Order& order, Out<Late>&) override { ring.set(order.item, now() + order.due_s * 1s); }
  void tell(const std::string& item, Out<Late>& out) {
    out.emit({key(), item, now().time_since_epoch().count() / 1000});
  }
  Timer<std::string> ring{this, "ring", &Alarm::tell, Clock::processing};
};

TEST(Timer, OfTheProcessingClockFiresByIt) {
  OperatorHarness<Alarm> harness{};
  harness.key_by(&Order::user);
  harness.advance(Time(1000s)).push({1, "a", 5}).watermark(Time(9000s));
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.advance(Time(1004s));
  EXPECT_THAT(harness.take(), IsEmpty());
  harness.crash_and_restore().advance(Time(1005s));
  EXPECT_THAT(harness.take(), ElementsAre(Late{1, "a", 1005}));
}

/// An operator with timers, used from outside.
struct Timers : KeyedOperator<std::uint64_t, Nothing, Nothing> {
  Timers() { key_scope.undo = true; }
  void process(const Nothing&, Out<Nothing>&) override {}
  void on_time(const std::string& payload, Out<Nothing>&) { fired.emplace_back(key(), payload); }

  void enter(std::uint64_t key) {
    current = key;
    key_scope.commit();
    key_scope.key = &current;
    key_scope.hash = key_hash(key);
    ++key_scope.call;
  }
  StateTable& table() { return *OperatorBase::states[0].second; }
  TimerBase& base() { return *OperatorBase::timers[0]; }

  std::uint64_t current = 0;
  std::vector<std::pair<std::uint64_t, std::string>> fired;
  Timer<std::string> timer{this, "timer", &Timers::on_time};
};

/// What timers should do, by means that are slow and plain.
struct Model {
  std::map<std::pair<std::uint64_t, std::string>, std::int64_t> times;
  std::int64_t first() const {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const auto& [address, time] : times) least = std::min(least, time);
    return least;
  }
};

/// Sets, moves, cancels, throws, evicts, saves, crashes and fires at random; compares with the model throughout.
class RandomRun {
 public:
  RandomRun(std::uint64_t seed, bool spills) : random_(seed), spills_(spills) { restart(); }

  void run() {
    for (int step = 0; step < 2000; ++step) {
      ASSERT_NO_FATAL_FAILURE(take_step()) << "step " << step;
      ASSERT_EQ(op_->table().entries(), model_.times.size()) << "step " << step;
      ASSERT_LE(op_->base().next_ms(), model_.first());
    }
    ASSERT_NO_FATAL_FAILURE(fire(std::numeric_limits<std::int64_t>::max() - 1, SIZE_MAX));
    EXPECT_THAT(model_.times, IsEmpty());
    EXPECT_EQ(op_->table().entries(), 0u);
    EXPECT_THAT(store_->entries, IsEmpty());
  }

 private:
  void take_step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        return call(&RandomRun::set);
      case 3:
        return call(&RandomRun::cancel);
      case 4:
        op_->key_scope.commit();
        (void)op_->table().evict(random_.below(30));
        return;
      case 5:
        op_->key_scope.commit();
        saved_.save(op_->table(), saved_.logs.empty() || random_.chance(0.1) || op_->table().wants_everything());
        saved_model_ = model_;
        return;
      case 6:
        if (saved_.logs.empty() || !random_.chance(0.3)) return;
        restart();
        saved_.restore_to(op_->table());
        model_ = saved_model_;
        saved_.logs.clear();
        return;
      default:
        now_ += random_.between(0, 60);
        return fire(now_, random_.below(20));
    }
  }
  /// A call under some key, which may throw.
  void call(void (RandomRun::*body)(std::uint64_t, const std::string&)) {
    const std::uint64_t key = random_.below(20);
    const auto before = model_;
    op_->enter(key);
    (this->*body)(key, std::string(random_.below(4), 'p'));
    if (!random_.chance(0.2)) return;
    op_->key_scope.roll_back();
    model_ = before;
  }
  void set(std::uint64_t key, const std::string& payload) {
    for (auto times = random_.below(3) + 1; times != 0; --times) {
      const std::int64_t time = random_.between(now_ - 5, now_ + 300);
      op_->timer.set(payload, Time(Duration(time)));
      model_.times[{key, payload}] = time;
    }
  }
  void cancel(std::uint64_t key, const std::string& payload) {
    const bool was_there = model_.times.erase({key, payload}) != 0;
    ASSERT_EQ(op_->timer.cancel(payload), was_there);
  }
  void fire(std::int64_t limit, std::size_t most) {
    for (; most != 0 && op_->base().take_due(limit); --most) {
      Out<Nothing> out;
      op_->base().call(&out);
      ASSERT_EQ(op_->fired.size(), 1u);
      const auto found = model_.times.find(op_->fired[0]);
      ASSERT_NE(found, model_.times.end()) << "a timer fired that is not set";
      ASSERT_EQ(found->second, op_->base().fired_ms());
      ASSERT_EQ(found->second, model_.first()) << "an earlier one waits";
      model_.times.erase(found);
      op_->fired.clear();
    }
  }
  void restart() {
    op_ = std::make_unique<Timers>();
    store_ = std::make_unique<MemorySpill>();
    if (spills_) op_->table().spill_to(*store_, 7);
  }

  base::Random random_;
  const bool spills_;
  Model model_, saved_model_;
  SavedTableChain saved_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Timers> op_;
  std::int64_t now_ = 0;
};

TEST(Timers, AreWhatAPlainMapSaysThroughCallsThatThrowSavesAndCrashes) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(RandomRun(seed, false).run());
  }
}

TEST(Timers, AreTheSameWhereTheyAreSpilled) {
  for (std::uint64_t seed = 1001; seed <= 1200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(RandomRun(seed, true).run());
  }
}

TEST(DueQueue, IsInOrderWhateverIsMovedAndTakenOut) {
  base::Random random(5);
  detail::DueQueue queue;
  std::map<std::uint32_t, std::int64_t> model;
  for (int step = 0; step < 50'000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random.below(300));
    const std::int64_t time = random.between(-1000, 1000);
    switch (random.below(4)) {
      case 0:
        queue.set(slot, time);
        model[slot] = time;
        break;
      case 1: {
        queue.set_lazily(slot, time);
        const auto [entry, made] = model.emplace(slot, time);
        if (!made) entry->second = std::min(entry->second, time);
        break;
      }
      case 2:
        queue.erase(slot);
        model.erase(slot);
        break;
      default:
        if (queue.empty()) break;
        EXPECT_EQ(model.at(queue.first_slot()), queue.first_ms());
        model.erase(queue.first_slot());
        queue.erase(queue.first_slot());
    }
    ASSERT_EQ(queue.size(), model.size());
    if (model.empty()) continue;
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const auto& [each, at] : model) least = std::min(least, at);
    ASSERT_EQ(queue.first_ms(), least);
  }
}

}  // namespace
}  // namespace freshet::test::timers
