#include "tests/simulation/sim_executor.h"

namespace freshet::sim {

void SimExecutor::start(const std::vector<task::Task*>& tasks) {
  for (auto* task : tasks) {
    auto seat = seats_.emplace_back(std::make_shared<Seat>(this, task));
    seat->self = seat;
    task->mailbox().set_waker(seat.get());
    const auto open = [this, weak = seat->self] {
      const auto opened = weak.lock();
      if (!opened || opened->executor == nullptr) return;
      shared_.stepping = opened->task;
      const bool is_open = opened->task->open();
      shared_.stepping = nullptr;
      if (is_open) step_at(*opened, Nanoseconds(0));
    };
    shared_.scheduler.after(Nanoseconds(shared_.random.between(0, 200'000)), "open", open, &process_);
  }
}

void SimExecutor::stop() {
  for (auto& seat : seats_) {
    seat->executor = nullptr;
    if (seat->task->is_over()) seat->last = seat->task->step();  // reads the grants that came since
    seat->task->mailbox().set_waker(nullptr);
    shared_.watch.on_task_stopped(*seat->task);
  }
  seats_.clear();
}

void SimExecutor::step_at(Seat& seat, Nanoseconds delay) {
  seat.resting = false;
  const auto turn = ++seat.turn;
  const auto lag = Nanoseconds(shared_.random.between(0, 20'000));
  const auto step = [weak = seat.self, turn] {
    const auto due = weak.lock();
    if (due && due->executor != nullptr && due->turn == turn) due->executor->step(*due);
  };
  shared_.scheduler.after(delay + lag, "step", step, &process_);
}

void SimExecutor::step(Seat& seat) {
  shared_.spending.spent = Nanoseconds(shared_.random.between(500, 20'000));
  seat.resting = false;
  shared_.stepping = seat.task;
  seat.last = seat.task->step();
  shared_.stepping = nullptr;
  shared_.scheduler.note(static_cast<std::uint64_t>(seat.last));
  shared_.watch.on_step(*seat.task);
  if (seat.last == Progress::progress) ++shared_.steps_with_work;
  if (seat.last == Progress::progress || seat.task->mailbox().has_mail()) return step_at(seat, shared_.spending.spent);
  rest(seat);
}

void SimExecutor::rest(Seat& seat) {
  seat.resting = true;
  const auto until = seat.task->next_wakeup();
  if (until == base::SteadyTime::max()) return;
  const auto turn = ++seat.turn;
  const auto wake = [weak = seat.self, turn] {
    const auto due = weak.lock();
    if (due && due->executor != nullptr && due->turn == turn) due->executor->step(*due);
  };
  shared_.scheduler.at(until + Nanoseconds(shared_.random.between(1, 50'000)), "wake", wake, &process_);
}

std::string SimExecutor::describe() const {
  std::string text;
  for (const auto& seat : seats_) {
    const auto status = seat->task->status();
    if (status.phase == "ended") continue;
    text += "\n    chain " + std::to_string(seat->task->id().chain) + " task " +
            std::to_string(seat->task->id().index) + ": " + status.phase + ", last step " +
            std::to_string(static_cast<int>(seat->last)) + (seat->resting ? ", rests" : "") + ", queued " +
            std::to_string(status.queue_bytes) + ", in flight " + std::to_string(status.in_flight_bytes) +
            ", overflow " + std::to_string(status.overflow_bytes);
  }
  return text;
}

}  // namespace freshet::sim
