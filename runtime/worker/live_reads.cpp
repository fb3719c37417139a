#include "runtime/worker/live_reads.h"

#include <algorithm>

#include "runtime/checkpoint/first_entries.h"

namespace freshet::worker {

namespace {

using Outcome = LiveResult::Outcome;

/// How long who waits may overlook that the job is over.
constexpr auto kLookAround = std::chrono::milliseconds(20);

/// Gives the entries of one key to what chooses a page of them.
class Chooser final : public StateWriter {
 public:
  explicit Chooser(const LiveQuery& query)
      : declaration_(query.state), entries_(after(query), query.most_entries, query.most_bytes) {}
  void put(const StateEntry& entry) override { entries_.take(entry, declaration_); }
  void move_to(checkpoint::StatePage& page, std::uint32_t task, std::int64_t now_ms) {
    entries_.move_to(page, task, now_ms);
    if (entries_.has_more()) page.next = entries_.last();
  }

 private:
  /// What has no map key does not stand behind its own key.
  static checkpoint::Address after(const LiveQuery& query) {
    return query.begins() ? checkpoint::Address() : checkpoint::Address{query.key, *query.after};
  }

  const std::shared_ptr<const StateDeclaration> declaration_;
  checkpoint::FirstEntries entries_;
};

/// On the task's thread.
LiveResult look_up(const LiveQuery& query, std::int64_t now_ms) {
  LiveResult result;
  try {
    const StateTable* table = query.task->chain().state_table(query.operator_id, query.state->name);
    result.outcome = Outcome::missing;
    if (table == nullptr) return result;
    Chooser chooser(query);
    if (!table->read(query.key_hash, query.key, chooser)) return result;
    chooser.move_to(result.page, query.task->id().index, now_ms);
    // The last page of a map may be empty; a key of which all has outlived its TTL is not there any more.
    if (!result.page.entries.empty() || !query.begins()) result.outcome = Outcome::found;
  } catch (const std::exception& error) {
    result = {Outcome::failed, {}, error.what()};
  } catch (...) {  // of user code, which may throw anything; a letter must not
    result = {Outcome::failed, {}, "user code threw something that is no std::exception"};
  }
  return result;
}

}  // namespace

/// Shared by who waits and by the letters to the tasks, whoever is last.
struct LiveReads::Batch {
  // Set before it is posted.
  std::vector<LiveQuery> queries;
  std::int64_t now_ms = 0;

  std::mutex mutex;  // of what follows: tasks put results in while the reader waits
  std::condition_variable changed;
  std::vector<LiveResult> results;
  std::size_t left = 0;
  bool given_up = false;

  /// On the task's thread.
  void answer(const std::vector<std::size_t>& numbers) {
    for (const std::size_t number : numbers) {
      {
        const std::lock_guard lock(mutex);
        if (given_up) return;
      }
      LiveResult result{Outcome::over, {}, {}};
      if (!queries[number].task->is_over()) result = look_up(queries[number], now_ms);
      const std::lock_guard lock(mutex);
      if (given_up) return;
      results[number] = std::move(result);
      if (--left == 0) changed.notify_all();
    }
  }
};

LiveReads::LiveReads(std::shared_ptr<const LiveJob> job) : job_(std::move(job)), waiting_(job_->tasks.size()) {}

task::Task* LiveReads::task_of(std::uint32_t chain, std::uint32_t index) const {
  for (auto* task : job_->tasks)
    if (task->id() == TaskId{chain, index}) return task;
  return nullptr;
}

std::size_t LiveReads::number_of(const task::Task* task) const {
  return static_cast<std::size_t>(std::find(job_->tasks.begin(), job_->tasks.end(), task) - job_->tasks.begin());
}

std::vector<LiveResult> LiveReads::read(std::vector<LiveQuery> queries, Duration patience, std::int64_t now_ms) {
  const auto batch = std::make_shared<Batch>();
  batch->results.resize(queries.size());
  batch->queries = std::move(queries);
  batch->now_ms = now_ms;
  std::map<std::size_t, std::vector<std::size_t>> by_task;
  for (std::size_t number = 0; number < batch->queries.size(); ++number)
    by_task[number_of(batch->queries[number].task)].push_back(number);
  for (const auto& [task, numbers] : by_task) {
    const auto keys = static_cast<std::uint32_t>(numbers.size());
    if (waiting_[task].fetch_add(keys) + keys > kMostWaiting) {
      waiting_[task].fetch_sub(keys);
      const std::lock_guard lock(batch->mutex);
      for (const std::size_t number : numbers) batch->results[number].outcome = Outcome::busy;
      continue;
    }
    {
      const std::lock_guard lock(batch->mutex);
      batch->left += numbers.size();
    }
    job_->tasks[task]->mailbox().post(
        task::ReportCommand{[self = shared_from_this(), batch, task = task, numbers = numbers, keys] {
          batch->answer(numbers);
          self->waiting_[task].fetch_sub(keys);
        }});
  }
  std::unique_lock lock(batch->mutex);
  for (Duration waited{}; batch->left != 0 && waited < patience && !job_->is_over; waited += kLookAround)
    batch->changed.wait_for(lock, kLookAround, [&] { return batch->left == 0; });
  batch->given_up = true;
  if (job_->is_over) {
    for (auto& result : batch->results)
      if (result.outcome == Outcome::timeout) result.outcome = Outcome::over;
  }
  return std::move(batch->results);
}

}  // namespace freshet::worker
