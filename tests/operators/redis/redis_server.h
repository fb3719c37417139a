#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/operators/connectors/test_files.h"

struct redisContext;

namespace freshet::redis::testing {

/// What somebody else sees in a Redis. Any error ends the test program with a message.
class RedisClient {
 public:
  explicit RedisClient(const std::string& socket);
  /// Text of the answer; numbers in decimal, elements of an array one a line.
  std::string call(const std::vector<std::string>& words) const;
  /// Fields of a hash but @freshet.
  std::map<std::string, std::string> hash(const std::string& key) const;
  std::string version(const std::string& key) const { return call({"HGET", key, "@freshet"}); }
  std::vector<std::string> keys() const;

 private:
  std::vector<std::string> list(const std::vector<std::string>& words) const;
  struct Free {
    void operator()(redisContext* context) const;
  };
  std::unique_ptr<redisContext, Free> context_;
};

/// A real server, a process on a unix socket in a folder of its own; it ends with this object, or with the test.
class RedisServer {
 public:
  struct Options {
    std::string password{};
    bool keeps = false;  ///< what it has acknowledged is there again when it is started again
    bool tcp = false;    ///< also serves a port of 127.0.0.1
  };
  explicit RedisServer(Options options);
  RedisServer() : RedisServer(Options{}) {}
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  /// False where none is installed; scripts/install_dependencies.sh does it.
  static bool is_installed();

  /// Answers when it serves.
  void start();
  void kill();
  void stand_still() const;
  void go_on() const;

  std::string socket() const { return directory_.path("s"); }
  std::string address() const { return "unix:" + socket(); }
  std::string tcp_address() const { return "127.0.0.1:" + std::to_string(port_); }
  RedisClient client() const { return RedisClient(socket()); }
  const files::testing::TestDirectory& directory() const { return directory_; }

 private:
  const Options options_;
  files::testing::TestDirectory directory_{};
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace freshet::redis::testing
