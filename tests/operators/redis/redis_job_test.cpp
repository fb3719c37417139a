#include <freshet/redis.h>
#include <gmock/gmock.h>

#include "operators/redis/endpoint.h"

/// What is told before a job starts: addresses, patterns of keys, and what the plan says.
namespace freshet::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string key(std::string_view pattern, const std::vector<std::string>& names,
                const std::vector<std::string>& parts) {
  const auto parsed = KeyPattern::parse(pattern, names);
  if (!parsed) return "refused: " + parsed.error().message;
  std::string text;
  parsed->append_key(text, parts);
  return text;
}

TEST(KeyPattern, PutsPartsWhereTheirNamesStand) {
  EXPECT_EQ(key("user:{user}", {"user"}, {"7"}), "user:7");
  EXPECT_EQ(key("{b}/{a}!", {"a", "b"}, {"1", "2"}), "2/1!");
  EXPECT_EQ(key("{user}", {"user"}, {std::string("\0\r\n%:\xff", 6)}), std::string("\0\r\n%:\xff", 6));
}

TEST(KeyPattern, KeysOfSeveralPartsNeverMeet) {
  const auto of = [](const std::string& a, const std::string& b) { return key("x:{a}:{b}", {"a", "b"}, {a, b}); };
  EXPECT_EQ(of("p:q", "r"), "x:p%3Aq:r");
  EXPECT_EQ(of("p", "q:r"), "x:p:q:r");
  EXPECT_EQ(of("p%3Aq", "r"), "x:p%253Aq:r");
}

TEST(KeyPattern, ARefusalSaysWhatIsWrong) {
  EXPECT_EQ(key("user", {"user"}, {}),
            "refused: key pattern 'user': {user} is missing, so that different keys would meet");
  EXPECT_EQ(key("{user", {"user"}, {}), "refused: key pattern '{user': a brace is not closed");
  EXPECT_EQ(key("{item}", {"user"}, {}), "refused: key pattern '{item}': the key has no field 'item'");
  EXPECT_EQ(key("{a}-{a}", {"a"}, {}), "refused: key pattern '{a}-{a}': field a stands there twice");
  EXPECT_EQ(key("{a}{b}", {"a", "b"}, {}), "refused: key pattern '{a}{b}': nothing stands between two fields");
  EXPECT_EQ(key("{a}%{b}", {"a", "b"}, {}), "refused: key pattern '{a}%{b}': a field is followed by '%'");
}

TEST(Endpoint, ReadsWhatAPersonWrites) {
  EXPECT_EQ(parse_endpoint("redis-1:6379")->host, "redis-1");
  EXPECT_EQ(parse_endpoint("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_endpoint("[::1]:80")->port, 80);
  EXPECT_EQ(parse_endpoint("unix:run/redis.sock")->path, "run/redis.sock");
  for (const std::string bad : {"", "redis-1", "redis-1:", ":6379", "redis-1:0", "redis-1:65536", "redis-1:6379x",
                                "::1:6379", "unix:", "redis-1:-1", "unix:"})
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  EXPECT_FALSE(parse_endpoint("unix:" + std::string(200, 'x')));
  EXPECT_FALSE(parse_endpoint(std::string(300, 'x') + ":1"));
}

struct Count {
  std::uint64_t user = 0;
  std::uint64_t count = 0;
  FRESHET_RECORD(user, count)
};

class NoCounts final : public Source<Count> {
 public:
  std::vector<Split> discover() override { return {}; }
  Progress read(Split&, Out<Count>&) override { return Progress::done; }
};

std::vector<std::string> problems_of(std::map<std::string, std::string> parameters, std::string_view pattern) {
  Job job(std::move(parameters));
  const auto to = server(job, "redis", "127.0.0.1:6379", "counts");
  job.source<NoCounts>("counts").key_by(&Count::user).sink("sink", hash(to, pattern));
  job.finish();
  std::vector<std::string> texts;
  for (const auto& problem : job.problems()) texts.push_back(problem.where + ": " + problem.message);
  return texts;
}

TEST(RedisJob, ThePlanSaysThatTheSinkIsIdempotent) {
  Job job;
  const auto to = server(job, "redis", "127.0.0.1:6379", "counts");
  job.source<NoCounts>("counts").key_by(&Count::user).sink("sink", hash(to, "user:{user}"));
  job.finish();
  EXPECT_THAT(job.problems(), IsEmpty());
  const auto& sink = job.graph().operators[1];
  EXPECT_EQ(sink.guarantee, "exactly-once (idempotent)");
  EXPECT_TRUE(sink.own_thread) << "it waits for a server";
  EXPECT_EQ(sink.description, "redis hashes user:{user} at 127.0.0.1:6379");
}

TEST(RedisJob, WhatIsWrongIsRefusedBeforeItStartsAllAtOnce) {
  EXPECT_THAT(
      problems_of({{"redis", "nowhere"}, {"redis.timeout", "1h"}, {"redis.database", "70000"}}, "{item}"),
      ElementsAre(HasSubstr("parameter redis: no port"), HasSubstr("redis.database: there is no database 70000"),
                  HasSubstr("redis.timeout: 1h is out of range"),
                  "operator sink: key pattern '{item}': the key has no field 'item'"));
  EXPECT_THAT(problems_of({{"redis.password_file", "f"}, {"redis.password_variable", "V"}}, "{user}"),
              ElementsAre(HasSubstr("in a variable and in a file")));
  EXPECT_THAT(problems_of({{"redis.user", "freshet"}}, "{user}"), ElementsAre(HasSubstr("a user without a password")));
}

TEST(RedisJob, AKeyOfSeveralPartsUnderOneNameIsRefused) {
  Job job;
  const auto to = server(job, "redis", "127.0.0.1:6379", "counts");
  job.source<NoCounts>("counts")
      .key_by("both", [](const Count& count) { return std::tuple(count.user, count.count); })
      .sink("sink", hash(to, "{both}"));
  ASSERT_EQ(job.problems().size(), 1u);
  EXPECT_EQ(job.problems()[0].message, "the key has 2 parts under one name");
}

}  // namespace
}  // namespace freshet::redis
