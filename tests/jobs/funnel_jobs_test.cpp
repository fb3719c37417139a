// Funnels in jobs: on real data that nobody of this project wrote, against results that were computed outside of it.

#include <fstream>
#include <set>

#include "tests/jobs/behaviour_support.h"

namespace freshet::funnel_jobs_test {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

using testing::Act;
using testing::input;
using testing::is_one_of;
using testing::Parameters;

class FunnelAnswers : public testing::OnRealData {};

struct Reached {
  std::uint32_t number = 0;
  std::uint64_t keys = 0;
  FRESHET_RECORD(number, keys)
};
struct Steps {
  std::uint32_t seen = 0;
  FRESHET_RECORD(seen)
};

/// How many keys reached each step.
template <class K>
void count_keys(const OrderedResults<K, FunnelStep, Act>& funnel, const std::string& name) {
  funnel
      .process(name + "_keys",
               [](Steps& steps, const FunnelStep& step, Out<Reached>& out) {
                 if ((steps.seen >> step.number & 1) == 0) out.emit({step.number, 1});
                 steps.seen |= 1u << step.number;
               })
      .key_by(&Reached::number)
      .sum(name + "_sum", &Reached::keys)
      .emit(at_end())
      .sink(name + "_out", files::csv("nowhere"));
}

void add_funnels(const Stream<Act>& acts, const std::vector<std::string>& actions) {
  const auto first = step("first", is_one_of(actions.at(0))), second = step("second", is_one_of(actions.at(1))),
             third = step("third", is_one_of(actions.at(2)));
  count_keys(acts.key_by(&Act::user).funnel("by_user", Duration::max(), first, second, third), "by_user");
  count_keys(acts.key_by(&Act::user, &Act::item).funnel("by_item", Duration::max(), first, second, third), "by_item");
}

FRESHET_JOB(behaviour_funnels, "How many users, and users with an item, reach each step")
{
  const auto input = files::input<Act>(job, "input", "none", "event files", {.columns = "line=@line"});
  const auto disorder = job.param("disorder", 0s, "how much later than its successors an event may come");
  const auto nobody = job.param("nobody", false, "whether those without a user are taken as one user");
  const std::vector<std::string> actions{job.param("first", "", "actions of the first step, a|b"),
                                         job.param("second", "", "of the second"),
                                         job.param("third", "", "of the third")};
  add_funnels(job.source("acts", files::read<Act>(input))
                  .event_time(&Act::time, {.max_disorder = disorder})
                  .filter("known", [nobody](const Act& act) { return nobody || !act.user.empty(); }),
              actions);
}

/// Reads a file of JSON lines that hold a session each: {"session":n,"events":[{"aid":n,"ts":ms,"type":"…"},…]}.
class OttoSessions final : public Source<Act> {
 public:
  explicit OttoSessions(const std::string& file) : file_(file) {}
  std::vector<Split> discover() override { return {{.partition = file_}}; }
  Progress read(Split& split, Out<Act>& out) override {
    if (acts_.empty()) load();
    while (split.position < acts_.size() && !out.full()) {
      const Act& act = acts_[split.position++];
      out.emit(act);
    }
    return split.position == acts_.size() ? Progress::done : Progress::progress;
  }

 private:
  /// What stands behind `name` from `from` on; sets `from` behind it.
  static std::string value(const std::string& line, std::size_t& from, const std::string& name) {
    const auto at = line.find(name, from);
    if (at == std::string::npos) return {};
    const auto end = line.find_first_of(",}\"", at + name.size());
    from = end;
    return line.substr(at + name.size(), end - at - name.size());
  }
  void load() {
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
      std::size_t at = 0;
      const std::string session = value(line, at, "\"session\":");
      for (;;) {
        Act act{.user = session, .item = value(line, at, "\"aid\":")};
        if (act.item.empty()) break;
        act.time = Time(Duration(std::stoll(value(line, at, "\"ts\":"))));
        act.action = value(line, at, "\"type\":\"");
        acts_.push_back(act);
      }
    }
  }
  const std::string file_;
  std::vector<Act> acts_;
};

FRESHET_JOB(behaviour_otto, "The same of sessions in nested JSON")
{
  const auto file = job.param("file", "none", "the sessions");
  add_funnels(job.source<OttoSessions>("acts", file).event_time(&Act::time, {.max_disorder = days(40)}),
              {"clicks", "carts", "orders"});
}

/// How many keys reached each step, in the order of the steps.
std::vector<std::uint64_t> reached(JobHarness& harness, const std::string& sink) {
  std::vector<std::uint64_t> keys(3);
  for (const auto& each : harness.output<Reached>(sink)) keys.at(each.number - 1) = each.keys;
  return keys;
}

TEST_P(FunnelAnswers, FunnelsOfShopClicks) {
  auto harness = run("behaviour_funnels", {{"input", input("taobao-sorted/*.gz")},
                                           {"input.columns", "user=1,item=2,action=4,time=5"},
                                           {"input.time", "s"},
                                           {"first", "pv"},
                                           {"second", "cart|fav"},
                                           {"third", "buy"}});
  EXPECT_THAT(reached(harness, "by_item_out"), ElementsAre(84466, 98, 0));
  EXPECT_THAT(reached(harness, "by_user_out"), ElementsAre(53865, 2367, 26));
}

TEST_P(FunnelAnswers, FunnelOfHotelSearchesThatAreGroupedByUser) {
  auto harness =
      run("behaviour_funnels", {{"input", input("trivago-clicks/*.gz")},
                                {"input.columns", "user=session_id,item=user_id,action=action_type,time=timestamp"},
                                {"input.time", "s"},
                                {"disorder", "172632s"},
                                {"first", "search for destination"},
                                {"second", "interaction item image"},
                                {"third", "clickout item"}});
  EXPECT_THAT(reached(harness, "by_user_out"), ElementsAre(2201, 899, 846));
}

/// The answer's first number takes the lines without a customer as those of one, its second leaves them out: in SQL,
/// NULL is a group, and equal to nothing. 113325 was counted beside it, by a dictionary.
TEST_P(FunnelAnswers, BoughtAndCancelled) {
  Parameters retail = {{"input", input("online-retail-h1/*.gz")},
                       {"input.columns", "user=CustomerID,item=StockCode,action=InvoiceNo,time=InvoiceDate"},
                       {"input.values", "action:C*=cancel,action:*=sale"},
                       {"first", "sale"},
                       {"second", "cancel"},
                       {"third", "nothing"}};
  auto customers = run("behaviour_funnels", retail);
  EXPECT_THAT(reached(customers, "by_item_out"), ElementsAre(113325, 2451, 0));
  retail["nobody"] = "true";
  auto all = run("behaviour_funnels", retail);
  EXPECT_EQ(reached(all, "by_item_out")[0], 116457u);
}

TEST_P(FunnelAnswers, FunnelsOfNestedSessions) {
  auto harness = run("behaviour_otto", {{"file", input("otto-sample/train.jsonl")}});
  EXPECT_THAT(reached(harness, "by_item_out"), ElementsAre(525, 40, 5));
  EXPECT_THAT(reached(harness, "by_user_out"), ElementsAre(20, 7, 2));
}

INSTANTIATE_TEST_SUITE_P(Parallelism, FunnelAnswers, ::testing::Values(1, 2, 4), testing::name_of);

FRESHET_JOB(behaviour_late, "A funnel whose events come from a test")
{
  const auto acts = job.source("acts", files::read<Act>({})).event_time(&Act::time, {.each_record = true});
  const auto funnel =
      acts.key_by(&Act::user).funnel("funnel", 10s, step("a", is_one_of("a")), step("b", is_one_of("b"))).queryable();
  funnel.sink("funnel_out", files::csv("nowhere"));
  funnel.late().sink("late_out", files::csv("nowhere"));
}

TEST(BehaviourJob, WhatIsLateHasAStreamOfItsOwn) {
  const auto second = [](std::int64_t number) { return Time(std::chrono::seconds(1'600'000'000 + number)); };
  JobHarness harness("behaviour_late");
  harness.feed<Act>("acts", {{"u", "", "a", second(1), 1}, {"u", "", "b", second(5), 2}, {"u", "", "b", second(4), 3}});
  harness.finish();
  EXPECT_THAT(harness.output<FunnelStep>("funnel_out"),
              ElementsAre(FunnelStep{"a", 1, second(1), 0s}, FunnelStep{"b", 2, second(5), 4s}));
  const auto late = harness.output<Act>("late_out");
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].line, 3u);
}

FRESHET_JOB(behaviour_mistakes, "Steps with arguments that make no sense")
{
  const auto acts = job.source("acts", files::read<Act>({})).key_by(&Act::user);
  acts.funnel("funnel", 0s, step("a", is_one_of("a")), step("a", is_one_of("b"))).sink("a", files::csv("nowhere"));
  acts.frequency_cap("cap", 0, -1s).sink("b", files::csv("nowhere"));
  acts.repeated("alert", 10'001, -1s).sink("c", files::csv("nowhere"));
  acts.retention("retention", 0s).sink("d", files::csv("nowhere"));
}

TEST(BehaviourJob, MistakesAreRefusedAllAtOnce) {
  std::set<std::string> problems;
  for (const auto& registered : registered_jobs()) {
    if (registered.name != "behaviour_mistakes") continue;
    Job job;
    job.feed_sources();
    registered.build(job);
    job.finish();
    for (const auto& problem : job.problems()) problems.insert(problem.where + ": " + problem.message);
  }
  const std::string no_time = ": goes by event time, and the records of source acts have none";
  EXPECT_THAT(problems, UnorderedElementsAre(
                            "operator funnel: two steps are called a", "operator funnel: a funnel of no time",
                            "operator cap: lets 0 records pass", "operator cap: a cap of no time",
                            "operator alert: waits for 10001 records", "operator alert: a negative time",
                            "operator retention: periods of no length", "operator funnel" + no_time,
                            "operator cap" + no_time, "operator alert" + no_time, "operator retention" + no_time));
}

}  // namespace
}  // namespace freshet::funnel_jobs_test
