#pragma once

#include <set>

#include "runtime/agent/agent.h"
#include "runtime/base/sha256.h"
#include "tests/simulation/sim_worker.h"

namespace freshet::sim {

/// An agent's process and the machine under it: the production agent, with processes that are SimWorkers.
class SimAgent final : public agent::WorkerLauncher, public agent::LibraryCache, public agent::MachineGauge {
 public:
  SimAgent(World& world, Machine machine, std::uint32_t slots);

  void boot();
  /// Killed, and started anew; its workers live on, and it takes them over.
  void restart();
  /// It does nothing for a while; its workers go on.
  void freeze(Nanoseconds duration);
  /// Of all workers that were ever started here.
  std::vector<SimWorker*> workers() const;
  const std::string& name() const { return name_; }
  Machine machine() const { return machine_; }

  // agent::WorkerLauncher
  Result<std::uint64_t> start(const agent::WorkerSpec& spec) override;
  std::vector<agent::Survivor> take_over() override;
  void terminate(const WorkerKey& worker) override;
  void kill(const WorkerKey& worker) override;
  agent::Leftovers leftovers(const WorkerKey&) override { return {}; }

  // agent::LibraryCache
  std::optional<std::string> path_of(const std::string& sha256) override;
  Status append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) override;
  Result<std::string> finish(const std::string& sha256) override;

  // agent::MachineGauge
  agent::MachineReading read() override { return {10, 1u << 20, 1u << 30, 1u << 30}; }
  std::optional<agent::MemoryKills> memory_kills() override { return std::nullopt; }

 private:
  template <class F>
  void run(F&& what);
  void tick();
  void signal(const WorkerKey& key, const std::function<void(SimWorker& worker)>& what);

  World& world_;
  const Machine machine_;
  const std::string name_;
  const std::uint32_t slots_;
  Freeze freeze_;
  std::uint64_t life_ = 0;                               // how often it was started
  std::map<WorkerKey, bool> watched_;                    // whose ends this life hears of; false: they are no children
  std::vector<std::unique_ptr<ControlClient>> clients_;  // of each life; the last is the living one's
  std::unique_ptr<agent::Agent> agent_;
  std::uint64_t turn_ = 0;  // of the tick that is due
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::map<std::string, std::string> parts_;
  std::set<std::string> whole_;
};

}  // namespace freshet::sim
