#include <freshet/redis.h>
#include <freshet/sink_harness.h>
#include <gmock/gmock.h>

#include "operators/redis/script.h"
#include "tests/operators/redis/redis_server.h"

/// The sink on a real server: what it holds, what it refuses, and what is said when it cannot be reached.
namespace freshet::redis {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RedisClient;
using testing::RedisServer;
using ::testing::UnorderedElementsAre;
using Hash = std::map<std::string, std::string>;

struct Sale {
  std::uint64_t number = 0;
  std::string note{};
  FRESHET_RECORD(number, note)
};

struct Profile {
  std::string name{};
  double spent = 0;
  bool known = false;
  Time seen{};
  std::vector<std::uint32_t> items{};
  std::optional<std::uint64_t> age{};
  FRESHET_RECORD(name, spent, known, seen, items, age)
};

class RedisSink : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::is_installed())
      GTEST_SKIP() << "no redis-server and no redis-check-rdb here: scripts/install_dependencies.sh";
  }
  static Server at(const RedisServer& server, Duration timeout = 20s) {
    return {.address = server.address(), .timeout = timeout};
  }
  /// Of attempt `attempt` of a run.
  template <class T = Sale>
  static std::unique_ptr<HashSink<std::string, T>> open(const Server& to, std::uint32_t attempt = 1,
                                                        const std::string& run = "run") {
    auto sink = std::make_unique<HashSink<std::string, T>>(to, *KeyPattern::parse("sale:{key}", {"key"}));
    sink->place = {.operator_id = "sales", .run = run, .attempt = attempt};
    sink->open();
    return sink;
  }
  /// What is said when it is not done.
  template <class Act>
  static std::string told(Act act) {
    try {
      act();
      return "";
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};

TEST_F(RedisSink, KeepsWhatUpsertSinksPromise) {
  using Sink = HashSink<std::string, Sale>;
  const RedisServer server;
  const RedisClient client = server.client();
  SinkHarness<Sink> harness([&] {
    client.call({"FLUSHDB"});
    return SinkStore<Sink>{[&] { return std::make_unique<Sink>(at(server), *KeyPattern::parse("{key}", {"key"})); },
                           [&] {
                             SinkHarness<Sink>::Rows rows;
                             for (const auto& key : client.keys()) {
                               auto hash = client.hash(key);
                               rows.push_back({key, {std::stoull(hash["number"]), hash["note"]}});
                             }
                             return rows;
                           }};
  });
  SinkHarness<Sink>::Rows rows;
  for (std::uint64_t i = 0; i < 12; ++i)
    rows.push_back({"shop-" + std::to_string(i % 3 % 2), {i, "note " + std::to_string(i)}});
  EXPECT_THAT(harness.check(rows), IsEmpty());
}

TEST_F(RedisSink, FieldsAreTextsAndAbsentOnesAreRemoved) {
  const RedisServer server;
  const RedisClient client = server.client();
  const auto sink = open<Profile>(at(server));
  client.call({"HSET", "sale:ann", "elsewhere", "stays"});
  sink->put("ann", {"Ann", 1.5, true, Time(days(20'000)), {1, 2}, 33}, {1, 0});
  sink->flush();
  EXPECT_EQ(client.hash("sale:ann"), (Hash{{"name", "Ann"},
                                           {"spent", "1.5"},
                                           {"known", "true"},
                                           {"seen", "2024-10-04T00:00:00Z"},
                                           {"items", "[1,2]"},
                                           {"age", "33"},
                                           {"elsewhere", "stays"}}));
  sink->put("ann", {.name = "Ann"}, {1, 0});
  sink->flush();
  EXPECT_FALSE(client.hash("sale:ann").contains("age"));
  EXPECT_EQ(client.hash("sale:ann")["elsewhere"], "stays");
}

TEST_F(RedisSink, AnyBytesMayBeInKeysAndTexts) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const RedisServer server;
  const auto sink = open(at(server));
  sink->put(all + "\r\n", {1, "\r\n$5\r\n" + all}, {1, 0});
  sink->put("", {2, ""}, {1, 0});
  sink->flush();
  const RedisClient client = server.client();
  EXPECT_EQ(client.hash("sale:" + all + "\r\n"), (Hash{{"number", "1"}, {"note", "\r\n$5\r\n" + all}}));
  EXPECT_EQ(client.hash("sale:"), (Hash{{"number", "2"}, {"note", ""}}));
}

TEST_F(RedisSink, AStaleAttemptIsRefusedAndSaysWhy) {
  const RedisServer server;
  const auto stale = open(at(server), 9);
  const auto newer = open(at(server), 10);
  stale->put("a", {1, "stale"}, {9, 7});
  stale->flush();
  newer->put("a", {2, "newer"}, {10, 0});
  newer->flush();
  stale->put("a", {3, "stale"}, {9, 8});
  EXPECT_EQ(
      told([&] { stale->flush(); }),
      "sink sales: Redis at " + server.address() +
          " (a step waits at most 20s): key sale:a was written by a later attempt of this job, which has taken over");
  EXPECT_EQ(server.client().hash("sale:a")["note"], "newer");
  EXPECT_EQ(server.client().version("sale:a"), "run 10 0 1");
  EXPECT_THAT(told([&] { stale->end_batch(); }), HasSubstr("taken over")) << "and goes on saying it";
}

TEST_F(RedisSink, VersionsAreComparedExactly) {
  const RedisServer server;
  const RedisClient client = server.client();
  const auto put = [&](const std::string& run, const std::string& attempt, const std::string& epoch,
                       const std::string& number, const std::string& text) {
    return client.call({"EVAL", std::string(kHashScript), "1", "k", run, attempt, epoch, number, "2", "t", text});
  };
  EXPECT_EQ(put("r", "2", "9223372036854775809", "5", "a"), "1");
  EXPECT_EQ(put("r", "2", "9223372036854775808", "6", "b"), "0") << "differs in the last of 63 bits";
  EXPECT_EQ(put("r", "2", "9223372036854775809", "4", "c"), "0") << "an old connection's, that comes late";
  EXPECT_EQ(put("r", "1", "9223372036854775809", "9", "d"), "-1");
  EXPECT_EQ(client.hash("k")["t"], "a");
  EXPECT_EQ(put("r", "2", "9223372036854775809", "5", "e"), "1") << "the same put, sent again";
  EXPECT_EQ(put("r", "10", "0", "1", "f"), "1");
  EXPECT_EQ(put("other", "1", "0", "1", "g"), "1") << "runs have no order";
  EXPECT_EQ(client.hash("k")["t"], "g");
  client.call({"HSET", "k", "@freshet", "x"});
  EXPECT_THAT(put("r", "1", "0", "1", "h"), HasSubstr("VERSION"));
}

TEST_F(RedisSink, NothingIsLostWhenTheScriptIs) {
  const RedisServer server;
  const RedisClient client = server.client();
  const auto sink = open(at(server));
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (i % 10 == 0) client.call({"SCRIPT", "FLUSH"});
    sink->put(std::to_string(i), {i, "x"}, {1, 0});
    sink->end_batch();
  }
  sink->flush();
  EXPECT_EQ(client.call({"DBSIZE"}), "100");
}

TEST_F(RedisSink, NothingIsLostWhenTheConnectionIs) {
  const RedisServer server;
  const RedisClient client = server.client();
  const auto sink = open(at(server));
  for (std::uint64_t i = 0; i < 5000; ++i) {
    if (i % 500 == 0) client.call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    sink->put(std::to_string(i % 7), {i, "x"}, {1, 0});
    if (i % 100 == 0) sink->end_batch();
  }
  sink->flush();
  for (std::uint64_t i = 4993; i < 5000; ++i)
    EXPECT_EQ(client.hash("sale:" + std::to_string(i % 7))["number"], std::to_string(i));
}

TEST_F(RedisSink, AServerThatComesBackInTimeIsNoFailure) {
  RedisServer server({.keeps = true});
  const auto sink = open(at(server, 60s));
  for (std::uint64_t i = 0; i < 1000; ++i) sink->put(std::to_string(i), {i, "x"}, {1, 0});
  sink->end_batch();
  server.kill();
  for (std::uint64_t i = 1000; i < 1100; ++i) sink->put(std::to_string(i), {i, "x"}, {1, 0});
  server.start();
  sink->flush();
  EXPECT_EQ(server.client().call({"DBSIZE"}), "1100");
}

TEST_F(RedisSink, AServerThatDiesFailsTheAttemptAndTheNextGoesOn) {
  RedisServer server({.keeps = true});
  const auto to = at(server, 1s);
  auto sink = open(to);
  sink->put("a", {1, "x"}, {1, 0});
  sink->flush();
  server.kill();
  sink->put("b", {2, "x"}, {1, 1});
  const auto said = told([&] { sink->flush(); });
  EXPECT_THAT(said, AllOf(HasSubstr("sink sales: Redis at " + server.address() + " (a step waits at most 1s)"),
                          HasSubstr("start it, or mend parameter redis")));
  EXPECT_EQ(told([&] { sink->flush(); }), said) << "and goes on saying it";
  sink->close();
  EXPECT_THAT(told([&] { open(to, 2); }), HasSubstr("cannot connect"));

  server.start();
  sink = open(at(server), 3);
  sink->put("a", {3, "again"}, {3, 0});
  sink->put("b", {4, "again"}, {3, 0});
  sink->flush();
  EXPECT_EQ(server.client().hash("sale:a")["number"], "3");
  EXPECT_EQ(server.client().hash("sale:b")["number"], "4");
}

TEST_F(RedisSink, AServerThatStandsStillIsWaitedForNoLongerThanSaid) {
  const RedisServer server;
  const auto sink = open(at(server, 1s));
  server.stand_still();
  sink->put("a", {1, "x"}, {1, 0});
  EXPECT_THAT(told([&] { sink->flush(); }), HasSubstr("(a step waits at most 1s): does not answer"));
  EXPECT_THAT(told([&] { open(at(server, 1s)); }), HasSubstr("does not answer"));
  server.go_on();
}

TEST_F(RedisSink, APasswordComesFromTheEnvironmentOrAFileAndIsNeverShown) {
  const RedisServer server({.password = "open sesame"});
  const auto& directory = server.directory();
  auto to = at(server);
  EXPECT_THAT(told([&] { open(to); }), AllOf(HasSubstr("wants a password: NOAUTH"), HasSubstr("password_file")));
  to.password_file = directory.write("password", "open sesame\r\nanother line\n");
  EXPECT_EQ(told([&] { open(to); }), "");
  to.password_file = directory.write("wrong", "close sesame\n");
  EXPECT_THAT(told([&] { open(to); }), AllOf(HasSubstr("refuses the password: WRONGPASS"), Not(HasSubstr("sesame"))));
  to.password_file = directory.path("gone");
  EXPECT_THAT(told([&] { open(to); }), HasSubstr("gone is not there, or empty"));
  to.password_file = directory.write("long", std::string(600, 'x'));
  EXPECT_THAT(told([&] { open(to); }), HasSubstr("more than 512 bytes"));
  to.password_file.clear();
  to.password_variable = "FRESHET_TEST_REDIS_PASSWORD";
  EXPECT_THAT(told([&] { open(to); }), HasSubstr("environment variable FRESHET_TEST_REDIS_PASSWORD is not set"));
  setenv(to.password_variable.c_str(), "open sesame", 1);
  EXPECT_EQ(told([&] { open(to); }), "");
  to.user = "default";
  EXPECT_EQ(told([&] { open(to); }), "");
  to.user = "nobody";
  EXPECT_THAT(told([&] { open(to); }), HasSubstr("refuses the password"));
  unsetenv(to.password_variable.c_str());
}

TEST_F(RedisSink, DatabasesAndPrefixesKeepJobsApart) {
  const RedisServer server;
  auto to = at(server);
  to.database = 3;
  to.prefix = "test:";
  const auto sink = open(to);
  sink->put("a", {1, "x"}, {1, 0});
  sink->flush();
  const RedisClient client = server.client();
  EXPECT_THAT(client.keys(), IsEmpty());
  client.call({"SELECT", "3"});
  EXPECT_THAT(client.keys(), UnorderedElementsAre("test:sale:a"));
  to.database = 99;
  EXPECT_THAT(told([&] { open(to); }), HasSubstr("has no database 99"));
}

TEST_F(RedisSink, BigBatchesAndBigRecordsPass) {
  const RedisServer server;
  const auto sink = open(at(server, 60s));
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    sink->put(std::to_string(i), {i, std::string(i % 100, 'x')}, {1, 0});
    if (i % 512 == 511) sink->end_batch();
  }
  for (std::uint64_t i = 0; i < 20; ++i)
    sink->put("big " + std::to_string(i), {i, std::string(1'000'000, 'x')}, {1, 0});
  sink->flush();
  const RedisClient client = server.client();
  EXPECT_EQ(client.call({"DBSIZE"}), "20020");
  EXPECT_EQ(client.hash("sale:19999")["note"].size(), 99u);
  EXPECT_EQ(client.hash("sale:big 19")["note"].size(), 1'000'000u);
}

TEST_F(RedisSink, WhatIsTooLargeIsRefusedRecordByRecord) {
  const RedisServer server;
  const auto sink = open(at(server));
  EXPECT_THROW(sink->put(std::string(kMaxKeyBytes, 'k'), {1, "x"}, {1, 0}), RejectRecord);
  EXPECT_THROW(sink->put("large", {1, std::string(kMaxRecordBytes, 'x')}, {1, 0}), RejectRecord);
  sink->put(std::string(kMaxKeyBytes - 5, 'k'), {2, "x"}, {1, 0});
  sink->flush();
  EXPECT_EQ(server.client().call({"DBSIZE"}), "1");
}

TEST_F(RedisSink, WhatRedisRefusesIsToldWithItsKeyAndARemedy) {
  const RedisServer server;
  const RedisClient client = server.client();
  auto sink = open(at(server));
  client.call({"SET", "sale:a\n", "a text"});
  sink->put("a\n", {1, "x"}, {1, 0});
  EXPECT_THAT(told([&] { sink->flush(); }), AllOf(HasSubstr("refuses to write key sale:a?: WRONGTYPE"),
                                                  HasSubstr("delete it, or set another prefix")));
  sink = open(at(server));
  client.call({"CONFIG", "SET", "maxmemory", "1"});
  sink->put("b", {1, "x"}, {1, 0});
  EXPECT_THAT(told([&] { sink->flush(); }), AllOf(HasSubstr("OOM"), HasSubstr("give Redis more memory")));
}

TEST_F(RedisSink, IsReachedOverTcp) {
  const RedisServer server({.tcp = true});
  const auto sink = open(Server{.address = server.tcp_address(), .timeout = 20s});
  sink->put("a", {1, "x"}, {1, 0});
  sink->flush();
  EXPECT_EQ(server.client().call({"DBSIZE"}), "1");
  EXPECT_THAT(told([&] { open(Server{.address = "127.0.0.1:1", .timeout = 100ms}); }),
              HasSubstr("sink sales: Redis at 127.0.0.1:1 (a step waits at most 100ms): cannot connect"));
}

}  // namespace
}  // namespace freshet::redis
