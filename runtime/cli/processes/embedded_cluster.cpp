#include "runtime/cli/processes/embedded_cluster.h"

#include <filesystem>

namespace freshet::cli {

namespace {

/// Tasks an embedded agent takes: as many as anybody will try on one machine.
constexpr std::uint32_t kSlots = 4096;
constexpr Duration kGrace{5000};

}  // namespace

Result<std::unique_ptr<EmbeddedCluster>> EmbeddedCluster::start(const std::string& data, int agents,
                                                                const std::string& log_level) {
  std::error_code error;
  std::filesystem::create_directories(data, error);
  if (error) return Failure{ExitCode::kFailed, "data folder " + data + " cannot be made: " + error.message()};
  auto log = base::Logger::to_file({.path = data + "/freshet.log"}, base::log_level(log_level));
  if (!log) return Failure{ExitCode::kFailed, log.error().message};
  std::unique_ptr<EmbeddedCluster> cluster(new EmbeddedCluster());
  manager::ManagerProcessOptions options;
  options.data = data + "/manager";
  options.agents_data = data;
  options.port = options.control_port = 0;
  auto manager = manager::ManagerUnit::create(options, cluster->loop_, *log);
  if (!manager) return Failure{ExitCode::kFailed, "the job manager cannot start: " + manager.error().message};
  cluster->manager_ = std::move(*manager);
  cluster->address_ = cluster->manager_->address();
  for (int i = 1; i <= agents; ++i) {
    agent::AgentProcessOptions agent;
    agent.name = "local-" + std::to_string(i);
    agent.manager = cluster->manager_->control_address();
    agent.slots = kSlots;
    agent.data = data + "/" + agent.name;
    agent.libraries = data + "/libraries";
    auto unit = agent::AgentUnit::create(agent, cluster->loop_, log->with("agent", agent.name));
    if (!unit) return Failure{ExitCode::kFailed, "the agent cannot start: " + unit.error().message};
    cluster->agents_.push_back(std::move(*unit));
  }
  cluster->thread_ = std::thread([&loop = cluster->loop_] { loop.run(); });
  return cluster;
}

EmbeddedCluster::~EmbeddedCluster() {
  if (thread_.joinable()) {
    loop_.post([this] {
      for (auto& agent : agents_) {
        agent->end_workers(kGrace, [this] {
          if (++agents_ended_ == agents_.size()) loop_.stop();
        });
      }
    });
    thread_.join();
  }
  agents_.clear();
  manager_.reset();
}

}  // namespace freshet::cli
