#pragma once

#include <string>
#include <vector>

#include "runtime/job_manager/job_manager.h"
#include "tests/simulation/kill_points.h"
#include "tests/simulation/network.h"
#include "tests/simulation/simulation.h"
#include "tests/simulation/topology.h"

namespace freshet::sim {

/// What may happen to a cluster beside its work.
enum class HarmKind : std::uint8_t {
  kill,
  crash,
  disconnect,
  cut_off_from_manager,
  cut_off_from_each_other,
  slow_machine,
  lose_frame,
  refuse_to_publish,
  source_fails,
  restart_manager,
  restart_agent,
  kill_machine,
  kill_everything,
  storage_fails,
  storage_errs,
  journal_fails,
  die_in_journal,
  freeze_worker,
  freeze_machine,
  cancel,
};
/// "worker killed"
std::string name_of(HarmKind kind);

struct Harm {
  HarmKind kind = HarmKind::kill;
  std::uint64_t at_step = 0;  ///< once so many steps of tasks have got on; 0: while the job is being deployed
};

/// Everything that the seed decides before a run.
struct Setting {
  wire::DataOptions data{};
  manager::ManagerOptions manager{};
  NetworkOptions network{};
  std::uint32_t agents = 1;
  std::uint32_t workers = 1;
  bool chaining = true;
  bool too_little_overflow = false;  ///< some call emits more than the options allow: the job has to fail
  Duration checkpoint_interval{0};   ///< 0: none, and a job that is harmed fails
  manager::RestartPolicy restart{};
  std::size_t library_bytes = 100;
  std::vector<Harm> harms{};
  std::vector<Kill> kills{};
  std::vector<std::uint64_t> checkpoints_at_step{};  ///< asked for, besides the regular ones
};
Setting draw_setting(base::Random& random, const RunOptions& options, const Topology& topology);

/// All orders of magnitude alike.
std::uint64_t log_uniform(base::Random& random, double low, double high);

}  // namespace freshet::sim
