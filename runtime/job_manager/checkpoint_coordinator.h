#pragma once

#include <algorithm>
#include <deque>

#include "runtime/job_manager/pending_checkpoint.h"

namespace freshet::manager {

/// A job's checkpoints, for its status.
struct CheckpointSummary {
  struct Complete {
    CheckpointId id{};
    BarrierKind kind = BarrierKind::checkpoint;
    Duration took{0};  ///< from its start to the word of its publication
    std::uint64_t bytes = 0;
    base::SteadyTime at{};  ///< of the word of its publication
  };
  struct Open {
    CheckpointId id{};
    BarrierKind kind = BarrierKind::checkpoint;
    PendingState state = PendingState::journalling;
    std::size_t acknowledged = 0;  ///< tasks that are in, with those that had ended before
    std::size_t tasks = 0;
    base::SteadyTime since{};
  };
  std::optional<Complete> newest{};  ///< of this coordinator
  std::optional<Open> open{};
  std::size_t requests = 0;             ///< that wait
  std::uint64_t completed = 0;          ///< of this coordinator
  std::uint64_t failed = 0;             ///< of this coordinator, savepoints too
  std::uint32_t failures_in_a_row = 0;  ///< without savepoints
  std::string last_failure{};           ///< empty: there was none
  std::uint64_t ignored = 0;            ///< messages that were late, twice, or of nobody
};

/// Decides about the checkpoints of one attempt of a job: when one starts, when it is complete, when it is given up,
/// what is deleted. Is told facts, appends decisions (see checkpoint_decision.h); does nothing itself. At most one
/// checkpoint is open at a time, of whatever kind; requests wait behind it, and go before regular ones.
///
/// Life: made, started, told until closed or destroyed. A coordinator that has failed or fenced its attempt, or has
/// completed its final checkpoint, is closed: it starts nothing any more, and settles only a publication that is under
/// way. Facts told twice, late, or of another coordinator are counted, change nothing, and are answered with false.
/// The job manager's thread.
class CheckpointCoordinator {
 public:
  /// Texts from outside are cut to this.
  static constexpr std::size_t kMaxWhyBytes = 1000;

  /// check_policy() accepts them.
  explicit CheckpointCoordinator(const CheckpointPolicy& policy);

  /// All tasks run. Once. The first regular checkpoint is due an interval later.
  void start(const CheckpointStart& start, base::SteadyTime now);
  /// Gives up what takes too long and starts what is due. To be called at next_deadline().
  void on_time(base::SteadyTime now, CheckpointDecisions& out);
  /// When on_time() has something to do, if that is before `fallback`.
  base::SteadyTime next_deadline(base::SteadyTime fallback) const;

  /// A checkpoint or savepoint for the user, or the final one of a bounded job. One checkpoint request joins another
  /// that still waits; a savepoint joins nothing; there is one final one, tried again until it is complete. Each
  /// request gets one RequestEnded; joined ones share an id and get one together. Error: why there will be none.
  Result<RequestId> request(BarrierKind kind, base::SteadyTime now, CheckpointDecisions& out);

  bool on_journalled(CheckpointId id, base::SteadyTime now, CheckpointDecisions& out);
  bool on_journal_failed(CheckpointId id, const std::string& why, base::SteadyTime now, CheckpointDecisions& out);
  bool on_acknowledged(const Acknowledged& acknowledged, base::SteadyTime now, CheckpointDecisions& out);
  bool on_declined(const Declined& declined, base::SteadyTime now, CheckpointDecisions& out);
  /// `made`: the manifest is there and is the one of Publish. Not `made`: another one is.
  bool on_published(CheckpointId id, bool made, base::SteadyTime now, CheckpointDecisions& out);
  /// The manifest is not there and will never be; a full disk does not count against the attempt. As long as that is
  /// not certain, the publication has to be repeated; when the time-out finds it without an answer, the attempt fails,
  /// and recovery settles it.
  bool on_publish_failed(CheckpointId id, const Error& why, base::SteadyTime now, CheckpointDecisions& out);

  /// What the tasks counted does not fit together: the manifest is not published, and the attempt fails.
  bool on_unbalanced(CheckpointId id, const std::string& why, base::SteadyTime now, CheckpointDecisions& out);

  /// Tasks wait for what no other attempt would have either, as room on a disk. While they do, checkpoints that fail do
  /// not count against this one.
  void hold_up(bool held_up) { is_held_up_ = held_up; }

  /// The attempt ends for another reason. No failure is counted.
  void close(const std::string& why, CheckpointDecisions& out);

  bool is_closed() const { return closed_; }
  /// The open one; nullptr: there is none.
  const PendingCheckpoint* pending() const { return open_ ? &*open_ : nullptr; }
  CheckpointSummary summary() const;

 private:
  struct Request {
    RequestId id{};
    BarrierKind kind = BarrierKind::checkpoint;
  };

  PendingCheckpoint* open(CheckpointId id, PendingState state);
  void begin(BarrierKind kind, std::optional<RequestId> request, base::SteadyTime now, CheckpointDecisions& out);
  void begin_next(base::SteadyTime now, CheckpointDecisions& out);
  void publish(base::SteadyTime now, CheckpointDecisions& out);
  void complete(base::SteadyTime now, CheckpointDecisions& out);
  /// What a checkpoint's failure means for the attempt.
  enum class Weight {
    none,   // no other attempt would have fared better: this one goes on
    one,    // so many in a row are tolerated
    fatal,  // it must end
  };
  void give_up(std::string why, Weight weight, base::SteadyTime now, CheckpointDecisions& out);
  void drop_open(PendingState state, const std::string& why, CheckpointDecisions& out);
  void fail_attempt(const std::string& why, CheckpointDecisions& out);
  void shut(const std::string& why, CheckpointDecisions& out);
  bool makes_regular_ones() const;
  base::SteadyTime regular_due() const { return std::max(interval_over_, pause_over_); }

  // Set once in the constructor.
  const CheckpointPolicy policy_;

  // Set once in start().
  bool started_ = false;
  std::set<TaskId> tasks_;

  std::uint64_t next_ = 1;
  std::map<TaskId, SnapshotInfo> ended_;  // tasks that no checkpoint waits for, with what they saved last
  std::vector<CheckpointId> kept_;        // complete and no savepoint, oldest first

  // The open one. The deadline is that of its state; the request is the one it answers, if any.
  std::optional<PendingCheckpoint> open_;
  base::SteadyTime deadline_{};
  std::optional<RequestId> open_request_;

  // What comes next.
  base::SteadyTime interval_over_{};  // since the start of the last regular one
  base::SteadyTime pause_over_{};     // since the end of the last one
  std::uint64_t last_request_ = 0;
  std::deque<Request> waiting_;     // checkpoints and savepoints
  std::optional<RequestId> final_;  // wanted and not complete, maybe open; nothing is asked for behind it
  bool final_failed_ = false;       // it waits for the pause before it is tried again

  bool is_held_up_ = false;
  bool closed_ = false;
  std::string closed_why_;

  // For the status.
  std::optional<CheckpointSummary::Complete> newest_;
  std::uint64_t completed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint32_t failures_in_a_row_ = 0;
  std::string last_failure_;
  std::uint64_t ignored_ = 0;
};

}  // namespace freshet::manager
