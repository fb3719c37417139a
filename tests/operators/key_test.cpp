#include <freshet/key.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"
#include "tests/support/golden.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

using namespace std::string_view_literals;

template <class K>
std::string bytes_of(const K& key) {
  ByteBuffer out;
  encode_key(out, key);
  return std::string(out.view());
}

template <class K, class Make>
void expect_same_order(base::Random& random, Make make) {
  for (int round = 0; round < 3000; ++round) {
    const K a = make(random);
    const K b = random.chance(0.2) ? a : make(random);
    ASSERT_EQ(bytes_of(a) < bytes_of(b), a < b);
    ASSERT_EQ(bytes_of(a) == bytes_of(b), a == b);
    K back{};
    ASSERT_TRUE(decode_key(bytes_of(a), back));
    ASSERT_EQ(back, a);
    ASSERT_EQ(key_hash(back), key_hash(a));
  }
}

/// Short texts of few letters, zeros among them: prefixes and separators meet.
std::string tricky_text(base::Random& random) {
  constexpr std::string_view kLetters("\0\x01\xff" "ab", 5);
  std::string text(random.below(5), ' ');
  for (auto& c : text) c = kLetters[random.below(kLetters.size())];
  return text;
}

TEST(Key, BytesSortAsKeysDo) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  expect_same_order<std::int64_t>(random, random_integer<std::int64_t>);
  expect_same_order<std::int8_t>(random, random_integer<std::int8_t>);
  expect_same_order<std::uint64_t>(random, random_integer<std::uint64_t>);
  expect_same_order<std::uint16_t>(random, random_integer<std::uint16_t>);
  expect_same_order<std::string>(random, tricky_text);
  expect_same_order<Time>(random, [](auto& r) { return Time(Duration(random_integer<std::int64_t>(r))); });
  expect_same_order<Signed>(random, [](auto& r) { return r.chance(0.5) ? Signed::low : Signed::zero; });
  expect_same_order<std::tuple<std::string, std::int32_t, std::string>>(random, [](auto& r) {
    return std::tuple(tricky_text(r), static_cast<std::int32_t>(r.below(3)) - 1, tricky_text(r));
  });
  expect_same_order<std::pair<std::pair<std::string, std::string>, bool>>(
      random, [](auto& r) { return std::pair(std::pair(tricky_text(r), tricky_text(r)), r.chance(0.5)); });
}

TEST(Key, BytesThatAreNoKeyAreRefused) {
  std::uint64_t number = 0;
  EXPECT_FALSE(decode_key(""sv, number));
  EXPECT_FALSE(decode_key("1234567"sv, number));
  EXPECT_FALSE(decode_key("123456789"sv, number));
  std::string text;
  EXPECT_FALSE(decode_key("abc"sv, text));        // no end
  EXPECT_FALSE(decode_key("abc\0"sv, text));      // half an end
  EXPECT_FALSE(decode_key("abc\0\x02"sv, text));  // neither end nor escape
  EXPECT_FALSE(decode_key("abc\0\x01x"sv, text));
  std::tuple<std::string, std::uint64_t> both;
  EXPECT_FALSE(decode_key("abc\0\x01"sv, both));
}

TEST(Key, BytesOfAWiderNumberAreNoKey) {
  std::uint8_t small = 0;
  EXPECT_FALSE(decode_key(bytes_of(std::uint64_t{256}), small));
  std::int16_t medium = 0;
  EXPECT_FALSE(decode_key(bytes_of(std::int64_t{-40'000}), medium));
  EXPECT_TRUE(decode_key(bytes_of(std::int64_t{-4'000}), medium));
  bool flag = false;
  EXPECT_FALSE(decode_key(bytes_of(std::uint64_t{2}), flag));
  Color color{};
  EXPECT_FALSE(decode_key(bytes_of(std::uint64_t{256}), color));
}

TEST(Key, BytesAndHashesAreFrozenForEver) {
  std::string text;
  const auto line = [&](const std::string& name, const auto& key) {
    const auto hash = __builtin_bswap64(key_hash(key));
    text += name + "  " + to_hex(bytes_of(key)) + "  " +
            to_hex({reinterpret_cast<const char*>(&hash), sizeof hash}) + "  group of 128: " +
            std::to_string(key_group_of(key_hash(key), 128)) + "\n";
  };
  line("u64 0", std::uint64_t{0});
  line("u64 1", std::uint64_t{1});
  line("u64 2^64-1", ~0ULL);
  line("u8 1", std::uint8_t{1});
  line("i64 -1", std::int64_t{-1});
  line("i32 1", std::int32_t{1});
  line("bool", true);
  line("enum", Color::green);
  line("signed enum", Signed::low);
  line("time", Time(Duration(1'772'334'431'020)));
  line("duration", Duration(-1));
  line("string empty", std::string());
  line("string", std::string("customer-17"));
  line("string with zeros", std::string("a\0b\0", 4));
  line("string of 300", std::string(300, 'x'));
  line("tuple", std::tuple(std::string("a"), std::int32_t{-5}, true));
  line("pair", std::pair(std::string("a"), std::string("a")));
  EXPECT_EQ(golden("operators/keys.txt", text), text);
}

TEST(Key, IntegersOfOneValueHashAlikeWhateverTheirWidth) {
  EXPECT_EQ(key_hash(std::uint8_t{7}), key_hash(std::uint64_t{7}));
  EXPECT_EQ(key_hash(std::int8_t{-7}), key_hash(std::int64_t{-7}));
}

TEST(Key, GroupsAreInRangeAndSpreadEvenly) {
  for (const std::uint32_t groups : {1u, 2u, 127u, 128u, 32768u}) {
    EXPECT_LT(key_group_of(~0ULL, groups), groups);
    EXPECT_EQ(key_group_of(0, groups), 0u);
  }
  std::vector<std::uint32_t> count(128);
  for (std::uint64_t key = 0; key < 128'000; ++key) ++count[key_group_of(key_hash(key), 128)];
  for (const auto n : count) EXPECT_NEAR(n, 1000, 200);
}

TEST(Key, EveryTaskOwnsAStretchOfGroups) {
  for (std::uint32_t tasks = 1; tasks <= 130; ++tasks) {
    std::uint32_t before = 0;
    std::vector<std::uint32_t> owned(tasks);
    for (std::uint32_t group = 0; group < 128; ++group) {
      const auto task = task_of_key_group(group, 128, tasks);
      ASSERT_LT(task, tasks);
      ASSERT_GE(task, before);
      before = task;
      ++owned[task];
    }
    if (tasks > 128) continue;
    for (const auto groups : owned) {
      EXPECT_GE(groups, 128 / tasks);
      EXPECT_LE(groups, 128 / tasks + 1);
    }
  }
}

}  // namespace
}  // namespace freshet::test
