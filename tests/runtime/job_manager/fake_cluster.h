#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/sha256.h"
#include "runtime/checkpoint/memory_storage.h"
#include "runtime/job_manager/job_manager.h"
#include "runtime/state/journal.h"

namespace freshet::manager {

/// A job manager with scripted agents and workers around it, on a clock that is moved by hand. Messages to the manager
/// wait in `wire` until deliver(); those of the manager are acted on at once.
///
/// Levers: agents can be silent (heartbeats stop) and workers can be told to ignore what comes (`deaf`), to find a
/// problem when prepared, to crash, to fail, to finish.
class FakeCluster final : public transport::ControlOutbox {
 public:
  explicit FakeCluster(ManagerOptions options = {});

  // ---- levers
  void add_agent(const std::string& name, std::uint32_t slots, std::uint64_t pid = 1);
  void silence(const std::string& agent) { silent.insert(agent); }
  /// The process ends; its agent says so.
  void end_worker(const WorkerKey& key, int code, int signal, std::optional<wire::RecordTrace> crash = {});
  void from_worker(const WorkerKey& key, wire::ControlBody body) { say("worker " + to_string(key), std::move(body)); }
  /// Puts a message on its way to the manager.
  void say(const std::string& peer, wire::ControlBody body);
  void finish_all(JobId job);
  /// As if the barrier had taken until now.
  void inject_again(const wire::InjectBarrier& barrier) { act("", barrier); }

  // ---- running
  /// Delivers what waits, and what follows from it, until nothing waits.
  void deliver();
  /// Moves time in steps of 100 ms; living agents and workers report at each.
  void run_for(std::chrono::milliseconds time);
  /// Another manager on the same journal and libraries, as after a restart.
  void restart_manager();

  JobId submit(const std::string& name, std::uint32_t tasks = 2, std::uint32_t workers = 0);
  /// With checkpoints every second, and restarts as said.
  JobId submit_with_checkpoints(const std::string& name, const RestartPolicy& restart = {});
  /// Every worker says that its sources have read everything.
  void end_data(JobId job);
  Submission submission(const std::string& name, std::uint32_t parallelism = 2, std::uint32_t workers = 0);
  const Job& job(JobId id) const { return *manager->table().find(id); }
  dag::JobState state(JobId id) const { return job(id).state(); }
  std::uint32_t used(const std::string& agent) const;

  void send(const std::string& peer, const wire::ControlMessage& message) override;

  /// The messages of type T that the manager sent, with the peers.
  template <class T>
  std::vector<std::pair<std::string, T>> sent() const {
    std::vector<std::pair<std::string, T>> found;
    for (const auto& [peer, message] : from_manager)
      if (const T* body = std::get_if<T>(&message.body)) found.emplace_back(peer, *body);
    return found;
  }

  struct Waiting {
    std::string peer;
    wire::ControlMessage message;
  };
  std::deque<Waiting> wire;
  std::vector<Waiting> delivered;  // to the manager, to be repeated
  std::vector<std::pair<std::string, wire::ControlMessage>> from_manager;

  base::ManualClock clock;
  state::MemoryJournal journal;
  MemoryLibraryStore libraries;
  checkpoint::MemoryCheckpointStorage checkpoints;
  std::unique_ptr<JobManager> manager;

  std::map<std::string, wire::AgentHello> agents;
  std::set<std::string> silent;
  std::map<WorkerKey, std::string> processes;  // that run, with their agents
  std::map<WorkerKey, wire::PrepareWorker> prepared;
  std::set<WorkerKey> running;
  std::set<WorkerKey> held;                                // whose sources are
  std::map<TaskId, std::uint64_t> uncommitted;             // bytes of results that tasks say wait for a checkpoint
  std::set<WorkerKey> deaf;                                // do nothing of what they are told
  std::set<WorkerKey> deaf_to_stop;                        // do not end, whoever tells them
  bool saves = true;                                       // tasks save at barriers
  bool saves_files = false;                                // … real files
  std::map<TaskId, std::vector<wire::EdgeTally>> tallies;  // that they say they have counted
  bool says_damaged = false;                               // what workers are to restore is
  std::set<WorkerKey> never_say_hello;                     // keyed by what they will be
  std::map<WorkerKey, Problem> find_problem;
  bool wrong_fingerprint = false;
  std::optional<wire::LettersChanged> letters_changed{};  // what each worker answers to an order; none: it does not
  bool serves_reads = false;                              // workers say where they serve their state
  std::size_t extra_splits = 0;
  std::string library = "a job's library";

 private:
  void act(const std::string& agent, const wire::StartWorker& start);
  void act(const std::string& agent, const wire::StopWorker& stop);
  void act(const std::string& peer, const wire::PrepareWorker& prepare);
  void act(const std::string& peer, const wire::StartTasks& start);
  void act(const std::string& peer, const wire::StopTasks& stop);
  void act(const std::string& peer, const wire::InjectBarrier& barrier);
  void act(const std::string& peer, const wire::PauseSources& pause);
  void act(const std::string& peer, const wire::EndStream& end);
  void act(const std::string& peer, const wire::ChangeLetters& change);
  template <class T>
  void act(const std::string&, const T&) {}
  wire::WorkerStatus status_of(const WorkerKey& key);
  wire::SnapshotInfo snapshot_of(const WorkerKey& key, TaskId task, CheckpointId checkpoint);

  const ManagerOptions options_;
};

/// A graph as requests carry it.
std::string base64_of(const LogicalGraph& graph);

}  // namespace freshet::manager
