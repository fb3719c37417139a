#include "operators/connectors/value_map.h"

#include <gmock/gmock.h>

namespace freshet::files {
namespace {

using ::testing::HasSubstr;

ValueMap made(std::string_view text) {
  auto map = ValueMap::from_text(text);
  EXPECT_TRUE(map.ok()) << (map.ok() ? "" : map.error().message);
  return std::move(map).value();
}

TEST(ValueMap, WordsAreReplacedAndOthersStay) {
  const auto map = made(" pv=view, buy = order ,");
  EXPECT_EQ(map.map("pv"), "view");
  EXPECT_EQ(map.map("buy"), "order");
  EXPECT_EQ(map.map("cart"), "cart");
  EXPECT_EQ(map.map(""), "");
  EXPECT_EQ(ValueMap().map("x"), "x");
}

TEST(ValueMap, TheFirstRuleThatMatchesCounts) {
  const auto map = made("C1=special,C*=cancel,*x=ends,C2=never,other=word,*=order");
  EXPECT_EQ(map.map("C1"), "special");
  EXPECT_EQ(map.map("C2"), "cancel") << "C* stands in front of C2";
  EXPECT_EQ(map.map("Cx"), "cancel");
  EXPECT_EQ(map.map("ax"), "ends");
  EXPECT_EQ(map.map("other"), "word");
  EXPECT_EQ(map.map("536365"), "order");
  EXPECT_EQ(map.map(""), "order");
}

TEST(ValueMap, TheEmptyTextCanBeMappedAndBeATarget) {
  const auto map = made("=unknown,nil=");
  EXPECT_EQ(map.map(""), "unknown");
  EXPECT_EQ(map.map("nil"), "");
}

TEST(ValueMap, RulesThatCannotWorkAreExplained) {
  EXPECT_THAT(ValueMap::from_text("pv").error().message, HasSubstr("'pv' is no assignment; write name=value"));
  EXPECT_THAT(ValueMap::from_text("a*b=c").error().message, HasSubstr("the pattern of 'a*b=c' is not known"));
  EXPECT_THAT(ValueMap::from_text("**=c").error().message, HasSubstr("is not known"));
  EXPECT_THAT(ValueMap::from_text("a=b,a=c").error().message, HasSubstr("'a' is mapped twice; remove 'a=c'"));
  EXPECT_THAT(ValueMap::from_text("*=b,a=c").error().message, HasSubstr("'a=c' stands behind '*' and never counts"));
}

}  // namespace
}  // namespace freshet::files
