#pragma once

#include <memory>
#include <string>
#include <thread>

#include "runtime/agent/agent_process.h"
#include "runtime/cli/result.h"
#include "runtime/job_manager/manager_process.h"

namespace freshet::cli {

/// Job manager and agents inside this process, on free ports, on a thread of their own; workers run as processes beside
/// it. What `run` lives on. Made and ended by the thread that runs the verb.
class EmbeddedCluster {
 public:
  /// `data`: a folder of its own, made when missing.
  static Result<std::unique_ptr<EmbeddedCluster>> start(const std::string& data, int agents,
                                                        const std::string& log_level);
  /// Ends the workers, all of them before it returns.
  ~EmbeddedCluster();

  /// REST address, "127.0.0.1:40213".
  const std::string& address() const { return address_; }

 private:
  EmbeddedCluster() : loop_(clock_) {}

  base::SystemClock clock_;
  transport::EventLoop loop_;
  std::unique_ptr<manager::ManagerUnit> manager_;
  std::vector<std::unique_ptr<agent::AgentUnit>> agents_;
  std::size_t agents_ended_ = 0;  // the loop's thread
  std::string address_;
  std::thread thread_;
};

}  // namespace freshet::cli
