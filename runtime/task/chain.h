#pragma once

#include <algorithm>

#include <freshet/evolution.h>
#include "runtime/task/hot_keys.h"
#include "runtime/task/operator_host.h"
#include "runtime/task/output_edge.h"
#include "runtime/task/table_save.h"

namespace freshet::task {

/// The operators of one task, fused: each passes its batch on by a direct call. A batch goes all the way through before
/// the next is offered; where an output edge has no room, everything stays where it is and drain() goes on from there.
/// Owned and used by the task's thread.
class Chain {
 public:
  /// Where an output goes: to the operator at `index` of this chain, or to output edge `index`.
  struct Consumer {
    bool is_edge = false;
    std::uint32_t index = 0;
    std::size_t cursor = 0;  ///< next record of the batch in work
    bool pending = false;
  };
  struct Operator {
    std::uint32_t graph_index = 0;
    std::unique_ptr<RetryLane> lane;       ///< null where nothing is tried again; outlives the host
    std::unique_ptr<KeptLetters> letters;  ///< null where none are kept; outlives the host, and there is a lane
    std::unique_ptr<OperatorHost> host;
    std::unique_ptr<Stage> stage;
    bool is_keyed = false;                         ///< records of one key come to one task
    std::vector<std::vector<Consumer>> consumers;  ///< by output
  };

  /// `operators` upstream first: the head is the only one with inputs from outside.
  Chain(std::vector<Operator> operators, std::vector<std::unique_ptr<OutputEdge>> edges,
        std::uint64_t max_overflow_bytes = 1u << 30);

  void open();
  void close(bool finished);

  /// Puts a batch before the head. Only when the last is used up; it must live until drain() says true.
  void offer(std::uint32_t input, const detail::BatchView& view);
  /// Lets a source read. Only when drain() says true.
  Progress read();
  /// Works off what is in the chain. False: some output edge has no room.
  [[nodiscard]] bool drain();
  /// Emits what is due by time. Only when drain() says true; false: some output edge has no room, or gives_way().
  [[nodiscard]] bool emit_due();
  /// So much was due that it goes on only in the next step.
  bool gives_way() const { return rounds_left_ == 0; }
  Time next_due() const;
  /// Emits what is left at the end of the stream. False like emit_due(), or waits_for_retries(); call again.
  [[nodiscard]] bool finish();
  /// finish() goes on when records that wait to be tried again are through, which emit_due() does.
  bool waits_for_retries() const {
    return finishing_ < nodes_.size() && nodes_[finishing_].op.lane != nullptr && !nodes_[finishing_].op.lane->empty();
  }
  /// So many records wait to be tried again in some operator that nothing more is to be taken in, or emitted to it.
  bool has_full_lane();
  /// What is to be emitted waits for room in such a lane, not in an output.
  bool waits_for_lane() const { return waits_for_lane_; }
  /// When the next record is to be tried again.
  Time next_retry() const;
  /// Replays or drops up to `most` dead letters that its operators keep; replays only while no operator has finished.
  /// True: all of those that the order speaks of.
  [[nodiscard]] bool change_letters(LetterWork& work, std::size_t most);
  /// Some operator has finished, in this attempt or before it.
  bool has_begun_to_finish() const { return finishing_ != 0; }

  /// A new merged watermark reached the head, or, with kNone, watermarks made in the chain may have moved. Each
  /// operator emits what is due then before it passes the watermark on; the greatest one waits for finish(). Only when
  /// drain() says true; false like emit_due(): call again, with kNone.
  [[nodiscard]] bool advance_watermark(std::int64_t time_ms);
  /// Sends the watermarks that moved to the edges. False: no room; call again.
  [[nodiscard]] bool send_watermarks();
  /// Nothing comes for now, or something does again.
  void set_idle(bool idle) { is_idle_ = idle; }
  /// Tells all edges so, when they do not know: before the records that come again, and behind the watermark that was
  /// last. False: no room; call again.
  [[nodiscard]] bool send_activity();
  /// Sends an element to every output edge. False: no room; call again with the same.
  [[nodiscard]] bool send_control(const ControlElement& element);

  /// Once a step: time for the operators, the records' stamp for the edges, the dead-letter brakes.
  void begin_step(Time now, std::int64_t origin_us);
  /// The sources are let go again: by somebody who knows of the dead letters, where a brake of its had stopped them.
  void begin_brakes_anew();
  /// Once a step, before it takes more in. False: state does not fit into memory, and there is no room on the disk.
  [[nodiscard]] bool keep_state_within_budget();
  /// What keeps it from that; null while nothing does.
  const SpillTrouble* spill_trouble() const { return spill_ == nullptr ? nullptr : spill_->trouble(); }

  /// Some operator of it has a state table.
  bool has_state();
  /// Keeps the tables of its operators within about `bytes` of memory, with the help of `store`. Before restore().
  void spill_to(std::unique_ptr<SpillStore> store, std::uint64_t bytes);
  /// Begins to save what its operators must not forget, as it is now; sinks prepare what they have written. Only when
  /// drain() says true and no other save is in work. `out` must live until save_some() says true, or the chain's end.
  void begin_save(std::uint64_t checkpoint, SnapshotOut& out);
  /// The next save has to hold everything, since some table does not remember all its changes.
  bool wants_everything();
  /// Saves about `entries` more of its tables, which may have changed since. True: all is saved.
  [[nodiscard]] bool save_some(std::size_t entries);
  /// Takes back one record of what was saved; tables before what speaks of their entries, and before open(). Throws
  /// TaskFailure when it cannot.
  void restore(const SavedRecord& saved, const RestoreScope& scope);
  /// Records of that place are set aside by its operator `operator_id`, if it has that one. Before open().
  void add_crashed(std::string_view operator_id, CrashedRecord crashed);
  /// What its sink `operator_id` has to commit again when it opens. Before open().
  void restore_handle(std::string_view operator_id, std::string handle);
  /// That checkpoint is complete: its sinks commit. Throws TaskFailure.
  void commit(std::uint64_t checkpoint);

  /// A state table by the operator and its own name; null when the chain has none.
  const StateTable* state_table(std::string_view operator_id, std::string_view name);
  SourceStage* source() { return source_; }
  /// Records may come out of it when nothing comes in any more.
  bool has_lanes() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.op.lane != nullptr; });
  }
  /// Some operator keeps dead letters that the order may mean.
  bool keeps_letters(const LetterOrder& order) const;
  /// Index into the graph of the operator at the head.
  std::uint32_t head_operator() const { return nodes_[0].op.graph_index; }
  std::vector<std::unique_ptr<OutputEdge>>& edges() { return edges_; }
  /// Records that its first operator has taken in, and those of them that it threw on; since they were restored.
  std::uint64_t head_taken() const { return nodes_[0].records_in; }
  std::uint64_t head_refused() const { return nodes_[0].refused; }
  std::uint64_t uncommitted_bytes() const;
  /// Per operator: counts, states, counters.
  std::vector<wire::OperatorStatus> statuses();
  /// The newest that it has, made in it or come to it.
  std::int64_t watermark_ms() const;
  /// Weight of what operators emitted beyond their room, now waiting.
  std::uint64_t overflow_bytes() const;

  /// The operator whose code the calling thread runs now, for failures and crash reports; null between calls.
  static const OperatorHost* running() { return running_; }
  /// After a call that threw: nobody is to blame for what the thread does next.
  static void forget_running() { running_ = nullptr; }

 private:
  struct Node {
    Operator op;
    detail::BatchView input{};
    std::uint32_t input_index = 0;
    std::size_t cursor = 0;
    bool has_input = false;
    bool is_trying = false;  ///< what its lane took out is in work, from try_cursor on
    std::size_t try_cursor = 0;
    std::vector<bool> offered;  ///< by output: its batch is with the consumers
    HotKeys keys;               ///< of its input, where it is keyed
    std::uint64_t example_hash = 0;
    std::string example;  ///< a record, as JSON, of a key that stands out: of that one
    std::uint64_t records_in = 0;
    std::uint64_t refused = 0;  ///< of those that came in: it threw on them
    std::uint64_t records_out = 0;
    std::int64_t watermark_ms = std::numeric_limits<std::int64_t>::min();
    std::int64_t told_watermark_ms = std::numeric_limits<std::int64_t>::min();  ///< its stage knows it
    bool is_restored = false;
    std::vector<std::string> handles;  ///< to be committed again
  };
  struct EdgeWatermark {
    std::int64_t wanted = std::numeric_limits<std::int64_t>::min();
    std::int64_t sending = std::numeric_limits<std::int64_t>::min();  ///< some channels have it, some not yet
    std::int64_t sent = std::numeric_limits<std::int64_t>::min();
  };

  template <class Do>
  void for_each_operator(const char* what, Do act);
  std::uint64_t records_for_brake(const Node& node) const;
  static bool is_meant(const Node& node, const LetterOrder& order);
  bool serve_lane(std::uint32_t node);
  bool has_room_in_lanes_behind(std::uint32_t node);
  using States = std::vector<std::pair<std::string, StateTable*>>;
  static States states_of(Node& node);
  bool drive(std::uint32_t node);
  void process_input(Node& node);
  static void note_key(Node& node, const detail::BatchView& view, std::size_t from, std::size_t to);
  void try_again(Node& node);
  bool emit_due(std::uint32_t node);
  bool tell_watermark(std::uint32_t node);
  bool evict_some();
  bool flush(std::uint32_t node);
  bool flush_output(std::uint32_t node, std::uint32_t output);
  bool pass_on(std::uint32_t node, std::uint32_t output, Consumer& consumer);
  bool route(Node& node, OutputEdge& edge, const detail::BatchView& view, Consumer& consumer);
  void set_aside(Node& node, FailedRecord failed, bool is_letter);
  void offer_output(Node& node, std::uint32_t output);
  Node& restored_node(std::string_view operator_id);
  bool restore_progress(Node& node, std::string_view bytes, const RestoreScope& scope);
  void restore_state(Node& node, const SavedRecord& saved, const RestoreScope& scope);

  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<OutputEdge>> edges_;
  SourceStage* source_ = nullptr;
  /// Calls of Stage::emit_due() in one step.
  static constexpr std::uint32_t kRoundsPerStep = 8;
  static thread_local const OperatorHost* running_;
  std::vector<EdgeWatermark> edge_watermarks_;
  std::uint32_t finishing_ = 0;  // node whose finish() is next
  std::uint32_t rounds_left_ = kRoundsPerStep;
  /// Times that a lane gives out records in one step: never so often that others have to wait for it.
  static constexpr std::uint32_t kTriesPerStep = 2;
  std::uint32_t tries_left_ = kTriesPerStep;
  bool waits_for_lane_ = false;   // in this step
  bool gave_way_ = false;         // in the step before
  std::size_t control_edge_ = 0;  // edges that have the control element being sent
  bool is_idle_ = false, idle_sent_ = false;
  std::optional<bool> idle_sending_;  // some edges know it, some not yet

  // State in memory, on disk, and on its way into a snapshot.
  std::unique_ptr<SpillStore> spill_;                    // null: all state stays in memory
  std::vector<StateTable*> tables_;                      // of all operators, where spill_ is
  std::uint64_t state_bytes_ = 0;                        // that they may take
  std::vector<std::unique_ptr<TableSave>> table_saves_;  // in work, the next last

  // The state whose saved entries are coming.
  StateTable* restoring_ = nullptr;
  std::uint32_t restored_entries_ = 0;
  bool restores_all_ = false;             // whosever keys they are
  std::optional<Conversion> conversion_;  // of its values, where their type is another now
  ByteBuffer converted_;
};

}  // namespace freshet::task
