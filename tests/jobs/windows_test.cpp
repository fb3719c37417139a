#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

/// Event time, windows and timers in jobs that run.
namespace freshet::windows_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct View {
  std::uint64_t user = 0, item = 0, category = 0;
  std::int64_t amount = 0;
  Time time{};
  bool operator==(const View&) const = default;
  FRESHET_RECORD(user, item, category, amount, time)
};

struct ItemViews {
  std::uint64_t category = 0, item = 0;
  Window window{};
  std::uint64_t views = 0, visitors = 0;
  double mean = 0;
  bool operator==(const ItemViews&) const = default;
  FRESHET_RECORD(category, item, window, views, visitors, mean)
};

constexpr Time kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
Time at(Duration since) { return kStart + since; }
Window hours(int from, int to) { return {at(std::chrono::hours(from)), at(std::chrono::hours(to))}; }

SourceSpec<View> unread() { return files::read<View>(files::Input{.options = {.path = "nowhere.csv"}}); }
files::FileSink nowhere() { return files::csv("nowhere"); }

FRESHET_JOB(hottest, "Views of items per hour, and the items viewed most in each category")
{
  const auto late = job.param("late", 0s, "allowed lateness");
  const auto views = job.source("views", unread())
                         .event_time(&View::time, {.max_disorder = 10min})
                         .key_by(&View::category, &View::item)
                         .window(tumbling(1h))
                         .allow_late(late)
                         .aggregate<ItemViews>("item_views", count().as(&ItemViews::views),
                                               distinct(&View::user).as(&ItemViews::visitors),
                                               mean(&View::amount).as(&ItemViews::mean));
  views.sink("all", nowhere());
  views.key_by(&ItemViews::category)
      .window(same_window())
      .top("top", 2, largest(&ItemViews::views), smallest(&ItemViews::item))
      .sink("hot", nowhere());
  views.late().sink("late_out", nowhere());
}

std::vector<View> some_views() {
  return {{1, 7, 1, 2, at(5min)},  {2, 7, 1, 4, at(6min)},  {1, 8, 1, 1, at(20min)}, {1, 9, 1, 1, at(59min)},
          {3, 7, 2, 5, at(30min)}, {1, 7, 1, 8, at(61min)}, {1, 8, 1, 1, at(70min)}, {2, 8, 1, 1, at(70min)}};
}

TEST(WindowedJobs, TheTopOfEachWindowComesOfItsResults) {
  for (const int tasks : {1, 3}) {
    JobHarness harness("hottest");
    harness.parallelism(tasks).feed("views", some_views()).finish();
    const ItemViews seven{1, 7, hours(0, 1), 2, 2, 3.0}, eight{1, 8, hours(0, 1), 1, 1, 1.0};
    const ItemViews nine{1, 9, hours(0, 1), 1, 1, 1.0}, other{2, 7, hours(0, 1), 1, 1, 5.0};
    const ItemViews next_seven{1, 7, hours(1, 2), 1, 1, 8.0}, next_eight{1, 8, hours(1, 2), 2, 2, 1.0};
    EXPECT_THAT(harness.output<ItemViews>("all"),
                UnorderedElementsAre(seven, eight, nine, other, next_seven, next_eight));
    using Place = Ranked<ItemViews>;
    EXPECT_THAT(harness.output<Place>("hot"), UnorderedElementsAre(Place{1, seven}, Place{2, eight}, Place{1, other},
                                                                   Place{1, next_eight}, Place{2, next_seven}));
    EXPECT_THAT(harness.output<View>("late_out"), IsEmpty());
  }
}

TEST(WindowedJobs, WhatIsMissingIsSaidBeforeTheJobStarts) {
  struct Case {
    const char* job;
    const char* message;
  };
  for (const auto& [job, message] :
       {Case{"no_length", "a window of no length"}, Case{"slides_too_far", "windows slide by more than their size"},
        Case{"no_merge", "its custom aggregate cannot be merged"}, Case{"no_window", "the records have no window"},
        Case{"no_top", "keeps the top 0"}, Case{"not_a_source", "event_time stands behind it, and it is not a source"},
        Case{"said_twice", "has an event time already"}, Case{"without_time", "the records of source views have none"},
        Case{"timers_without_time", "the records of source views have none"}}) {
    try {
      JobHarness harness(job);
      harness.feed("views", some_views()).finish();
      ADD_FAILURE() << job << " is not refused";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(message)) << job;
    }
  }
}

auto timed(Job& job) {
  return job.source("views", unread()).event_time(&View::time).key_by(&View::category, &View::item);
}

FRESHET_JOB(no_length, "")
{ timed(job).window(tumbling(0s)).aggregate<ItemViews>("w", count().as(&ItemViews::views)).sink("out", nowhere()); }
FRESHET_JOB(slides_too_far, "")
{ timed(job).window(sliding(1h, 2h)).aggregate<ItemViews>("w", count().as(&ItemViews::views)).sink("out", nowhere()); }
FRESHET_JOB(no_window, "")
{ timed(job).window(same_window()).aggregate<ItemViews>("w", count().as(&ItemViews::views)).sink("out", nowhere()); }
FRESHET_JOB(no_top, "")
{ timed(job).window(tumbling(1h)).top("w", 0, largest(&View::item)).sink("out", nowhere()); }
FRESHET_JOB(not_a_source, "")
{
  job.source("views", unread())
      .map("same", [](const View& view) { return view; })
      .event_time(&View::time)
      .sink("out", nowhere());
}

/// Without merge().
struct Spread {
  using Input = View;
  struct State {
    std::int64_t low = std::numeric_limits<std::int64_t>::max(), high = std::numeric_limits<std::int64_t>::min();
    FRESHET_RECORD(low, high)
  };
  void add(State& state, const View& view) const {
    state.low = std::min(state.low, view.amount);
    state.high = std::max(state.high, view.amount);
    if (view.amount == 13) throw std::runtime_error("thirteen");
  }
  double result(const State& state) const { return static_cast<double>(state.high - state.low); }
};
FRESHET_JOB(no_merge, "")
{
  timed(job)
      .window(session(1h))
      .aggregate<ItemViews>("w", custom(Spread{}).as(&ItemViews::mean))
      .sink("out", nowhere());
}

FRESHET_JOB(spreads, "An aggregate of one's own, which throws")
{
  timed(job)
      .window(tumbling(1h))
      .aggregate<ItemViews>("w", count().as(&ItemViews::views), custom(Spread{}).as(&ItemViews::mean))
      .on_error(dead_letter({.pause_above = 1}))
      .sink("out", nowhere());
  job.dead_letters().sink("dead", nowhere());
}

TEST(WindowedJobs, ARecordThatAnAggregateThrowsOnHasNoEffectOnItsWindow) {
  JobHarness harness("spreads");
  harness.feed("views", std::vector<View>{{1, 7, 1, 13, at(5min)},
                                          {1, 7, 1, 2, at(6min)},
                                          {1, 7, 1, 13, at(7min)},
                                          {1, 7, 1, 5, at(8min)},
                                          {1, 8, 1, 13, at(8min)}});
  harness.finish();
  EXPECT_THAT(harness.output<ItemViews>("out"), ElementsAre(ItemViews{1, 7, hours(0, 1), 2, 0, 3.0}));
  EXPECT_EQ(harness.dead_letters().size(), 3u);
}

FRESHET_JOB(without_time, "A window on records without event time")
{
  job.source("views", unread())
      .key_by(&View::category, &View::item)
      .window(tumbling(1h))
      .aggregate<ItemViews>("w", count().as(&ItemViews::views))
      .sink("out", nowhere());
}

FRESHET_JOB(said_twice, "")
{ job.source("views", unread()).event_time(&View::time).event_time(&View::time).sink("out", nowhere()); }

FRESHET_JOB(by_the_clock, "A window on what a fold emits by the clock")
{
  timed(job)
      .fold("totals", [](View& total, const View& view) { total = view; })
      .emit(at_end())
      .window(tumbling(1h))
      .aggregate<ItemViews>("w", count().as(&ItemViews::views))
      .sink("out", nowhere());
}

TEST(WindowedJobs, WhatIsEmittedByTheClockHasNoEventTime) {
  JobHarness harness("by_the_clock");
  harness.feed("views", some_views());
  try {
    harness.finish();
    ADD_FAILURE() << "it finished";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the record has no event time"));
  }
}

/// Its result throws.
struct NoResult {
  using Input = View;
  using State = std::int64_t;
  void add(State& state, const View& view) const { state += view.amount; }
  void merge(State& state, const State& other) const { state += other; }
  double result(const State& state) const {
    if (state == 13) throw std::runtime_error("thirteen");
    return static_cast<double>(state);
  }
};
FRESHET_JOB(no_results, "An aggregate of one's own, whose result throws")
{
  const auto windows = timed(job);
  windows.window(sliding(2h, 1h))
      .aggregate<ItemViews>("w", custom(NoResult{}).as(&ItemViews::mean))
      .on_error(dead_letter({.pause_above = 1}))
      .sink("out", nowhere());
  windows.window(counting(1))
      .aggregate<ItemViews>("c", custom(NoResult{}).as(&ItemViews::mean))
      .on_error(dead_letter({.pause_above = 1}))
      .sink("counted", nowhere());
  job.dead_letters().sink("dead", nowhere());
}

TEST(WindowedJobs, AWindowWhoseResultThrowsIsSetAsideAndTheOthersGoOn) {
  JobHarness harness("no_results");
  harness.feed("views", std::vector<View>{{1, 7, 1, 13, at(5min)}, {1, 7, 1, 2, at(61min)}, {1, 8, 1, 5, at(62min)}});
  harness.finish();
  EXPECT_THAT(harness.output<ItemViews>("out"),
              UnorderedElementsAre(ItemViews{1, 7, hours(0, 2), 0, 0, 15.0}, ItemViews{1, 7, hours(1, 3), 0, 0, 2.0},
                                   ItemViews{1, 8, hours(0, 2), 0, 0, 5.0}, ItemViews{1, 8, hours(1, 3), 0, 0, 5.0}));
  EXPECT_EQ(harness.output<ItemViews>("counted").size(), 2u);
  const auto letters = harness.dead_letters();
  ASSERT_EQ(letters.size(), 2u);
  std::string records;
  for (const auto& letter : letters) {
    EXPECT_EQ(letter.message, "thirteen");
    records += letter.record + "\n";
  }
  EXPECT_THAT(records, HasSubstr(R"({"key":[1,7],"window":{"start":"2026-02-28T23:00:00Z")")) << "the window";
  EXPECT_THAT(records, HasSubstr(R"("amount":13)")) << "the record that made a window of one record";
}

struct Reminder {
  std::uint64_t user = 0, item = 0;
  bool operator==(const Reminder&) const = default;
  FRESHET_RECORD(user, item)
};

/// Reminds a user of an item that was viewed and not ordered (amount) within two hours.
class Remind : public KeyedOperator<std::uint64_t, View, Reminder> {
 public:
  void process(const View& view, Out<Reminder>&) override {
    if (view.amount == 0)
      timer.set(view.item, view.time + 2h);
    else
      timer.cancel(view.item);
  }
  void remind(const std::uint64_t& item, Out<Reminder>& out) { out.emit({key(), item}); }
  Timer<std::uint64_t> timer{this, "timer", &Remind::remind};
};

FRESHET_JOB(reminders, "Timers in a job")
{
  job.source("views", unread())
      .event_time(&View::time)
      .key_by(&View::user)
      .process<Remind>("remind")
      .sink("out", nowhere());
}

FRESHET_JOB(timers_without_time, "")
{ job.source("views", unread()).key_by(&View::user).process<Remind>("remind").sink("out", nowhere()); }

TEST(WindowedJobs, TimersFireAtTheLatestAtTheEnd) {
  JobHarness harness("reminders");
  harness.parallelism(2).feed("views", std::vector<View>{{1, 7, 0, 0, at(0h)},
                                                         {1, 8, 0, 0, at(1h)},
                                                         {2, 7, 0, 0, at(1h)},
                                                         {1, 8, 0, 1, at(2h)},
                                                         {3, 1, 0, 0, at(9h)}});
  harness.finish();
  EXPECT_THAT(harness.output<Reminder>("out"), UnorderedElementsAre(Reminder{1, 7}, Reminder{2, 7}, Reminder{3, 1}));
}

}  // namespace
}  // namespace freshet::windows_test
