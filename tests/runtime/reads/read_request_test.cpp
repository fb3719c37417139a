#include "runtime/reads/read_request.h"

#include <freshet/key.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "runtime/reads/state_answer.h"

namespace freshet::reads {
namespace {

StateRequest parsed(const ReadRequest& request) {
  const auto result = parse_state_request(request);
  const auto* refused = std::get_if<ReadAnswer>(&result);
  EXPECT_EQ(refused, nullptr) << refused->body;
  return refused == nullptr ? std::get<StateRequest>(result) : StateRequest();
}
/// Status and code.
std::string refusal(const ReadRequest& request) {
  const auto result = parse_state_request(request);
  const auto* refused = std::get_if<ReadAnswer>(&result);
  if (refused == nullptr) return "none";
  const auto body = nlohmann::json::parse(refused->body);
  EXPECT_FALSE(body["error"]["message"].get<std::string>().empty());
  return std::to_string(refused->status) + " " + body["error"]["code"].get<std::string>();
}
ReadRequest get(const std::string& path, std::map<std::string, std::string> query = {}) {
  return {"GET", path, path, std::move(query), {}, "me"};
}
ReadRequest post(const std::string& path, const std::string& body) { return {"POST", path, path, {}, body, "me"}; }

TEST(ReadRequestParts, AKeyMayHoldSlashes) {
  const auto wanted = parsed(get("/v1/jobs/shop/state/users.state/a/b//c"));
  EXPECT_EQ(wanted.job, "shop");
  EXPECT_EQ(wanted.address, "users.state");
  EXPECT_EQ(wanted.keys, std::vector<std::string>{"a/b//c"});
  EXPECT_TRUE(wanted.is_live);
  EXPECT_FALSE(wanted.is_list);
  EXPECT_EQ(parsed(get("/v1/jobs/shop/state/users/")).keys, std::vector<std::string>{""}) << "the empty text is a key";
  EXPECT_EQ(job_of("/v1/jobs/shop/state/users/1"), "shop");
  EXPECT_EQ(job_of("/v1/jobs/shop"), "");
}

TEST(ReadRequestParts, TheQuerySaysHowMuchAndOfWhen) {
  const auto wanted = parsed(
      get("/v1/jobs/s/state/o/1", {{"consistency", "committed"}, {"limit", "7"}, {"after", to_cursor({1, "k", "m"})}}));
  EXPECT_FALSE(wanted.is_live);
  EXPECT_EQ(wanted.limit, 7u);
  EXPECT_EQ(wanted.after, (checkpoint::StatePosition{1, "k", "m"}));
  EXPECT_EQ(parsed(get("/v1/jobs/s/state/o/1", {{"from", "x"}})).from, "x");
  EXPECT_TRUE(parsed(get("/v1/jobs/s/state/o", {{"consistency", "committed"}})).keys.empty()) << "all keys";
}

TEST(ReadRequestParts, AListOfKeysKeepsThemAsTheyCame) {
  const auto wanted = parsed(post("/v1/jobs/s/state/o", R"({"keys":["a",77,[1,"x"],{"item":5}]})"));
  EXPECT_TRUE(wanted.is_list);
  EXPECT_EQ(wanted.keys, (std::vector<std::string>{"a", "77", R"([1,"x"])", R"({"item":5})"}));
  EXPECT_EQ(wanted.key_json, (std::vector<std::string>{R"("a")", "77", R"([1,"x"])", R"({"item":5})"}));
}

TEST(ReadRequestParts, WhatIsHostileOrWrongIsRefused) {
  EXPECT_EQ(refusal(get("/")), "404 not_found");
  EXPECT_EQ(refusal(get("/v1/jobs/shop")), "404 not_found");
  EXPECT_EQ(refusal(get("/v1/jobs//state/o/1")), "404 not_found");
  EXPECT_EQ(refusal(get("/v1/jobs/s/state/")), "404 not_found");
  EXPECT_EQ(refusal(get("/v1/jobs/s/stately/o/1")), "404 not_found");
  EXPECT_EQ(refusal(get("/v1/jobs/s/state/o")), "400 bad_request") << "which key?";
  EXPECT_EQ(refusal(get("/v1/jobs/s/state/o/" + std::string(5'000, 'x'))), "400 bad_key");
  EXPECT_EQ(refusal(get("/v1/jobs/s/state/o/1", {{"from", std::string(5'000, 'x')}})), "400 bad_key");
  EXPECT_EQ(refusal({"DELETE", "", "/v1/jobs/s/state/o/1", {}, {}, {}}), "405 not_allowed");
  EXPECT_EQ(refusal({"POST", "", "/v1/jobs/s/state/o/1", {}, R"({"keys":[1]})", {}}), "405 not_allowed");
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"consistency", "maybe"},
                                                                                    {"limit", "0"},
                                                                                    {"limit", "1001"},
                                                                                    {"limit", "-1"},
                                                                                    {"limit", "1x"},
                                                                                    {"limit", ""},
                                                                                    {"way", "99999999999999999999"},
                                                                                    {"after", "zz"}})
    EXPECT_EQ(refusal(get("/v1/jobs/s/state/o/1", {{name, value}})), "400 bad_request") << name << "=" << value;
  std::string deep = R"({"keys":)" + std::string(100, '[') + std::string(100, ']') + "}";
  std::string many = R"({"keys":[1)";
  for (int i = 0; i < 256; ++i) many += ",1";
  for (const std::string& body : {std::string(), std::string("["), std::string("[]"), std::string(R"({"keys":5})"),
                                  std::string(R"({"keys":[]})"), std::string("{\"keys\":[\"\xff\"]}"), deep,
                                  many + "]}", R"({"keys":[")" + std::string(300'000, 'x') + R"("]})"})
    EXPECT_EQ(refusal(post("/v1/jobs/s/state/o", body)), "400 bad_request") << body.substr(0, 80);
  ReadRequest committed_list = post("/v1/jobs/s/state/o", R"({"keys":[1]})");
  committed_list.query["consistency"] = "committed";
  EXPECT_EQ(refusal(committed_list), "400 bad_request");
}

TEST(ReadRequestParts, MessagesAreCutAndAreUtf8) {
  const auto answer = error_answer(404, "no_such_key", std::string(100'000, '\xff'));
  EXPECT_LT(answer.body.size(), 10'000u);
  EXPECT_TRUE(nlohmann::json::parse(answer.body).is_object());
}

template <class K>
std::string encoded(const K& key) {
  ByteBuffer bytes;
  encode_key(bytes, key);
  return std::string(bytes.view());
}

TEST(JustBefore, NothingStandsBetweenItAndTheKey) {
  const std::set<std::string> numbers{encoded(std::uint64_t{0}), encoded(std::uint64_t{1}), encoded(std::uint64_t{255}),
                                      encoded(std::uint64_t{256}), encoded(~std::uint64_t{0})};
  const std::set<std::string> texts{encoded(std::string()),         encoded(std::string("a")),
                                    encoded(std::string("a\0", 2)), encoded(std::string("a\0b", 3)),
                                    encoded(std::string("ab")),     encoded(std::string("\xff"))};
  for (const auto& keys : {numbers, texts}) {
    for (const auto& key : keys) {
      // The first key behind it is the key itself.
      const auto found = keys.upper_bound(just_before(key));
      ASSERT_NE(found, keys.end());
      EXPECT_EQ(*found, key);
    }
  }
}

}  // namespace
}  // namespace freshet::reads
