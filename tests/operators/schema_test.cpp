#include <freshet/schema.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"
#include "tests/support/golden.h"

namespace freshet::test {
namespace {

struct Before {
  std::uint64_t user = 0;
  double spent = 0;
  Point at{};
  FRESHET_RECORD(user, spent, at)
};
struct Elsewhere {
  std::int64_t x = 0;
  std::int32_t y = 0;
  FRESHET_RECORD(x, y)
};
struct After {
  std::uint64_t user = 0;
  std::string spent{};
  Elsewhere at{};
  bool gold = false;
  FRESHET_RECORD(user, spent, at, gold)
};
struct Swapped {
  double spent = 0;
  std::uint64_t user = 0;
  Point at{};
  FRESHET_RECORD(spent, user, at)
};

TEST(Schema, TextIsFrozen) {
  std::string text;
  text += to_text(schema_of<Everything>()) + "\n";
  text += to_text(schema_of<Window>()) + "\n";
  text += to_text(schema_of<std::vector<std::optional<std::tuple<Color, std::vector<Point>>>>>()) + "\n";
  EXPECT_EQ(golden("operators/schema.txt", text), text);
}

TEST(Schema, ARecordThatContainsItselfHasNone) {
  try {
    schema_of<FieldSchema>();
    FAIL() << "a schema without end";
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(),
                 "a record nests more than 32 levels deep, or contains itself: such a record has no schema");
  }
}

TEST(Schema, DifferencesAreSaidInWords) {
  EXPECT_EQ(describe_difference(schema_of<Before>(), schema_of<Before>()), "");
  EXPECT_EQ(describe_difference(schema_of<Before>(), schema_of<After>()),
            "field spent: f64 here, string there, field at: field x: i32 here, i64 there, field gold: only there");
  EXPECT_EQ(describe_difference(schema_of<After>(), schema_of<Before>()),
            "field spent: string here, f64 there, field at: field x: i64 here, i32 there, field gold: only here");
  EXPECT_EQ(describe_difference(schema_of<Before>(), schema_of<Swapped>()), "the same fields in another order");
  EXPECT_EQ(describe_difference(schema_of<Before>(), schema_of<std::string>()),
            "{user: u64, spent: f64, at: {x: i32, y: i32}} here, string there");
}

TEST(Schema, TravelsAsAValue) {
  const Schema schema = schema_of<Point>();
  ByteBuffer out;
  encode(out, schema);
  Schema back;
  ASSERT_TRUE(decode_all(out.view(), back));
  EXPECT_EQ(back, schema);
}

TEST(Schema, FieldsAreFoundByPointer) {
  EXPECT_EQ(field_name(&Before::spent), "spent");
  EXPECT_EQ(field_name(&Point::y), "y");
  EXPECT_EQ(enumerator_name(Color::green), "green");
  EXPECT_EQ(enumerator_name(static_cast<Color>(1)), "");
}

}  // namespace
}  // namespace freshet::test
