#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/integration/result_table.h"
#include "tests/jobs/run_job.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet {
namespace {

using files::testing::TestDirectory;
using integration::ResultTable;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct UserBehaviorTest : ::testing::Test {
  void run(std::string_view rows, std::map<std::string, std::string> parameters = {}, std::int64_t parallelism = 1) {
    parameters["input"] = directory.write("in.csv", "user,item,action,time,amount,quantity\n" + std::string(rows));
    parameters["output"] = directory.path("out");
    testing::run_job("user_behavior", parameters, parallelism);
  }
  ResultTable result(const std::string& name) const { return ResultTable(directory.path("out/" + name)); }
  /// The rows of a folder of JSON lines, sorted.
  std::vector<std::string> lines(const std::string& name) const {
    std::vector<std::string> all;
    if (!std::filesystem::is_directory(directory.path("out/" + name))) return all;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path("out/" + name))) {
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) all.push_back(line);
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  TestDirectory directory;
};

TEST_F(UserBehaviorTest, CountsActionsPerUserItemAndInTotal) {
  run("ann,tea,view,2026-01-01T00:00:00Z,0,1\n"
      "bob,tea,view,2026-01-01T00:00:01Z,0,1\n"
      "ann,tea,view,2026-01-01T00:00:02Z,0,1\n"
      "ann,pot,order,2026-01-01T00:00:03Z,2.5,4\n"
      "ann,pot,cancel,2026-01-01T00:00:04Z,2.5,-1\n");
  EXPECT_THAT(result("users").by("user", "events"), ElementsAre(Pair("ann", 4), Pair("bob", 1)));
  EXPECT_THAT(result("users").by("user", "views"), ElementsAre(Pair("ann", 2), Pair("bob", 1)));
  EXPECT_THAT(result("users").by("user", "revenue_mills"), ElementsAre(Pair("ann", 7500), Pair("bob", 0)));
  EXPECT_THAT(result("items").by("item", "quantity"), ElementsAre(Pair("pot", 3), Pair("tea", 3)));
  EXPECT_THAT(result("totals").by("action", "events"),
              ElementsAre(Pair("all", 5), Pair("cancel", 1), Pair("order", 1), Pair("view", 3)));
  EXPECT_THAT(result("totals").by("action", "users"),
              ElementsAre(Pair("all", 2), Pair("cancel", 1), Pair("order", 1), Pair("view", 2)));
  EXPECT_EQ(result("dead_letters").rows(), 0u);
}

TEST_F(UserBehaviorTest, SessionsVisitsAndHotItemsAreCountedByWindow) {
  for (const std::int64_t tasks : {1, 3}) {
    run("ann,tea,view,2026-01-01T10:00:00Z,0,1\n"
        "bob,tea,view,2026-01-01T10:00:10Z,0,1\n"
        ",tea,view,2026-01-01T10:00:10Z,0,1\n"
        "ann,pot,view,2026-01-01T10:20:00Z,0,1\n"
        "ann,pot,order,2026-01-01T10:19:50Z,2,1\n"  // within the disorder
        "ann,pot,view,2026-01-01T11:00:00Z,0,1\n",
        {{"hot", "1"}, {"hot_window", "1h"}, {"hot_slide", "1h"}}, tasks);
    const auto window = [](const std::string& from, const std::string& to) {
      return R"("window":{"start":"2026-01-01T)" + from + R"(Z","end":"2026-01-01T)" + to + R"(Z"},)";
    };
    const std::string ten = window("10:00:00", "11:00:00"), eleven = window("11:00:00", "12:00:00");
    EXPECT_THAT(
        lines("sessions"),
        ElementsAre(R"({"user":"ann",)" + window("10:00:00", "10:50:00") + R"("events":3,"items":2,"orders":1})",
                    R"({"user":"ann",)" + window("11:00:00", "11:30:00") + R"("events":1,"items":1,"orders":0})",
                    R"({"user":"bob",)" + window("10:00:10", "10:30:10") + R"("events":1,"items":1,"orders":0})"));
    EXPECT_THAT(lines("visits"), ElementsAre(R"({"action":"order",)" + ten + R"("events":1,"users":1})",
                                             R"({"action":"view",)" + ten + R"("events":3,"users":2})",
                                             R"({"action":"view",)" + eleven + R"("events":1,"users":1})"));
    EXPECT_THAT(lines("hot_items"),
                ElementsAre(R"({"category":"",)" + ten + R"("rank":1,"item":"tea","views":2,"visitors":2})",
                            R"({"category":"",)" + eleven + R"("rank":1,"item":"pot","views":1,"visitors":1})"));
    std::filesystem::remove_all(directory.path("out"));
  }
}

TEST_F(UserBehaviorTest, CountsHowOftenAndByHowManyUsersEachStepOfTheFunnelIsReached) {
  for (const std::int64_t tasks : {1, 3}) {
    run("ann,tea,view,2026-01-01T10:00:00Z,0,1\n"
        "bob,tea,view,2026-01-01T10:00:10Z,0,1\n"
        ",tea,view,2026-01-01T10:00:10Z,0,1\n"
        "ann,tea,order,2026-01-01T10:00:40Z,2,1\n"
        "ann,tea,cart,2026-01-01T10:00:30Z,0,1\n"  // within the disorder
        "ann,pot,view,2026-01-01T10:20:00Z,0,1\n"
        "ann,pot,cart,2026-01-01T10:21:00Z,0,1\n"
        "bob,tea,cart,2026-01-01T11:00:11Z,0,1\n"  // too late for the view
        "eve,tea,cart,2026-01-01T11:00:12Z,0,1\n",
        {{"funnel", "1h"}}, tasks);
    EXPECT_THAT(result("funnel").sorted_rows({"number", "step", "times", "users"}),
                ElementsAre("1\tview\t3\t2\t", "2\tcart\t2\t1\t", "3\torder\t1\t1\t"));
    std::filesystem::remove_all(directory.path("out"));
  }
}

TEST_F(UserBehaviorTest, WindowsThatNobodyWantsAreNotThere) {
  run("ann,tea,view,2026-01-01T10:00:00Z,0,1\n", {{"hot", "0"}, {"session_gap", "0ms"}, {"visits_window", "0ms"}});
  EXPECT_THAT(lines("sessions"), IsEmpty());
  EXPECT_THAT(lines("visits"), IsEmpty());
  EXPECT_THAT(lines("hot_items"), IsEmpty());
  EXPECT_THAT(lines("funnel"), IsEmpty()) << "nobody has asked for it";
  EXPECT_EQ(result("users").rows(), 1u);
}

TEST_F(UserBehaviorTest, EventsOfNobodyCountForItemsAndInTotalOnly) {
  run("ann,tea,view,2026-01-01T00:00:00Z,0,1\n,tea,view,2026-01-01T00:00:01Z,0,1\n,tea,cart,2026-01-01T00:00:02Z,0,"
      "1\n");
  EXPECT_THAT(result("users").by("user", "events"), ElementsAre(Pair("ann", 1)));
  EXPECT_EQ(result("recent").rows(), 1u);
  EXPECT_THAT(result("items").by("item", "events"), ElementsAre(Pair("tea", 3)));
  EXPECT_THAT(result("totals").by("action", "events"), ElementsAre(Pair("all", 3), Pair("cart", 1), Pair("view", 2)));
  EXPECT_THAT(result("totals").by("action", "users"), ElementsAre(Pair("all", 1), Pair("cart", 0), Pair("view", 1)));
}

TEST_F(UserBehaviorTest, KeepsTheNewestEventsOfAUserNewestFirstTheLaterLineFirstAmongEquals) {
  run("ann,1,view,2026-01-01T00:00:05Z,0,1\n"
      "ann,2,view,2026-01-01T00:00:01Z,0,1\n"
      "ann,3,view,2026-01-01T00:00:05Z,0,1\n"
      "ann,4,view,2026-01-01T00:00:03Z,0,1\n",
      {{"recent", "3"}});
  const auto recent = result("recent");
  ASSERT_EQ(recent.rows(), 3u);
  EXPECT_THAT((std::vector{recent.text(0, "item"), recent.text(1, "item"), recent.text(2, "item")}),
              ElementsAre("3", "1", "4"));
  EXPECT_EQ(recent.number(0, "line"), 4);
}

TEST_F(UserBehaviorTest, WhatIsMalformedGoesToTheDeadLetters) {
  run("ann,tea,view,1970-01-01T00:00:15Z,0,1\n"
      "ann,tea,looked,2026-01-01T00:00:00Z,0,1\n"
      "ann,tea,order,2026-01-01T00:00:00Z,1e300,1\n"
      "ann,tea,order,2026-01-01T00:00:00Z,1,-9223372036854775808\n"
      "ann,tea,view,2026-01-01T00:00:00Z,0,1\n");
  EXPECT_THAT(result("dead_letters").sorted_rows({"reason"}),
              ElementsAre("malformed: event time\t", "malformed: field action\t", "malformed: field amount\t",
                          "malformed: field quantity\t"));
  EXPECT_THAT(result("totals").by("action", "events"), ElementsAre(Pair("all", 1), Pair("view", 1)));
}

TEST_F(UserBehaviorTest, ResultsDoNotDependOnTheNumberOfTasks) {
  std::map<std::string, std::vector<std::string>> expected;
  for (const std::int64_t parallelism : {1, 3}) {
    testing::run_job("user_behavior",
                     {{"input", "shop:"},
                      {"input.rate", "0"},
                      {"input.events", "20000"},
                      {"input.users", "500"},
                      {"input.partitions", "3"},
                      {"recent", "4"},
                      {"output", directory.path("out")}},
                     parallelism);
    for (const auto* name : {"users", "items", "totals", "recent"}) {
      const auto rows = result(name).sorted_rows(result(name).columns());
      if (parallelism == 1) expected[name] = rows;
      EXPECT_TRUE(rows == expected[name]) << name << " of " << parallelism;
    }
  }
  EXPECT_EQ(result("totals").by("action", "events").at("all"), 20000);
}

TEST_F(UserBehaviorTest, TheSampleRuns) {
  testing::run_job("user_behavior", {{"input", FRESHET_SAMPLE}, {"output", directory.path("out")}}, 2);
  EXPECT_GT(result("users").rows(), 2u);
  EXPECT_EQ(result("dead_letters").rows(), 1u);
}

TEST_F(UserBehaviorTest, SaysAllThatIsWrongWithItsInput) {
  try {
    testing::run_job("user_behavior", {{"input", "nowhere/*.csv"}, {"input.time", "then"}, {"recent", "0"}});
    FAIL() << "the job ran";
  } catch (const std::runtime_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("parameter input: "));
    EXPECT_THAT(refused.what(), HasSubstr("parameter input.time: "));
    EXPECT_THAT(refused.what(), HasSubstr("operator recent: keeps 0 records"));
  }
}

TEST(WordCount, CountsTheWordsOfAllFiles) {
  const TestDirectory directory;
  directory.write("in/a.txt", "to be or not to be\n");
  directory.write("in/b.txt", "\n  not\there\n");
  testing::run_job("word_count", {{"input", directory.path("in")}, {"output", directory.path("out")}}, 2);
  EXPECT_THAT(ResultTable(directory.path("out")).by("text", "count"),
              ElementsAre(Pair("be", 2), Pair("here", 1), Pair("not", 2), Pair("or", 1), Pair("to", 2)));
}

}  // namespace
}  // namespace freshet
