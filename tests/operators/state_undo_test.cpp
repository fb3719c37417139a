#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "runtime/base/random.h"
#include "tests/operators/state_support.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

using Step = std::function<void(States&)>;

const std::vector<Step>& steps() {
  static const std::vector<Step> all = {
      [](States& op) { op.value.get() += "x"; },
      [](States& op) { op.value.clear(); },
      [](States& op) { op.list.push_back(7); },
      [](States& op) { op.list.clear(); },
      [](States& op) { op.map["a"] += 1; },
      [](States& op) { op.map["b"] = 2; },
      [](States& op) { op.map.erase("a"); },
      [](States& op) { op.map.clear(); },
  };
  return all;
}

/// Runs each sequence of up to `length` steps as one call, on a key with and without state, and takes it back.
void undo_all(std::size_t length) {
  std::size_t sequences = 1;
  for (std::size_t i = 0; i < length; ++i) sequences *= steps().size() + 1;
  for (const bool present : {false, true}) {
    for (std::size_t sequence = 0; sequence < sequences; ++sequence) {
      States op(1h);
      op.at(1000);
      op.enter(2);  // a neighbour
      op.list.push_back(1);
      op.map["a"] = 1;
      if (present) {
        op.enter(1);
        op.value.set("before");
        op.list.push_back(1);
        op.list.push_back(2);
        op.map["a"] = 10;
        op.map["c"] = 30;
      }
      op.commit();
      const auto before = all_rows(op);
      op.at(2000);
      op.enter(1);
      std::string done;
      for (std::size_t rest = sequence; rest != 0; rest /= steps().size() + 1) {
        const std::size_t step = rest % (steps().size() + 1);
        if (step == 0) continue;
        steps()[step - 1](op);
        done += " " + std::to_string(step - 1);
      }
      op.roll_back();
      ASSERT_EQ(all_rows(op), before) << "steps" << done << (present ? " on present" : " on absent") << " state";
    }
  }
}

TEST(StateUndo, TakesEveryCombinationOfThreeStepsBack) { undo_all(3); }

/// What the states of all keys should be.
struct Model {
  std::map<std::uint64_t, std::string> values;
  std::map<std::uint64_t, std::vector<std::int64_t>> lists;
  std::map<std::uint64_t, std::map<std::string, std::int64_t>> maps;
};

void touch_at_random(base::Random& random, States& op, Model& model) {
  const auto key = op.current;
  const auto name = std::string(1, static_cast<char>('a' + random.below(4)));
  const auto number = static_cast<std::int64_t>(random.below(1000));
  switch (random.below(8)) {
    case 0: op.value.set(std::to_string(number)), model.values[key] = std::to_string(number); break;
    case 1: op.value.get() += "y", model.values[key] += "y"; break;
    case 2: op.value.clear(), model.values.erase(key); break;
    case 3: op.list.push_back(number), model.lists[key].push_back(number); break;
    case 4: op.list.clear(), model.lists.erase(key); break;
    case 5: op.map[name] += number, model.maps[key][name] += number; break;
    case 6: op.map.erase(name), model.maps[key].erase(name); break;
    default: op.map.clear(), model.maps.erase(key); break;
  }
}

void expect_as_model(States& op, Model& model, std::uint64_t key) {
  op.enter(key);
  const auto* value = op.value.find();
  ASSERT_EQ(value != nullptr, model.values.contains(key));
  if (value != nullptr) {
    ASSERT_EQ(*value, model.values[key]);
  }
  ASSERT_EQ(op.list.get(), model.lists[key]);
  ASSERT_EQ(op.map.size(), model.maps[key].size());
  for (const auto& [name, number] : op.map) ASSERT_EQ(model.maps[key].at(name), number);
}

TEST(StateUndo, RandomCallsFollowTheModel) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  States op;
  Model model;
  for (int call = 0; call < 20'000; ++call) {
    const std::uint64_t key = random.below(20);
    op.enter(key);
    Model after = model;
    for (auto touches = random.below(6); touches != 0; --touches) touch_at_random(random, op, after);
    if (random.chance(0.5)) op.roll_back();
    else model = std::move(after);
    expect_as_model(op, model, key);
    if (HasFatalFailure()) FAIL() << "call " << call;
  }
  std::size_t entries = 0;
  for (const auto& [key, map] : model.maps) entries += map.size();
  EXPECT_EQ(op.states[2].second->entries(), entries);
}

TEST(StateUndo, WithoutUndoNothingIsKept) {
  States op;
  op.key_scope.undo = false;
  op.enter(1);
  op.value.set("v");
  op.list.push_back(1);
  op.map["a"] = 1;
  EXPECT_TRUE(op.key_scope.touched.empty());
  op.roll_back();
  EXPECT_EQ(*op.value.find(), "v");
}

}  // namespace
}  // namespace freshet::test
