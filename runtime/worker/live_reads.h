#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/checkpoint/saved_state.h"
#include "runtime/worker/live_job.h"

namespace freshet::worker {

/// What to look up in one task's table.
struct LiveQuery {
  task::Task* task = nullptr;
  std::string operator_id{};
  std::shared_ptr<const StateDeclaration> state{};
  std::string key{};  ///< encoded
  std::uint64_t key_hash = 0;
  /// Of a map: behind this encoded map key; null or empty: from the first. All queries of a list may share it.
  std::shared_ptr<const std::string> after{};
  std::size_t most_entries = 100;
  std::size_t most_bytes = checkpoint::StateQuery::kMaxPageBytes;

  bool begins() const { return after == nullptr || after->empty(); }
};

struct LiveResult {
  enum class Outcome : std::uint8_t {
    found,
    missing,
    busy,     ///< too many wait for the task already
    timeout,  ///< the task did not answer in time
    over,     ///< the task has failed or ended, or the job is restarting
    failed,   ///< `why`
  };
  Outcome outcome = Outcome::timeout;
  checkpoint::StatePage page{};
  std::string why{};
};

/// Looks keys up in the tables of tasks that run. Each task looks itself, on its own thread, between two steps: who
/// asks posts a letter to its mailbox and waits. What costs the task is what it takes to encode the entries of a page.
/// Any thread; outlives what it has posted.
class LiveReads : public std::enable_shared_from_this<LiveReads> {
 public:
  /// Keys that may wait for one task.
  static constexpr std::uint32_t kMostWaiting = 512;

  explicit LiveReads(std::shared_ptr<const LiveJob> job);

  const LiveJob& job() const { return *job_; }
  /// The task of this worker; null when another has it.
  task::Task* task_of(std::uint32_t chain, std::uint32_t index) const;
  /// Answers each query, all of them within about `patience`. `now_ms`: for TTLs.
  std::vector<LiveResult> read(std::vector<LiveQuery> queries, Duration patience, std::int64_t now_ms);

 private:
  struct Batch;
  std::size_t number_of(const task::Task* task) const;

  const std::shared_ptr<const LiveJob> job_;
  std::vector<std::atomic<std::uint32_t>> waiting_;  // keys, by the number of the task
};

}  // namespace freshet::worker
