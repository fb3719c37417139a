#include "dag/validator.h"

#include <gmock/gmock.h>

#include "tests/dag/refusal.h"

namespace freshet::dag::test {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Validator, HasNothingAgainstTheShop) {
  EXPECT_THAT(problems_of(shop().graph(), {.default_parallelism = 4}), IsEmpty());
}

TEST(Validator, SaysEverythingAtOnce) {
  GraphMaker maker = shop();
  maker.node("pages").parallelism = 200;
  maker.node("recent").on_error = {
      .kind = ErrorPolicyKind::retry, .attempts = 1, .first_delay = 1s, .limit = 1s, .max_waiting = 1};
  maker.edge("pages", "totals");
  maker.graph().parameters.push_back({.name = "hot", .type = schema_of<std::int32_t>(), .default_text = "10"});
  const ValidationOptions options{.default_parallelism = 0, .key_groups = 128, .parameters = {{"hto", "20"}}};
  EXPECT_THAT(
      problems_of(maker.graph(), options),
      ElementsAre("parallelism 0: must be 1 to 128 (128 key groups; fixed when the job first starts, --key-groups)",
                  "operator recent: retry with attempts = 1: 2 to 1000. Count the first attempt, too; for one alone "
                  "there is dead_letter()",
                  "operator pages: parallelism 200: must be 1 to 128 (128 key groups; fixed when the job first starts, "
                  "--key-groups)",
                  "edge pages -> totals: totals is a keyed step, but this stream has no key. Say "
                  "key_by(&Record::field) before it",
                  "parameter hto: unknown. Did you mean hot?"));
}

struct Options : testing::TestWithParam<Refusal> {};

TEST_P(Options, AreRefused) { EXPECT_EQ(problems_of(GetParam()), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Validator, Options,
    testing::Values(
        Refusal{"ParallelismZero",
                [](auto&, auto& options) { options.default_parallelism = 0; },
                {"parallelism 0: must be 1 to 128 (128 key groups; fixed when the job first starts, --key-groups)"}},
        Refusal{"ParallelismAboveTheKeyGroups",
                [](auto&, auto& options) { options.default_parallelism = 129; },
                {"parallelism 129: must be 1 to 128 (128 key groups; fixed when the job first starts, --key-groups)"}},
        Refusal{"ParallelismAboveTheLimit",
                [](auto&, auto& options) {
                  options.key_groups = 32'768;
                  options.default_parallelism = 4'097;
                },
                {"parallelism 4097: must be 1 to 4096"}},
        Refusal{"NoKeyGroups",
                [](auto& maker, auto& options) {
                  options.key_groups = 0;
                  options.default_parallelism = 1;
                  maker.node("pages").parallelism = 1;
                },
                {"key groups 0: must be 1 to 32768 (--key-groups)"}},
        Refusal{"TooManyKeyGroups",
                [](auto&, auto& options) { options.key_groups = 32'769; },
                {"key groups 32769: must be 1 to 32768 (--key-groups)"}}),
    refusal_name);

TEST(Validator, TakesParallelismUpToTheKeyGroups) {
  EXPECT_THAT(problems_of(shop().graph(), {.default_parallelism = 128, .key_groups = 128}), IsEmpty());
  EXPECT_THAT(problems_of(shop().graph(), {.default_parallelism = 4'096, .key_groups = 32'768}), IsEmpty());
}

TEST(Validator, HasNothingAgainstRandomValidGraphs) {
  const auto seed = seed_or(1);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    auto graph = random_graph(random);
    graph.operators[0].queryable = true;
    ASSERT_THAT(problems_of(graph, {.default_parallelism = 3}), IsEmpty());
  }
}

/// Indices and numbers drawn at will: the validator must say something or nothing, but live.
TEST(Validator, SurvivesAnyGraph) {
  const auto seed = seed_or(2);
  std::mt19937 random(seed);
  const auto wild = [&] {
    return random() % 4 == 0 ? static_cast<std::uint32_t>(random()) : static_cast<std::uint32_t>(random() % 6);
  };
  for (int round = 0; round < 2'000; ++round) {
    SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    auto graph = random_graph(random);
    for (auto& op : graph.operators) {
      if (random() % 4 == 0) op.inputs = wild();
      if (random() % 4 == 0) op.outputs.resize(random() % 3);
      if (random() % 4 == 0) op.kind = static_cast<OperatorKind>(random() % 3);
      if (random() % 8 == 0) op.parallelism = static_cast<std::int64_t>(random()) - (1LL << 31);
      if (random() % 8 == 0) op.id = std::string(random() % 80, static_cast<char>(random() % 256));
    }
    for (auto& edge : graph.edges) {
      if (random() % 3 == 0) edge.from = wild();
      if (random() % 3 == 0) edge.to = wild();
      if (random() % 6 == 0) edge.from_output = wild();
      if (random() % 6 == 0) edge.to_input = wild();
      if (random() % 6 == 0) edge.carries_key = !edge.carries_key;
    }
    validate(graph, {.default_parallelism = 2});
  }
}

}  // namespace freshet::dag::test
