#include "runtime/worker/live_reads.h"

#include <algorithm>

#include "runtime/checkpoint/first_entries.h"

namespace freshet::worker {

namespace {

using Outcome = LiveResult::Outcome;

/// How long who waits may overlook that the job is over.
constexpr auto kLookAround = std::chrono::milliseconds(20);

/// No std::exception: tables take those for state that is lost.
struct TooManyEntries {};

/// Gives the entries of one key to what chooses a page of them. They come in no order, so it has to see them all.
class Chooser final : public StateWriter {
 public:
  explicit Chooser(const LiveQuery& query)
      : declaration_(query.state), entries_(after(query), query.most_entries, query.most_bytes) {}
  void put(const StateEntry& entry) override {
    if (++seen_ > LiveReads::kMostEntriesOfKey) throw TooManyEntries();
    entries_.take(entry, declaration_);
  }
  std::size_t seen() const { return seen_; }
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
  std::size_t seen_ = 0;
};

/// On the task's thread. Adds the entries that it looked at to `seen`.
LiveResult look_up(const LiveQuery& query, std::int64_t now_ms, std::size_t& seen) {
  LiveResult result;
  try {
    const StateTable* table = query.task->chain().state_table(query.operator_id, query.state->name);
    result.outcome = Outcome::missing;
    if (table == nullptr) return result;
    Chooser chooser(query);
    const bool is_there = table->read(query.key_hash, query.key, chooser);
    seen += chooser.seen();
    if (!is_there) return result;
    chooser.move_to(result.page, query.task->id().index, now_ms);
    // The last page of a map may be empty; a key of which all has outlived its TTL is not there any more.
    if (!result.page.entries.empty() || !query.begins()) result.outcome = Outcome::found;
  } catch (const TooManyEntries&) {
    seen += LiveReads::kMostEntriesOfKey;
    result = {Outcome::too_large, {}, {}};
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

  /// On the task's thread. Adds what it looked at to `seen`.
  void answer(std::size_t number, std::size_t& seen) {
    {
      const std::lock_guard lock(mutex);
      if (given_up) return;
    }
    LiveResult result{Outcome::over, {}, {}};
    if (!queries[number].task->is_over()) result = look_up(queries[number], now_ms, seen);
    ++seen;
    const std::lock_guard lock(mutex);
    if (given_up) return;
    results[number] = std::move(result);
    if (--left == 0) changed.notify_all();
  }
};

LiveReads::LiveReads(std::shared_ptr<const LiveJob> job) : job_(std::move(job)), waiting_(job_->tasks.size()) {}
LiveReads::~LiveReads() = default;

task::Task* LiveReads::task_of(std::uint32_t chain, std::uint32_t index) const {
  for (auto* task : job_->tasks)
    if (task->id() == TaskId{chain, index}) return task;
  return nullptr;
}

std::size_t LiveReads::number_of(const task::Task* task) const {
  return static_cast<std::size_t>(std::find(job_->tasks.begin(), job_->tasks.end(), task) - job_->tasks.begin());
}

bool LiveReads::wait_for(std::size_t task, const std::shared_ptr<Batch>& batch,
                         const std::vector<std::size_t>& numbers) {
  Queue& queue = waiting_[task];
  const std::lock_guard lock(queue.mutex);
  if (queue.keys.size() + numbers.size() > kMostWaiting) return false;
  for (const std::size_t number : numbers) queue.keys.push_back({batch, number});
  if (!std::exchange(queue.is_letter_out, true)) post_letter(task);
  return true;
}

void LiveReads::post_letter(std::size_t task) {
  job_->tasks[task]->mailbox().post(
      task::ReportCommand{[self = shared_from_this(), task] { self->answer_some(task); }});
}

void LiveReads::answer_some(std::size_t task) {
  Queue& queue = waiting_[task];
  for (std::size_t seen = 0; seen < kMostEntriesOfStep;) {
    Waiting next;
    {
      const std::lock_guard lock(queue.mutex);
      if (queue.keys.empty()) {
        queue.is_letter_out = false;
        return;
      }
      next = std::move(queue.keys.front());
      queue.keys.pop_front();
    }
    next.batch->answer(next.number, seen);
  }
  post_letter(task);  // the rest in the next step: its mail of this one has been taken out
}

std::vector<LiveResult> LiveReads::read(std::vector<LiveQuery> queries, Duration patience, std::int64_t now_ms) {
  const auto batch = std::make_shared<Batch>();
  batch->results.resize(queries.size());
  batch->queries = std::move(queries);
  batch->now_ms = now_ms;
  std::map<std::size_t, std::vector<std::size_t>> by_task;
  for (std::size_t number = 0; number < batch->queries.size(); ++number)
    by_task[number_of(batch->queries[number].task)].push_back(number);
  batch->left = batch->queries.size();
  for (const auto& [task, numbers] : by_task) {
    if (wait_for(task, batch, numbers)) continue;
    const std::lock_guard lock(batch->mutex);
    batch->left -= numbers.size();
    for (const std::size_t number : numbers) batch->results[number].outcome = Outcome::busy;
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
