#pragma once

#include <memory>
#include <string>

#include <freshet/result.h>

#include "runtime/base/log.h"
#include "runtime/transport/event_loop.h"

namespace freshet::agent {

struct AgentProcessOptions {
  std::string name{};
  std::string manager{};  ///< control address of the job manager, HOST:PORT
  std::uint32_t slots = 8;
  std::string data{};               ///< its folder, made when missing
  std::string libraries{};          ///< where it keeps job libraries; empty: below `data`
  std::string bind = "127.0.0.1";   ///< where it serves queryable state
  int read_port = 0;                ///< of that; 0: the one it had before, or a free one
  double reads_per_second = 5'000;  ///< keys that one caller may ask for; 0: no limit
  Duration orphan_after = 10s;      ///< its workers end by themselves without the job manager for this long
};

/// An agent wired to its sockets, processes and files, living on an event loop: the composition root. One thread, the
/// loop's, but for the constructor and destructor, which run while the loop does not.
class AgentUnit {
 public:
  static Result<std::unique_ptr<AgentUnit>> create(const AgentProcessOptions& options, transport::EventLoop& loop,
                                                   base::Logger log);
  ~AgentUnit();

  /// Asks its workers to end; `then` is called once all have, at the latest after `grace`, when they were killed.
  void end_workers(Duration grace, std::function<void()> then);

 private:
  class Parts;
  explicit AgentUnit(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Runs an agent until a signal ends it: with it end its workers. Answers the exit code.
int run_agent(const AgentProcessOptions& options, const std::string& log_level);

}  // namespace freshet::agent
