#include <freshet/element.h>
#include <freshet/schema.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"
#include "tests/support/allocations.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

using namespace std::string_view_literals;

template <class T>
bool reads(std::string_view bytes) {
  T value{};
  return decode_all(bytes, value);
}

std::string sample_bytes() {
  ByteBuffer out;
  encode(out, sample_of_everything());
  return std::string(out.view());
}

/// Decodes a T from bytes; fails the test when that took more memory than the bytes can justify.
template <class T>
void read_bounded(std::string_view bytes) {
  constexpr std::uint64_t kMultiple = 64;  // an empty string of one byte takes 32; an absent optional of one takes 40
  const auto before = allocations.bytes;
  {
    T value{};
    ByteReader in(bytes);
    static_cast<void>(decode(in, value));
  }
  EXPECT_LE(allocations.bytes - before, bytes.size() * kMultiple + 1024) << bytes.size() << " bytes";
}

TEST(HostileBytes, EveryTruncationIsRefused) {
  const auto bytes = sample_bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(reads<Everything>(std::string_view(bytes).substr(0, length))) << length;
}

TEST(HostileBytes, WhatStandsBehindAValueIsRefused) { EXPECT_FALSE(reads<Everything>(sample_bytes() + '\0')); }

TEST(HostileBytes, HugeCountsAllocateNothing) {
  for (const auto bytes : {"\xdd\xff\xff\xff\xff"sv, "\xdd\x7f\xff\xff\xff"sv, "\xdc\xff\xff"sv, "\x9f"sv}) {
    EXPECT_FALSE(reads<std::vector<std::string>>(bytes));
    EXPECT_FALSE(reads<std::vector<Everything>>(bytes));
    EXPECT_FALSE((reads<std::tuple<int, int>>(bytes)));
    read_bounded<std::vector<Everything>>(bytes);
  }
  for (const auto bytes : {"\xdb\xff\xff\xff\xff"sv, "\xda\xff\xff"sv, "\xd9\xff"sv, "\xbf"sv}) {
    EXPECT_FALSE(reads<std::string>(bytes));
    read_bounded<std::string>(bytes);
  }
}

TEST(HostileBytes, ACountIsWeighedAgainstWhatItsElementsNeed) {
  // 1000 bytes are left, but 500 records need 3 bytes each.
  std::string bytes = "\xdc\x01\xf4" + std::string(1000, '\x01');
  read_bounded<std::vector<Everything>>(bytes);
  EXPECT_FALSE(reads<std::vector<Everything>>(bytes));
}

TEST(HostileBytes, NestingIsLimited) {
  // A schema whose field is a schema whose field …: [kind, [[name, [kind, …
  std::string bytes;
  for (int depth = 0; depth < 100'000; ++depth) bytes += "\x93\xa0\x91\x92\xa0"sv;
  EXPECT_FALSE(reads<Schema>(bytes));
  read_bounded<Schema>(bytes);
}

TEST(HostileBytes, WrongTypesAreRefused) {
  EXPECT_FALSE(reads<bool>("\x01"sv));
  EXPECT_FALSE(reads<std::string>("\xc4\x01x"sv));   // bin
  EXPECT_FALSE(reads<std::uint64_t>("\xc0"sv));      // nil
  EXPECT_FALSE(reads<std::uint64_t>("\xa1x"sv));     // string
  EXPECT_FALSE(reads<double>("\xa1x"sv));
  EXPECT_FALSE(reads<std::vector<int>>("\x81\x01\x01"sv));  // map
  EXPECT_FALSE(reads<Point>("\x93\x01\x01\x01"sv));  // a field too many
  EXPECT_FALSE(reads<Point>("\x91\x01"sv));          // one too few
  EXPECT_FALSE(reads<Point>("\xc1"sv));              // never used
  EXPECT_FALSE(reads<std::optional<bool>>("\x01"sv));
}

TEST(HostileBytes, NumbersOutOfRangeAreRefused) {
  EXPECT_FALSE(reads<std::uint8_t>("\xcd\x01\x00"sv));
  EXPECT_FALSE(reads<std::uint64_t>("\xff"sv));  // -1
  EXPECT_FALSE(reads<std::int8_t>("\xcc\x80"sv));
  EXPECT_FALSE(reads<std::int64_t>("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"sv));
  EXPECT_FALSE(reads<Color>("\x01"sv));  // no enumerator
  EXPECT_TRUE(reads<Color>("\x07"sv));
  EXPECT_FALSE(reads<Color>("\xcd\x01\x07"sv));  // 263 is not 7
}

TEST(HostileBytes, MutationsNeitherCrashNorAllocate) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const auto good = sample_bytes();
  constexpr std::string_view kHuge[] = {"\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xdc\xff\xff", "\xc0"};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (std::uint64_t damage = random.below(4) + 1; damage != 0; --damage) {
      const auto at = random.below(bytes.size());
      if (random.chance(0.3)) bytes.insert(at, kHuge[random.below(4)]);
      else bytes[at] = static_cast<char>(random.next());
    }
    if (random.chance(0.3)) bytes.resize(random.below(bytes.size()));
    read_bounded<Everything>(bytes);
    read_bounded<Schema>(bytes);
    read_bounded<std::vector<std::vector<std::optional<std::string>>>>(bytes);
    ControlElement element;
    ByteReader in(bytes);
    static_cast<void>(read_control(in, element));
    std::tuple<std::string, Color, bool> key;
    static_cast<void>(decode_key(bytes, key));
  }
}

}  // namespace
}  // namespace freshet::test
