#include <freshet/freshet.h>
#include <gtest/gtest.h>

#include <map>

#include "runtime/worker/local_engine.h"

/// Jobs that go on from what an earlier revision of them saved, whose state had other types.
namespace freshet {
namespace {

constexpr std::uint64_t kEvents = 3'000;

struct Event {
  std::uint64_t id = 0;
  std::string user{};
  std::uint64_t amount = 0;
  FRESHET_RECORD(id, user, amount)
};

struct Row {
  std::string key{};
  std::string text{};
  FRESHET_RECORD(key, text)
};

/// Newest row by sink and key, since it was cleared.
std::map<std::string, std::string>& results() {
  static std::map<std::string, std::string> rows;
  return rows;
}

class Events final : public Source<Event> {
 public:
  std::vector<Split> discover() override { return {{"0", 0, kEvents, 0}}; }
  Progress read(Split& split, Out<Event>& out) override {
    const std::uint64_t until = std::min(split.end, split.position + 7);
    while (!out.full() && split.position < until) {
      const auto id = split.position++;
      out.emit({id, "user-" + std::to_string(id * 7919 % 97), id % 50});
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

class Upsert final : public Sink<Row> {
 public:
  explicit Upsert(std::string name) : name_(std::move(name)) {}
  void write(const Row& row) override { results()[name_ + " " + row.key] = row.text; }

 private:
  const std::string name_;
};

struct Account {
  std::uint32_t events = 0;
  std::string note{};
  std::uint64_t amount = 0;
  FRESHET_RECORD(events, note, amount)
};
/// An Account with a field dropped, one added, one widened, and in another order.
struct LaterAccount {
  std::uint64_t amount = 0;
  double events = 0;
  std::int32_t level = 7;
  FRESHET_RECORD(amount, events, level)
};
/// Not to be had from an Account.
struct OtherAccount {
  std::string events{};
  std::uint64_t amount = 0;
  FRESHET_RECORD(events, amount)
};

void add(auto& account, const Event& event) {
  account.amount += event.amount;
  if constexpr (requires { ++account.events; }) ++account.events;
}

/// What the revisions share. The level must be what it begins with.
std::string show(const auto& account) {
  std::string text = std::to_string(account.amount);
  if constexpr (requires { ++account.events; }) text += "/" + std::to_string(static_cast<int>(account.events));
  if constexpr (requires { account.level; })
    text += account.level == 7 ? "" : " of level " + std::to_string(account.level);
  return text;
}

/// Keeps accounts of type A in states of every kind.
template <class A>
struct Accounts final : KeyedOperator<std::string, Event, Row> {
  void process(const Event& event, Out<Row>& out) override {
    add(value.get(), event);
    A one;
    add(one, event);
    if (event.id % 5 == 0) list.push_back(one);
    add(map[event.amount % 3], event);
    std::string text = show(value.get()) + ";";
    for (const auto& account : list.get()) text += " " + show(account);
    for (std::uint64_t rest = 0; rest < 3; ++rest) text += "; " + show(map[rest]);
    out.emit({key(), text});
  }
  ValueState<A> value{this, "value"};
  ListState<A> list{this, "list"};
  MapState<std::uint64_t, A> map{this, "map"};
};

/// A job of which the account's type is the revision.
template <class A>
class JobRun {
 public:
  explicit JobRun(std::int64_t parallelism = 1) {
    const auto by_user = job_.source<Events>("events").key_by(&Event::user);
    by_user.process<Accounts<A>>("accounts").template sink<Upsert>("accounts_sink", "accounts");
    by_user.fold("folded", [](A& account, const Event& event) { add(account, event); })
        .emit(at_end())
        .map("rows",
             [](const A& account) {
               return Row{show(account), "folded"};
             })
        .template sink<Upsert>("rows_sink", "rows");
    job_.finish();
    engine_ = std::make_unique<worker::LocalEngine>(
        job_, worker::LocalEngine::Options{.parallelism = parallelism, .snapshots = true});
    for (const auto& problem : engine_->problems()) ADD_FAILURE() << problem.where << ": " << problem.message;
  }
  void start(const worker::JobSnapshot* from = nullptr) { engine_->start(from); }
  worker::JobSnapshot save_halfway() {
    start();
    go_on(500);
    engine_->inject_barrier(1);
    for (int i = 0; i < 100'000 && engine_->snapshot(1) == nullptr; ++i) go_on(50);
    EXPECT_NE(engine_->snapshot(1), nullptr) << "a barrier does not come through";
    return *engine_->snapshot(1);
  }
  void run_to_end() {
    engine_->end_stream();
    for (int i = 0; i < 100'000 && !engine_->run(); ++i) go_on(0);
    EXPECT_FALSE(engine_->failure()) << engine_->failure()->what();
    engine_->close();
  }

 private:
  void go_on(std::uint64_t steps) {
    if (steps != 0) engine_->run(steps);
    engine_->clock().advance(5ms);
    ASSERT_FALSE(engine_->failure()) << engine_->failure()->what();
  }
  Job job_;
  std::unique_ptr<worker::LocalEngine> engine_;
};

std::map<std::string, std::string> uninterrupted() {
  results().clear();
  JobRun<Account> run;
  run.start();
  run.run_to_end();
  return std::exchange(results(), {});
}

TEST(Evolution, AJobGoesOnWithFieldsAddedDroppedWidenedAndMoved) {
  const auto expected = uninterrupted();
  ASSERT_GT(expected.size(), 97u);
  for (const std::int64_t tasks : {1, 3}) {
    const auto saved = JobRun<Account>().save_halfway();
    ASSERT_FALSE(std::exchange(results(), {}).empty()) << "nothing to be restored";
    JobRun<LaterAccount> later(tasks);
    later.start(&saved);
    later.run_to_end();
    EXPECT_EQ(results(), expected) << tasks << " tasks";
  }
}

TEST(Evolution, AJobWhoseStateCannotBecomeTheOtherDoesNotStart) {
  const auto saved = JobRun<Account>().save_halfway();
  JobRun<OtherAccount> other;
  try {
    other.start(&saved);
    FAIL() << "not refused";
  } catch (const task::TaskFailure& failure) {
    EXPECT_EQ(failure.operator_id + ": " + failure.what(),
              "accounts: state value: field events: u32 to string, which is no widening");
  }
}

}  // namespace
}  // namespace freshet
