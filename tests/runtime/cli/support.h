#pragma once

#include <gflags/gflags.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cli/roles.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli::test {

/// Every role answers kDone: enough for the table and the parser.
Roles fake_roles();

/// Surroundings with levers: streams to read, a settable environment, a clock that only pause() moves, Ctrl-C on
/// demand.
class FakeSurroundings {
 public:
  FakeSurroundings();

  Surroundings around;
  std::ostringstream out;
  std::ostringstream err;
  std::map<std::string, std::string> variables;
  std::int64_t now_ms = 1'772'334'431'000;  // 2026-03-01 03:07:11 UTC
  int pauses_until_interrupt = -1;          // < 0: never

  /// Real time and real waiting, for real processes.
  void use_real_time();

  /// Runs a command line, words separated by spaces; flags are as before afterwards.
  ExitCode run(const std::string& command_line);
  ExitCode run_words(const std::vector<std::string>& words);
};

/// A job manager that answers what the test says, on a free loopback port, and keeps what it was asked.
class FakeManager {
 public:
  /// 0: any free port.
  explicit FakeManager(int port = 0);
  ~FakeManager();

  /// The answers to `method path` ("GET /v1/jobs"), one after the other; the last one is repeated.
  void answer(const std::string& request, int status, const std::string& body);
  void answer(const std::string& request, int status, const nlohmann::json& body) {
    answer(request, status, body.dump());
  }
  void answer(const std::string& request, int status, const char* body) { answer(request, status, std::string(body)); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }

  struct Seen {
    std::string request;  // "GET /v1/jobs?x=y"
    std::string body;
    std::string authorization;
  };
  std::vector<Seen> seen() const;

 private:
  struct Answer {
    int status;
    std::string body;
  };
  void handle(const httplib::Request& request, httplib::Response& response);

  httplib::Server server_;
  int port_ = 0;
  // Handlers run on the server's threads, levers on the test's.
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Answer>> answers_;
  std::vector<Seen> seen_;
  std::thread thread_;
};

/// A port on which nobody listens: one that was free a moment ago.
int closed_port();

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path;
  /// An empty file in it.
  std::string touch(const std::string& name) const;
};

/// Compares with tests/golden/cli/NAME; FRESHET_UPDATE_GOLDEN=1 writes it instead.
void expect_golden(const std::string& name, const std::string& text);

/// Verbs that talk to a job manager.
class VerbTest : public testing::Test {
 protected:
  VerbTest() { fake_.variables["FRESHET_MANAGER"] = manager_.address(); }
  FakeManager manager_;
  FakeSurroundings fake_;
};

}  // namespace freshet::cli::test
