#include "tests/dag/refusal.h"

namespace freshet::dag::test {

struct Edges : testing::TestWithParam<Refusal> {};

TEST_P(Edges, AreRefused) { EXPECT_EQ(problems_of(GetParam()), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Validator, Edges,
    testing::Values(
        Refusal{"FromNowhere",
                [](auto& maker, auto&) { maker.edge("events", "pages").from = 99; },
                {"edge #99 -> pages: operator #99 does not exist (there are 8). Connect what exists"}},
        Refusal{"ToNowhere",
                [](auto& maker, auto&) { maker.edge("events", "pages").to = 99; },
                {"edge events -> #99: operator #99 does not exist (there are 8). Connect what exists"}},
        Refusal{"FromAnOutputThatIsNot",
                [](auto& maker, auto&) { maker.edge("events", "pages_file").from_output = 7; },
                {"edge events -> pages_file: events has no output #7 (it has 2). Connect what exists"}},
        Refusal{"ToAnInputThatIsNot",
                [](auto& maker, auto&) { maker.edge("events", "pages_file").to_input = 1; },
                {"edge events -> pages_file: pages_file has no input #1 (it has 1). Connect what exists"}},
        Refusal{"IntoASource",
                [](auto& maker, auto&) { maker.edge("pages", "events"); },
                {"edge pages -> events: events is a source: nothing can go into it. Connect what exists"}},
        Refusal{"Cycle",
                [](auto& maker, auto&) {
                  maker.transform("a");
                  maker.transform("b");
                  maker.edge("a", "b");
                  maker.edge("b", "a");
                },
                {"cycle a -> b -> a: a stream cannot come back to where it was. Take one of these edges away"}},
        Refusal{"CycleOfOne",
                [](auto& maker, auto&) {
                  maker.transform("a");
                  maker.edge("events", "a");
                  maker.edge("a", "a");
                },
                {"cycle a -> a: a stream cannot come back to where it was. Take one of these edges away"}},
        Refusal{"TwoCyclesWithATail",
                [](auto& maker, auto&) {
                  for (const auto* id : {"a", "b", "c", "d", "tail"}) maker.transform(id);
                  maker.edge("events", "a");
                  maker.edge("a", "b");
                  maker.edge("b", "a");
                  maker.edge("b", "c");
                  maker.edge("c", "d");
                  maker.edge("d", "c");
                  maker.edge("d", "tail");
                },
                {"cycle a -> b -> a: a stream cannot come back to where it was. Take one of these edges away",
                 "cycle c -> d -> c: a stream cannot come back to where it was. Take one of these edges away"}},
        Refusal{"RecordsOfSenderAndReceiverDiffer",
                [](auto& maker, auto&) { maker.node("pages_file").input_records[0] = schema_of<Total>(); },
                {"edge pages -> pages_file: the records do not match: field page: only here, field time: only here, "
                 "field views: only there (here: what pages gives, there: what pages_file takes). Make both the same "
                 "record, or put a map between"}},
        Refusal{"RecordsOfSenderAndEdgeDiffer",
                [](auto& maker, auto&) { maker.graph().edges.back().record = schema_of<Total>(); },
                {"edge pages -> pages_file: the records do not match: field page: only here, field time: only here, "
                 "field views: only there (here: what pages gives, there: what the edge carries). Make both the same "
                 "record, or put a map between"}},
        Refusal{"FieldsWithoutKey",
                [](auto& maker, auto&) { maker.graph().edges.back().grouping = Grouping::fields; },
                {"edge pages -> pages_file: grouped by fields without a key. Say key_by(&Record::field)"}},
        Refusal{"PartialKeyWithoutKey",
                [](auto& maker, auto&) { maker.graph().edges.back().grouping = Grouping::partial_key; },
                {"edge pages -> pages_file: grouped by partial_key without a key. Say partial_key(&Record::field)"}},
        Refusal{"KeptKeyThatIsSpreadOut",
                [](auto& maker, auto&) { maker.keyed_edge("pages", "pages_file").grouping = Grouping::shuffle; },
                {"edge pages -> pages_file: a stream that keeps its key stays where it is: it cannot be grouped by "
                 "shuffle. key_by again behind it if a keyed step follows"}},
        Refusal{"KeyedStepWithoutKey",
                [](auto& maker, auto&) {
                  maker.transform("counts").keyed = true;
                  maker.edge("events", "counts", Grouping::shuffle);
                },
                {"edge events -> counts: counts is a keyed step, but this stream has no key. Say "
                 "key_by(&Record::field) before it"}},
        Refusal{"KeyedStepThatOnlyGetsBroadcasts",
                [](auto& maker, auto&) {
                  maker.transform("counts").keyed = true;
                  maker.edge("events", "counts", Grouping::all);
                },
                {"operator counts: a keyed step, but none of its streams has a key. Say key_by(&Record::field) before "
                 "it"}},
        Refusal{"KeptKeyThatTheProducerDoesNotHave",
                [](auto& maker, auto&) {
                  maker.transform("counts");
                  maker.keyed_edge("events", "counts");
                },
                {"edge events -> counts: it keeps a key that events does not have. Say key_by(&Record::field) before "
                 "counts"}}),
    refusal_name);

struct EqualParallelism : testing::TestWithParam<Refusal> {};

TEST_P(EqualParallelism, IsDemanded) { EXPECT_EQ(problems_of(GetParam()), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Validator, EqualParallelism,
    testing::Values(
        Refusal{"OfAKeyedContinuation",
                [](auto& maker, auto&) { maker.node("totals").parallelism = 4; },
                {"operator totals: parallelism 4: it runs in the task of dedupe, whose parallelism is 2. Leave "
                 ".parallelism() away or say 2, or key_by again"}},
        Refusal{"OfAForwardReceiver",
                [](auto& maker, auto&) {
                  maker.transform("narrow").parallelism = 1;
                  maker.edge("events", "narrow", Grouping::forward);
                },
                {"edge events -> narrow: forward needs equal parallelism: events has 2, narrow has 1. Leave "
                 ".parallelism() away, or use shuffle() instead of forward()"}},
        Refusal{"OfTwoForwardSenders",
                [](auto& maker, auto&) {
                  maker.source("clicks").parallelism = 5;
                  maker.transform("join", 2);
                  maker.edge("events", "join", Grouping::forward);
                  maker.edge("clicks", "join", Grouping::forward).to_input = 1;
                },
                {"edge clicks -> join: streams that meet index to index need equal parallelism: clicks has 5, join has "
                 "2. Give both the same .parallelism(), or use shuffle() instead of forward()"}},
        Refusal{
            "OfTwoKeyedStreamsThatMeet",
            [](auto& maker, auto&) {
              maker.transform("join", 2);
              maker.keyed_edge("dedupe", "join");
              maker.keyed_edge("pages", "join").to_input = 1;
            },
            {"edge pages -> join: streams that meet index to index need equal parallelism: pages has 3, join has 2. "
             "Say key_by again before join"}}),
    refusal_name);

TEST(Validator, TakesAKeyedContinuationThatRepeatsItsParallelism) {
  GraphMaker maker = shop();
  maker.node("dedupe").parallelism = 4;
  maker.node("totals").parallelism = 4;
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
}

TEST(Validator, TakesRulesThatGoToAllTasksOfAKeyedStep) {
  GraphMaker maker = shop();
  maker.source("rules");
  maker.node("pages").inputs = 2;
  maker.node("pages").input_records.push_back(schema_of<Event>());
  maker.edge("rules", "pages", Grouping::all).to_input = 1;
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
}

TEST(Validator, ComparesNoRecordThatNobodyStated) {
  GraphMaker maker = shop();
  maker.node("pages_file").input_records.clear();
  maker.graph().edges.back().record = {};
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
}

}  // namespace freshet::dag::test
