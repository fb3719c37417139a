// Alerts, caps and retention in jobs, on real data, against results that were computed outside of this project; and
// operators of one's own that go by event time.

#include "tests/jobs/behaviour_support.h"

namespace freshet::behaviour_jobs_test {
namespace {

using testing::Act;
using ::testing::ElementsAre;
using testing::input;
using ::testing::Pair;
using testing::Parameters;
using ::testing::UnorderedElementsAre;

class BehaviourAnswers : public testing::OnRealData {};

/// An alert with its key.
struct Alert {
  std::string key{};
  Time first{}, last{};
  std::uint64_t count = 0;
  bool operator==(const Alert&) const = default;
  FRESHET_RECORD(key, first, last, count)
};
struct WithKey : KeyedOperator<std::string, Repeated, Alert> {
  void process(const Repeated& repeated, Out<Alert>& out) override {
    out.emit({key(), repeated.first, repeated.last, repeated.count});
  }
};

FRESHET_JOB(behaviour_alerts, "Who does something often")
{
  const auto input = files::input<Act>(job, "input", "none", "event files", {.columns = "line=@line"});
  const auto action = job.param("action", "", "which action counts; all when empty");
  const auto count = job.param("count", 5, "so often");
  job.source("acts", files::read<Act>(input))
      .event_time(&Act::time, {.max_disorder = 60s, .earliest = Time(631'152'000s)})
      .key_by("user_and_item", [](const Act& act) { return act.item.empty() ? act.user : act.user + " " + act.item; })
      .repeated("alerts", count, Duration::max(),
                [action](const Act& act) { return action.empty() || act.action == action; })
      .process<WithKey>("with_key")
      .sink("alerts_out", files::csv("nowhere"));
}

/// Two failures in a row, with nothing else in between, at most two seconds apart: an operator of the author's own that
/// goes by the order of event time.
struct LastFailure {
  std::optional<Time> at{};
  FRESHET_RECORD(at)
};
class FailsTwice final : public OrderedOperator<std::string, Act, Alert, bool, LastFailure> {
 public:
  void process(const Act& act, Out<Alert>& out) override { await_turn(act, act.action == "fail", event_time(), out); }

 private:
  void take_turns(LastFailure& last, std::span<Waiting<bool>> turns, Out<Alert>& out) override {
    for (const auto& turn : turns) {
      if (turn.what && last.at && turn.time - *last.at <= 2s) out.emit({key(), *last.at, turn.time, 2});
      last.at = turn.what ? std::optional(turn.time) : std::nullopt;
    }
  }
  std::optional<Time> keep_until(const LastFailure& last) const override {
    return last.at ? std::optional(*last.at + 2s) : std::nullopt;
  }
};

FRESHET_JOB(behaviour_logins, "Who fails twice in a row")
{
  const auto input = files::input<Act>(job, "input", "none", "event files", {.columns = "line=@line"});
  job.source("acts", files::read<Act>(input))
      .event_time(&Act::time, {.max_disorder = 60s})
      .key_by(&Act::user)
      .process<FailsTwice>("fails_twice")
      .sink("alerts_out", files::csv("nowhere"));
}

/// Tells of an order that is not paid within its time, and of one that is paid later, how much later.
struct Unpaid {
  std::string order{};
  std::int64_t paid_after_s = 0;  ///< 0: not yet
  FRESHET_RECORD(order, paid_after_s)
};
class PaidInTime final : public KeyedOperator<std::string, Act, Unpaid> {
 public:
  void process(const Act& act, Out<Unpaid>& out) override {
    if (act.action == "create") {
      created_.set(event_time().time_since_epoch().count());
      due_.set(0, event_time() + 900s);
    } else if (const auto* created = created_.find()) {
      const auto after = event_time() - Time(Duration(*created));
      if (after <= 900s)
        due_.cancel(0);
      else
        out.emit({key(), after / 1s});
    }
  }

 private:
  void tell(const std::uint32_t&, Out<Unpaid>& out) { out.emit({key(), 0}); }
  ValueState<std::int64_t> created_{this, "created"};
  Timer<std::uint32_t> due_{this, "due", &PaidInTime::tell};
};

FRESHET_JOB(behaviour_orders, "Orders that are not paid in time")
{
  const auto input = files::input<Act>(job, "input", "none", "event files", {.columns = "line=@line"});
  job.source("acts", files::read<Act>(input))
      .event_time(&Act::time, {.max_disorder = 60s})
      .key_by(&Act::user)
      .process<PaidInTime>("paid_in_time")
      .sink("unpaid_out", files::csv("nowhere"));
}

FRESHET_JOB(behaviour_shop, "Who comes back, and no more than a few events of each user at a time")
{
  const auto input = files::input<Act>(job, "input", "none", "event files", {.columns = "line=@line"});
  const auto users = job.source("acts", files::read<Act>(input)).event_time(&Act::time).key_by(&Act::user);
  users.retention("retention", 20min)
      .key_by(&Retained::cohort, &Retained::period)
      .sum("table", &Retained::users)
      .emit(at_end())
      .sink("table_out", files::csv("nowhere"));
  const auto capped = users.frequency_cap("cap", 3, 10min);
  capped.sink("passed_out", files::csv("nowhere"));
  capped.capped().sink("capped_out", files::csv("nowhere"));
}

std::map<std::string, int> alerts(JobHarness& harness) {
  std::map<std::string, int> counts;
  for (const auto& each : harness.output<Alert>("alerts_out")) ++counts[each.key];
  return counts;
}

TEST_P(BehaviourAnswers, AlertsOfPagesThatAreNotThere) {
  auto apache = run("behaviour_alerts", {{"input", input("apache-semicomplete/apache_logs.log.gz")},
                                         {"input.columns", "user=host,action=status"},
                                         {"action", "404"}});
  EXPECT_THAT(alerts(apache), UnorderedElementsAre(Pair("208.91.156.11", 60 / 5), Pair("144.76.95.39", 14 / 5),
                                                   Pair("66.249.73.135", 1), Pair("91.236.75.25", 1),
                                                   Pair("75.97.9.59", 1), Pair("176.92.75.62", 1)));
  auto nasa = run("behaviour_alerts", {{"input", input("nasa-jul95/*.gz")},
                                       {"input.columns", "user=host,action=response"},
                                       {"input.time", "s"},
                                       {"action", "404"}});
  EXPECT_THAT(alerts(nasa), ElementsAre(Pair("ix-wbg-va2-26.ix.netcom.com", 1)));
}

TEST_P(BehaviourAnswers, AlertsOfManyClicksOnOneAdvertisement) {
  auto harness = run("behaviour_alerts", {{"input", input("flink-course-small/AdClickLog.csv")},
                                          {"input.columns", "user=1,item=2,time=5"},
                                          {"input.header", "false"},
                                          {"input.time", "s"},
                                          {"count", "10"}});
  EXPECT_THAT(alerts(harness), ElementsAre(Pair("937166 1715", 121 / 10)));
}

TEST_P(BehaviourAnswers, LoginsThatFailTwiceInARow) {
  auto harness = run("behaviour_logins", {{"input", input("flink-course-small/LoginLog.csv")},
                                          {"input.columns", "user=1,action=3,time=4"},
                                          {"input.header", "false"},
                                          {"input.time", "s"}});
  const auto second = [](std::int64_t number) { return Time(std::chrono::seconds(1'558'430'800 + number)); };
  EXPECT_THAT(harness.output<Alert>("alerts_out"),
              UnorderedElementsAre(Alert{"1035", second(42), second(43), 2}, Alert{"1035", second(43), second(44), 2},
                                   Alert{"6745", second(59), second(60), 2}));
}

TEST_P(BehaviourAnswers, OrdersThatAreNotPaidInTime) {
  auto harness = run("behaviour_orders", {{"input", input("flink-course-small/OrderLog.csv")},
                                          {"input.columns", "user=1,action=2,time=4"},
                                          {"input.header", "false"},
                                          {"input.time", "s"}});
  std::multimap<std::string, std::int64_t> unpaid;
  for (const auto& each : harness.output<Unpaid>("unpaid_out")) unpaid.emplace(each.order, each.paid_after_s);
  EXPECT_THAT(unpaid,
              UnorderedElementsAre(Pair("34756", 0), Pair("34756", 1038), Pair("34767", 0), Pair("34767", 1072)));
}

const Parameters kShop = {
    {"input", input("taobao-sorted/*.gz")}, {"input.columns", "user=1,item=2,action=4,time=5"}, {"input.time", "s"}};

TEST_P(BehaviourAnswers, UsersSeenSoFarAreTheFirstPeriodsOfRetention) {
  auto harness = run("behaviour_shop", kShop);
  std::map<std::int64_t, std::uint64_t> newcomers;
  for (const auto& each : harness.output<Retained>("table_out"))
    if (each.period == 0) newcomers[each.cohort.time_since_epoch() / 1s] = each.users;
  std::map<std::int64_t, std::uint64_t> so_far;
  std::uint64_t sum = 0;
  for (const auto& [start, users] : newcomers) so_far[start] = sum += users;
  EXPECT_THAT(so_far, ElementsAre(Pair(1511658000, 11081), Pair(1511659200, 20944), Pair(1511660400, 30837),
                                  Pair(1511661600, 40897), Pair(1511662800, 51018), Pair(1511664000, 58732)));
}

TEST_P(BehaviourAnswers, NoUserPassesMoreOftenThanTheCapLets) {
  auto harness = run("behaviour_shop", kShop);
  std::map<std::string, std::map<std::pair<Time, std::uint64_t>, bool>> by_user;  // whether it passed
  for (const auto& each : harness.output<Act>("passed_out")) by_user[each.user][{each.time, each.line}] = true;
  for (const auto& each : harness.output<Act>("capped_out"))
    EXPECT_TRUE(by_user[each.user].emplace(std::pair(each.time, each.line), false).second);
  std::size_t acts = 0, capped = 0;
  for (const auto& [user, all] : by_user) {
    std::vector<Time> passed;
    for (const auto& [at, passes] : all) {
      const Time time = at.first;
      const auto near =
          std::count_if(passed.begin(), passed.end(), [time](Time before) { return before > time - 10min; });
      EXPECT_EQ(passes, near < 3) << user << " line " << at.second;
      if (passes) passed.push_back(time);
      capped += !passes;
      ++acts;
    }
  }
  EXPECT_EQ(acts, 96168u);
  EXPECT_GT(capped, 100u);
}

INSTANTIATE_TEST_SUITE_P(Parallelism, BehaviourAnswers, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::behaviour_jobs_test
