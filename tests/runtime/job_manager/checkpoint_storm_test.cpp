#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/random.h"
#include "tests/runtime/job_manager/checkpoint_support.h"
#include "tests/support/seed.h"

namespace freshet::manager {
namespace {

/// A job whose workers, journal and storage do whatever they may, for several attempts. It keeps its own books of what
/// may be decided and checks every decision against them.
class CoordinatorStorm {
 public:
  explicit CoordinatorStorm(std::uint64_t seed) : random_(seed) {
    policy_.interval = Duration(random_.below(4) * 5'000);
    policy_.minimum_pause = Duration(random_.below(3) * 2'000);
    policy_.timeout = Duration(1'000 + random_.below(30'000));
    policy_.tolerated = static_cast<std::uint32_t>(random_.below(6));
    policy_.retained = 1 + random_.below(3);
    policy_.max_requests = random_.below(4);
    for (std::uint32_t i = 0; i < 1 + random_.below(5); ++i) tasks_.push_back({i / 2, i % 2});
    begin_attempt();
  }

  void step() {
    if (coordinator_->is_closed()) return end_attempt();
    if (random_.chance(0.3)) return pass_time();
    if (random_.chance(0.1)) return ask();
    if (random_.chance(0.002)) return end_attempt();
    if (random_.chance(0.1)) return say_nonsense();
    if (!open_) return pass_time();
    if (!journalled_) return answer_journal();
    if (published_.empty()) return speak_for_a_task();
    if (random_.chance(0.7)) answer_publication();
  }
  void finish() { end_attempt(); }

  std::uint64_t completed = 0;
  std::uint64_t abandoned = 0;
  std::uint64_t pruned = 0;
  std::uint64_t fenced = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t carried = 0;

 private:
  // --- what the outside does ---

  void begin_attempt() {
    coordinator_.emplace(policy_);
    CheckpointStart start{CheckpointId{last_id_ + 1 + random_.below(3)}, tasks_, {}, {}};
    last_id_ = start.first_free.value - 1;
    if (random_.chance(0.5)) ended_.clear();  // the attempt starts them anew
    for (const auto& [task, info] : ended_) start.ended.push_back({task, info});
    for (const CheckpointId id : kept_) start.kept.push_back({id, BarrierKind::checkpoint});
    for (const CheckpointId id : savepoints_) start.kept.push_back({id, BarrierKind::savepoint});
    coordinator_->start(start, now_);
    requests_.clear();
    failures_ = 0;
  }

  /// Whatever it was doing, it comes to an end, and everybody who asked has had an answer.
  void end_attempt() {
    coordinator_->close("the attempt ends", out_);
    check();
    if (open_) answer_publication();
    EXPECT_FALSE(open_);
    for (const auto& [request, answers] : requests_) EXPECT_EQ(answers, 1) << "request " << request.value;
    CheckpointDecisions nothing;
    coordinator_->on_time(now_ + std::chrono::hours(1), nothing);
    EXPECT_TRUE(nothing.empty());
    begin_attempt();
  }

  void pass_time() {
    base::SteadyTime until = now_ + Duration(random_.below(3'000));
    if (random_.chance(0.2)) until = std::max(now_, coordinator_->next_deadline(until + policy_.timeout));
    now_ = until;
    coordinator_->on_time(now_, out_);
    check();
    const bool is_in_time = !open_ || now_ - since_ < 2 * policy_.timeout;
    EXPECT_TRUE(is_in_time || coordinator_->is_closed()) << "every checkpoint ends";
  }

  void ask() {
    const BarrierKind kinds[] = {BarrierKind::checkpoint, BarrierKind::savepoint, BarrierKind::final_checkpoint};
    const BarrierKind kind = kinds[random_.chance(0.02) ? 2 : random_.below(2)];
    const auto request = coordinator_->request(kind, now_, out_);
    if (request.ok()) requests_.emplace(*request, 0);
    check();
  }

  void answer_journal() {
    const CheckpointId id = *open_;
    if (random_.chance(0.1)) {
      EXPECT_TRUE(coordinator_->on_journal_failed(id, "no", now_, out_));
    } else {
      journalled_ = true;
      EXPECT_TRUE(coordinator_->on_journalled(id, now_, out_));
    }
    check();
  }

  SnapshotInfo some_info() {
    return {"file-" + std::to_string(random_.next()), random_.below(1'000), random_.next(), random_.chance(0.03), {}};
  }

  void speak_for_a_task() {
    const TaskId task = tasks_[random_.below(tasks_.size())];
    if (random_.chance(0.01)) {
      EXPECT_EQ(coordinator_->on_declined({*open_, task, {"no"}}, now_, out_), !ended_.contains(task));
    } else {
      const SnapshotInfo info = some_info();
      const bool counts = !ended_.contains(task) && acknowledged_.emplace(task, info).second;
      EXPECT_EQ(coordinator_->on_acknowledged({*open_, task, info}, now_, out_), counts);
    }
    check();
  }

  void answer_publication() {
    const CheckpointId id = *open_;
    if (random_.chance(0.03)) {
      EXPECT_TRUE(coordinator_->on_publish_failed(id, {"no"}, now_, out_));
    } else {
      made_ = !random_.chance(0.03);
      EXPECT_TRUE(coordinator_->on_published(id, made_, now_, out_));
    }
    check();
    made_ = false;
  }

  /// Messages that no one should send, or should have sent long ago.
  void say_nonsense() {
    const CheckpointId any{random_.below(last_id_ + 3)};
    const bool is_open = open_ && any == *open_;
    const TaskId stranger{99, 0};
    EXPECT_FALSE(coordinator_->on_acknowledged({any, stranger, some_info()}, now_, out_));
    EXPECT_FALSE(coordinator_->on_declined({any, stranger, {"no"}}, now_, out_));
    if (!is_open || journalled_) {
      EXPECT_FALSE(coordinator_->on_journalled(any, now_, out_));
      EXPECT_FALSE(coordinator_->on_journal_failed(any, "no", now_, out_));
    }
    if (!is_open || published_.empty()) {
      EXPECT_FALSE(coordinator_->on_published(any, true, now_, out_));
      EXPECT_FALSE(coordinator_->on_published(any, false, now_, out_));
      EXPECT_FALSE(coordinator_->on_publish_failed(any, {"no"}, now_, out_));
    }
    if (!is_open) {
      EXPECT_FALSE(coordinator_->on_acknowledged({any, tasks_[0], some_info()}, now_, out_));
      EXPECT_FALSE(coordinator_->on_declined({any, tasks_[0], {"no"}}, now_, out_));
    }
    EXPECT_TRUE(out_.empty());
    check();
  }

  // --- what may be decided ---

  void check() {
    for (const CheckpointDecision& each : std::exchange(out_, {})) {
      SCOPED_TRACE(std::visit([](const auto& decision) { return line(decision); }, each));
      std::visit([&](const auto& decision) { on(decision); }, each);
    }
    EXPECT_EQ(coordinator_->summary().open.has_value(), open_.has_value());
  }

  void on(const JournalId& journal) {
    EXPECT_FALSE(open_) << "one at a time";
    EXPECT_FALSE(coordinator_->is_closed());
    EXPECT_GT(journal.id.value, last_id_) << "an id is used once";
    last_id_ = journal.id.value;
    open_ = journal.id;
    kind_ = journal.kind;
    since_ = now_;
    journalled_ = injected_ = false;
    acknowledged_.clear();
    published_.clear();
  }

  void on(const Inject& inject) {
    EXPECT_EQ(open_, inject.id);
    EXPECT_EQ(kind_, inject.kind);
    EXPECT_TRUE(journalled_) << "its id is durable first";
    EXPECT_FALSE(std::exchange(injected_, true)) << "it is injected once";
  }

  void on(const Publish& publish) {
    EXPECT_EQ(open_, publish.id);
    EXPECT_TRUE(published_.empty()) << "it is published once";
    ASSERT_EQ(publish.snapshots.size(), tasks_.size());
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      EXPECT_EQ(publish.snapshots[i].task, tasks_[i]);
      const bool is_carried = ended_.contains(tasks_[i]);
      carried += is_carried ? 1 : 0;
      const auto& from = is_carried ? ended_ : acknowledged_;
      ASSERT_TRUE(from.contains(tasks_[i])) << "every live task is in";
      EXPECT_EQ(publish.snapshots[i].info, from.at(tasks_[i]));
    }
    published_ = publish.snapshots;
  }

  void on(const NotifyCommit& commit) {
    EXPECT_EQ(open_, commit.id);
    EXPECT_TRUE(made_) << "only what is published is committed";
    for (const TaskSnapshot& each : published_)
      if (each.info.ended) ended_.insert_or_assign(each.task, each.info);
    (kind_ == BarrierKind::savepoint ? savepoints_ : kept_).insert(commit.id);
    newest_ = commit.id;
    failures_ = 0;
    ++completed;
    open_.reset();
  }

  void on(const Prune& prune) {
    EXPECT_FALSE(prune.ids.empty());
    EXPECT_TRUE(std::ranges::is_sorted(prune.ids));
    for (const CheckpointId id : prune.ids) {
      EXPECT_NE(id, newest_);
      EXPECT_FALSE(savepoints_.contains(id));
      EXPECT_EQ(kept_.erase(id), 1u) << "only what is complete, and once";
      ++pruned;
    }
    EXPECT_EQ(kept_.size(), policy_.retained);
    EXPECT_TRUE(kept_.empty() || *kept_.begin() > prune.ids.back()) << "the oldest go";
  }

  void on(const Abandon& abandon) {
    EXPECT_EQ(open_, abandon.id);
    EXPECT_EQ(abandon.was_injected, injected_ || !published_.empty());
    ++abandoned;
    if (kind_ != BarrierKind::savepoint && abandon.was_injected) ++failures_;
    open_.reset();
  }

  void on(const FailAttempt&) {
    EXPECT_TRUE(failures_ == policy_.tolerated + 1 || (open_ && !published_.empty()));
    ++failed_attempts;
  }

  void on(const Fenced& fenced_one) {
    EXPECT_EQ(open_, fenced_one.id);
    EXPECT_FALSE(made_);
    EXPECT_FALSE(published_.empty());
    ++fenced;
    open_.reset();
  }

  void on(const RequestEnded& ended) {
    EXPECT_EQ(++requests_.at(ended.request), 1) << "a request has one answer";
    EXPECT_EQ(ended.why.empty(), ended.id == newest_ && newest_.value != 0);
  }

  base::Random random_;
  CheckpointPolicy policy_;
  std::vector<TaskId> tasks_;
  std::optional<CheckpointCoordinator> coordinator_;
  base::SteadyTime now_{std::chrono::hours(1)};
  CheckpointDecisions out_;

  std::uint64_t last_id_ = 0;
  std::set<CheckpointId> kept_;
  std::set<CheckpointId> savepoints_;
  CheckpointId newest_{};
  std::map<TaskId, SnapshotInfo> ended_;
  std::map<RequestId, int> requests_;  // with how many answers it had
  std::uint32_t failures_ = 0;

  // Of the open one.
  std::optional<CheckpointId> open_;
  BarrierKind kind_ = BarrierKind::checkpoint;
  base::SteadyTime since_{};
  bool journalled_ = false;
  bool injected_ = false;
  bool made_ = false;
  std::map<TaskId, SnapshotInfo> acknowledged_;
  std::vector<TaskSnapshot> published_;
};

TEST(CheckpointStorm, WhateverHappensEveryCheckpointEndsAndNoneIsWrong) {
  FRESHET_SEEDED(seed);
  base::Random seeds(seed);
  std::uint64_t completed = 0, abandoned = 0, pruned = 0, fenced = 0, failed_attempts = 0, carried = 0;
  for (int round = 0; round < 200 && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    CoordinatorStorm storm(seeds.next());
    for (int i = 0; i < 1'000 && !testing::Test::HasFailure(); ++i) storm.step();
    storm.finish();
    completed += storm.completed;
    abandoned += storm.abandoned;
    pruned += storm.pruned;
    fenced += storm.fenced;
    failed_attempts += storm.failed_attempts;
    carried += storm.carried;
  }
  // The storm reaches every corner.
  for (const std::uint64_t count : {completed, abandoned, pruned, fenced, failed_attempts, carried})
    EXPECT_GT(count, 50u);
}

TEST(PendingCheckpoint, OnlyForwardAndNowhereFromItsEnds) {
  std::set<std::pair<PendingState, PendingState>> legal;
  for (const PendingTransition& each : pending_transitions()) {
    EXPECT_TRUE(can_transition(each.from, each.to));
    EXPECT_LT(each.from, each.to);
    EXPECT_FALSE(each.when.empty());
    EXPECT_TRUE(legal.emplace(each.from, each.to).second) << "a line stands there once";
    EXPECT_NE(each.from, PendingState::published);
  }
  EXPECT_EQ(legal.size(), 7u);
  EXPECT_FALSE(can_transition(PendingState::journalling, PendingState::published));
  EXPECT_FALSE(can_transition(PendingState::injected, PendingState::published));
  PendingCheckpoint checkpoint({1}, BarrierKind::checkpoint, {}, {{0, 0}}, {});
  EXPECT_DEATH(checkpoint.move_to(PendingState::published), "only as the table says");
}

TEST(PendingCheckpoint, OfManyMissingTasksSomeAreNamed) {
  std::set<TaskId> tasks;
  for (std::uint32_t i = 0; i < 8; ++i) tasks.insert({0, i});
  PendingCheckpoint checkpoint({1}, BarrierKind::checkpoint, {}, tasks, {});
  EXPECT_TRUE(checkpoint.acknowledge({0, 2}, {}));
  EXPECT_EQ(checkpoint.missing(), "0/0, 0/1, 0/3, 0/4, 0/5 and 2 more");
  EXPECT_TRUE(checkpoint.acknowledge({0, 0}, {}));
  EXPECT_TRUE(checkpoint.acknowledge({0, 1}, {}));
  EXPECT_EQ(checkpoint.missing(), "0/3, 0/4, 0/5, 0/6, 0/7");
}

}  // namespace
}  // namespace freshet::manager
