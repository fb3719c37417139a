#include "operators/connectors/column_map.h"

#include <gmock/gmock.h>

namespace freshet::files {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr std::string_view kFields[] = {"user", "item", "time", "amount"};
constexpr std::string_view kHeader[] = {"user_id", "item_id:token", "InvoiceDate", "amount"};
constexpr auto kAbsent = std::nullopt;

ColumnMap resolved(std::string_view text, const ColumnMap::Columns& columns) {
  auto map = ColumnMap::resolve(text, kFields, columns);
  EXPECT_TRUE(map.ok()) << (map.ok() ? "" : map.error().message);
  return map.value_or({});
}

TEST(ColumnMap, FieldsAreFoundByNameNumberAndTheirOwnName) {
  const auto map = resolved("user=user_id, item=2,time=InvoiceDate", {.header = kHeader});
  EXPECT_THAT(map.columns(), ElementsAre(Optional(0u), Optional(1u), Optional(2u), Optional(3u)));
}

TEST(ColumnMap, AFieldThatNothingIsSaidOfIsAbsent) {
  EXPECT_THAT(resolved("item=item_id:token", {.header = kHeader}).columns(),
              ElementsAre(kAbsent, Optional(1u), kAbsent, Optional(3u)));
}

TEST(ColumnMap, WithoutAHeaderNumbersDo) {
  EXPECT_THAT(resolved("user=1,item=2,time=5", {.count = 5}).columns(),
              ElementsAre(Optional(0u), Optional(1u), Optional(4u), kAbsent));
  EXPECT_THAT(resolved("user=900", {}).columns(), ElementsAre(Optional(899u), kAbsent, kAbsent, kAbsent));
}

TEST(ColumnMap, AllProblemsAreListedAtOnce) {
  const auto map = ColumnMap::resolve("usr=user_id,item=item,time=9,amount=0,amount=1", kFields, {.header = kHeader});
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(map.error().message,
            "the record has no field 'usr' (did you mean 'user'?); its fields are: user, item, time, amount\n"
            "the header has no column 'item' (for field 'item'); its columns are: user_id, item_id:token, InvoiceDate, "
            "amount\n"
            "there is no column 9 (for field 'time'); the input has 4 columns\n"
            "there is no column 0 (for field 'amount'); columns are counted from 1\n"
            "the field 'amount' is given twice");
}

TEST(ColumnMap, ASlipInAColumnNameGetsASuggestion) {
  const auto map = ColumnMap::resolve("user=userid,time=invoicedate", kFields, {.header = kHeader});
  EXPECT_THAT(map.error().message, HasSubstr("no column 'userid' (did you mean 'user_id'?)"));
  EXPECT_THAT(map.error().message, HasSubstr("no column 'invoicedate' (did you mean 'InvoiceDate'?)"));
}

TEST(ColumnMap, ANameWithoutAHeaderIsExplained) {
  EXPECT_THAT(
      ColumnMap::resolve("user=user_id", kFields, {.count = 5}).error().message,
      HasSubstr("the input has no header, so there is no column 'user_id' (for field 'user'); give its number"));
  EXPECT_THAT(ColumnMap::resolve("user=6", kFields, {.count = 5}).error().message, HasSubstr("there is no column 6"));
}

TEST(JsonPaths, AreThoseGivenOrTheFieldsNames) {
  const auto paths = resolve_json_paths("user=user.id", kFields);
  ASSERT_TRUE(paths.ok());
  EXPECT_THAT(*paths, ElementsAre("user.id", "item", "time", "amount"));
  EXPECT_THAT(resolve_json_paths("usr=user.id,item=", kFields).error().message,
              HasSubstr("no field 'usr' (did you mean 'user'?); its fields are: user, item, time, amount\n"
                        "the field 'item' has an empty path"));
}

}  // namespace
}  // namespace freshet::files
