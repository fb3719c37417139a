#include <freshet/freshet.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <numeric>

using namespace freshet;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

namespace {

struct Click {
  std::uint64_t user = 0;
  std::string page{};
  std::uint64_t number = 0;
  bool operator==(const Click&) const = default;
  FRESHET_RECORD(user, page, number)
};

struct Count {
  std::uint64_t clicks = 0;
  std::uint64_t last = 0;
  bool operator==(const Count&) const = default;
  FRESHET_RECORD(clicks, last)
};

struct Discard final : Sink<Click> {
  void write(const Click&) override {}
};
struct DiscardCount final : Sink<Count> {
  void write(const Count&) override {}
};
struct DiscardLetters final : Sink<DeadLetter> {
  void write(const DeadLetter&) override {}
};

class Numbers final : public Source<Click> {
 public:
  explicit Numbers(std::uint64_t count) : count_(count) {}
  std::vector<Split> discover() override {
    return {{.partition = "a", .end = count_}, {.partition = "b", .end = count_}};
  }
  Progress read(Split& split, Out<Click>& out) override {
    while (split.position < split.end && !out.full()) {
      ++split.position;
      auto& click = out.add();
      click.user = split.position % 100;
      click.number = split.position;
      click.page.assign("a page whose name is longer than fifteen characters");
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  std::uint64_t count_;
};

std::vector<Click> clicks(std::uint64_t count, std::uint64_t users) {
  std::vector<Click> made;
  for (std::uint64_t i = 0; i < count; ++i) made.push_back({i % users, "p" + std::to_string(i), i});
  return made;
}

FRESHET_JOB(stateless, "map, filter, flat_map and split in one chain")
{
  const auto source = job.source<Numbers>("numbers", std::uint64_t{0});
  source.map("double",
             [](const Click& c) {
               return Click{c.user, c.page, c.number * 2};
             })
      .filter("small", [](const Click& c) { return c.number < 10; })
      .flat_map("twice",
                [](const Click& c, Out<Click>& out) {
                  out.emit(c);
                  out.emit({c.user, "again", c.number});
                })
      .sink<Discard>("out");
  auto [even, odd] = source.split("parity", [](const Click& c, Out<Click>& yes, Out<Click, "odd">& no) {
    if (c.number % 2 == 0)
      yes.emit(c);
    else
      no.emit(c);
  });
  even.sink<Discard>("even");
  odd.sink<Discard>("odd");
}

FRESHET_JOB(keyed, "counts per user")
{
  const auto rate = job.param("every", 0ms, "emission interval");
  const auto by_user = job.source<Numbers>("numbers", std::uint64_t{100'000}).key_by(&Click::user);
  by_user
      .fold("count",
            [](Count& count, const Click& c) {
              ++count.clicks;
              count.last = c.number;
            })
      .emit(rate.count() == 0 ? at_end() : every(rate))
      .sink<DiscardCount>("counts");
  by_user.recent("recent", 3).sink<Discard>("recent_out");
}

FRESHET_JOB(faulty, "an operator that throws on some records")
{
  const auto aside = job.param("aside", true, "dead-letter policy");
  job.source<Numbers>("numbers", std::uint64_t{0})
      .key_by(&Click::user)
      .process("check",
               [](Count& seen, const Click& c, Out<Click>& out) {
                 ++seen.clicks;
                 out.emit({c.user, "half", seen.clicks});
                 if (c.number % 10 == 3) throw std::out_of_range("three");
                 out.emit({c.user, "whole", seen.clicks});
               })
      .on_error(aside ? dead_letter({.pause_above = 1}) : fail())
      .sink<Discard>("out");
  job.dead_letters().sink<DiscardLetters>("letters");
}

TEST(DataPath, StatelessStepsGiveWhatTheirFunctionsSay) {
  JobHarness harness("stateless");
  harness.feed("numbers", clicks(100, 7)).finish();
  EXPECT_THAT(harness.output<Click>("out"), SizeIs(10));
  EXPECT_EQ(harness.output<Click>("out")[3], (Click{1, "again", 2}));
  EXPECT_THAT(harness.output<Click>("even"), SizeIs(50));
  EXPECT_THAT(harness.output<Click>("odd"), SizeIs(50));
  EXPECT_EQ(harness.output<Click>("odd")[0].number, 1u);
}

TEST(DataPath, KeyedTotalsAreExactAtAnyParallelism) {
  for (const int parallelism : {1, 2, 3, 8}) {
    JobHarness harness("keyed");
    harness.parallelism(parallelism).finish();
    const auto counts = harness.output<Count>("counts");
    ASSERT_THAT(counts, SizeIs(100)) << parallelism;
    for (const auto& count : counts) EXPECT_EQ(count.clicks, 2000u);
    EXPECT_THAT(harness.output<Click>("recent_out"), SizeIs(300));
  }
}

TEST(DataPath, EmissionEveryIntervalEndsWithTheNewestValues) {
  JobHarness harness("keyed", {{"every", "5ms"}});
  harness.finish();
  const auto counts = harness.output<Count>("counts");
  EXPECT_GE(counts.size(), 100u);
  std::uint64_t finals = 0;
  for (const auto& count : counts) finals += count.clicks == 2000;
  EXPECT_EQ(finals, 100u);
}

TEST(DataPath, ACallThatThrowsLeavesNoEffect) {
  JobHarness harness("faulty");
  harness.feed("numbers", clicks(20, 1)).finish();
  const auto out = harness.output<Click>("out");
  ASSERT_THAT(out, SizeIs(36));  // 18 good records, two each; nothing of the bad ones
  EXPECT_EQ(out.back(), (Click{0, "whole", 18}));
  const auto letters = harness.output<DeadLetter>("letters");
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_EQ(letters[0].operator_id, "check");
  EXPECT_EQ(letters[0].reason, "exception std::out_of_range");
  EXPECT_EQ(letters[0].message, "three");
  EXPECT_EQ(letters[0].origin, "fed, position 4");
  EXPECT_EQ(letters[0].record, R"({"user":0,"page":"p3","number":3})");
  EXPECT_NE(letters[0].id, letters[1].id);
}

TEST(DataPath, TheFailPolicyEndsTheJobAndNamesTheRecord) {
  JobHarness harness("faulty", {{"aside", "false"}});
  harness.feed("numbers", clicks(20, 1));
  try {
    harness.finish();
    FAIL() << "the job must fail";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("operator check failed: exception std::out_of_range: three"));
  }
}

}  // namespace
