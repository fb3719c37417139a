#include <freshet/redis.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/operators/connectors/test_files.h"
#include "tests/support/seed.h"

/// Something answers at the address that is no Redis, or one gone mad.
namespace freshet::redis {
namespace {

using ::testing::HasSubstr;

const std::string kScriptLoaded = "$40\r\n0123456789abcdef0123456789abcdef01234567\r\n";

/// Says the same to whoever connects, whatever is asked, and hangs up.
class Impostor {
 public:
  Impostor(const std::string& path, std::string says) : says_(std::move(says)) {
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    unlink(path.c_str());
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  Impostor(const Impostor&) = delete;
  int callers() const { return callers_; }
  ~Impostor() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

 private:
  void serve() {
    for (int peer = accept(listener_, nullptr, nullptr); peer >= 0; peer = accept(listener_, nullptr, nullptr)) {
      ++callers_;
      std::size_t sent = 0;
      while (sent < says_.size()) {
        const auto count = ::send(peer, says_.data() + sent, says_.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      shutdown(peer, SHUT_WR);
      char heard[4096];
      while (read(peer, heard, sizeof heard) > 0) {
      }
      close(peer);
    }
  }
  const std::string says_;
  std::atomic<int> callers_{0};
  int listener_ = -1;
  std::thread thread_;
};

/// What the sink says of a server that says this; a put is tried when it can be opened.
std::string told_of(const std::string& says, Duration timeout = 50ms) {
  const files::testing::TestDirectory directory;
  const Impostor impostor(directory.path("s"), says);
  HashWriter writer({.address = "unix:" + directory.path("s"), .timeout = timeout});
  try {
    writer.open({.operator_id = "sink", .run = "run"});
    for (int i = 0; i < 3; ++i) {
      writer.begin("key", {1, 0});
      writer.set("field", "text");
      writer.end();
    }
    writer.flush();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(HostileRedis, WhatIsNoRedisIsToldApart) {
  for (const std::string& says : {
           std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
           std::string("*1000000000\r\n"),
           std::string("*-5\r\n$3\r\nabc\r\n"),
           std::string("*2\r\n:1\r\n:2\r\n"),
           std::string("$99999999999999999999\r\n"),
           std::string("$-7\r\n"),
           ":" + std::string(100, '9') + "\r\n",
           std::string("$5\r\nshort"),
           std::string("+OK\r\n"),
           std::string("$40\r\n0123456789abcdef0123456789abcdef0123456/\r\n"),
           "$100000000\r\n" + std::string(1 << 20, 'x'),
           std::string(1 << 20, '+'),
           kScriptLoaded + "+OK\r\n",
           kScriptLoaded + ":7\r\n",
           kScriptLoaded + "$-1\r\n",
           kScriptLoaded + "-\r\n",
           kScriptLoaded + ":1\r\n*1\r\n:1\r\n",
       })
    EXPECT_THAT(told_of(says), HasSubstr("sink sink: Redis at unix:")) << says.substr(0, 60);
}

TEST(HostileRedis, OneThatHangsUpIsAskedAgainOnlyForAWhile) {
  EXPECT_THAT(told_of("", 1s), HasSubstr("the connection is lost"));
  EXPECT_THAT(told_of(kScriptLoaded, 1s), HasSubstr("the connection is lost"));
  EXPECT_EQ(told_of(kScriptLoaded + ":1\r\n", 20s), "") << "each connection acknowledges one";
  EXPECT_THAT(told_of(kScriptLoaded + "-NOSCRIPT gone\r\n", 1s), HasSubstr("NOSCRIPT"));
  EXPECT_THAT(told_of("-LOADING for ever\r\n", 1s), HasSubstr("LOADING"));
  EXPECT_EQ(told_of(kScriptLoaded + ":1\r\n:0\r\n:1\r\n", 20s), "");
}

TEST(HostileRedis, AnErrorOfAnyLengthIsCutAndNoRandomBytesDoHarm) {
  EXPECT_LT(told_of(kScriptLoaded + "-" + std::string(60'000, 'x') + "\r\n").size(), 1000u);
  FRESHET_SEEDED(seed);
  files::Random random(seed);
  for (int round = 0; round < 15; ++round) {
    const auto says = files::testing::random_text(random, 200, "*$:+-0123456789\r\nx");
    EXPECT_NE(told_of(says), "");
    told_of(kScriptLoaded + says);
  }
}

/// What three look-ups at a server that says this come to.
std::vector<std::string> looked_up(const std::string& says, Duration timeout = 50ms) {
  const files::testing::TestDirectory directory;
  const Impostor impostor(directory.path("s"), says);
  const auto reader = texts({.address = "unix:" + directory.path("s"), .timeout = timeout}, "{item}").make("item");
  reader->begin();
  for (const char* key : {"a", "b", "c"}) reader->ask(key);
  reader->fetch();
  std::vector<std::string> found;
  for (std::size_t i = 0; i < 3; ++i) {
    try {
      const std::string* text = reader->found(i);
      found.push_back(text == nullptr ? "nothing" : *text);
    } catch (const TryAgain& error) {
      found.emplace_back("again");
      EXPECT_LT(std::string(error.what()).size(), 1000u);
    } catch (const RejectRecord& error) {
      found.emplace_back("refused");
      EXPECT_LT(std::string(error.what()).size(), 1000u);
    }
  }
  return found;
}

TEST(HostileRedis, AServerThatFailedIsLeftAloneForAWhile) {
  const files::testing::TestDirectory directory;
  const Impostor impostor(directory.path("s"), "-LOADING for ever\r\n");
  // It fails for the whole of the time-out, and the time-out again is how long it is left alone.
  const auto reader = texts({.address = "unix:" + directory.path("s"), .timeout = 3s}, "{item}").make("item");
  const auto ask = [&] {
    reader->begin();
    reader->ask("a");
    reader->fetch();
    EXPECT_THROW((void)reader->found(0), TryAgain);
  };
  ask();
  const int callers = impostor.callers();
  EXPECT_GT(callers, 1) << "while there was time";
  for (int i = 0; i < 5; ++i) ask();
  EXPECT_EQ(impostor.callers(), callers);
}

TEST(HostileRedis, LookUpsBelieveOnlyWhatIsAnAnswer) {
  using ::testing::ElementsAre;
  EXPECT_THAT(looked_up("$1\r\n1\r\n$-1\r\n-WRONGTYPE " + std::string(60'000, 'x') + "\r\n", 60s),
              ElementsAre("1", "nothing", "refused"));
  EXPECT_THAT(looked_up("$1\r\n1\r\n:7\r\n$1\r\n3\r\n", 60s), ElementsAre("1", "again", "again"));
  EXPECT_THAT(looked_up("*1\r\n$1\r\n1\r\n"), ElementsAre("again", "again", "again"));
  EXPECT_THAT(looked_up("-" + std::string(60'000, 'x') + "\r\n"), ElementsAre("again", "again", "again"));
  EXPECT_THAT(looked_up("$100000000\r\n" + std::string(2 << 20, 'x')), ElementsAre("again", "again", "again"));
  EXPECT_THAT(looked_up(""), ElementsAre("again", "again", "again"));
  FRESHET_SEEDED(seed);
  files::Random random(seed);
  for (int round = 0; round < 15; ++round)
    EXPECT_EQ(looked_up(files::testing::random_text(random, 200, "*$:+-0123456789\r\nx")).size(), 3u);
}

}  // namespace
}  // namespace freshet::redis
