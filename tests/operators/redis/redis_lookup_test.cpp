#include <freshet/redis.h>
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "runtime/worker/local_engine.h"
#include "tests/operators/redis/redis_server.h"

/// Records looked up in a real Redis, also one that is killed, stands still or comes back.
namespace freshet::redis::lookup_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct View {
  std::uint64_t number = 0;
  std::string item{};
  FRESHET_RECORD(number, item)
};
struct Priced {
  std::uint64_t number = 0;
  std::string price{};
  FRESHET_RECORD(number, price)
};

class LookUp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::RedisServer::is_installed()) GTEST_SKIP() << "no redis-server: scripts/install_dependencies.sh";
    redis.emplace();
    redis->start();
  }
  Server server(Duration timeout = 60s) const {
    return {.address = redis->address(), .prefix = "shop:", .timeout = timeout};
  }
  void set(const std::string& key, const std::string& text) const { redis->client().call({"SET", key, text}); }

  std::optional<testing::RedisServer> redis;
};

std::unique_ptr<StoreReader> reader_of(const Server& server) { return texts(server, "item:{item}").make("item"); }

/// The text under each key; "-" where there is none, and what was thrown.
std::vector<std::string> look_up(StoreReader& reader, const std::vector<std::string>& keys) {
  reader.begin();
  for (const auto& key : keys) reader.ask(key);
  reader.fetch();
  std::vector<std::string> found;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    try {
      const std::string* text = reader.found(i);
      found.push_back(text == nullptr ? "-" : *text);
    } catch (const TryAgain& error) {
      found.push_back(std::string("again: ") + error.what());
    } catch (const RejectRecord& error) {
      found.push_back(std::string("refused: ") + error.what());
    }
  }
  return found;
}

/// The same, again and again as long as the time-out is shorter than this machine is slow.
std::vector<std::string> look_up_patiently(StoreReader& reader, const std::vector<std::string>& keys) {
  const auto limit = std::chrono::steady_clock::now() + 60s;
  for (;;) {
    auto found = look_up(reader, keys);
    const bool is_answered =
        std::none_of(found.begin(), found.end(), [](const auto& text) { return text.starts_with("again"); });
    if (is_answered || std::chrono::steady_clock::now() > limit) return found;
    std::this_thread::sleep_for(5ms);
  }
}

TEST_F(LookUp, FindsTextsUnderTheirKeysInTheOrderOfTheQuestions) {
  set("shop:item:a", "1");
  set("shop:item:b", std::string("2\r\n\0", 4));
  set("item:c", "without the prefix");
  set("shop:item:", "");
  const auto reader = reader_of(server());
  EXPECT_THAT(look_up(*reader, {"b", "c", "a", "b", ""}),
              ElementsAre(std::string("2\r\n\0", 4), "-", "1", std::string("2\r\n\0", 4), ""));
  EXPECT_THAT(look_up(*reader, {}), IsEmpty());
  EXPECT_THAT(look_up(*reader, {"a"}), ElementsAre("1"));
}

TEST_F(LookUp, ThousandsOfLongTextsComeThrough) {
  std::vector<std::string> keys, wanted;
  for (std::size_t i = 0; i < 2000; ++i) {
    keys.push_back(std::to_string(i));
    wanted.emplace_back(i * 50 + 1, static_cast<char>('a' + i % 26));
    if (i % 3 != 0) set("shop:item:" + keys.back(), wanted.back());
    if (i % 3 == 0) wanted.back() = "-";
  }
  EXPECT_EQ(look_up(*reader_of(server()), keys), wanted);
}

TEST_F(LookUp, WhatIsWrongWithOneKeyIsNoTroubleOfTheOthers) {
  set("shop:item:a", "1");
  set("shop:item:large", std::string(kMaxTextBytes + 1, 'x'));
  set("shop:item:just", std::string(kMaxTextBytes, 'x'));
  redis->client().call({"HSET", "shop:item:hash", "field", "text"});
  const auto found = look_up(*reader_of(server()), {"a", "hash", std::string(2000, 'k'), "large", "just", "a", "none"});
  ASSERT_THAT(found, SizeIs(7));
  EXPECT_EQ(found[0], "1");
  EXPECT_THAT(found[1], HasSubstr("refused: WRONGTYPE"));
  EXPECT_THAT(found[2], HasSubstr("refused: key of 2010 bytes"));
  EXPECT_THAT(found[3], HasSubstr("refused: a text of more than 1048576 bytes"));
  EXPECT_EQ(found[4], std::string(kMaxTextBytes, 'x'));
  EXPECT_EQ(found[5], "1");
  EXPECT_EQ(found[6], "-");
}

TEST_F(LookUp, AServerThatIsGoneFailsTheRecordsAndServesAgainWhenItIsBack) {
  set("shop:item:a", "1");
  const auto reader = reader_of(server(200ms));
  EXPECT_THAT(look_up_patiently(*reader, {"a"}), ElementsAre("1"));
  redis->kill();
  EXPECT_THAT(look_up(*reader, {"a", "b"}), ::testing::Each(HasSubstr("again: Redis at unix:")));
  redis->start();
  set("shop:item:a", "2");
  EXPECT_THAT(look_up_patiently(*reader, {"a"}), ElementsAre("2")) << "it is tried again when the rest is over";
}

TEST_F(LookUp, AServerThatStandsStillFailsTheRecordsWhenItsTimeIsOver) {
  set("shop:item:a", "1");
  const auto reader = reader_of(server(100ms));
  EXPECT_THAT(look_up_patiently(*reader, {"a"}), ElementsAre("1"));
  redis->stand_still();
  EXPECT_THAT(look_up(*reader, {"a"}), ElementsAre(HasSubstr("does not answer")));
  redis->go_on();
}

/// The time-out that ends a connection leaves its answers behind: they must not be taken for those of the next keys.
TEST_F(LookUp, AnAnswerThatComesTooLateIsNobodys) {
  set("shop:item:a", "1");
  set("shop:item:b", "2");
  const auto reader = reader_of(server(50ms));
  EXPECT_THAT(look_up_patiently(*reader, {"a"}), ElementsAre("1"));
  redis->stand_still();
  EXPECT_THAT(look_up(*reader, {"a"}), ElementsAre(HasSubstr("again")));
  redis->go_on();
  EXPECT_THAT(look_up_patiently(*reader, {"b"}), ElementsAre("2"));
}

class Views final : public Source<View> {
 public:
  explicit Views(std::uint64_t count) : count_(count) {}
  std::vector<Split> discover() override { return {{"views", 0, count_, 0}}; }
  Progress read(Split& split, Out<View>& out) override {
    for (; !out.full() && split.position < split.end; ++split.position)
      out.emit({split.position, std::to_string(split.position % 100)});
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  const std::uint64_t count_;
};
std::vector<Priced> arrived;
class Arrived final : public Sink<Priced> {
 public:
  void write(const Priced& record) override { arrived.push_back(record); }
};

/// The job of the documentation, with a Redis that dies under it.
TEST_F(LookUp, AJobGoesOnWhileRedisIsAwayAndLosesNothing) {
  constexpr std::uint64_t kViews = 5000;
  for (int i = 0; i < 100; ++i) set("shop:item:" + std::to_string(i), "price " + std::to_string(i));
  arrived.clear();
  Job job;
  job.source<Views>("views", kViews)
      .lookup("price", texts(server(100ms), "item:{item}"), &View::item,
              [](const View& view, const std::string* found) {
                if (view.number == 1500) throw RejectRecord("not this one");
                return Priced{view.number, found == nullptr ? "none" : *found};
              })
      .on_error(retry({.attempts = 50, .first = 100ms, .limit = 24h}))
      .sink<Arrived>("arrived");
  job.finish();
  ASSERT_THAT(job.problems(), IsEmpty());
  EXPECT_TRUE(job.graph().operators[1].own_thread);
  worker::LocalEngine engine(job, {});
  ASSERT_THAT(engine.problems(), IsEmpty());
  engine.start();
  engine.run(3);
  redis->kill();
  engine.run();
  EXPECT_LT(arrived.size(), kViews) << "nothing could be looked up after it died";
  redis->start();
  for (int i = 0; i < 100; ++i) set("shop:item:" + std::to_string(i), "price " + std::to_string(i));
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while (!engine.run()) {
    ASSERT_FALSE(engine.failure()) << engine.failure()->what();
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    engine.clock().advance(1s);
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_THAT(arrived, SizeIs(kViews - 1));
  std::set<std::uint64_t> numbers;
  for (const Priced& priced : arrived) {
    EXPECT_EQ(priced.price, "price " + std::to_string(priced.number % 100));
    EXPECT_TRUE(numbers.insert(priced.number).second) << "twice";
  }
  ASSERT_THAT(engine.dead_letters(), SizeIs(1));
  EXPECT_EQ(engine.dead_letters()[0].message, "not this one");
}

TEST(LookUpJob, APatternThatDoesNotNameTheFieldIsRefused) {
  Job job;
  job.source<Views>("views", std::uint64_t{1})
      .lookup("price", texts({}, "{price}"), &View::item,
              [](const View& view, const std::string*) {
                return Priced{view.number, ""};
              })
      .sink<Arrived>("arrived");
  ASSERT_THAT(job.problems(), SizeIs(1));
  EXPECT_EQ(job.problems()[0].where, "operator price");
  EXPECT_EQ(job.problems()[0].message, "key pattern '{price}': the key has no field 'price'");
}

}  // namespace
}  // namespace freshet::redis::lookup_test
