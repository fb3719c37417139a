#include "dag/graph_view.h"

#include <gmock/gmock.h>

#include "tests/dag/graphs.h"

namespace freshet::dag::test {

using testing::ElementsAre;

/// d -> c -> b, a: declared against the stream.
TEST(GraphView, OrdersUpstreamFirstAndThenByIndex) {
  GraphMaker maker;
  maker.source("a");
  maker.sink("b");
  maker.transform("c");
  maker.source("d");
  maker.edge("c", "b");
  maker.edge("d", "c");
  EXPECT_THAT(GraphView(maker.graph()).order(), ElementsAre(0, 3, 2, 1));
}

TEST(GraphView, LeavesOutDanglingEdges) {
  GraphMaker maker = shop();
  const auto sound = GraphView(maker.graph()).outputs_of(0).size();
  maker.edge("events", "pages").to = 1'000;
  maker.edge("events", "pages").from_output = 1'000;
  maker.edge("events", "pages").to_input = 1'000;
  const GraphView view(maker.graph());
  EXPECT_EQ(view.outputs_of(0).size(), sound);
  EXPECT_TRUE(view.is_acyclic());
}

TEST(GraphView, EndsTheOrderBeforeACycle) {
  GraphMaker maker = shop();
  maker.transform("a");
  maker.transform("b");
  maker.edge("a", "b");
  maker.edge("b", "a");
  const GraphView view(maker.graph());
  EXPECT_FALSE(view.is_acyclic());
  EXPECT_EQ(view.order().size(), maker.graph().operators.size() - 2);
}

TEST(GraphView, HandsParallelismDownWhereTheIndexIsKept) {
  GraphMaker maker = shop();
  maker.node("dedupe").parallelism = 5;
  const auto tasks = GraphView(maker.graph()).effective_parallelism(2);
  EXPECT_EQ(tasks[maker.index("events")], 2) << "the default";
  EXPECT_EQ(tasks[maker.index("dedupe")], 5) << "its own";
  EXPECT_EQ(tasks[maker.index("totals_file")], 5) << "through totals from dedupe";
  EXPECT_EQ(tasks[maker.index("pages")], 3) << "keyed anew: its own";
  EXPECT_EQ(tasks[maker.index("pages_file")], 2) << "rebalance hands nothing down";
}

TEST(GraphView, KnowsWhereRecordsComeUnderAKey) {
  GraphMaker maker = shop();
  const GraphView view(maker.graph());
  EXPECT_FALSE(view.has_key(maker.index("events")));
  EXPECT_TRUE(view.has_key(maker.index("dedupe")));
  EXPECT_TRUE(view.has_key(maker.index("totals_file")));
  EXPECT_FALSE(view.has_key(maker.index("pages_file")));
}

}  // namespace freshet::dag::test
