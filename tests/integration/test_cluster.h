#pragma once

#include "tests/integration/engine_view.h"
#include "tests/integration/freshet_program.h"

namespace freshet::integration {

/// A job manager and agents as `freshet cluster start` starts them, with ports and a data folder of their own. They are
/// stopped when this goes away.
class TestCluster {
 public:
  /// Throws when it does not start.
  TestCluster(std::string data, int agents, const std::vector<std::string>& flags = {});
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;
  ~TestCluster();

  const EngineView& view() const { return view_; }
  const std::string& data() const { return data_; }
  std::string control_address() const { return "127.0.0.1:" + std::to_string(control_port_); }
  pid_t manager_pid() const { return manager_pid_; }
  /// By number: local-1, local-2, …
  const std::vector<pid_t>& agent_pids() const { return agent_pids_; }

  /// Any verb that talks to the job manager.
  Ended verb(std::vector<std::string> arguments) const;
  Ended submit(const std::string& library, const std::string& job, const std::vector<std::string>& arguments) const;
  /// Submits with options that have no flag: "chaining", "channel_window_bytes", … Answers the HTTP status.
  int submit_with_options(const std::string& library, const std::string& job, const std::vector<std::string>& arguments,
                          const nlohmann::json& options) const;
  Ended stop();
  /// Starts what does not run any more.
  Ended start_again() const { return run_freshet(start_); }

 private:
  const std::string data_;
  const int port_;
  const int control_port_;
  const std::vector<std::string> start_;
  const EngineView view_;
  pid_t manager_pid_ = 0;
  std::vector<pid_t> agent_pids_;
};

/// "--param", "a=1", "--param", "b=2".
std::vector<std::string> parameters(const std::vector<std::string>& assignments);

}  // namespace freshet::integration
