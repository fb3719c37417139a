#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

/// What a job's author can write, each thing in a job that runs: parameters, resources, operator classes, keyed steps,
/// emission, merging, sources and sinks of one's own.
namespace freshet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

enum class Size : std::uint8_t { small, large };
FRESHET_ENUM(Size, small, large)

struct Visit {
  std::uint64_t user = 0;
  std::string page{};
  Size size{};
  std::uint64_t pieces = 1;
  bool operator==(const Visit&) const = default;
  FRESHET_RECORD(user, page, size, pieces)
};

struct Summary {
  std::uint64_t user = 0;
  std::uint64_t visits = 0;
  std::string trail{};
  std::uint64_t of_page = 0;
  bool operator==(const Summary&) const = default;
  FRESHET_RECORD(user, visits, trail, of_page)
};

struct Total {
  std::uint64_t visits = 0;
  bool operator==(const Total&) const = default;
  FRESHET_RECORD(visits)
};

struct Words {
  std::string text{};
  bool operator==(const Words&) const = default;
  FRESHET_RECORD(text)
};

/// A folder for the files of one test.
struct Features : ::testing::Test {
  Features() { std::filesystem::create_directories(folder); }
  ~Features() override { std::filesystem::remove_all(folder); }
  std::string operator/(const std::string& name) const { return folder + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(*this / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const std::string folder = ::testing::TempDir() + "freshet-features-" + std::to_string(::getpid());
};

/// A source that nobody reads but a test that feeds it.
SourceSpec<Visit> unread() { return files::read<Visit>(files::Input{.options = {.path = "nowhere.csv"}}); }

// --- parameters, files, resources

struct Catalog {
  explicit Catalog(const std::string& path, const std::string& greeting) : prefix(greeting) {
    std::ifstream in(path);
    for (std::string word; in >> word;) words.push_back(word);
  }
  std::string prefix;
  std::vector<std::string> words;
};

FRESHET_JOB(every_parameter, "A parameter of every type, a secret, a file, and a resource of them")
{
  const auto text = job.param("text", "nothing", "a text");
  const auto flag = job.param("flag", false, "a switch");
  const auto small = job.param("small", std::int8_t{-3}, "a small number");
  const auto count = job.param("count", std::uint64_t{5}, "a number");
  const auto share = job.param("share", 0.5, "a share");
  const auto wait = job.param("wait", 90s, "a time to wait");
  const auto since = job.param("since", Time(0ms), "a time");
  const auto size = job.param("size", Size::small, "one of several");
  const auto region = job.required<std::string>("region", "where");
  const auto password = job.secret("password", "of the region");
  const auto catalog = job.resource<Catalog>(job.file("catalog", "words"), region);
  std::string all = text + (flag ? "|yes|" : "|no|") + std::to_string(small) + "|" + std::to_string(count) + "|" +
                    std::to_string(share) + "|" + std::to_string(wait.count()) + "|" +
                    std::to_string(since.time_since_epoch().count()) + "|" + std::string(enumerator_name(size)) + "|" +
                    password;
  job.source("visits", unread())
      .map("said",
           [all, catalog](const Visit&) {
             return Words{all + "|" + catalog->prefix + "|" + std::to_string((*catalog).words.size())};
           })
      .sink("out", files::csv("nowhere"));
}

TEST_F(Features, ParametersHaveTheirDefaults) {
  JobHarness run("every_parameter",
                 {{"region", "north"}, {"password", "xyzzy"}, {"catalog", write("catalog", "one two three")}});
  run.feed<Visit>("visits", {{}}).finish();
  EXPECT_THAT(run.output<Words>("out"), ElementsAre(Words{"nothing|no|-3|5|0.500000|90000|0|small|xyzzy|north|3"}));
}

TEST_F(Features, ParametersTakeWhatIsGiven) {
  JobHarness run("every_parameter", {{"text", "a=b"},
                                     {"flag", "true"},
                                     {"small", "127"},
                                     {"count", "18446744073709551615"},
                                     {"share", "0.25"},
                                     {"wait", "1.5s"},
                                     {"since", "1970-01-01T00:00:02Z"},
                                     {"size", "large"},
                                     {"region", "south"},
                                     {"password", ""},
                                     {"catalog", write("catalog", "")}});
  run.feed<Visit>("visits", {{}}).finish();
  EXPECT_THAT(run.output<Words>("out"),
              ElementsAre(Words{"a=b|yes|127|18446744073709551615|0.250000|1500|2000|large||south|0"}));
}

TEST_F(Features, WhatIsWrongWithParametersIsSaidAllAtOnce) {
  JobHarness run("every_parameter", {{"count", "-1"}, {"sice", "large"}, {"catalog", "somewhere"}});
  run.feed<Visit>("visits", {{}});
  try {
    run.finish();
    FAIL() << "it ran";
  } catch (const std::runtime_error& refused) {
    EXPECT_THAT(refused.what(),
                AllOf(HasSubstr("parameter count: -1 is not a whole number"), HasSubstr("Did you mean since?"),
                      HasSubstr("parameter region: missing: where"), HasSubstr("parameter password: missing")));
  }
}

// --- operator classes

class Trails : public KeyedOperator<std::uint64_t, Visit, Summary> {
 public:
  explicit Trails(std::string separator, std::uint64_t most = 100) : separator_(std::move(separator)), most_(most) {}

  void process(const Visit& visit, Out<Summary>& out) override {
    seen.add(visit.pieces);
    if (visits.find() == nullptr) first.emit(visit);
    if (visits.get() == most_) return visits.clear(), pages.clear(), per_page.clear();
    ++visits.get();
    pages.push_back(visit.page);
    ++per_page[visit.page];
    if (visit.page == "bad") throw RejectRecord("a bad page", "bad page");
    std::string trail;
    for (const auto& page : pages.get()) trail += (trail.empty() ? "" : separator_) + page;
    out.emit({key(), *visits.find(), trail, *per_page.find(visit.page)});
  }

  ValueState<std::uint64_t> visits{this, "visits", {.queryable = true}};
  ListState<std::string> pages{this, "pages", {.ttl = days(1)}};
  MapState<std::string, std::uint64_t> per_page{this, "per_page"};
  SideOutput<Visit> first{this, "first"};
  Counter seen{this, "seen"};

 private:
  const std::string separator_;
  const std::uint64_t most_;
};

/// Without a key; says at the end how many it let pass.
class Large : public Operator<Visit, Words> {
 public:
  void open() override { passed_ = 0; }
  void process(const Visit& visit, Out<Words>& out) override {
    if (visit.size != Size::large) return;
    ++passed_;
    out.emit({visit.page});
  }
  void finish(Out<Words>& out) override { out.emit({"passed " + std::to_string(passed_)}); }

 private:
  std::uint64_t passed_ = 77;  // until it is opened
};

FRESHET_JOB(operator_classes, "Classes with state of every kind, side outputs, counters, and without a key")
{
  const auto visits = job.source("visits", unread());
  const auto trails =
      visits.key_by(&Visit::user).process<Trails>("trails", ">", std::uint64_t{3}).on_error(dead_letter());
  trails.sink("trails_out", files::csv("nowhere"));
  trails.side(&Trails::first).sink("first_out", files::csv("nowhere"));
  visits.process<Large>("large").sink("large_out", files::csv("nowhere"));
}

TEST_F(Features, AKeyedOperatorClassKeepsStatePerKey) {
  for (const std::int64_t tasks : {1, 3}) {
    JobHarness run("operator_classes");
    run.parallelism(tasks)
        .feed<Visit>("visits", {{.user = 1, .page = "a"},
                                {.user = 2, .page = "x"},
                                {.user = 1, .page = "bad"},
                                {.user = 1, .page = "b"},
                                {.user = 1, .page = "a"},
                                {.user = 1, .page = "gone"},
                                {.user = 1, .page = "c"}})
        .finish();
    EXPECT_THAT(run.output<Summary>("trails_out"),
                UnorderedElementsAre(Summary{1, 1, "a", 1}, Summary{2, 1, "x", 1}, Summary{1, 2, "a>b", 1},
                                     Summary{1, 3, "a>b>a", 2}, Summary{1, 1, "c", 1}));
    EXPECT_THAT(run.output<Visit>("first_out"),
                UnorderedElementsAre(Visit{.user = 1, .page = "a"}, Visit{.user = 2, .page = "x"},
                                     Visit{.user = 1, .page = "c"}));
    ASSERT_THAT(run.dead_letters(), SizeIs(1));
    EXPECT_EQ(run.dead_letters()[0].operator_id, "trails");
    EXPECT_EQ(run.dead_letters()[0].reason, "bad page");
  }
}

TEST_F(Features, AnOperatorClassWithoutAKeyHasItsLastWord) {
  JobHarness run("operator_classes");
  run.feed<Visit>("visits", {{.page = "a"}, {.page = "b", .size = Size::large}, {.page = "c", .size = Size::large}})
      .finish();
  EXPECT_THAT(run.output<Words>("large_out"), ElementsAre(Words{"b"}, Words{"c"}, Words{"passed 2"}));
}

TEST_F(Features, TheGraphKnowsStatesOutputsAndCountersOfAClass) {
  for (const auto& registered : registered_jobs()) {
    if (registered.name != "operator_classes") continue;
    Job job;
    registered.build(job);
    const auto& node = job.graph().operators[1];
    EXPECT_THAT(node.counters, ElementsAre("seen"));
    ASSERT_THAT(node.states, SizeIs(3));
    EXPECT_EQ(node.states[0].name, "visits");
    EXPECT_TRUE(node.states[0].queryable);
    EXPECT_EQ(node.states[1].ttl, Duration(24h));
    std::vector<std::string> outputs;
    for (const auto& output : node.outputs) outputs.push_back(output.name);
    EXPECT_THAT(outputs, ElementsAre("out", "first", "dead_letters"));
  }
}

TEST_F(Features, TheHarnessOfAnOperatorShowsStateSideOutputsCountersAndLetters) {
  OperatorHarness<Trails> harness{"-", std::uint64_t{9}};
  harness.key_by(&Visit::user).set_aside();
  harness.push({.user = 4, .page = "a", .pieces = 5}).push({.user = 4, .page = "bad"});
  EXPECT_THAT(harness.take(), ElementsAre(Summary{4, 1, "a", 1}));
  EXPECT_THAT(harness.dead_letters(), SizeIs(1));
  harness.crash_and_restore().push({.user = 4, .page = "a"});
  EXPECT_THAT(harness.take(), ElementsAre(Summary{4, 2, "a-a", 2}));
  EXPECT_THAT(harness.take(&Trails::first), IsEmpty());
  EXPECT_EQ(harness.at_key(4).per_page.size(), 1u);
  EXPECT_EQ(harness.at_key(4).seen.value(), 1u);
  EXPECT_EQ(harness.at_key(5).visits.find(), nullptr);
}

}  // namespace
}  // namespace freshet
