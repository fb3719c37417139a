#pragma once

#include <set>

#include "tests/simulation/ledger.h"
#include "tests/simulation/setting.h"
#include "tests/simulation/sim_agent.h"
#include "tests/simulation/sim_journal.h"
#include "tests/simulation/simulation.h"

namespace freshet::sim {

/// A cluster with one job, from the first hello to the end of the last process.
class Simulation {
 public:
  explicit Simulation(const RunOptions& options)
      : random_(options.seed),
        scheduler_(clock_, random_.fork()),
        topology_(make_topology(options.topology, {random_.next(), options.full_size, &spending_})),
        setting_(draw_setting(random_, options, *topology_)),
        network_(scheduler_, random_.fork(), setting_.network),
        watch_({setting_.data, topology_->largest_record_bytes()}),
        data_(network_, watch_),
        executors_{scheduler_, random_, watch_, spending_},
        control_(network_, manager_process_,
                 [this](const auto& peer, const auto& message) { on_manager_message(peer, message); }),
        journal_(scheduler_),
        disk_(scheduler_, random_.fork(), storage_events()),
        manager_storage_(disk_, kSlowestCall),
        manager_(new_manager()),
        kills_(setting_.kills),
        lose_grants_(options.lose_grants) {
    journal_.forgets_checkpoints = options.forget_checkpoint_ids;
    spending_.on_commit = [this](Attempt attempt, const std::string& handle) { on_commit(attempt, handle); };
  }

  RunResult run();

 private:
  /// The longest call of the job manager's disk.
  static constexpr std::chrono::milliseconds kSlowestCall{300};

  std::unique_ptr<manager::JobManager> new_manager() {
    return std::make_unique<manager::JobManager>(setting_.manager, clock_, control_, journal_, libraries_,
                                                 manager_storage_);
  }
  StorageEvents storage_events();
  std::unique_ptr<Job> build(std::map<std::string, std::string> parameters) const;
  manager::Submission submission();
  /// Lets the job manager do something, which may be its end.
  void with_manager(const std::function<void()>& what);
  void on_manager_message(const std::string& peer, const wire::ControlMessage& message);
  void tick_manager();
  void start_manager();
  const manager::Job* job() const { return manager_->table().all().begin()->second.get(); }

  void run_until_over();
  void run_until_quiet();
  bool is_in_publication() const;
  void act_by_steps();
  void replay_letters();
  bool do_harm(HarmKind kind);
  bool do_harm_to_processes(HarmKind kind);
  bool do_harm_to_disks(HarmKind kind);
  void kill_manager();
  void kill_worker(SimWorker& worker, int signal);
  void kill_machine(Machine machine);
  void kill_everything();
  void freeze_machine(Machine machine, Nanoseconds duration);
  /// The run is at that point; who has to die there does, before anything else happens.
  void reach(KillPoint point);
  void do_kills();
  void look_for_kill_points(const wire::ControlMessage& heard);
  void on_saved();
  void on_commit(Attempt attempt, const std::string& handle);
  /// What is being done is over then.
  void harms_until(base::SteadyTime end) { harm_over_ = std::max(harm_over_, end); }
  Nanoseconds some_time();
  Nanoseconds frozen_time();
  /// What is harmed goes on from a checkpoint, and has to finish.
  bool recovers() const { return setting_.checkpoint_interval != Duration(0); }
  std::string wrong_letters();
  std::string wrong_storage();
  std::string wrong_memory();
  std::string wrong_end() const;
  std::vector<SimWorker*> living() const;
  std::string who_waits() const;
  void check_audit();
  void check_end();
  RunResult result() const;

  base::Random random_;
  base::ManualClock clock_;
  Scheduler scheduler_;
  Spending spending_;
  const std::unique_ptr<Topology> topology_;
  const Setting setting_;
  Network network_;
  Watch watch_;
  DataNet data_;
  ExecutorShared executors_;
  Freeze manager_process_;
  ControlServer control_;
  SimJournal journal_;
  manager::MemoryLibraryStore libraries_;
  SimDisk disk_;
  SimStorage manager_storage_;
  std::unique_ptr<manager::JobManager> manager_;
  Ledger ledger_{[this](const std::string& what) { watch_.fail(what); }};
  World world_{clock_,
               scheduler_,
               random_,
               network_,
               control_,
               data_,
               watch_,
               executors_,
               disk_,
               ledger_,
               [this](KillPoint point) { reach(point); },
               [this] { on_saved(); },
               [this](auto parameters) -> Result<std::unique_ptr<Job>> { return build(std::move(parameters)); }};
  std::vector<std::unique_ptr<SimAgent>> agents_;

  KillPoints kills_;
  std::vector<Victim> dying_;  // once what happens now is over
  std::array<std::uint64_t, kKillPoints> killed_{};
  std::size_t saved_ = 0;  // tasks that the newest barrier has reached
  CheckpointId newest_barrier_{};
  std::uint64_t manager_deaths_ = 0;
  base::SteadyTime harm_over_{};
  bool in_manager_ = false;
  bool manager_is_down_ = false;  // killed; manager_ is what it was then, to be looked at

  const bool lose_grants_;
  std::uint64_t manager_turn_ = 0;
  std::size_t checkpoints_asked_ = 0;
  std::set<HarmKind> done_;  // harm that was done
  std::size_t harms_tried_ = 0;
  std::string harm_;  // in words
  std::set<WorkerKey> finished_workers_;
};

}  // namespace freshet::sim
