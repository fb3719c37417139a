#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "tests/simulation/scheduler.h"

/// What lies between the simulated processes: connections that keep order and take their time, that break, and machines
/// that for a while cannot reach each other.
namespace freshet::sim {

/// The job manager's is 0; each agent has one, which its workers share.
using Machine = std::uint32_t;

struct NetworkOptions {
  Nanoseconds least_delay{1'000};
  Nanoseconds most_delay{200'000};
  double straggler_share = 0.01;  ///< of messages that take up to a hundred times as long
};

class Network;

/// Where a connection begins or ends. A process that stands still hears nothing until it wakes.
struct Place {
  Place(Machine on) : machine(on) {}  // NOLINT: a machine that nobody freezes is a place
  Place(Machine on, const Freeze& running) : machine(on), process(&running) {}
  Machine machine;
  const Freeze* process = nullptr;  ///< outlives the network's last event
};

/// One direction of a connection. What is sent comes out in order, each after its delay, unless the pipe breaks first:
/// then all that is under way is lost and the sender hears of it. Lives as long as its network.
class Pipe {
 public:
  using OnLost = std::function<void(const std::string& reason)>;
  Pipe(Network& network, Place from, Place to, OnLost on_lost)
      : network_(network), from_(from), to_(to), on_lost_(std::move(on_lost)) {}

  void send(Scheduler::Action deliver);
  /// Breaks: the sender hears of it a moment later.
  void cut(const std::string& reason);
  /// The sender is gone. What it sent still arrives, but for the last `lost` messages.
  void close(std::size_t lost = 0);
  bool is_open() const { return open_; }
  std::size_t under_way() const { return queue_.size(); }
  bool joins(Machine a, Machine b) const {
    return (from_.machine == a && to_.machine == b) || (from_.machine == b && to_.machine == a);
  }

 private:
  struct Message {
    base::SteadyTime due;
    Scheduler::Action deliver;
  };
  void expect_next();
  void deliver_next();
  /// Nothing is delivered before.
  base::SteadyTime held_until() const;

  Network& network_;
  const Place from_;
  const Place to_;
  const OnLost on_lost_;
  std::deque<Message> queue_;
  bool expecting_ = false;
  bool open_ = true;
};

class Network {
 public:
  /// How long a connection lives on that nothing comes through: that of the transports.
  static constexpr std::chrono::seconds kKeepaliveTimeout{10};
  static constexpr std::chrono::seconds kLongestDelay{1};

  Network(Scheduler& scheduler, base::Random random, NetworkOptions options)
      : scheduler_(scheduler), random_(random), options_(options) {}

  Pipe& open(Place from, Place to, Pipe::OnLost on_lost);
  Nanoseconds delay(Machine from, Machine to);
  Scheduler& scheduler() { return scheduler_; }
  base::Random& random() { return random_; }

  /// Nothing gets through between the two for a while; after the keepalive time-out their connections are lost.
  void partition(Machine a, Machine b, Nanoseconds duration);
  bool is_blocked(Machine a, Machine b) const { return blocked_until(a, b) > scheduler_.now(); }
  base::SteadyTime blocked_until(Machine a, Machine b) const;
  /// All that comes from or goes to the machine takes that many times as long, for a while.
  void slow_down(Machine machine, std::uint32_t factor, Nanoseconds duration);

 private:
  Scheduler& scheduler_;
  base::Random random_;
  const NetworkOptions options_;
  std::vector<std::unique_ptr<Pipe>> pipes_;
  std::map<std::pair<Machine, Machine>, base::SteadyTime> partitions_;
  std::map<Machine, std::pair<base::SteadyTime, std::uint32_t>> slow_;
};

}  // namespace freshet::sim
