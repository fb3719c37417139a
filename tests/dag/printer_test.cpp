#include "dag/printer.h"

#include <gtest/gtest.h>

#include <freshet/text.h>
#include "dag/placement.h"
#include "dag/planner.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {

PlanDescription shop_plan(bool placed) {
  const auto graph = shop().graph();
  auto plan = make_plan(graph, {.default_parallelism = 2});
  plan.fingerprint = 0x1234;
  if (placed) plan = place(plan, {{"local-1", 8}, {"local-2", 8}}).plan;
  return describe_plan(graph, plan);
}

TEST(Printer, ShowsAPlanAsText) {
  const auto text = print_text(shop_plan(false));
  EXPECT_EQ(golden("shop.txt", text), text);
}

TEST(Printer, ShowsWhereTasksAre) {
  const auto text = print_text(shop_plan(true));
  EXPECT_EQ(golden("shop_placed.txt", text), text);
}

TEST(Printer, ShowsAPlanAsDot) {
  const auto text = print_dot(shop_plan(false));
  EXPECT_EQ(golden("shop.dot", text), text);
}

TEST(Printer, ShowsAPlanAsJson) {
  const auto text = print_json(shop_plan(true));
  EXPECT_EQ(golden("shop.json", text), text);
  EXPECT_TRUE(text.starts_with("{\"version\":1,\"job\":\"shop\","));
}

TEST(Printer, QuotesWhatTheAuthorWrote) {
  GraphMaker maker = shop();
  maker.node("events").description = "files \"in\\*.csv\"\nand more";
  const auto plan = describe_plan(maker.graph(), make_plan(maker.graph(), {}));
  EXPECT_NE(print_dot(plan).find(R"(label="events\nfiles \"in\\*.csv\"\nand more")"), std::string::npos);
  EXPECT_NE(print_json(plan).find(R"("files \"in\\*.csv\"\nand more")"), std::string::npos);
}

TEST(Printer, NamesTheSecondInputAndACallersSingleTask) {
  GraphMaker maker;
  maker.source("a").parallelism = 1;
  maker.transform("join", 2);
  maker.sink("out").guarantee = "";
  maker.edge("a", "join");
  maker.edge("a", "join", Grouping::all).to_input = 1;
  maker.edge("join", "out", Grouping::global);
  const auto text = print_text(describe_plan(maker.graph(), make_plan(maker.graph(), {.default_parallelism = 3})));
  EXPECT_NE(text.find("a -> join (input 2)   all       3 channels"), std::string::npos) << text;
  EXPECT_NE(text.find("join -> out           global    3 channels"), std::string::npos) << text;
  EXPECT_NE(text.find("a   1 task\n"), std::string::npos) << text;
  EXPECT_NE(text.find("no guarantee stated"), std::string::npos) << text;
}

TEST(PrinterDeathTest, RefusesAPlanOfAnotherGraph) {
  const auto plan = make_plan(shop().graph(), {});
  EXPECT_DEATH(describe_plan(GraphMaker("other").graph(), plan), "plan is one of this graph");
}

}  // namespace freshet::dag::test
