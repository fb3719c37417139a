#include "tests/dag/refusal.h"

namespace freshet::dag::test {

struct Operators : testing::TestWithParam<Refusal> {};

TEST_P(Operators, AreRefused) { EXPECT_EQ(problems_of(GetParam()), GetParam().expected); }

const std::string kIdRule = "Use 1 to 64 letters, digits, '_', '-' or '.', the first a letter or a digit";

StateDeclaration state(const std::string& name) { return {.name = name, .kind = "value"}; }

INSTANTIATE_TEST_SUITE_P(
    Validator, Operators,
    testing::Values(
        Refusal{"None",
                [](auto& maker, auto&) {
                  maker.graph().operators.clear();
                  maker.graph().edges.clear();
                },
                {"job shop: it has no operator. Start with job.source(…)"}},
        Refusal{
            "TheSameIdTwice",
            [](auto& maker, auto&) { maker.node("recent").id = "pages"; },
            {"operator pages: more than one operator has this id. Give each an id of its own: state and metrics are "
             "kept under it"}},
        Refusal{"EmptyId",
                [](auto& maker, auto&) { maker.node("recent").id = ""; },
                {"operator \"\": this cannot be an id. " + kIdRule}},
        Refusal{"IdWithSpace",
                [](auto& maker, auto&) { maker.node("recent").id = "most recent"; },
                {"operator \"most recent\": this cannot be an id. " + kIdRule}},
        Refusal{"IdThatStartsWithADot",
                [](auto& maker, auto&) { maker.node("recent").id = ".recent"; },
                {"operator \".recent\": this cannot be an id. " + kIdRule}},
        Refusal{"IdOf65Letters",
                [](auto& maker, auto&) { maker.node("recent").id = std::string(65, 'a'); },
                {"operator \"" + std::string(64, 'a') + "\": this cannot be an id. " + kIdRule}},
        Refusal{"NegativeParallelism",
                [](auto& maker, auto&) { maker.node("pages").parallelism = -1; },
                {"operator pages: parallelism -1: must be 1 to 128 (128 key groups; fixed when the job first starts, "
                 "--key-groups)"}},
        Refusal{"KeyedParallelismAboveTheKeyGroups",
                [](auto& maker, auto&) { maker.node("pages").parallelism = 129; },
                {"operator pages: parallelism 129: must be 1 to 128 (128 key groups; fixed when the job first starts, "
                 "--key-groups)"}},
        Refusal{"ParallelismAboveTheLimit",
                [](auto& maker, auto&) { maker.node("events").parallelism = 4'097; },
                {"operator events: parallelism 4097: must be 1 to 4096"}},
        Refusal{
            "Retry",
            [](auto& maker, auto&) { maker.node("recent").on_error = {.kind = ErrorPolicyKind::retry, .attempts = 1}; },
            {"operator recent: retry with attempts = 1: 2 to 1000. Count the first attempt, too; for one alone there "
             "is dead_letter()",
             "operator recent: retry with first = 0s, limit = 0s: first is 1 ms or more, limit no less than first and "
             "at most 30d. first is the time before the second attempt, limit that from the first attempt to the last",
             "operator recent: retry with max_waiting = 0: nothing could wait. Leave it away to have a million a "
             "task"}},
        Refusal{"PauseAboveNothing",
                [](auto& maker, auto&) { maker.node("recent").on_error.pause_above = 0; },
                {"operator recent: pause_above is a share of the records: above 0, at most 1, not 0. Say 0.05 to pause "
                 "at more than 5 % dead letters within a minute"}},
        Refusal{"PauseAboveMoreThanAll",
                [](auto& maker, auto&) { maker.node("recent").on_error.pause_above = 5; },
                {"operator recent: pause_above is a share of the records: above 0, at most 1, not 5. Say 0.05 to pause "
                 "at more than 5 % dead letters within a minute"}},
        Refusal{"SourceWithInputs",
                [](auto& maker, auto&) { maker.node("events").inputs = 1; },
                {"operator events: a source has no inputs. Make it a transform"}},
        Refusal{"TooManyInputs",
                [](auto& maker, auto&) { maker.node("pages").inputs = 17; },
                {"operator pages: 17 inputs, at most 16"}},
        Refusal{"NothingComesIn",
                [](auto& maker, auto&) { maker.transform("lonely"); },
                {"operator lonely: nothing comes in. Connect it to a stream, or leave it out"}},
        Refusal{"NothingComesInAtTheSecondInput",
                [](auto& maker, auto&) { maker.node("late_file").inputs = 2; },
                {"operator late_file: nothing comes in at input 2 of 2. Connect a stream to it"}},
        Refusal{"TwoOutputsOfOneName",
                [](auto& maker, auto&) { maker.node("events").outputs[1].name = "out"; },
                {"operator events: two outputs are called out. Rename one"}},
        Refusal{"TwoStatesOfOneName",
                [](auto& maker, auto&) { maker.node("dedupe").states.push_back(state("seen")); },
                {"operator dedupe: two states are called seen. Rename one"}},
        Refusal{"IllegalStateName",
                [](auto& maker, auto&) { maker.node("dedupe").states[0].name = "a/b"; },
                {"operator dedupe: state \"a/b\": this cannot be a name. " + kIdRule}},
        Refusal{"StatesOfOneAddress",
                [](auto& maker, auto&) {
                  maker.node("recent").id = "dedupe.recent";
                  maker.node("dedupe").states.push_back(state("recent.items"));
                  maker.node("dedupe.recent").states.push_back(state("items"));
                },
                {"operator dedupe.recent: state items would have the address dedupe.recent.items, which is that of a "
                 "state of dedupe. Rename the state or one of the operators"}},
        Refusal{"NothingIsWritten",
                [](auto& maker, auto&) {
                  maker = GraphMaker("shop");
                  maker.source("events");
                },
                {"job shop: nothing is written. Add a sink, or make a state .queryable()"}}),
    refusal_name);

TEST(Validator, RefusesMoreOperatorsThanTheLimit) {
  GraphMaker maker = shop();
  while (maker.graph().operators.size() < kMaxOperators)
    maker.source("s" + std::to_string(maker.graph().operators.size()));
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
  maker.source("one_more");
  EXPECT_EQ(problems_of(maker.graph(), {}),
            (std::vector<std::string>{"job shop: 1001 operators, at most 1000. Split it into several jobs"}));
}

TEST(Validator, TakesAJobThatOnlyAnswersQuestions) {
  GraphMaker maker;
  maker.source("events");
  maker.transform("totals").states.push_back({.name = "value", .kind = "value", .queryable = true});
  maker.edge("events", "totals");
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
}

TEST(Validator, TakesHiddenIdsAndUnkeyedOperatorsWiderThanTheKeyGroups) {
  GraphMaker maker = shop();
  maker.node("events").parallelism = 4'096;
  maker.source("dead.letters");
  EXPECT_TRUE(problems_of(maker.graph(), {.default_parallelism = 2}).empty());
}

}  // namespace freshet::dag::test
