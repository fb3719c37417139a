#pragma once

#include <condition_variable>
#include <deque>
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
    busy,       ///< too many wait for the task already
    timeout,    ///< the task did not answer in time
    too_large,  ///< more stands under the key than a task may look through
    over,       ///< the task has failed or ended, or the job is restarting
    failed,     ///< `why`
  };
  Outcome outcome = Outcome::timeout;
  checkpoint::StatePage page{};
  std::string why{};
};

/// Looks keys up in the tables of tasks that run. Each task looks itself, on its own thread, between two steps: who
/// asks posts a letter to its mailbox and waits. What costs the task is what it takes to encode all entries under the
/// key, however few of them a page takes, for they stand in no order: so there is a limit on them, and one on what is
/// looked through in one step. Any thread; outlives what it has posted.
class LiveReads : public std::enable_shared_from_this<LiveReads> {
 public:
  /// Keys that may wait for one task.
  static constexpr std::size_t kMostWaiting = 512;

  /// A task looks through so many in some 20 ms.
  static constexpr std::size_t kMostEntriesOfKey = 100'000;
  /// The key with which they become more is the last of the step. A key counts as one more.
  static constexpr std::size_t kMostEntriesOfStep = 1'000;

  explicit LiveReads(std::shared_ptr<const LiveJob> job);
  ~LiveReads();

  const LiveJob& job() const { return *job_; }
  /// The task of this worker; null when another has it.
  task::Task* task_of(std::uint32_t chain, std::uint32_t index) const;
  /// Answers each query, all of them within about `patience`. `now_ms`: for TTLs.
  std::vector<LiveResult> read(std::vector<LiveQuery> queries, Duration patience, std::int64_t now_ms);

 private:
  struct Batch;
  struct Waiting {
    std::shared_ptr<Batch> batch{};
    std::size_t number = 0;  ///< of the query in it
  };
  struct Queue {
    std::mutex mutex;  // of what follows: once a key
    std::deque<Waiting> keys{};
    bool is_letter_out = false;  ///< to the task, which answers some of them then
  };
  std::size_t number_of(const task::Task* task) const;
  /// False: too many wait already.
  bool wait_for(std::size_t task, const std::shared_ptr<Batch>& batch, const std::vector<std::size_t>& numbers);
  void post_letter(std::size_t task);
  /// On the task's thread.
  void answer_some(std::size_t task);

  const std::shared_ptr<const LiveJob> job_;
  std::vector<Queue> waiting_;  // by the number of the task
};

}  // namespace freshet::worker
