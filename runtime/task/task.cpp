#include "runtime/task/task.h"

#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"

namespace freshet::task {

namespace {

/// Watermarks go out at most this often under load; when a task runs out of input they go at once.
constexpr auto kWatermarkInterval = std::chrono::milliseconds(20);
/// How long a source that found nothing is left alone, or a task whose snapshot has no room.
constexpr auto kShortRest = std::chrono::milliseconds(1);
constexpr std::size_t kLettersPerStep = 256;
/// How long a disk that had no room is left alone.
constexpr auto kDiskRest = std::chrono::milliseconds(500);
/// A task that waits for something due looks at the clock at least this often.
constexpr Duration kLongestRest = std::chrono::hours(1);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

Task::Task(const TaskSetup& setup, std::unique_ptr<Chain> chain, FrameCarrier& carrier, const base::Clock& clock,
           TaskListener& listener)
    : setup_(setup),
      chain_(std::move(chain)),
      clock_(clock),
      listener_(listener),
      gate_(setup.inputs, carrier, setup.window, setup.aligns),
      last_end_(clock.steady()) {
  CHECK(gate_.has_channels() != (chain_->source() != nullptr), "a task has inputs, or reads a source");
}

bool Task::open() {
  try {
    chain_->open();
    return true;
  } catch (const TaskFailure& failure) {
    fail(failure);
    return false;
  }
}

void Task::close(bool finished) {
  try {
    read_mail();  // the word that a checkpoint is complete may be the last that came
    if (phase_ != Phase::failed) commit();
    if (!finished && plant::is(plant::Bug::stale_commit)) chain_->commit(UINT64_MAX);
    chain_->close(finished && phase_ == Phase::ended);
  } catch (const TaskFailure& failure) {
    fail(failure);
  }
}

Progress Task::step() {
  const auto start = clock_.steady();
  Progress progress = Progress::done;
  read_mail();
  if (phase_ == Phase::running) {
    try {
      progress = step_running();
      after_work(progress);
      if (snapshot_ != nullptr && !all_saved_) {
        const bool has_room = snapshot_->has_room();
        if (has_room) save_some(setup_.save_entries);
        // Until all is saved it does not rest, not even when it waits for room in its outputs.
        if (has_room && snapshot_ != nullptr && !all_saved_ && progress != Progress::done)
          progress = Progress::progress;
      }
    } catch (const TaskFailure& failure) {
      fail(failure);
    } catch (...) {
      const FailedRecord failed = detail::describe_current_exception();
      const auto* running = Chain::running();
      fail(TaskFailure(running == nullptr ? "" : running->operator_id, failed.reason, failed.message));
    }
  }
  while (phase_ != Phase::running && !letter_changes_.empty()) change_letters();
  account(progress, start);
  return progress;
}

void Task::read_mail() {
  if (!mailbox_.take(letters_)) return;
  for (auto& letter : letters_) {
    std::visit(Overloaded{
                   [&](Frame& frame) {
                     if (plant::is_due(plant::Bug::drop_frame, 40)) return;
                     gate_.on_frame(std::move(frame));
                   },
                   [&](const GrantReceived& grant) {
                     for (auto& edge : chain_->edges()) {
                       if (edge->id() == grant.channel.edge && grant.channel.to < edge->to_tasks())
                         edge->on_grant(grant.channel.to, grant.consumed_bytes);
                     }
                   },
                   [&](const InjectBarrierCommand& command) {
                     // It may be asked for twice; numbers grow.
                     if (chain_->source() == nullptr || command.checkpoint <= last_barrier_) return;
                     last_barrier_ = command.checkpoint;
                     barriers_.push_back(command);
                   },
                   [&](const CommitCommand& command) { commits_.push_back(command.checkpoint); },
                   [&](const EndStreamCommand&) { stream_may_end_ = stream_may_end_ || chain_->source() != nullptr; },
                   [&](const PauseSourceCommand& command) {
                     if (std::exchange(paused_, command.paused) && !paused_) chain_->begin_brakes_anew();
                   },
                   [&](ChangeLettersCommand& command) {
                     if (plant::is_due(plant::Bug::forget_replayed, 2)) command.work.order.replays = false;
                     letter_changes_.push_back(std::move(command));
                   },
                   [&](const ReportCommand& command) { command.answer(); },
               },
               letter);
  }
  letters_.clear();
}

Progress Task::step_running() {
  const std::int64_t now_us = clock_.wall_us();
  chain_->begin_step(Time(Duration(now_us / 1000)), gate_.has_channels() ? gate_.origin_us() : now_us);
  waits_for_disk_ = waits_for_lane_ = rests_for_lane_ = false;
  commit();
  change_letters();
  const bool has_room = has_room_for_state();  // before anything is emitted by time, which may bring state into memory
  if (!settle()) return without_settling();
  if (phase_ == Phase::ended) return Progress::done;
  waits_for_disk_ = !has_room;
  if (waits_for_disk_) return step_without_room();
  if (!chain_->emit_due()) return without_settling();
  waits_for_lane_ = chain_->has_full_lane();
  rests_for_lane_ = waits_for_lane_ && barriers_.empty();
  if (waits_for_lane_) return step_without_room();
  return chain_->source() != nullptr ? step_source() : step_gate();
}

bool Task::has_room_for_state() {
  if (chain_->spill_trouble() != nullptr && clock_.steady() < next_disk_try_) return false;
  if (chain_->keep_state_within_budget()) return true;
  next_disk_try_ = clock_.steady() + kDiskRest;
  return false;
}

/// Nothing is taken in, so a barrier that comes through a gate waits behind its records; a source's can pass.
Progress Task::step_without_room() {
  if (!take_barrier()) return Progress::blocked;
  return settle() ? Progress::progress : without_settling();
}

void Task::commit() {
  for (const std::uint64_t checkpoint : std::exchange(commits_, {})) {
    chain_->commit(checkpoint);
    committed_ = std::max(committed_, checkpoint);
  }
}

/// Operators that have finished have no lane any more that somebody looks at, and no task that is over is saved again.
void Task::change_letters() {
  if (letter_changes_.empty()) return;
  LetterWork& work = letter_changes_.front().work;
  const bool is_through = ending_ != Ending::no || chain_->has_begun_to_finish();
  if (phase_ != Phase::running || (is_through && work.order.replays))
    work.is_refused = chain_->keeps_letters(work.order);
  else if (!chain_->change_letters(work, kLettersPerStep))
    return;
  letter_changes_.front().done(work);
  letter_changes_.erase(letter_changes_.begin());
}

/// What a step has done that left something in the chain: it waits for room, or has done enough.
Progress Task::without_settling() const { return chain_->gives_way() ? Progress::progress : Progress::blocked; }

/// Works off what is in the chain. False: no room somewhere.
bool Task::drain() {
  if (!chain_->send_activity() || !chain_->drain()) return false;
  if (std::exchange(offered_, false))
    gate_.note_used(chain_->head_taken() - taken_before_, chain_->head_refused() - refused_before_);
  return true;
}

/// The same, and what has to go out. False: see without_settling().
bool Task::settle() {
  if (!drain()) return false;
  // Not before: a watermark must not overtake records in the chain. And not behind what was saved for the barrier.
  if (!saved_ && !chain_->advance_watermark(WatermarkMerger::kNone)) return false;
  if (watermark_due_) {
    if (!chain_->send_watermarks()) return false;
    watermark_due_ = false;
    watermark_sent_ = clock_.steady();
  }
  if (has_barrier_ && !pass_barrier_on()) return false;
  return ending_ == Ending::no || end_stream();
}

bool Task::pass_barrier_on() {
  if (!saved_) begin_save();
  saved_ = true;
  if (!chain_->send_control(barrier_)) return false;
  has_barrier_ = saved_ = false;
  for (const auto& edge : chain_->edges()) tallies_.push_back(edge->tally());
  tallied_ = true;
  if (all_saved_) hand_over_snapshot();
  if (barrier_.barrier == BarrierKind::final_checkpoint) final_checkpoint_ = barrier_.checkpoint;
  listener_.on_barrier_passed(setup_.id, barrier_.checkpoint);
  return true;
}

/// The chain is empty: all that came before the barrier has left the task, nothing behind it has come in.
void Task::begin_save() {
  while (snapshot_ != nullptr) save_some(SIZE_MAX);  // the one before was given up, or the next came soon
  tallied_ = false;
  tallies_ = gate_.tallies();
  snapshot_ = listener_.begin_snapshot(setup_.id, barrier_, chain_->wants_everything());
  saving_ = barrier_.checkpoint;
  if (snapshot_ != nullptr) chain_->begin_save(saving_, *snapshot_);
}

void Task::save_some(std::size_t entries) {
  all_saved_ = chain_->save_some(entries);
  if (all_saved_ && tallied_) hand_over_snapshot();
}

/// What was sent before the barrier is known only when the barrier has left.
void Task::hand_over_snapshot() {
  all_saved_ = false;
  listener_.on_snapshot(setup_.id, saving_, std::move(snapshot_), std::move(tallies_));
}

/// Emits what operators held back, then says that the data, and later the stream, has ended.
bool Task::end_stream() {
  if (ending_ == Ending::finishing) {
    if (!chain_->finish()) return chain_->waits_for_retries();
    watermark_due_ = true;
    ending_ = Ending::end_of_data;
    return settle();
  }
  if (ending_ == Ending::end_of_data) {
    if (!chain_->send_control({.kind = ElementKind::end_of_data})) return false;
    ending_ = Ending::end_of_stream;
    if (chain_->source() != nullptr || chain_->has_lanes()) listener_.on_data_ended(setup_.id);
  }
  // The end may come through a channel before the word that the final checkpoint is complete.
  if (!stream_may_end_ || committed_ < final_checkpoint_) return true;
  if (!chain_->send_control({.kind = ElementKind::end_of_stream})) return false;
  for (auto& edge : chain_->edges()) edge->flush();
  gate_.send_grants();
  phase_ = Phase::ended;
  listener_.on_task_ended(setup_.id);
  return true;
}

/// The next barrier that a source was asked for, if there is one, is to go out.
bool Task::take_barrier() {
  if (barriers_.empty() || ending_ == Ending::end_of_data) return false;
  barrier_ = {
      .kind = ElementKind::barrier, .checkpoint = barriers_.front().checkpoint, .barrier = barriers_.front().kind};
  barriers_.erase(barriers_.begin());
  watermark_due_ = has_barrier_ = true;
  return true;
}

Progress Task::step_source() {
  if (take_barrier()) return settle() ? Progress::progress : without_settling();
  if (paused_ || ending_ != Ending::no) return Progress::idle;
  const Progress progress = chain_->read();
  if (progress == Progress::done) {
    ending_ = Ending::finishing;
    stream_may_end_ = stream_may_end_ || !setup_.waits_at_end;
    return settle() ? Progress::progress : without_settling();
  }
  watermark_due_ = watermark_due_ || chain_->source()->tells_each_watermark();
  if (!drain()) return Progress::blocked;
  return progress == Progress::progress ? Progress::progress : Progress::idle;
}

Progress Task::step_gate() {
  const InputGate::Kind came = gate_.next();
  chain_->set_idle(gate_.is_idle());
  switch (came) {
    case InputGate::Kind::nothing:
      return Progress::idle;
    case InputGate::Kind::records: {
      for (auto& edge : chain_->edges()) edge->set_origin(gate_.origin_us());
      if (gate_.origin_us() != 0) {
        const auto latency = clock_.wall_us() - gate_.origin_us();
        latency_.record(latency > 0 ? static_cast<std::uint64_t>(latency) : 0);
      }
      taken_before_ = chain_->head_taken();
      refused_before_ = chain_->head_refused();
      offered_ = true;
      chain_->offer(gate_.input(), gate_.view());
      return drain() ? Progress::progress : Progress::blocked;
    }
    case InputGate::Kind::watermark:
      return chain_->advance_watermark(gate_.watermark_ms()) ? Progress::progress : without_settling();
    case InputGate::Kind::barrier:
      barrier_ = gate_.barrier();
      watermark_due_ = has_barrier_ = true;
      break;
    case InputGate::Kind::end_of_data:
      ending_ = Ending::finishing;
      break;
    case InputGate::Kind::end_of_stream:
      stream_may_end_ = true;
      break;
  }
  return settle() ? Progress::progress : without_settling();
}

/// Lets frames go that are old enough, and all of them when there is nothing else to do.
void Task::after_work(Progress progress) {
  const auto now = clock_.steady();
  const bool idle = progress == Progress::idle;
  if (!watermark_due_ && progress != Progress::blocked && (idle || now - watermark_sent_ >= kWatermarkInterval)) {
    watermark_due_ = !chain_->send_watermarks();
    watermark_sent_ = now;
    if (idle && !watermark_due_) (void)chain_->send_activity();  // no room: at the next time
  }
  for (auto& edge : chain_->edges()) {
    if (idle || progress == Progress::blocked)
      edge->flush();
    else
      edge->flush_older_than(now - setup_.max_linger);
  }
  if (idle || progress == Progress::blocked) gate_.send_grants();
}

base::SteadyTime Task::next_wakeup() const {
  if (phase_ == Phase::running && snapshot_ != nullptr && !all_saved_) return clock_.steady() + kShortRest;
  if (phase_ == Phase::running && waits_for_disk_) return next_disk_try_;
  // A blocked task waits for a grant, which comes as mail: what is due must wait, too.
  if (phase_ != Phase::running) return base::SteadyTime::max();
  if (!letter_changes_.empty()) return clock_.steady();
  const bool is_blocked = last_progress_ == Progress::blocked;
  if (is_blocked && !rests_for_lane_ && !chain_->waits_for_lane()) return base::SteadyTime::max();
  const auto now = clock_.steady();
  auto next = base::SteadyTime::max();
  if (!is_blocked && ending_ == Ending::finishing && !chain_->waits_for_retries()) return now;
  if (const Time due = is_blocked ? chain_->next_retry() : chain_->next_due(); due != Time::max()) {
    const Time wall = clock_.wall();
    next = due <= wall ? now : now + std::min(due - wall, kLongestRest);  // the clocks may drift apart
  }
  if (chain_->source() != nullptr && !paused_ && ending_ == Ending::no && last_progress_ == Progress::idle)
    next = std::min(next, now + kShortRest);
  return next;
}

void Task::account(Progress progress, base::SteadyTime start) {
  const auto end = clock_.steady();
  auto& waited = last_progress_ == Progress::blocked ? blocked_ : idle_;
  if (last_progress_ != Progress::progress) waited += start - last_end_;
  // A step that found nothing to do counts with the waiting it is part of.
  (progress == Progress::progress ? busy_ : progress == Progress::blocked ? blocked_ : idle_) += end - start;
  last_end_ = end;
  last_progress_ = progress;
}

void Task::fail(const TaskFailure& failure) {
  if (phase_ == Phase::failed) return;
  phase_ = Phase::failed;
  Chain::forget_running();
  listener_.on_task_failed(setup_.id, failure);
}

wire::TaskStatus Task::status() {
  wire::TaskStatus status;
  status.task = setup_.id;
  status.phase = phase_ == Phase::running ? "running" : phase_ == Phase::ended ? "ended" : "failed";
  status.bytes_in = gate_.bytes_in;
  status.frames_in = gate_.frames_in;
  for (const auto& edge : chain_->edges()) {
    status.bytes_out += edge->bytes_sent;
    status.frames_out += edge->frames_sent;
    status.in_flight_bytes += edge->bytes_in_flight();
  }
  status.busy_ns = static_cast<std::uint64_t>(busy_.count());
  status.blocked_ns = static_cast<std::uint64_t>(blocked_.count());
  status.idle_ns = static_cast<std::uint64_t>(idle_.count());
  status.queue_bytes = gate_.queued_bytes();
  status.overflow_bytes = chain_->overflow_bytes();
  status.uncommitted_bytes = chain_->uncommitted_bytes();
  status.watermark_ms = chain_->watermark_ms();
  status.latency_us = latency_.to_counts();
  status.operators = chain_->statuses();
  status.waits_for_lane = waits_for_lane_ || chain_->waits_for_lane();
  if (const SpillTrouble* trouble = chain_->spill_trouble(); trouble != nullptr && waits_for_disk_)
    status.full_disk = wire::FullDisk{trouble->folder, trouble->free_bytes, trouble->why};
  return status;
}

}  // namespace freshet::task
