#include "dag/fingerprint.h"

#include <gtest/gtest.h>

#include "tests/dag/graphs.h"

namespace freshet::dag::test {

FingerprintInputs inputs() {
  return {.default_parallelism = 4,
          .key_groups = 128,
          .parameters = {{"input", "in/*.csv"}, {"password", "secret"}},
          .file_hashes = {{"catalog", "9f31"}, {"rules", "77aa"}}};
}

/// Plans that are stored carry it: a change here makes every running job look foreign to its own workers. Change the
/// version in fingerprint.cpp when it is meant.
TEST(Fingerprint, StaysTheSameForEver) {
  EXPECT_EQ(fingerprint_text(fingerprint(shop().graph(), inputs())), "c623701572c7acd0");
}

TEST(Fingerprint, DoesNotDependOnTheOrderOfWhatWasGiven) {
  auto turned = inputs();
  std::swap(turned.parameters[0], turned.parameters[1]);
  std::swap(turned.file_hashes[0], turned.file_hashes[1]);
  EXPECT_EQ(fingerprint(shop().graph(), turned), fingerprint(shop().graph(), inputs()));
}

TEST(Fingerprint, ChangesWithEverythingTheGraphIsBuiltFrom) {
  const auto graph = shop().graph();
  const auto original = fingerprint(graph, inputs());
  const auto changed = [&](auto change) {
    auto other = inputs();
    change(other);
    return fingerprint(graph, other);
  };
  EXPECT_NE(original, changed([](auto& other) { other.default_parallelism = 5; }));
  EXPECT_NE(original, changed([](auto& other) { other.key_groups = 64; }));
  EXPECT_NE(original, changed([](auto& other) { other.parameters[1].text = "other secret"; }));
  EXPECT_NE(original, changed([](auto& other) { other.parameters.pop_back(); }));
  EXPECT_NE(original, changed([](auto& other) { other.file_hashes[0].text = "9f32"; }));
  EXPECT_NE(original, changed([](auto& other) { std::swap(other.parameters, other.file_hashes); }));
}

TEST(Fingerprint, ChangesWithTheGraph) {
  auto maker = shop();
  maker.node("totals").queryable = false;
  EXPECT_NE(fingerprint(maker.graph(), inputs()), fingerprint(shop().graph(), inputs()));
}

TEST(Fingerprint, IsShownWithSixteenDigits) { EXPECT_EQ(fingerprint_text(0xab), "00000000000000ab"); }

}  // namespace freshet::dag::test
