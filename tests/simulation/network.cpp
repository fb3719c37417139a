#include "tests/simulation/network.h"

namespace freshet::sim {

void Pipe::send(Scheduler::Action deliver) {
  if (!open_) return;
  const auto earliest = queue_.empty() ? network_.scheduler().now() : queue_.back().due;
  queue_.push_back({std::max(earliest, network_.scheduler().now() + network_.delay(from_.machine, to_.machine)),
                    std::move(deliver)});
  expect_next();
}

void Pipe::expect_next() {
  if (expecting_ || queue_.empty()) return;
  expecting_ = true;
  const auto due = std::max(queue_.front().due, held_until());
  network_.scheduler().at(due, "pipe", [this] {
    expecting_ = false;
    deliver_next();
    expect_next();
  });
}

base::SteadyTime Pipe::held_until() const {
  const auto blocked = network_.blocked_until(from_.machine, to_.machine);
  return to_.process == nullptr ? blocked : std::max(blocked, to_.process->until);
}

void Pipe::deliver_next() {
  const auto now = network_.scheduler().now();
  if (queue_.empty() || queue_.front().due > now || held_until() > now) return;
  const auto deliver = std::move(queue_.front().deliver);
  queue_.pop_front();
  deliver();
}

void Pipe::cut(const std::string& reason) {
  if (!open_) return;
  open_ = false;
  queue_.clear();
  network_.scheduler().after(
      network_.delay(from_.machine, from_.machine), "lost", [this, reason] { on_lost_(reason); }, from_.process);
}

void Pipe::close(std::size_t lost) {
  open_ = false;
  for (; lost > 0 && !queue_.empty(); --lost) queue_.pop_back();
}

Pipe& Network::open(Place from, Place to, Pipe::OnLost on_lost) {
  return *pipes_.emplace_back(std::make_unique<Pipe>(*this, from, to, std::move(on_lost)));
}

Nanoseconds Network::delay(Machine from, Machine to) {
  const auto most = from == to ? options_.least_delay + options_.most_delay / 10 : options_.most_delay;
  Nanoseconds delay(random_.between(options_.least_delay.count(), most.count()));
  if (random_.chance(options_.straggler_share)) delay *= random_.between(2, 100);
  for (const Machine machine : {from, to}) {
    const auto slow = slow_.find(machine);
    if (slow != slow_.end() && slow->second.first > scheduler_.now()) delay *= slow->second.second;
  }
  return std::min<Nanoseconds>(delay, kLongestDelay);
}

void Network::partition(Machine a, Machine b, Nanoseconds duration) {
  auto& until = partitions_[std::minmax(a, b)];
  until = std::max(until, scheduler_.now() + duration);
  if (duration <= kKeepaliveTimeout) return;
  scheduler_.after(kKeepaliveTimeout, "keepalive", [this, a, b] {
    if (!is_blocked(a, b)) return;
    for (std::size_t i = 0; i < pipes_.size(); ++i)
      if (pipes_[i]->joins(a, b)) pipes_[i]->cut("nothing came through for too long");
  });
}

base::SteadyTime Network::blocked_until(Machine a, Machine b) const {
  const auto found = partitions_.find(std::minmax(a, b));
  return found == partitions_.end() ? base::SteadyTime() : found->second;
}

void Network::slow_down(Machine machine, std::uint32_t factor, Nanoseconds duration) {
  slow_[machine] = {scheduler_.now() + duration, factor};
}

}  // namespace freshet::sim
