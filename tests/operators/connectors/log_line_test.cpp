#include "operators/connectors/log_line.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

using Values = std::map<std::string, std::string>;

/// What the line holds, without what is absent; "error" when it is refused.
Values values_of(LogLine& log, std::string_view line) {
  Values values;
  if (const auto parsed = log.parse(line); !parsed) values["error"] = parsed.error().message;
  for (std::size_t column = 0; column < kLogColumns.size(); ++column)
    if (log.values()[column]) values[std::string(kLogColumns[column])] = *log.values()[column];
  return values;
}
Values values_of(std::string_view line) {
  LogLine log;
  return values_of(log, line);
}

/// A line with this request, its quotes included.
std::string with_request(const std::string& request) { return "h - - [t] " + request + " 200 1"; }
/// As a C string, or with what it holds of it.
std::string request_of(const std::string& request) { return values_of(with_request(request))["request"]; }

TEST(LogLine, CombinedLinesAreTakenApart) {
  EXPECT_EQ(values_of(R"(203.0.113.7 id ann [17/May/2026:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 5316 )"
                      R"("https://example.org/" "curl/8 (x) y")"),
            (Values{{"host", "203.0.113.7"},
                    {"ident", "id"},
                    {"user", "ann"},
                    {"time", "17/May/2026:10:05:03 +0200"},
                    {"request", "GET /a?b=1 HTTP/1.1"},
                    {"method", "GET"},
                    {"path", "/a?b=1"},
                    {"protocol", "HTTP/1.1"},
                    {"status", "200"},
                    {"bytes", "5316"},
                    {"referrer", "https://example.org/"},
                    {"agent", "curl/8 (x) y"}}));
}

TEST(LogLine, CommonLinesEndBehindTheBytesAndADashIsAbsent) {
  EXPECT_EQ(values_of(R"(h - - [t] "HEAD / HTTP/1.0" 304 -)"), (Values{{"host", "h"},
                                                                       {"time", "t"},
                                                                       {"request", "HEAD / HTTP/1.0"},
                                                                       {"method", "HEAD"},
                                                                       {"path", "/"},
                                                                       {"protocol", "HTTP/1.0"},
                                                                       {"status", "304"},
                                                                       {"bytes", "0"}}));
}

TEST(LogLine, WhatStandsBehindHasNamesOfItsOwn) {
  LogLine log;
  auto values = values_of(log, R"(h - - [t] "GET / HTTP/1.1" 200 1 "-" "" 0.012 - "10.0.0.1, 10.0.0.2" x)");
  EXPECT_EQ(values.count("referrer"), 0u);
  EXPECT_EQ(values.at("agent"), "");
  EXPECT_EQ(values.at("extra1"), "0.012");
  EXPECT_EQ(values.count("extra2"), 0u);
  EXPECT_EQ(values.at("extra3"), "10.0.0.1, 10.0.0.2");
  EXPECT_EQ(values.at("extra4"), "x");
  values = values_of(log, R"(h - - [t] "GET / HTTP/1.1" 200 1 1532 a b c d e f g h i j k)");
  EXPECT_EQ(values.at("extra1"), "1532") << "bare, so no referrer";
  EXPECT_EQ(values.at("extra8"), "g");
  EXPECT_EQ(values.size(), 8u + 8u);
}

TEST(LogLine, EscapesOfApacheAndNginxAreUndone) {
  EXPECT_EQ(request_of(R"("GET /\"a\" HTTP/1.1")"), R"(GET /"a" HTTP/1.1)");
  EXPECT_EQ(request_of(R"("\\\"")"), R"(\")");
  EXPECT_EQ(request_of(R"("\xe4\xE5\x00z")"), std::string("\xe4\xe5\0z", 4));
  EXPECT_EQ(request_of(R"("\n\t\r\b\v\f")"), "\n\t\r\b\v\f");
  EXPECT_EQ(request_of(R"("\q\x4\xgg\x")"), R"(\q\x4\xgg\x)") << "what escapes nothing is text";
  EXPECT_EQ(request_of("\"\xe4\xff\""), "\xe4\xff") << "Latin-1 stays as it is";
}

TEST(LogLine, SeveralEscapedTextsOfALineKeepTheirValues) {
  const auto values = values_of(R"(h - - [t] "GET /\"\" HTTP/1.1" 200 1 "\\r\"" "\xff\xfe" "\"" x)");
  EXPECT_EQ(values.at("path"), R"(/"")");
  EXPECT_EQ(values.at("referrer"), R"(\r")");
  EXPECT_EQ(values.at("agent"), "\xff\xfe");
  EXPECT_EQ(values.at("extra1"), "\"");
  EXPECT_EQ(values.at("extra2"), "x");
}

TEST(LogLine, AQuoteThatEndsNothingIsText) {
  const auto values = values_of(R"(h - - [t] "GET /a"><b HTTP/1.0" 404 - "a"b" "c")");
  EXPECT_EQ(values.at("path"), R"(/a"><b)");
  EXPECT_EQ(values.at("referrer"), R"(a"b)");
  EXPECT_EQ(values.at("agent"), "c");
}

TEST(LogLine, RequestsOfOtherShapes) {
  const auto parts = [](const std::string& request) {
    auto values = values_of(with_request(request));
    EXPECT_EQ(values.count("error"), 0u) << request << ": " << values["error"];
    return std::vector{values["method"], values["path"], values["protocol"]};
  };
  EXPECT_THAT(parts(R"("GET /")"), ElementsAre("GET", "/", "")) << "version 0.9";
  EXPECT_THAT(parts(R"("GET /a b c HTTP/1.0")"), ElementsAre("GET", "/a b c", "HTTP/1.0"));
  EXPECT_THAT(parts(R"("M-SEARCH * HTTP/1.1")"), ElementsAre("M-SEARCH", "*", "HTTP/1.1"));
  EXPECT_THAT(parts(R"("/no/method HTTP/1.0")"), ElementsAre("", "/no/method HTTP/1.0", ""));
  EXPECT_THAT(parts(R"("\x16\x03\x01")"), ElementsAre("", "\x16\x03\x01", ""));
  EXPECT_THAT(parts(R"("GET")"), ElementsAre("", "GET", ""));
  EXPECT_THAT(parts(R"("-")"), ElementsAre("", "", ""));
  EXPECT_THAT(parts(R"("")"), ElementsAre("", "", ""));
  EXPECT_EQ(values_of(with_request(R"("-")")).count("path"), 0u);
}

TEST(LogLine, UsersMayHaveSpacesAndHostsBeAnything) {
  EXPECT_EQ(values_of(R"(::1 - Ann B. Cid [t] "GET / HTTP/1.1" 200 1)")["user"], "Ann B. Cid");
  EXPECT_EQ(values_of(R"(a_b@c,-x - - [t] "GET / HTTP/1.1" 200 1)")["host"], "a_b@c,-x");
}

TEST(LogLine, MalformedLinesSayWhatIsWrongAndLeaveNothing) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"", "it does not begin like"},
      {"h", "it does not begin like"},
      {"h - -", "it does not begin like"},
      {" - - [t] \"GET / HTTP/1.1\" 200 1", "it does not begin like"},
      {"h - [t] \"GET / HTTP/1.1\" 200 1", "it does not begin like"},
      {"h - - t \"GET / HTTP/1.1\" 200 1", "it does not begin like"},
      {"h - - [t \"GET / HTTP/1.1\" 200 1", "the time has no closing bracket"},
      {"h - - [t] GET / HTTP/1.1 200 1", "no request in quotes"},
      {"h - - [t]", "no request in quotes"},
      {"h - - [t] \"GET / HTTP/1.1 200 1", "a quote is not closed"},
      {"h - - [t] \"GET / HTTP/1.1\\\" 200 1", "a quote is not closed"},
      {"h - - [t] \"GET / HTTP/1.1\"", "no status code"},
      {"h - - [t] \"GET / HTTP/1.1\" - 1", "no status code"},
      {"h - - [t] \"GET / HTTP/1.1\" 2OO 1", "no status code"},
      {"h - - [t] \"GET / HTTP/1.1\" 200", "no number of bytes"},
      {"h - - [t] \"GET / HTTP/1.1\" 200 -1", "no number of bytes"},
      {"h - - [t] \"GET / HTTP/1.1\" 200 1 \"r\"", "a referrer in quotes, but no agent"},
      {"h - - [t] \"GET / HTTP/1.1\" 200 1 \"r\" a", "a referrer in quotes, but no agent"},
      {"h - - [t] \"GET / HTTP/1.1\" 200 1 \"r\" \"a", "a quote is not closed"},
      {"h - - [t] \"GET / HTTP/1.1\" 200 1 \"r\" \"a\" \"x", "a quote is not closed"},
      {"{\"host\":\"h\"}", "it does not begin like"}};
  LogLine log;
  for (const auto& [line, message] : lines) {
    EXPECT_THAT(values_of(log, line), ElementsAre(Pair("error", StartsWith(message)))) << line;
    EXPECT_EQ(values_of(log, R"(h - - [t] "GET / HTTP/1.1" 200 1)").size(), 8u) << "behind " << line;
  }
}

TEST(LogLine, ALineThatIsCutOffAnywhereIsRefusedOrTellsWhatIsThere) {
  const std::string line = R"(h - ann [t] "GET /\"a HTTP/1.1" 200 53 "r\x41" "agent" 0.5 "x y")";
  const Values whole = values_of(line);
  for (std::size_t length = 0; length < line.size(); ++length) {
    for (const auto& [name, value] : values_of(std::string_view(line).substr(0, length))) {
      if (name == "error") continue;
      EXPECT_THAT(whole.at(name), StartsWith(value)) << name << " of " << line.substr(0, length);
    }
  }
}

/// As Apache writes a text into its log.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte > 0x7e)
      ((out += "\\x") += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
    else
      out += c;
  }
  return out;
}

TEST(LogLine, WhatAServerWroteIsReadBack) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  LogLine log;
  for (int round = 0; round < 5000; ++round) {
    const auto texts = std::array{testing::random_text(random, 60, round % 2 == 0 ? "" : "\"\\ x4af\n"),
                                  testing::random_text(random, 60), testing::random_text(random, 60, "\"\\ ")};
    const auto line = "h - - [t] \"GET /" + escaped(texts[0]) + " HTTP/1.1\" 200 1 \"r" + escaped(texts[1]) + "\" \"a" +
                      escaped(texts[2]) + "\"";
    const auto values = values_of(log, line);
    ASSERT_EQ(values.count("error"), 0u) << line;
    ASSERT_EQ(values.at("path"), "/" + texts[0]) << line;
    ASSERT_EQ(values.at("referrer"), "r" + texts[1]) << line;
    ASSERT_EQ(values.at("agent"), "a" + texts[2]) << line;
  }
}

TEST(LogLine, AnyBytesAreReadOrRefused) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  LogLine log;
  const std::string_view good = R"(h - - [t] "GET /a\"b HTTP/1.1" 200 53 "r\x41" "agent" 0.5 "x y")";
  std::size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string line(good);
    if (round % 3 == 0) line = testing::random_text(random, 80);
    if (round % 3 == 1) line = testing::random_text(random, 80, "\"\\ []-x41h");
    if (round % 3 == 2) line[random.below(line.size())] = static_cast<char>(random.below(256));
    std::size_t bytes = 0;
    const auto parsed = log.parse(line);
    for (const auto& value : log.values()) {
      ASSERT_TRUE(parsed.ok() || !value) << line;
      if (!value) continue;
      bytes += static_cast<std::size_t>(std::count(value->begin(), value->end(), 'a'));  // all of it can be read
      ASSERT_LE(value->size(), line.size());
    }
    ASSERT_LE(bytes, 2 * line.size()) << "a request and its parts";
    read += parsed.ok() ? 1 : 0;
  }
  EXPECT_GT(read, 3000u);
}

TEST(LogLine, OverlongFieldsCostNoMoreThanTheirLine) {
  LogLine log;
  const std::string big(1u << 20, '"');
  EXPECT_EQ(values_of(log, with_request("\"" + big)).at("path").size(), big.size() - 1);
  EXPECT_EQ(values_of(log, with_request("\"" + escaped(big) + "\"")).at("path"), big);
  EXPECT_FALSE(log.parse(std::string(1u << 20, ' ')).ok());
  EXPECT_FALSE(log.parse(std::string(1u << 20, '[')).ok());
  EXPECT_TRUE(log.parse(with_request("\"x\"") + std::string(1u << 20, ' ')).ok());
}

}  // namespace
}  // namespace freshet::files
