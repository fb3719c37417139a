#include "dag/life_cycle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/dag/graphs.h"

namespace freshet::dag::test {

std::vector<JobState> all_states() {
  std::vector<JobState> states;
  for (const auto& [name, state] : freshet_enumerators(JobState{})) states.push_back(state);
  return states;
}

/// States as rows and columns, then every transition with its reason.
std::string whole_table() {
  std::string text;
  for (const auto from : all_states()) {
    const std::string name(enumerator_name(from));
    text += name + (is_over(from) ? " (over)" : "") + ": " + std::string(describe(from)) + "\n";
    for (const auto& transition : transitions()) {
      if (transition.from != from) continue;
      const std::string to(enumerator_name(transition.to));
      text += "  -> " + to + std::string(12 - to.size(), ' ') + std::string(transition.when) + "\n";
    }
  }
  return text;
}

TEST(LifeCycle, IsTheWholeTable) { EXPECT_EQ(golden("life_cycle.txt", whole_table()), whole_table()); }

TEST(LifeCycle, AllowsWhatStandsInTheTableAndNothingElse) {
  std::size_t allowed = 0;
  for (const auto from : all_states()) {
    for (const auto to : all_states()) allowed += can_transition(from, to) ? 1 : 0;
  }
  EXPECT_EQ(allowed, transitions().size()) << "no transition stands there twice";
  for (const auto& transition : transitions()) EXPECT_TRUE(can_transition(transition.from, transition.to));
}

TEST(LifeCycle, StaysInNoStateByTransition) {
  for (const auto state : all_states()) EXPECT_FALSE(can_transition(state, state));
}

TEST(LifeCycle, IsSortedByState) {
  EXPECT_TRUE(std::is_sorted(transitions().begin(), transitions().end(), [](const auto& a, const auto& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  }));
}

TEST(LifeCycle, LeavesAnEndOnlyByARestart) {
  for (const auto& transition : transitions()) {
    if (!is_over(transition.from)) continue;
    EXPECT_EQ(transition.to, JobState::scheduling);
  }
  for (const auto state : all_states()) EXPECT_FALSE(can_transition(JobState::finished, state));
}

TEST(LifeCycle, ReachesEveryStateAndAnEndFromEach) {
  const auto reachable = [](JobState start) {
    std::set<JobState> seen{start};
    for (std::size_t before = 0; before != seen.size();) {
      before = seen.size();
      for (const auto& transition : transitions()) {
        if (seen.contains(transition.from)) seen.insert(transition.to);
      }
    }
    return seen;
  };
  EXPECT_EQ(reachable(JobState::submitted).size(), all_states().size());
  for (const auto state : all_states()) {
    const auto seen = reachable(state);
    EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), is_over)) << enumerator_name(state);
  }
}

TEST(LifeCycle, DescribesEachStateInASentenceOfItsOwn) {
  std::set<std::string_view> sentences;
  for (const auto state : all_states()) {
    EXPECT_TRUE(describe(state).ends_with('.'));
    EXPECT_TRUE(sentences.insert(describe(state)).second) << enumerator_name(state);
  }
}

}  // namespace freshet::dag::test
