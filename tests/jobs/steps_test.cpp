#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/jobs/run_job.h"

/// The steps of streams in jobs that run: keys of every shape, keyed steps, emission, merging, groupings, and sources
/// and sinks of the author's own.
namespace freshet {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

enum class Action : std::uint8_t { view, order };
FRESHET_ENUM(Action, view, order)

struct Event {
  std::string id{};
  std::uint64_t user = 0, item = 0;
  Action action{};
  std::int64_t amount = 1;
  bool operator==(const Event&) const = default;
  FRESHET_RECORD(id, user, item, action, amount)
};

struct Count {
  std::uint64_t events = 0;
  std::int64_t amount = 0;
  bool operator==(const Count&) const = default;
  FRESHET_RECORD(events, amount)
};

void count_in(Count& count, const Event& event) {
  ++count.events;
  count.amount += event.amount;
}

SourceSpec<Event> unread() { return files::read<Event>(files::Input{.options = {.path = "nowhere.csv"}}); }
files::FileSink nowhere() { return files::csv("nowhere"); }

std::vector<Event> some_events() {
  return {{"a", 1, 10, Action::view, 5},  {"b", 2, 10, Action::view, 7}, {"a", 1, 10, Action::view, 5},
          {"c", 1, 11, Action::order, 1}, {"a", 2, 10, Action::view, 7}, {"d", 1, 10, Action::order, 2}};
}

// --- keyed steps

FRESHET_JOB(keyed_steps, "Every step that needs a key")
{
  const auto by_user = job.source("events", unread()).key_by(&Event::user);
  const auto once = by_user.dedupe("dedupe", &Event::id, {.ttl = 24h});
  once.sink("once", nowhere());
  once.sum("changes", &Event::amount).sink("changes_out", nowhere());
  once.sum("ends", &Event::amount).emit(at_end()).sink("ends_out", nowhere());
  once.fold("folded", count_in).queryable().emit(every(1h)).sink("folded_out", nowhere());
  once.recent("newest", 2).queryable().sink("newest_out", nowhere());
  // The state of a lambda may be a bare number.
  once.process("second",
               [](std::uint64_t& seen, const Event& event, Out<Event>& out) {
                 if (++seen == 2) out.emit(event);
               })
      .sink("second_out", nowhere());
  // map and filter keep the key, so a keyed step may follow.
  once.map("doubled",
           [](Event event) {
             event.amount *= 2;
             return event;
           })
      .filter("orders", [](const Event& event) { return event.action == Action::order; })
      .sum("of_orders", &Event::amount)
      .emit(at_end())
      .sink("of_orders_out", nowhere());
}

TEST(Steps, KeyedStepsGiveWhatTheySay) {
  for (const std::int64_t tasks : {1, 4}) {
    JobHarness run("keyed_steps");
    run.parallelism(tasks).feed<Event>("events", some_events()).finish();
    const Event a{"a", 1, 10, Action::view, 5}, b{"b", 2, 10, Action::view, 7}, c{"c", 1, 11, Action::order, 1},
        a2{"a", 2, 10, Action::view, 7}, d{"d", 1, 10, Action::order, 2};
    EXPECT_THAT(run.output<Event>("once"), UnorderedElementsAre(a, b, c, a2, d));
    const auto with = [](Event event, std::int64_t amount) {
      event.amount = amount;
      return event;
    };
    EXPECT_THAT(run.output<Event>("changes_out"), UnorderedElementsAre(a, with(c, 6), with(d, 8), b, with(a2, 14)));
    EXPECT_THAT(run.output<Event>("ends_out"), UnorderedElementsAre(with(d, 8), with(a2, 14)));
    EXPECT_THAT(run.output<Count>("folded_out"), UnorderedElementsAre(Count{3, 8}, Count{2, 14}));
    const auto newest = run.output<Event>("newest_out");
    EXPECT_THAT(newest, AnyOf(ElementsAre(d, c, a2, b), ElementsAre(a2, b, d, c)));
    EXPECT_THAT(run.output<Event>("second_out"), UnorderedElementsAre(c, a2));
    EXPECT_THAT(run.output<Event>("of_orders_out"), ElementsAre(with(d, 6)));
  }
}

// --- keys of every shape

FRESHET_JOB(key_shapes, "Keys of one field, of several, of a function, of text and of an enum")
{
  const auto output = job.param("output", "out", "folder");
  const auto events = job.source("events", files::read<Event>(files::input<Event>(job, "input", "in.csv", "events")));
  const auto count = [&](const std::string& name, const auto& stream) {
    stream.fold(name, count_in).emit(at_end()).sink(name + "_file", files::csv(output + "/" + name));
  };
  count("by_user", events.key_by(&Event::user));
  count("by_both", events.key_by(&Event::user, &Event::item));
  count("by_text", events.key_by(&Event::id));
  count("by_action", events.key_by(&Event::action));
  count("by_parity", events.key_by("odd", [](const Event& event) { return event.item % 2; }));
  // The record has the key: it is not written twice.
  events.key_by(&Event::user)
      .sum("total", &Event::amount)
      .emit(at_end())
      .sink("total_file", files::jsonl(output + "/total"));
}

std::vector<std::string> lines_below(const std::string& folder) {
  std::vector<std::string> lines;
  std::string header;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    if (entry.path().extension() == ".csv") std::getline(in, header);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  if (!header.empty()) lines.insert(lines.begin(), header);
  std::sort(lines.begin() + (header.empty() ? 0 : 1), lines.end());
  return lines;
}

TEST(Steps, SinksWriteTheKeyBeforeTheRecord) {
  const std::string folder = ::testing::TempDir() + "freshet-steps-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/in.csv") << "id,user,item,action,amount\na,1,10,view,5\nb,2,10,view,7\nc,1,11,order,1\n";
  for (const std::int64_t tasks : {1, 3}) {
    testing::run_job("key_shapes", {{"input", folder + "/in.csv"}, {"output", folder}}, tasks);
    EXPECT_THAT(lines_below(folder + "/by_user"), ElementsAre("user,events,amount", "1,2,6", "2,1,7"));
    EXPECT_THAT(lines_below(folder + "/by_both"),
                ElementsAre("user,item,events,amount", "1,10,1,5", "1,11,1,1", "2,10,1,7"));
    EXPECT_THAT(lines_below(folder + "/by_text"), ElementsAre("id,events,amount", "a,1,5", "b,1,7", "c,1,1"));
    EXPECT_THAT(lines_below(folder + "/by_action"), ElementsAre("action,events,amount", "order,1,1", "view,2,12"));
    EXPECT_THAT(lines_below(folder + "/by_parity"), ElementsAre("odd,events,amount", "0,2,12", "1,1,1"));
    EXPECT_THAT(lines_below(folder + "/total"),
                ElementsAre(R"({"id":"b","user":2,"item":10,"action":"view","amount":7})",
                            R"({"id":"c","user":1,"item":11,"action":"order","amount":6})"));
  }
  std::filesystem::remove_all(folder);
}

// --- merging and groupings

/// Adds up what its task gets; two tasks may each have a part of one user's.
class PartialSums : public Operator<Event, Event> {
 public:
  void process(const Event& event, Out<Event>&) override { sums_[event.user] += event.amount; }
  void finish(Out<Event>& out) override {
    for (const auto& [user, amount] : sums_) out.emit({.user = user, .amount = amount});
  }

 private:
  std::map<std::uint64_t, std::int64_t> sums_;
};

FRESHET_JOB(merged, "Two sources and both outputs of a split, merged; then every grouping")
{
  const auto [good, bad] =
      job.source("first", unread()).split("parse", [](const Event& event, Out<Event>& yes, Out<Event, "bad">& no) {
        if (event.user == 0)
          no.emit(event);
        else
          yes.emit(event);
      });
  bad.sink("bad_out", nowhere());
  const auto all = good.merge(job.source("second", unread()), bad);
  all.sink("all_out", nowhere());
  const auto same = [](const Event& event) { return event; };
  all.shuffle().map("shuffled", same).sink("shuffled_out", nowhere());
  all.global().map("single", same).sink("single_out", nowhere());
  all.all().map("copied", same).parallelism(2).sink("copied_out", nowhere());
  all.local_or_shuffle().map("near", same).sink("near_out", nowhere());
  all.direct([](const Event& event, std::size_t tasks) { return event.user % tasks; })
      .map("named", same)
      .own_thread()
      .sink("named_out", nowhere());
  // Skew: sums of at most two tasks per key, then one of both.
  all.partial_key(&Event::user)
      .process<PartialSums>("partial")
      .key_by(&Event::user)
      .sum("whole", &Event::amount)
      .emit(at_end())
      .sink("whole_out", nowhere());
}

TEST(Steps, MergedStreamsBringEverythingToEveryReader) {
  for (const std::int64_t tasks : {1, 3}) {
    JobHarness run("merged");
    run.parallelism(tasks)
        .feed<Event>("first", {{.id = "a", .user = 1}, {.id = "b", .user = 0}, {.id = "c", .user = 2, .amount = 4}})
        .feed<Event>("second", {{.id = "d", .user = 1}, {.id = "e", .user = 2}})
        .finish();
    EXPECT_THAT(run.output<Event>("bad_out"), ElementsAre(Event{.id = "b", .user = 0}));
    for (const char* sink : {"all_out", "shuffled_out", "single_out", "near_out", "named_out", "copied_out"}) {
      std::vector<std::string> ids;
      for (const auto& event : run.output<Event>(sink)) ids.push_back(event.id);
      std::sort(ids.begin(), ids.end());
      if (std::string(sink) == "copied_out")
        EXPECT_THAT(ids, ElementsAre("a", "a", "b", "b", "c", "c", "d", "d", "e", "e"));
      else
        EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d", "e")) << sink;
    }
    EXPECT_THAT(run.output<Event>("whole_out"),
                UnorderedElementsAre(Event{.user = 0, .amount = 1}, Event{.user = 1, .amount = 2},
                                     Event{.user = 2, .amount = 5}));
  }
}

FRESHET_JOB(misdirected, "A grouping function that names a task which does not exist")
{
  job.source("events", unread())
      .map("same", [](const Event& event) { return event; })
      .on_error(dead_letter({.pause_above = 1}))
      .direct([](const Event& event, std::size_t tasks) { return event.user == 9 ? tasks : 0; })
      .map("named", [](const Event& event) { return event; })
      .sink("out", nowhere());
}

TEST(Steps, ATaskThatDoesNotExistIsTheRecordsMistake) {
  JobHarness run("misdirected");
  run.parallelism(2).feed<Event>("events", {{.id = "a", .user = 9}, {.id = "b"}}).finish();
  EXPECT_THAT(run.output<Event>("out"), ElementsAre(Event{.id = "b"}));
  ASSERT_THAT(run.dead_letters(), SizeIs(1));
  EXPECT_EQ(run.dead_letters()[0].reason, "bad grouping");
  EXPECT_EQ(run.dead_letters()[0].message, "the grouping function named task 2 of 2");
}

// --- sources and sinks of one's own

/// Counts up in splits of its own; every seventh number is malformed.
class Ticks : public Source<Event> {
 public:
  Ticks(std::uint64_t splits, std::uint64_t count) : splits_(splits), count_(count) {}
  std::vector<Split> discover() override {
    std::vector<Split> made;
    for (std::uint64_t i = 0; i < splits_; ++i) made.push_back({.partition = std::to_string(i), .end = count_});
    return made;
  }
  Progress read(Split& split, Out<Event>& out) override {
    if (split.position == split.end) return Progress::done;
    if (++split.position % 7 == 0) throw RejectRecord("divisible by 7", "malformed", std::to_string(split.position));
    out.emit({.id = split.partition, .user = split.position});
    return Progress::progress;
  }
  std::string describe(const std::string& partition, std::uint64_t position) const override {
    return "tick " + std::to_string(position) + " of " + partition;
  }

 private:
  const std::uint64_t splits_, count_;
};

/// Appends to a file of its task when it is flushed.
class Appender : public Sink<Event> {
 public:
  explicit Appender(std::string file) : file_(std::move(file)) {}
  void open() override { text_ = "opened\n"; }
  void write(const Event& event) override { text_ += event.id + " " + std::to_string(event.user) + "\n"; }
  void flush() override { std::ofstream(file_, std::ios::app) << std::exchange(text_, ""); }
  void close() override { std::ofstream(file_, std::ios::app) << text_ << "closed\n"; }

 private:
  const std::string file_;
  std::string text_;
};

FRESHET_JOB(own_ends, "A source and a sink of the author's own, with arguments")
{
  const auto output = job.param("output", "out", "file");
  job.source<Ticks>("ticks", std::uint64_t{2}, std::uint64_t{8})
      .on_error(dead_letter({.pause_above = 1}))
      .help("counts up")
      .parallelism(1)
      .sink<Appender>("appended", output)
      .parallelism(1);
  job.dead_letters().sink("letters", files::jsonl(output + ".letters"));
}

TEST(Steps, SourcesAndSinksOfOnesOwnRun) {
  const std::string file = ::testing::TempDir() + "freshet-own-ends-" + std::to_string(::getpid());
  testing::run_job("own_ends", {{"output", file}});
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_THAT(lines, SizeIs(16));
  EXPECT_EQ(lines.front(), "opened");
  EXPECT_EQ(lines.back(), "closed");
  EXPECT_THAT(lines, ::testing::Not(::testing::Contains("0 7")));
  EXPECT_THAT(lines, ::testing::IsSupersetOf({"0 1", "0 8", "1 1", "1 8"}));
  const auto letters = lines_below(file + ".letters");
  ASSERT_THAT(letters, SizeIs(2));
  for (const auto& letter : letters) EXPECT_THAT(letter, ::testing::HasSubstr(R"("origin":"tick 7 of )"));
  std::filesystem::remove(file);
  std::filesystem::remove_all(file + ".letters");
}

}  // namespace
}  // namespace freshet
