#include <freshet/evolution.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/operators/sample_values.h"
#include "tests/operators/state_support.h"
#include "tests/support/seed.h"

namespace freshet::test {
namespace {

using namespace std::string_view_literals;

enum class Level : std::uint8_t { none, silver = 3 };
FRESHET_ENUM(Level, none, silver)
enum class MoreLevels : std::uint8_t { gold = 7, silver = 3, none = 0 };
FRESHET_ENUM(MoreLevels, gold, silver, none)
enum class Renamed : std::uint8_t { none, argent = 3 };
FRESHET_ENUM(Renamed, none, argent)
enum class FromOne : std::uint8_t { one = 1, two };
FRESHET_ENUM(FromOne, one, two)

struct Visit {
  std::uint32_t pages = 0;
  Time at{};
  bool operator==(const Visit&) const = default;
  FRESHET_RECORD(pages, at)
};
struct LongVisit {
  Time at{};
  std::uint64_t pages = 0;
  std::string agent = "unknown";
  FromOne how = FromOne::two;
  bool operator==(const LongVisit&) const = default;
  FRESHET_RECORD(at, pages, agent, how)
};

struct Session {
  std::string user{};
  std::uint16_t count = 0;
  std::vector<std::string> dropped{};
  float spent = 0;
  Level level{};
  Visit last{};
  std::vector<Visit> visits{};
  std::optional<std::int8_t> score{};
  std::pair<Visit, std::int32_t> best{};
  FRESHET_RECORD(user, count, dropped, spent, level, last, visits, score, best)
};
struct LongSession {
  std::vector<LongVisit> visits{};
  std::optional<std::string> user{};
  std::int32_t count = 0;
  double spent = 0;
  MoreLevels level{};
  LongVisit last{};
  std::int32_t quota = 5;
  std::optional<std::int64_t> score{};
  std::pair<LongVisit, std::int64_t> best{};
  LongVisit first{};
  bool operator==(const LongSession&) const = default;
  FRESHET_RECORD(visits, user, count, spent, level, last, quota, score, best, first)
};

struct Spent {
  double spent = 0;
  FRESHET_RECORD(spent)
};
struct SpentText {
  std::string spent{};
  FRESHET_RECORD(spent)
};

template <class T>
std::string encoded_value(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return std::string(out.view());
}

/// `from` as a To, whose blank is `blank`; nothing when it cannot become one.
template <class To, class From>
std::optional<To> converted(const From& from, const std::string& blank = encoded_value(To{})) {
  const auto conversion = Conversion::make(schema_of<From>(), schema_of<To>(), blank);
  ByteBuffer out;
  To value{};
  if (!conversion || !conversion->convert(encoded_value(from), out) || !decode_all(out.view(), value)) return {};
  EXPECT_EQ(out.view(), encoded_value(value)) << "the bytes are those that the type writes itself";
  return value;
}

template <class From, class To>
std::string refusal() {
  return why_not(schema_of<From>(), schema_of<To>());
}

TEST(Evolution, FieldsComeGoWidenAndChangePlaces) {
  Session session{.user = "u", .count = 3, .dropped = {"a", "b"}, .spent = 0.5F, .level = Level::silver};
  session.last = {70'000, Time(5ms)};
  session.visits = {{1, Time(1ms)}, {2, Time(2ms)}};
  session.score = -7;
  session.best = {{9, Time(9ms)}, -1};

  const LongVisit last{Time(5ms), 70'000, "unknown", FromOne::two};
  // No element of the blank list, from which new fields could be taken: empty, and the first enumerator.
  const LongVisit one{Time(1ms), 1, "", FromOne::one};
  const LongVisit two{Time(2ms), 2, "", FromOne::one};
  const LongVisit best{Time(9ms), 9, "unknown", FromOne::two};
  EXPECT_EQ((converted<LongSession>(session)),
            (LongSession{{one, two}, "u", 3, 0.5, MoreLevels::silver, last, 5, -7, {best, -1}, {}}));
}

TEST(Evolution, NewFieldsOfElementsAreThoseOfTheBlanksFirst) {
  const std::vector<Visit> visits{{1, Time(1ms)}, {2, Time(2ms)}};
  const std::vector<LongVisit> expected{{Time(1ms), 1, "unknown", FromOne::two},
                                        {Time(2ms), 2, "unknown", FromOne::two}};
  EXPECT_EQ((converted<std::vector<LongVisit>>(visits, encoded_value(std::vector<LongVisit>(1)))), expected);
  EXPECT_EQ((converted<std::optional<LongVisit>>(visits[0], encoded_value(std::optional<LongVisit>(LongVisit{})))),
            expected[0]);
}

TEST(Evolution, ABlankThatIsNoneIsZero) {
  const LongVisit zeros{Time(1ms), 1, "", FromOne::one};
  for (const auto& blank : {std::string(), std::string("\x93"), encoded_value(LongVisit{}) + "x"})
    EXPECT_EQ(converted<LongVisit>(Visit{1, Time(1ms)}, blank), zeros);
}

TEST(Evolution, NumbersWidenOnly) {
  EXPECT_EQ(converted<std::int16_t>(std::uint8_t{255}), 255);
  EXPECT_EQ(converted<std::int64_t>(std::int8_t{-128}), -128);
  EXPECT_EQ(converted<std::uint64_t>(std::uint32_t{4'294'967'295}), 4'294'967'295u);
  EXPECT_EQ(converted<float>(std::int16_t{-32768}), -32768.0F);
  EXPECT_EQ(converted<double>(std::int32_t{-5}), -5.0);
  EXPECT_EQ(converted<double>(0.1F), 0.1F);
  EXPECT_EQ((refusal<std::uint32_t, std::int32_t>()), "u32 to i32, which is no widening");
  EXPECT_EQ((refusal<std::int8_t, std::uint64_t>()), "i8 to u64, which is no widening");
  EXPECT_EQ((refusal<std::int64_t, std::int32_t>()), "i64 to i32, which is no widening");
  EXPECT_EQ((refusal<double, float>()), "f64 to f32, which is no widening");
  EXPECT_EQ((refusal<std::int32_t, float>()), "i32 to f32, which is no widening");
  EXPECT_EQ((refusal<float, std::int64_t>()), "f32 to i64, which is no widening");
  EXPECT_EQ((refusal<bool, std::int8_t>()), "bool to i8, which is no widening");
  EXPECT_EQ((refusal<Time, std::int64_t>()), "time to i64, which is no widening");
  EXPECT_EQ((refusal<std::int32_t, Duration>()), "i32 to duration, which is no widening");
  EXPECT_EQ((refusal<Level, std::int64_t>()), "enum(none=0, silver=3) to i64, which is no widening");
}

TEST(Evolution, ANumberThatDoesNotComeOutTheSameIsRefused) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  EXPECT_EQ(converted<double>(kExact), 9007199254740992.0);
  EXPECT_EQ(converted<double>(-kExact), -9007199254740992.0);
  EXPECT_EQ(converted<double>(std::numeric_limits<std::int64_t>::min()), -9223372036854775808.0);
  EXPECT_EQ(converted<double>(kExact + 1), std::nullopt);
  EXPECT_EQ(converted<double>(-kExact - 1), std::nullopt);
  EXPECT_EQ(converted<double>(std::numeric_limits<std::int64_t>::max()), std::nullopt);
  EXPECT_EQ(converted<double>(~std::uint64_t{0}), std::nullopt);
  EXPECT_EQ(converted<double>(std::uint64_t{1} << 63), 9223372036854775808.0);
}

TEST(Evolution, WhatCannotBecomeTheOtherIsSaidInWords) {
  EXPECT_EQ((refusal<Session, Session>()), "");
  EXPECT_EQ((refusal<Session, LongSession>()), "");
  EXPECT_EQ((refusal<Spent, SpentText>()), "field spent: f64 to string, which is no widening");
  EXPECT_EQ((refusal<std::vector<std::pair<bool, Spent>>, std::vector<std::pair<bool, SpentText>>>()),
            "part 2: field spent: f64 to string, which is no widening");
  EXPECT_EQ((refusal<std::optional<std::uint64_t>, std::uint64_t>()), "u64? to u64, which is no widening");
  EXPECT_EQ((refusal<std::tuple<bool>, std::tuple<bool, bool>>()), "(bool) to (bool, bool), which is no widening");
  EXPECT_EQ((refusal<std::tuple<double>, Spent>()), "(f64) to {spent: f64}, which is no widening");
  EXPECT_EQ((refusal<std::string, std::vector<std::string>>()), "string to [string], which is no widening");
  EXPECT_EQ((refusal<Level, Renamed>()), "enumerator silver=3 is gone");
  EXPECT_EQ((refusal<MoreLevels, Level>()), "enumerator gold=7 is gone");
}

TEST(Evolution, AMalformedSchemaIsRefused) {
  Schema deep = schema_of<bool>();
  for (int i = 0; i < 100; ++i) {
    Schema list{.kind = "list"};
    list.fields.push_back({"", std::move(deep)});
    deep = std::move(list);
  }
  const Schema record = schema_of<Visit>();
  const auto with = [](Schema field) { return Schema{.kind = "record", .fields = {{"gone", std::move(field)}}}; };
  for (const Schema& hostile :
       {with({.kind = ""}), with({.kind = "i7"}), with({.kind = "list"}), with({.kind = "optional"}),
        with({.kind = "enum", .enumerators = {"a"}}), with({.kind = "enum", .enumerators = {"a=1x"}}), deep})
    EXPECT_EQ(why_not(hostile, record), "its schema is malformed");
  EXPECT_EQ(why_not({.kind = "record"}, record), "");
}

TEST(Evolution, BytesThatAreNoSuchValueAreRefused) {
  const auto refused = [](const auto& from, const auto& to, std::string_view bytes) {
    const auto conversion = Conversion::make(schema_of<std::decay_t<decltype(from)>>(),
                                             schema_of<std::decay_t<decltype(to)>>(), encoded_value(to));
    ByteBuffer out;
    return !conversion->convert(bytes, out) && out.capacity() < 1'000;
  };
  const std::uint8_t small = 0;
  EXPECT_TRUE(refused(small, std::uint64_t{}, "\xcd\x01\x00"sv)) << "256 was no u8";
  EXPECT_TRUE(refused(std::int8_t{}, double{}, "\xcc\x80"sv));
  EXPECT_TRUE(refused(small, double{}, "\xff"sv)) << "nor was -1";
  EXPECT_TRUE(refused(small, std::uint64_t{}, "\x01\x01"sv)) << "something behind it";
  EXPECT_TRUE(refused(small, std::uint64_t{}, std::string_view()));
  EXPECT_TRUE(refused(Level{}, MoreLevels{}, "\x07"sv)) << "gold was not there yet";
  EXPECT_TRUE(refused(std::vector<Visit>{}, std::vector<LongVisit>{}, "\xdd\xff\xff\xff\xff"sv));
  EXPECT_TRUE(
      refused(std::vector<std::string>{}, std::vector<std::optional<std::string>>{}, "\x91\xdb\xff\xff\xff\xff"sv));
  EXPECT_TRUE(refused(Visit{}, LongVisit{}, "\x93\x01\x01\x01"sv)) << "a field too many";
  EXPECT_TRUE(refused(Visit{}, LongVisit{}, "\x91\x01"sv)) << "a field too few";
  EXPECT_TRUE(refused(Visit{}, LongVisit{}, "\x92\xc0\x01"sv));
}

TEST(Evolution, TablesTellABlankOfTheirType) {
  struct Tables : KeyedOperator<std::uint64_t, Nothing, Nothing> {
    void process(const Nothing&, Out<Nothing>&) override {}
    ValueState<LongVisit> value{this, "value"};
    ListState<LongVisit> list{this, "list"};
    MapState<std::string, LongVisit> map{this, "map"};
  };
  const Tables op;
  const auto blank = [&](std::size_t i) {
    ByteBuffer out;
    op.states[i].second->write_blank(out);
    return std::string(out.view());
  };
  EXPECT_EQ(blank(0), encoded_value(LongVisit{}));
  EXPECT_EQ(blank(1), encoded_value(std::vector<LongVisit>(1)));
  EXPECT_EQ(blank(2), encoded_value(LongVisit{}));
}

/// Two schemas, of which the first can become the second, with all that is expected of it: made together.
struct Pair {
  Schema from{};
  Schema to{};
  std::string blank{};  ///< a value of `to`
  /// Appends a random value as it was written, and as it is to be.
  std::function<void(base::Random&, std::string& was, std::string& is)> value{};
};

/// What a random pair is made from.
struct Maker {
  base::Random& random;
  bool zero = false;  ///< all blanks are zero, empty or absent

  Maker with(bool zeros) const { return {random, zero || zeros}; }

  template <class From, class To>
  Pair number() {
    const auto sample = [](base::Random& r) {
      // Not all of 64 bits: f64 has to hold it.
      const auto bits = std::is_floating_point_v<To> ? std::min<std::size_t>(53, sizeof(From) * 8) : sizeof(From) * 8;
      return static_cast<From>(random_integer<std::uint64_t>(r) >> (64 - bits));
    };
    return {schema_of<From>(), schema_of<To>(), encoded_value(zero ? To{} : static_cast<To>(sample(random))),
            [sample](auto& r, auto& was, auto& is) {
              const From value = sample(r);
              was += encoded_value(value);
              is += encoded_value(static_cast<To>(value));
            }};
  }
  Pair text() {
    return {schema_of<std::string>(), schema_of<std::string>(), encoded_value(zero ? "" : random_string(random, 40)),
            [](auto& r, auto& was, auto& is) {
              const auto value = encoded_value(random_string(r, 300));
              was += value;
              is += value;
            }};
  }
  Pair scalar() {
    switch (random.below(14)) {
      case 0:
        return number<std::uint8_t, std::uint8_t>();
      case 1:
        return number<std::uint8_t, std::int16_t>();
      case 2:
        return number<std::uint16_t, std::uint64_t>();
      case 3:
        return number<std::uint32_t, std::int64_t>();
      case 4:
        return number<std::int8_t, std::int32_t>();
      case 5:
        return number<std::int32_t, std::int64_t>();
      case 6:
        return number<std::uint64_t, double>();
      case 7:
        return number<std::int64_t, double>();
      case 8:
        return number<std::int8_t, float>();
      case 9:
        return number<float, double>();
      case 10:
        return number<double, double>();
      case 11:
        return number<bool, bool>();
      case 12: {
        Pair levels = number<bool, bool>();
        levels.from = schema_of<Level>();
        levels.to = schema_of<MoreLevels>();
        levels.blank = encoded_value(zero ? MoreLevels::none : MoreLevels::gold);
        levels.value = [](auto& r, auto& was, auto& is) {
          const auto value = encoded_value(r.chance(0.5) ? Level::none : Level::silver);
          was += value;
          is += value;
        };
        return levels;
      }
      default:
        return text();
    }
  }
  static std::string header(std::size_t count) { return std::string(1, static_cast<char>(0x90 + count)); }

  Pair list(int depth) {
    const bool has_blank = !zero && random.chance(0.5);
    Pair element = with(!has_blank).any(depth - 1);
    return {{.kind = "list", .fields = {{"", element.from}}},
            {.kind = "list", .fields = {{"", element.to}}},
            has_blank ? header(1) + element.blank : header(0),
            [element](auto& r, auto& was, auto& is) {
              auto count = r.below(5);
              was += header(count);
              is += header(count);
              for (; count != 0; --count) element.value(r, was, is);
            }};
  }
  /// Of what was one already, or was not.
  Pair optional(int depth) {
    const bool has_blank = !zero && random.chance(0.5);
    const bool was_optional = random.chance(0.5);
    Pair inner = with(!has_blank).any(depth - 1);
    if (inner.from.kind == "optional" || inner.to.kind == "optional") return inner;
    return {was_optional ? Schema{.kind = "optional", .fields = {{"", inner.from}}} : inner.from,
            {.kind = "optional", .fields = {{"", inner.to}}},
            has_blank ? inner.blank : "\xc0",
            [inner, was_optional](auto& r, auto& was, auto& is) {
              if (!was_optional || r.chance(0.5)) return inner.value(r, was, is);
              was += "\xc0";
              is += "\xc0";
            }};
  }
  Pair tuple(int depth) {
    std::vector<Pair> parts(random.below(4) + 1);
    Pair made{{.kind = "tuple"}, {.kind = "tuple"}, header(parts.size()), {}};
    for (auto& part : parts) {
      part = any(depth - 1);
      made.from.fields.push_back({"", part.from});
      made.to.fields.push_back({"", part.to});
      made.blank += part.blank;
    }
    made.value = [parts](auto& r, auto& was, auto& is) {
      was += header(parts.size());
      is += header(parts.size());
      for (const auto& part : parts) part.value(r, was, is);
    };
    return made;
  }
  Pair record(int depth) {
    std::vector<Pair> fields(random.below(8));
    std::vector<std::size_t> was, is;  // which field stands where
    for (std::size_t i = 0; i < fields.size(); ++i) {
      fields[i] = any(depth - 1);
      const auto fate = random.below(4);
      if (fate != 0) was.insert(was.begin() + static_cast<std::ptrdiff_t>(random.below(was.size() + 1)), i);
      if (fate != 1) is.insert(is.begin() + static_cast<std::ptrdiff_t>(random.below(is.size() + 1)), i);
    }
    Pair made{{.kind = "record"}, {.kind = "record"}, header(is.size()), {}};
    for (const auto i : was) made.from.fields.push_back({"f" + std::to_string(i), fields[i].from});
    for (const auto i : is) {
      made.to.fields.push_back({"f" + std::to_string(i), fields[i].to});
      made.blank += fields[i].blank;
    }
    made.value = [fields, was, is](auto& r, auto& was_bytes, auto& is_bytes) {
      std::vector<std::string> becomes;
      for (const auto& field : fields) becomes.push_back(field.blank);
      was_bytes += header(was.size());
      for (const auto i : was) {
        becomes[i].clear();
        fields[i].value(r, was_bytes, becomes[i]);
      }
      is_bytes += header(is.size());
      for (const auto i : is) is_bytes += becomes[i];
    };
    return made;
  }
  Pair any(int depth) {
    if (depth <= 0) return scalar();
    switch (random.below(6)) {
      case 0:
        return list(depth);
      case 1:
        return optional(depth);
      case 2:
        return tuple(depth);
      case 3:
        return scalar();
      default:
        return record(depth);
    }
  }
};

TEST(Evolution, RandomTypesBecomeWhatIsExpectedFieldByField) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 2'000; ++round) {
    const Pair pair = Maker{random}.any(4);
    SCOPED_TRACE(to_text(pair.from) + " to " + to_text(pair.to));
    const auto conversion = Conversion::make(pair.from, pair.to, pair.blank);
    ASSERT_TRUE(conversion) << conversion.error().message;
    for (int i = 0; i < 5; ++i) {
      std::string was, is;
      pair.value(random, was, is);
      ByteBuffer out;
      ASSERT_TRUE(conversion->convert(was, out));
      ASSERT_EQ(out.view(), is);
    }
  }
}

TEST(Evolution, DamagedBytesNeitherCrashNorGrow) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (int round = 0; round < 1'000; ++round) {
    const Pair pair = Maker{random}.any(3);
    const auto conversion = Conversion::make(pair.from, pair.to, pair.blank);
    ASSERT_TRUE(conversion);
    std::string was, is;
    pair.value(random, was, is);
    ByteBuffer out;
    for (std::size_t length = 0; length < was.size(); length += 1 + length / 8)
      EXPECT_FALSE(conversion->convert(std::string_view(was).substr(0, length), out)) << length;
    for (int i = 0; i < 20; ++i) {
      std::string damaged = was;
      damaged[random.below(damaged.size())] = static_cast<char>(random.next());
      if (random.chance(0.3)) damaged.insert(random.below(damaged.size()), "\xdd\xff\xff\xff\xff");
      ByteBuffer fresh;
      static_cast<void>(conversion->convert(damaged, fresh));
      EXPECT_LE(fresh.size(), (damaged.size() + 1) * (pair.blank.size() + 1'000));
    }
  }
}

}  // namespace
}  // namespace freshet::test
