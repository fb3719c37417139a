#include "dag/compatibility.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "dag/validator.h"
#include "tests/dag/graphs.h"

namespace freshet::dag::test {
namespace {

using Texts = std::vector<std::string>;

/// What forbids that a job as `change` leaves the shop goes on from the shop's checkpoint.
Texts problems_after(const std::function<void(GraphMaker&)>& change, const Texts& dropped = {}) {
  GraphMaker next = shop();
  change(next);
  Texts texts;
  for (const auto& problem : incompatibilities(shop().graph(), next.graph(), dropped))
    texts.push_back(to_text(problem));
  return texts;
}

StateDeclaration& totals_state(GraphMaker& maker) { return maker.node("totals").states[0]; }

struct WiderTotal {
  double views = 0;
  std::uint64_t user = 0;
  bool gold = false;
  FRESHET_RECORD(views, user, gold)
};
struct TotalOfText {
  std::uint64_t user = 0;
  std::string views{};
  FRESHET_RECORD(user, views)
};

const std::string kDropTotals =
    "Keep the type, or add a field, or give up all state of the operator: --drop-state totals";

TEST(Compatibility, TheSameGraphHasNoProblem) {
  EXPECT_EQ(problems_after([](auto&) {}), Texts{});
}

TEST(Compatibility, WhatHasNoStateComesAndGoes) {
  EXPECT_EQ(problems_after([](auto& next) {
              next.node("pages").id = "page_views";
              next.node("late_file").id = "too_late";
              next.transform("new").states.push_back({.name = "more", .kind = "value"});
              totals_state(next).ttl = 1h;
              totals_state(next).queryable = false;
              next.node("dedupe").states.push_back({.name = "more", .kind = "list"});
            }),
            Texts{});
}

TEST(Compatibility, FieldsAreAddedDroppedAndWidened) {
  EXPECT_EQ(problems_after([](auto& next) { totals_state(next).value = schema_of<WiderTotal>(); }), Texts{});
}

TEST(Compatibility, AnotherTypeIsShownWithItsField) {
  const auto change = [](auto& next) { totals_state(next).value = schema_of<TotalOfText>(); };
  EXPECT_EQ(problems_after(change), (Texts{"operator totals: state value: field views: u64 to string, which is no "
                                           "widening. " +
                                           kDropTotals}));
  EXPECT_EQ(problems_after(change, {"dedupe", "totals"}), Texts{});
  EXPECT_EQ(problems_after(change, {"dedupe"}).size(), 1u);
}

TEST(Compatibility, KeysAndKindsStayAsTheyAre) {
  EXPECT_EQ(problems_after([](auto& next) { totals_state(next).kind = "list"; }),
            (Texts{"operator totals: state value: its kind was value, and is list. " + kDropTotals}));
  EXPECT_EQ(problems_after([](auto& next) { totals_state(next).key = schema_of<std::string>(); }),
            (Texts{"operator totals: state value: its key was u64, and is string. " + kDropTotals}));
  EXPECT_EQ(problems_after([](auto& next) { next.node("dedupe").states[0].map_key = schema_of<std::uint64_t>(); }),
            (Texts{"operator dedupe: state seen: its map key was string, and is u64. Keep the type, or add a field, or "
                   "give up all state of the operator: --drop-state dedupe"}));
}

TEST(Compatibility, AStateThatIsGoneIsAProblem) {
  const auto change = [](auto& next) { totals_state(next).name = "sum"; };
  EXPECT_EQ(
      problems_after(change),
      (Texts{"operator totals: state value is in the checkpoint, and gone from the operator. Keep the state under "
             "its name, or give up all state of the operator: --drop-state totals"}));
  EXPECT_EQ(problems_after(change, {"totals"}), Texts{});
}

TEST(Compatibility, AnOperatorWithStateThatIsGoneIsAProblem) {
  const auto change = [](auto& next) { next.node("totals").id = "sums"; };
  EXPECT_EQ(problems_after(change),
            (Texts{"operator totals: the checkpoint holds its state, and the job does not have it any more. Keep the "
                   "operator under this id, or give up its state: --drop-state totals"}));
  EXPECT_EQ(problems_after(change, {"totals"}), Texts{});
}

TEST(Compatibility, ThePositionsOfASourceAreItsState) {
  EXPECT_EQ(problems_after([](auto& next) { next.node("events").id = "clicks"; }),
            (Texts{"operator events: the checkpoint holds how far it has read, and the job does not have it any more. "
                   "Keep the source under this id, or give up its positions: --drop-state events"}));
  EXPECT_EQ(problems_after([](auto& next) { next.node("events").kind = OperatorKind::transform; }),
            (Texts{"operator events: the checkpoint holds how far it has read as a source, which it is no longer. Keep "
                   "it a source, or give up its positions: --drop-state events"}));
}

struct InnerBefore {
  std::uint32_t size = 0;
  std::string note{};
  FRESHET_RECORD(size, note)
};
struct Before {
  InnerBefore inner{};
  std::vector<std::uint32_t> list{};
  FRESHET_RECORD(inner, list)
};
struct InnerAfter {
  std::uint64_t size = 0;
  bool large = false;
  FRESHET_RECORD(size, large)
};
struct After {
  InnerAfter inner{};
  std::vector<std::uint64_t> list{};
  FRESHET_RECORD(inner, list)
};

TEST(Compatibility, AComparisonSaysWhatBecomesOfEachOperator) {
  const Schema user = schema_of<std::uint64_t>();
  const StateDeclaration value{.name = "value", .kind = "value", .key = user, .value = schema_of<Before>()};
  const std::vector<SavedOperator> saved = {{"events", true, {}}, {"same", false, {value}},  {"other", false, {value}},
                                            {"away", false, {}},  {"given", false, {value}}, {"bad", false, {value}}};
  GraphMaker next;
  next.source("events");
  for (const char* id : {"same", "other", "bad", "more"}) next.transform(id).states = {value};
  next.node("other").states[0].value = schema_of<After>();
  next.node("other").states.push_back({.name = "seen", .kind = "set", .key = user});
  next.node("bad").states[0].value = schema_of<std::string>();
  std::map<std::string, OperatorComparison> found;
  std::vector<std::string> order;
  for (auto& each : compare(saved, next.graph(), {"given"})) {
    order.push_back(each.id);
    found[each.id] = std::move(each);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"events", "same", "other", "away", "given", "bad", "more"}));
  EXPECT_EQ(found["events"].fate, OperatorFate::unchanged);
  EXPECT_EQ(found["same"].fate, OperatorFate::unchanged);
  EXPECT_EQ(found["other"].fate, OperatorFate::changed);
  EXPECT_EQ(found["other"].notes,
            (Texts{"value: inner.size: u32 -> u64", "value: + inner.large (new)", "value: - inner.note (forgotten)",
                   "value: list: [u32] -> [u64]", "seen: new"}));
  EXPECT_EQ(found["away"].fate, OperatorFate::gone);
  EXPECT_EQ(found["given"].fate, OperatorFate::dropped);
  EXPECT_EQ(found["bad"].fate, OperatorFate::error);
  ASSERT_EQ(found["bad"].problems.size(), 1u);
  EXPECT_EQ(found["bad"].problems[0].where, "operator bad");
  EXPECT_EQ(found["more"].fate, OperatorFate::fresh);
}

TEST(Compatibility, AGraphComparedWithItselfIsUnchanged) {
  const auto all = compare(saved_operators(shop().graph()), shop().graph(), {});
  ASSERT_FALSE(all.empty());
  for (const auto& each : all) EXPECT_EQ(each.fate, OperatorFate::unchanged) << each.id;
}

TEST(Compatibility, AllProblemsAreSaidAtOnce) {
  EXPECT_EQ(problems_after([](auto& next) { next.graph().operators.clear(); }).size(), 3u);
}

TEST(Compatibility, AStateCanBecomeAnotherOrSaysWhyNot) {
  std::string why = "old";
  EXPECT_TRUE(state_can_become(schema_of<Total>(), schema_of<WiderTotal>(), why));
  EXPECT_EQ(why, "");
  EXPECT_FALSE(state_can_become(schema_of<WiderTotal>(), schema_of<Total>(), why));
  EXPECT_EQ(why, "field views: f64 to u64, which is no widening");
}

}  // namespace
}  // namespace freshet::dag::test
