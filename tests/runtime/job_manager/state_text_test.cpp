#include "runtime/reads/state_text.h"

#include <freshet/key.h>
#include <freshet/text.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"

namespace freshet::manager {
namespace {

using namespace reads;

template <class T>
std::string by_schema(const T& value) {
  ByteBuffer bytes;
  encode(bytes, value);
  ByteReader in(bytes.view());
  std::string out;
  EXPECT_TRUE(append_value_json(out, in, schema_of<T>()));
  EXPECT_EQ(in.remaining(), 0u);
  return out;
}

template <class K>
std::string key_json(const K& key, const std::vector<std::string>& names = {}) {
  ByteBuffer bytes;
  encode_key(bytes, key);
  std::string_view rest = bytes.view();
  std::string out;
  EXPECT_TRUE(append_key_json(out, rest, schema_of<K>(), names));
  EXPECT_TRUE(rest.empty());
  return out;
}

/// That the text means the key.
template <class K>
void expect_key(const std::string& text, const K& key, const std::vector<std::string>& names = {}) {
  ByteBuffer bytes;
  encode_key(bytes, key);
  const EncodedKey expected{std::string(bytes.view()), key_hash(key)};
  const auto parsed = parse_key(text, schema_of<K>(), names);
  ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
  EXPECT_NE(std::find(parsed->begin(), parsed->end(), expected), parsed->end()) << text;
}

template <class K>
std::string refusal(const std::string& text, const std::vector<std::string>& names = {}) {
  const auto parsed = parse_key(text, schema_of<K>(), names);
  return parsed ? "taken" : parsed.error().message;
}

using test::Color;
using test::Signed;
using Pair = std::tuple<std::uint64_t, std::string>;

TEST(StateText, ValuesLookAsTheirTypesWould) {
  EXPECT_EQ(by_schema(test::sample_of_everything()), to_json(test::sample_of_everything()));
  EXPECT_EQ(by_schema(test::Everything()), to_json(test::Everything()));
  EXPECT_EQ(by_schema(std::vector<std::int64_t>{1, -2}), "[1,-2]");
  EXPECT_EQ(by_schema(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(by_schema(std::string("a\"b\n")), R"("a\"b\n")");
}

TEST(StateText, BytesOfAnotherTypeAreRefused) {
  ByteBuffer bytes;
  encode(bytes, test::sample_of_everything());
  const Schema schema = schema_of<test::Everything>();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader in(bytes.view().substr(0, length));
    std::string out;
    EXPECT_FALSE(append_value_json(out, in, schema)) << length;
  }
  ByteReader in(bytes.view());
  std::string out;
  EXPECT_FALSE(append_value_json(out, in, schema_of<std::string>()));
  ByteReader unknown(bytes.view());
  EXPECT_FALSE(append_value_json(out, unknown, Schema{"colour", {}, {}}));
}

TEST(StateText, KeysComeBackAsTheyWereWritten) {
  EXPECT_EQ(key_json(std::uint64_t{77}), "77");
  EXPECT_EQ(key_json(std::int32_t{-5}), "-5");
  EXPECT_EQ(key_json(true), "true");
  EXPECT_EQ(key_json(std::string("a\0b", 3)), "\"a\\u0000b\"");
  EXPECT_EQ(key_json(Color::blue), "\"blue\"");
  EXPECT_EQ(key_json(Signed::low), "\"low\"");
  EXPECT_EQ(key_json(Pair{7, "x"}), R"([7,"x"])");
  EXPECT_EQ(key_json(Pair{7, "x"}, {"item", "user"}), R"({"item":7,"user":"x"})");
  EXPECT_EQ(key_json(Pair{7, "x"}, {"item"}), R"([7,"x"])");
  EXPECT_EQ(key_json(Time(Duration(1'000))), "\"1970-01-01T00:00:01Z\"");
}

TEST(StateText, KeysAreReadFromWhatPeopleWrite) {
  expect_key("77", std::uint64_t{77});
  expect_key("-5", std::int32_t{-5});
  expect_key("true", true);
  expect_key("77", std::string("77"));
  expect_key("{\"a\"", std::string("{\"a\""));
  expect_key("", std::string());
  expect_key("blue", Color::blue);
  expect_key("8", Color::blue);
  expect_key("low", Signed::low);
  expect_key("-300", Signed::low);
  expect_key("1970-01-01T00:00:01Z", Time(Duration(1'000)));
  expect_key("90s", Duration(90'000));
  expect_key(R"([7,"x"])", Pair{7, "x"});
  expect_key(R"({"user":"x","item":7})", Pair{7, "x"}, {"item", "user"});
  expect_key(R"(["blue","low"])", std::tuple{Color::blue, Signed::low});
  expect_key(R"(["low","blue"])", std::tuple{Signed::low, Color::blue});
  expect_key(R"([["low",-1],"8"])", std::tuple{std::tuple{Signed::low, std::int8_t{-1}}, std::string("8")});
}

TEST(StateText, WhatIsNoKeySaysWhatWasExpected) {
  for (const char* text : {"", "x", "-1", "1.5", "7 ", " 7", "18446744073709551616", "[7]"})
    EXPECT_EQ(refusal<std::uint64_t>(text), "expected u64") << text;
  EXPECT_EQ(refusal<std::int8_t>("128"), "expected i8");
  EXPECT_EQ(refusal<std::int8_t>("-128"), "taken");
  EXPECT_EQ(refusal<std::int8_t>("-129"), "expected i8");
  EXPECT_EQ(refusal<std::uint8_t>("256"), "expected u8");
  EXPECT_EQ(refusal<Color>("purple"), "expected enum(red=0, green=7, blue=8)");
  for (const char* text : {"7", "", "[7]", R"([7,"x",1])", R"({"item":7,"user":"x"})", "[7,"})
    EXPECT_EQ(refusal<Pair>(text), "expected (u64, string)") << text;
  EXPECT_EQ(refusal<Pair>(R"({"item":7,"usr":"x"})", {"item", "user"}), "expected {item: u64, user: string}");
  EXPECT_EQ(refusal<Pair>(R"(["x","x"])", {"item", "user"}), "part item: expected u64");
  EXPECT_EQ(refusal<Pair>(R"([7,7])"), "part 2: expected string");
  EXPECT_EQ(refusal<Pair>(std::string(10'000, '[')), "expected (u64, string)");
  using Enums = std::tuple<Color, Color, Color, Color, Color>;
  EXPECT_EQ(refusal<Enums>(R"(["red","red","red","red","red"])"), "part 5: a key of so many enums cannot be asked for");
  for (const char* kind : {"", "colour", "f64", "i"}) EXPECT_FALSE(parse_key("7", Schema{kind, {}, {}}, {})) << kind;
}

}  // namespace
}  // namespace freshet::manager
