#pragma once

#include "runtime/base/histogram.h"
#include "runtime/task/chain.h"
#include "runtime/task/input_gate.h"
#include "runtime/task/mailbox.h"

namespace freshet::task {

struct TaskSetup {
  TaskId id{};
  Duration max_linger = 1ms;
  std::size_t save_entries = 512;  ///< of its state, in one step
  std::uint64_t window = 1u << 20;
  std::vector<InputEdgeSetup> inputs;
  /// A source that has read everything waits for EndStreamCommand before it ends the stream, so that barriers can go
  /// on passing until a final checkpoint holds all results.
  bool waits_at_end = false;
  bool aligns = true;  ///< see InputGate
};

/// One parallel instance of a chain: takes from its gate (or its source), drives the chain, sends through the edges.
/// Life: open, then step until it answers done, then close. All but mailbox() belongs to one thread.
class Task {
 public:
  Task(const TaskSetup& setup, std::unique_ptr<Chain> chain, FrameCarrier& carrier, const base::Clock& clock,
       TaskListener& listener);

  /// Opens the operators. False: the task failed, and the listener knows.
  bool open();
  /// Does a bounded amount of work: at most one batch through the chain. Never waits.
  Progress step();
  /// When step() has something to do though nothing came in; max: never.
  base::SteadyTime next_wakeup() const;
  /// Ends the operators. `finished`: the job ended by itself, and what sinks wrote is to stay.
  void close(bool finished);

  Mailbox& mailbox() { return mailbox_; }
  const TaskId& id() const { return setup_.id; }
  Chain& chain() { return *chain_; }
  wire::TaskStatus status();
  std::uint64_t queued_bytes() const { return gate_.queued_bytes(); }
  std::size_t input_channels() const { return gate_.channels(); }
  bool is_over() const { return phase_ != Phase::running; }

 private:
  enum class Phase { running, ended, failed };

  Progress step_running();
  Progress step_without_room();
  bool has_room_for_state();
  bool take_barrier();
  Progress step_source();
  Progress step_gate();
  void read_mail();
  bool drain();
  bool settle();
  Progress without_settling() const;
  void change_letters();
  bool pass_barrier_on();
  void begin_save();
  void save_some(std::size_t entries);
  void hand_over_snapshot();
  void commit();
  bool end_stream();
  void after_work(Progress progress);
  void account(Progress progress, base::SteadyTime start);
  void fail(const TaskFailure& failure);

  // Set once in the constructor.
  const TaskSetup setup_;
  const std::unique_ptr<Chain> chain_;
  const base::Clock& clock_;
  TaskListener& listener_;

  Mailbox mailbox_;
  std::vector<Letter> letters_;  // being read
  InputGate gate_;
  Phase phase_ = Phase::running;

  // What has to go out, in this order, before anything else is taken in.
  bool watermark_due_ = false;
  bool has_barrier_ = false;
  bool saved_ = false;  ///< what belongs to the barrier
  ControlElement barrier_;
  enum class Ending { no, finishing, end_of_data, end_of_stream } ending_ = Ending::no;
  bool stream_may_end_ = false;         ///< the inputs' streams have ended
  std::vector<std::uint64_t> commits_;  // of complete checkpoints, not yet done
  std::uint64_t committed_ = 0;         // the newest that is done
  std::uint64_t final_checkpoint_ = 0;  // the newest final one whose barrier has passed; the stream ends behind it

  std::unique_ptr<SnapshotOut> snapshot_;  // being filled, of checkpoint saving_
  std::uint64_t saving_ = 0;
  bool all_saved_ = false;                // snapshot_ is whole, and waits for its barrier to leave
  bool tallied_ = false;                  // its barrier has left
  std::vector<wire::EdgeTally> tallies_;  // at that barrier

  // Of the operator that takes in records, when the last batch was offered to it.
  bool offered_ = false;
  std::uint64_t taken_before_ = 0;
  std::uint64_t refused_before_ = 0;

  bool waits_for_disk_ = false;       // state does not fit into memory, and its disk has no room
  base::SteadyTime next_disk_try_{};  // while that is so
  bool waits_for_lane_ = false;       // too many records wait to be tried again
  bool rests_for_lane_ = false;       // it is blocked by that, not by a want of credit

  std::vector<ChangeLettersCommand> letter_changes_;  // the first is in work

  // Sources only.
  bool paused_ = false;
  std::vector<InjectBarrierCommand> barriers_;  // asked for, not yet injected
  std::uint64_t last_barrier_ = 0;              // asked for

  // Accounting.
  base::SteadyTime last_end_{};
  Progress last_progress_ = Progress::progress;
  std::chrono::nanoseconds busy_{0};
  std::chrono::nanoseconds blocked_{0};
  std::chrono::nanoseconds idle_{0};
  base::SteadyTime watermark_sent_{};
  base::LatencyHistogram latency_;
};

}  // namespace freshet::task
