#include <gmock/gmock.h>

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
