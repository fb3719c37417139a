#include "dag/did_you_mean.h"

#include <gtest/gtest.h>

namespace freshet::dag::test {

TEST(DidYouMean, CountsSlipsOfTheFinger) {
  EXPECT_EQ(edit_distance("hot", "hot"), 0u);
  EXPECT_EQ(edit_distance("hto", "hot"), 1u) << "two neighbours swapped are one slip";
  EXPECT_EQ(edit_distance("ho", "hot"), 1u);
  EXPECT_EQ(edit_distance("hoot", "hot"), 1u);
  EXPECT_EQ(edit_distance("hat", "hot"), 1u);
  EXPECT_EQ(edit_distance("", "hot"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(DidYouMean, FindsTheNearestOfTheCandidates) {
  EXPECT_EQ(nearest_name("hto", {"input", "hot", "output"}), "hot");
  EXPECT_EQ(nearest_name("inptu", {"input", "hot", "output"}), "input");
  EXPECT_EQ(nearest_name("outputs", {"outpost", "output"}), "output");
}

TEST(DidYouMean, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("catalog", {"input", "hot"}), "");
  EXPECT_EQ(nearest_name("a", {"b"}), "") << "another letter is another word";
  EXPECT_EQ(nearest_name("hot", {}), "");
  EXPECT_EQ(nearest_name("", {"hot"}), "");
}

TEST(DidYouMean, DoesNotCompareEndlessWords) {
  const std::string word(65, 'a');
  EXPECT_EQ(nearest_name(word, {word + "b"}), "");
  EXPECT_EQ(nearest_name(std::string(64, 'a'), {std::string(63, 'a')}), std::string(63, 'a'));
}

}  // namespace freshet::dag::test
