#pragma once

#include <freshet/operator.h>
#include <freshet/snapshot.h>
#include <freshet/text.h>

/// Stages: operators as a task runs them, batch by batch. This is where the author's typed functions meet the engine,
/// which knows no types. A stage processes until its input or the room in its outputs ends, and goes on later: it never
/// waits. Public for those who write operators below the level of Operator and Source.
namespace freshet {

/// A record that was set aside.
struct DeadLetter {
  std::uint64_t id = 0;  ///< unique within the job
  std::string operator_id{};
  std::string reason{};  ///< code to count by: "malformed", "exception std::out_of_range"
  std::string message{};
  std::string origin{};  ///< "in/events.csv, line 918"
  std::string record{};  ///< the record as JSON, or the text that became none
  std::uint32_t attempts = 0;
  Time at{};
  bool operator==(const DeadLetter&) const = default;
  FRESHET_RECORD(id, operator_id, reason, message, origin, record, attempts, at)
};

/// What the task is told when an operator throws on a record.
struct FailedRecord {
  std::string reason{};
  std::string message{};
  std::string record{};
  RecordMeta meta{};
  std::uint32_t attempts = 1;
  bool is_final = false;    ///< it was rejected: another attempt would end the same
  bool is_at_hand = false;  ///< it is the record that StageHost::at_hand names
};

/// A place in the input whose records one operator is not to process: the process crashed on them too often.
struct CrashedRecord {
  SourcePosition position{};
  std::string reason{};  ///< "crash SIGSEGV"
  std::uint32_t crashes = 0;
};

/// The engine's services to one stage. Lives as long as the stage; the task's thread only.
class StageHost {
 public:
  virtual ~StageHost() = default;
  virtual Time now() const = 0;
  /// A record's origin in words; empty when unknown.
  virtual std::string describe(const SourcePosition& position) const = 0;
  /// Keeps the record at hand, to try it again later. Asked before the record is described. False: it has failed for
  /// good, after the attempts that `failed` then names.
  [[nodiscard]] virtual bool keep_failed(FailedRecord& /*failed*/) { return false; }
  /// Decides what becomes of a record that was not kept: throws to fail the job, or fills in the dead letter to pass
  /// on.
  virtual void record_failed(FailedRecord failed, DeadLetter& letter) = 0;

  std::string operator_id;
  std::uint32_t task_index = 0;
  std::uint32_t parallelism = 1;
  std::uint32_t key_groups = 128;
  bool sets_aside = false;  ///< the policy is dead-letter or retry: a call that throws must leave no effect
  /// process() ends behind a record that is kept: others of its key have to wait for it.
  bool ends_behind_kept = false;
  /// By position. Empty for nearly every operator: it is looked at once a batch, and else once a record.
  std::vector<CrashedRecord> crashed{};
  /// What sinks write appears by Stage::prepare and commit, checkpoint by checkpoint; else when the job has ended.
  bool commits = false;
  std::string run{};          ///< names this job among all jobs of all clusters: letters and digits
  std::uint32_t attempt = 1;  ///< of the job; grows with every restart

  /// The record in work, for the report of a crash; `index` is stored before each call of user code.
  struct AtHand {
    const detail::BatchView* view = nullptr;
    volatile std::size_t index = 0;
    void (*append_record)(const detail::BatchView& view, std::size_t index, std::string& json) = nullptr;
  } at_hand;
};

/// A source's split as it was saved.
struct SavedSplit {
  std::uint32_t partition_number = 0;  ///< job-wide, as in SourcePosition
  Split split{};
  bool done = false;  ///< read to its end
  bool operator==(const SavedSplit&) const = default;
  FRESHET_RECORD(partition_number, split, done)
};

namespace detail {

/// One output of a stage: its own batch, or a selection of the batch that came in.
class OutputPort {
 public:
  OutputPort() = default;
  OutputPort(std::string name, std::unique_ptr<BatchBase> batch) : name_(std::move(name)), batch_(std::move(batch)) {}
  const std::string& name() const { return name_; }
  BatchView view() const {
    if (selected_from_ == nullptr) return *batch_;
    return {*selected_from_, selection_.data(), static_cast<std::uint32_t>(selected_), places_.data()};
  }
  std::size_t size() const { return selected_from_ != nullptr ? selected_ : batch_->size(); }
  bool full() const { return size() >= kBatchRecords; }
  void clear() {
    if (selected_from_ != nullptr) {
      selected_ = 0;
      selected_from_ = nullptr;
    } else {
      batch_->clear();
    }
  }
  BatchBase& batch() { return *batch_; }
  void select(const BatchView& from, std::size_t i) {
    *room_to_select(1) = from.index(i);
    note_selected(from, 1);
  }
  /// The same for many: room for `count` indices, to be filled from the first on; then how many were.
  std::uint32_t* room_to_select(std::size_t count) {
    if (selection_.size() < selected_ + count) selection_.resize(std::max(kBatchRecords, selected_ + count));
    return selection_.data() + selected_;
  }
  void note_selected(const BatchView& from, std::size_t count) {
    if (count == 0) return;
    selected_from_ = from.batch;
    selected_ += count;
    if (const auto* places = from.batch->borrowed_metas().places; places != nullptr) {
      places_.resize(std::max(places_.size(), selection_.size()));
      for (std::size_t i = selected_ - count; i < selected_; ++i) places_[i] = places[selection_[i]];
    }
  }

 private:
  std::string name_;
  std::unique_ptr<BatchBase> batch_;
  std::vector<std::uint32_t> selection_;  // the first `selected_` are
  std::vector<std::uint32_t> places_;     // of their metas, where the batch borrows them by place
  std::size_t selected_ = 0;
  const BatchBase* selected_from_ = nullptr;
};

}  // namespace detail

/// One operator of a chain. Life: open, then any of process, emit_due, on_watermark, then finish until it says true if
/// the stream ended, then close. One thread, the task's.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual void open(StageHost& host) = 0;
  /// Takes records [from, view.size) of an input, until they end or an output is full; answers where to go on.
  virtual std::size_t process(std::uint32_t input, const detail::BatchView& view, std::size_t from) = 0;
  /// Emits some of what is due. False: there may be more, call again; outputs may be full.
  virtual bool emit_due() { return true; }
  /// When emit_due() has something to do, on the processing clock; Time::max(): never, Time::min(): now.
  virtual Time next_due() const { return Time::max(); }
  /// A watermark has come from upstream. The chain passes it on when what is due then has been emitted.
  virtual void on_watermark(Time) {}
  /// A source that makes watermarks answers the newest.
  virtual std::optional<Time> made_watermark() const { return std::nullopt; }
  /// Records that came when all that they belong to was over.
  virtual std::uint64_t late_records() const { return 0; }
  /// Emits what is left at the end of the stream. False: outputs are full, call again.
  virtual bool finish() { return true; }
  /// `finished`: the stream ended by itself, and what a sink wrote is to stay.
  virtual void close(bool finished) = 0;

  /// Saves what must survive beside the state tables. Only when all outputs are empty; between calls of user code.
  virtual void save(SnapshotOut&, std::string_view /*operator_id*/) const {}
  /// Takes back one record that save() wrote; before open(), when the tables are back. False: it is not one of this
  /// stage.
  [[nodiscard]] virtual bool restore(const SavedRecord&, const RestoreScope&) { return false; }

  /// Two-phase commit, of sinks; called when StageHost::commits. Before save(): closes what was written since the last
  /// barrier, and asks `out` to commit all that has been closed and not been committed yet, also of earlier
  /// checkpoints: one that is given up leaves its part to the next.
  virtual void prepare(std::uint64_t /*checkpoint*/, SnapshotOut&, std::string_view /*operator_id*/) {}
  /// That checkpoint is complete: all that was prepared for it or before is to appear. May come twice.
  virtual void commit(std::uint64_t /*checkpoint*/) {}
  /// Once, behind open() and before any record: commits again what the checkpoint that the job goes on from holds, and
  /// gives up everything else that earlier attempts prepared. `handles` are of this operator, maybe of other tasks.
  virtual void recover(const std::vector<std::string>& /*handles*/) {}
  /// About how many bytes of results wait for a commit. As long as they are too many, sources are held.
  virtual std::uint64_t uncommitted_bytes() const { return 0; }

  std::vector<detail::OutputPort>& outputs() { return outputs_; }
  /// The author's operator object, for its states, counters and side outputs; null when there is none.
  virtual OperatorBase* author() { return nullptr; }
  /// Tables of stages that have no author object.
  virtual std::vector<std::pair<std::string, StateTable*>> states() {
    return author() == nullptr ? std::vector<std::pair<std::string, StateTable*>>{} : author()->states;
  }

 protected:
  bool outputs_full() const {
    for (const auto& port : outputs_) {
      if (port.full()) return true;
    }
    return false;
  }
  /// Records that still fit into the fullest one.
  std::size_t room_in_outputs() const {
    std::size_t most = 0;
    for (const auto& port : outputs_) most = std::max(most, port.size());
    return most < kBatchRecords ? kBatchRecords - most : 0;
  }
  std::vector<detail::OutputPort> outputs_;
};

/// A stage that reads splits. Life: discover (task 0 only), add_split for each, then read until done.
class SourceStage : public Stage {
 public:
  virtual std::vector<Split> discover() = 0;
  /// A split to read, from its position on.
  virtual void add_split(SavedSplit split) = 0;
  virtual const std::vector<SavedSplit>& splits() const = 0;
  /// Emits some records of one split into the output.
  virtual Progress read() = 0;
  /// None of its splits has records for now: nobody has to wait for its watermark.
  virtual bool is_idle() const { return false; }
  /// Its watermark is to go out behind each read().
  virtual bool tells_each_watermark() const { return false; }
  virtual std::string describe(const std::string& partition, std::uint64_t offset) const = 0;
  std::size_t process(std::uint32_t, const detail::BatchView& view, std::size_t) override { return view.size; }
};

namespace detail {

/// Reason code and message of the exception being handled.
FailedRecord describe_current_exception();
/// Index of the first record from `from` on that is of one of the places; view.size when there is none. `crashed` is in
/// order.
std::size_t find_crashed(const std::vector<CrashedRecord>& crashed, const BatchView& view, std::size_t from);
/// What is to be told of such a record, without the record itself.
FailedRecord describe_crashed(const std::vector<CrashedRecord>& crashed, const RecordMeta& meta);

/// What stages that call user code share: the dead-letter output and the loop around the calls. Whatever a call throws
/// is caught here and nowhere else.
class UserCodeStage : public Stage {
 public:
  void open(StageHost& host) override { host_ = &host; }
  void close(bool) override {}

 protected:
  /// Last output of every stage with user code.
  void add_dead_letter_output() { outputs_.emplace_back("dead_letters", std::make_unique<Batch<DeadLetter>>()); }

  /// How many records a call of body() may emit: where it is one at most, the room is looked at once for many calls.
  enum class Emits : std::uint8_t { one_at_most, any };

  /// body(i) for each record from `from` on, until an output is full. After a throw: undo(), then the error policy.
  /// Records that crashed the process before are set aside without a call.
  template <class T, Emits kEmits = Emits::any, class Body, class Undo>
  std::size_t for_each_record(const BatchView& view, std::size_t from, Body body, Undo undo) {
    return for_each_run<T>(
        view, from,
        [&](std::size_t& i, std::size_t stop) {
          if constexpr (kEmits == Emits::one_at_most) {
            for (const std::size_t enough = std::min(stop, i + room_in_outputs()); i < enough; ++i) {
              host_->at_hand.index = i;
              body(i);
            }
          } else {
            do {
              host_->at_hand.index = i;
              body(i);
              ++i;
            } while (i < stop && !outputs_full());
          }
        },
        undo);
  }

  /// The same in runs: run(i, stop) works on records from `i` on, below `stop` and until an output is full, and counts
  /// `i` up, which is the record in work when it throws.
  template <class T, class Run, class Undo>
  std::size_t for_each_run(const BatchView& view, std::size_t from, Run run, Undo undo) {
    host_->at_hand.view = &view;
    host_->at_hand.append_record = [](const BatchView& of, std::size_t i, std::string& json) {
      append_json(json, static_cast<const Batch<T>&>(*of.batch).records[of.index(i)]);
    };
    std::size_t i = from;
    std::size_t stop = next_crashed(view, i);
    while (i < view.size && !outputs_full()) {
      if (i == stop) {
        host_->at_hand.index = i;
        FailedRecord crashed = describe_crashed(host_->crashed, view.meta(i));
        append_json(crashed.record, static_cast<const Batch<T>&>(*view.batch).records[view.index(i)]);
        crashed.is_at_hand = true;
        set_aside(std::move(crashed));
        stop = next_crashed(view, ++i);
        continue;
      }
      try {
        run(i, stop);
      } catch (const StateLost&) {
        throw;
      } catch (...) {
        host_->at_hand.index = i;
        FailedRecord failed = describe_current_exception();
        failed.meta = view.meta(i);
        failed.is_at_hand = true;
        if (host_->sets_aside) undo();
        const bool is_kept = host_->keep_failed(failed);
        if (!is_kept) {
          if (failed.record.empty())
            append_json(failed.record, static_cast<const Batch<T>&>(*view.batch).records[view.index(i)]);
          set_aside(std::move(failed));
        }
        ++i;
        if (is_kept && host_->ends_behind_kept) break;
      }
    }
    host_->at_hand.view = nullptr;
    return i;
  }

  /// body() once, a call that no record asks for. After a throw: undo(), then the error policy, with what
  /// describe(json) says.
  template <class Body, class Describe, class Undo>
  void call_once(const RecordMeta& meta, Body body, Describe describe, Undo undo) {
    try {
      body();
    } catch (const StateLost&) {
      throw;
    } catch (...) {
      FailedRecord failed = describe_current_exception();
      if (failed.record.empty()) describe(failed.record);
      failed.meta = meta;
      if (host_->sets_aside) undo();
      set_aside(std::move(failed));
    }
  }

  void set_aside(FailedRecord failed) {
    const RecordMeta meta = failed.meta;
    auto& letters = static_cast<Batch<DeadLetter>&>(outputs_.back().batch());
    DeadLetter& letter = letters.records.add();
    try {
      host_->record_failed(std::move(failed), letter);
    } catch (...) {
      letters.records.truncate(letters.records.size() - 1);
      throw;
    }
    letters.metas.push_back(meta);
  }

  std::size_t next_crashed(const BatchView& view, std::size_t from) const {
    return host_->crashed.empty() ? view.size : find_crashed(host_->crashed, view, from);
  }

  StageHost* host_ = nullptr;
};

}  // namespace detail

}  // namespace freshet
