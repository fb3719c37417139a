#include "runtime/base/did_you_mean.h"

#include <gtest/gtest.h>

#include <vector>

namespace freshet::base {
namespace {

TEST(EditDistance, CountsEachKindOfErrorOnce) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("hot", "hot"), 0u);
  EXPECT_EQ(edit_distance("hto", "hot"), 1u);       // swapped
  EXPECT_EQ(edit_distance("statu", "status"), 1u);  // missing
  EXPECT_EQ(edit_distance("lists", "list"), 1u);    // too many
  EXPECT_EQ(edit_distance("lost", "list"), 1u);     // wrong
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // restricted: the swapped pair is not edited again
}

TEST(DidYouMean, FindsTheNearestWord) {
  const std::vector<std::string> words{"list", "status", "cancel", "submit", "hot"};
  EXPECT_EQ(did_you_mean("hto", words), "hot");
  EXPECT_EQ(did_you_mean("stauts", words), "status");
  EXPECT_EQ(did_you_mean("CANCEL", words), "cancel");
  EXPECT_EQ(did_you_mean_hint("lst", words), " Did you mean list?");
}

TEST(DidYouMean, StaysSilentWhenNothingIsNear) {
  const std::vector<std::string> words{"list", "status", "n", ""};
  EXPECT_EQ(did_you_mean("frobnicate", words), std::nullopt);
  EXPECT_EQ(did_you_mean("", words), std::nullopt);
  EXPECT_EQ(did_you_mean("x", words), std::nullopt);
  EXPECT_EQ(did_you_mean_hint("frobnicate", words), "");
}

TEST(DidYouMean, TakesTheFirstOfEquallyNearWords) {
  const std::vector<std::string> words{"bats", "cats"};
  EXPECT_EQ(did_you_mean("rats", words), "bats");
}

TEST(DidYouMean, DoesNotCompareWordsOverItsLimit) {
  const std::vector<std::string> words{std::string(kMaxComparedWord, 'a'), std::string(kMaxComparedWord + 1, 'b')};
  EXPECT_EQ(did_you_mean(std::string(kMaxComparedWord, 'a'), words), words[0]);
  EXPECT_EQ(did_you_mean(std::string(kMaxComparedWord + 1, 'b'), words), std::nullopt);
}

}  // namespace
}  // namespace freshet::base
