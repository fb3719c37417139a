#include <freshet/codec.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/operators/sample_values.h"
#include "tests/support/golden.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

template <class T>
std::string encoded(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return std::string(out.view());
}

template <class T>
T round_trip(const T& value) {
  T back{};
  EXPECT_TRUE(decode_all(encoded(value), back));
  return back;
}

TEST(Codec, EveryKindOfValueComesBack) {
  EXPECT_EQ(round_trip(sample_of_everything()), sample_of_everything());
  EXPECT_EQ(round_trip(Everything{}), Everything{});
}

TEST(Codec, RandomValuesComeBackIntoUsedOnes) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  Everything used;  // holds the value before: decoding must leave nothing of it
  for (int round = 0; round < 2000; ++round) {
    const Everything value = random_everything(random);
    ASSERT_TRUE(decode_all(encoded(value), used)) << round;
    ASSERT_EQ(used, value) << round;
  }
}

TEST(Codec, IntegersAtTheEdgesOfEveryForm) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const std::int64_t around : {-1, 0, 1}) {
      const auto number = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(around);
      EXPECT_EQ(round_trip(number), number);
      EXPECT_EQ(round_trip(static_cast<std::int64_t>(number)), static_cast<std::int64_t>(number));
      const auto negated = static_cast<std::int64_t>(0 - number);
      EXPECT_EQ(round_trip(negated), negated);
    }
  }
}

TEST(Codec, FloatsKeepEveryBit) {
  EXPECT_TRUE(std::signbit(round_trip(-0.0)));
  EXPECT_TRUE(std::signbit(round_trip(-0.0F)));
  EXPECT_TRUE(std::isnan(round_trip(std::nan(""))));
  EXPECT_EQ(round_trip(std::numeric_limits<double>::infinity()), std::numeric_limits<double>::infinity());
  EXPECT_EQ(round_trip(std::numeric_limits<double>::denorm_min()), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(round_trip(std::numeric_limits<float>::lowest()), std::numeric_limits<float>::lowest());
}

TEST(Codec, WidenedFieldsAreRead) {
  std::int64_t wide = 0;
  EXPECT_TRUE(decode_all(encoded(std::int8_t{-5}), wide));
  EXPECT_EQ(wide, -5);
  double number = 0;
  EXPECT_TRUE(decode_all(encoded(std::int32_t{-7}), number));
  EXPECT_EQ(number, -7);
  EXPECT_TRUE(decode_all(encoded(~0ULL), number));
  EXPECT_EQ(number, static_cast<double>(~0ULL));
  EXPECT_TRUE(decode_all(encoded(1.5F), number));
  EXPECT_EQ(number, 1.5);
  std::optional<std::string> maybe;
  EXPECT_TRUE(decode_all(encoded(std::string("was not optional")), maybe));
  EXPECT_EQ(maybe, "was not optional");
}

TEST(Codec, BytesAreFrozen) {
  std::string text;
  const auto line = [&](const char* name, const std::string& bytes) {
    text += std::string(name) + " " + to_hex(bytes) + "\n";
  };
  line("true", encoded(true));
  line("0", encoded(std::uint64_t{0}));
  line("127", encoded(std::uint64_t{127}));
  line("128", encoded(std::uint64_t{128}));
  line("65536", encoded(std::uint64_t{65536}));
  line("2^64-1", encoded(~0ULL));
  line("-1", encoded(std::int64_t{-1}));
  line("-33", encoded(std::int64_t{-33}));
  line("-2^63", encoded(std::numeric_limits<std::int64_t>::min()));
  line("1.0f32", encoded(1.0F));
  line("-0.0f64", encoded(-0.0));
  line("string", encoded(std::string("ab")));
  line("string of 32", encoded(std::string(32, 'x')));
  line("empty list", encoded(std::vector<Point>{}));
  line("list of 16", encoded(std::vector<std::uint64_t>(16)));
  line("absent", encoded(std::optional<std::string>{}));
  line("time", encoded(Time(Duration(1))));
  line("enum", encoded(Color::green));
  line("everything", encoded(sample_of_everything()));
  EXPECT_EQ(golden("operators/codec.txt", text), text);
}

TEST(Codec, RecordsStandBackToBack) {
  ByteBuffer out;
  for (std::int32_t i = 0; i < 100; ++i) encode(out, Point{i, -i});
  ByteReader in(out.view());
  for (std::int32_t i = 0; i < 100; ++i) {
    Point point;
    ASSERT_TRUE(decode(in, point));
    EXPECT_EQ(point, (Point{i, -i}));
  }
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(Codec, WhatCannotComeBackIsNoValue) {
  static_assert(Value<std::optional<std::vector<std::optional<int>>>>);
  static_assert(!Value<std::optional<std::optional<int>>>);  // an absent inner one would come back as an absent outer
  static_assert(!Value<char>);                               // text or number? std::int8_t says number
  static_assert(!Value<long double>);
  static_assert(!Value<std::vector<bool>>);
  static_assert(!Value<int*>);
}

TEST(ByteBuffer, EmptyTextIntoANewBufferIsHarmless) {
  ByteBuffer out;
  out.append({});
  EXPECT_EQ(out.size(), 0u);
  encode(out, std::string());
  EXPECT_EQ(out.size(), 1u);
}

TEST(ByteBuffer, KeepsItsMemoryWhenClearedAndMovesItWhole) {
  ByteBuffer out(1000);
  const char* memory = out.data();
  out.append("abc");
  out.clear();
  out.append(std::string(1000, 'x'));
  EXPECT_EQ(out.data(), memory);
  out.truncate(3);
  ByteBuffer other = std::move(out);
  EXPECT_EQ(other.view(), "xxx");
  EXPECT_EQ(other.data(), memory);
}

}  // namespace
}  // namespace freshet::test
