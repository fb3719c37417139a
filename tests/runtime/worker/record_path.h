#pragma once

#include <freshet/freshet.h>

#include <cstdio>
#include <cstdlib>

#include "dag/placement.h"
#include "dag/planner.h"
#include "runtime/transport/inproc_data_transport.h"
#include "runtime/worker/exchange.h"
#include "runtime/worker/splits.h"
#include "runtime/worker/task_factory.h"

/// The record path from a source to a fold in one thread, the production classes over a transport inside the process:
/// the same steps every time, so that what a record costs can be counted.
namespace freshet::worker::testing_support {

inline constexpr std::uint64_t kKeys = 1000;

struct Order {
  std::uint64_t user = 0;
  std::uint64_t item = 0;
  std::int64_t amount = 0;
  double price = 0;
  std::uint32_t kind = 0;
  void fill(std::uint64_t number) { *this = {number % kKeys, number, 3, 1.5, 1}; }
  FRESHET_RECORD(user, item, amount, price, kind)
};

struct NamedOrder {
  std::string user{};
  std::string item{};
  std::int64_t amount = 0;
  void fill(std::uint64_t number) {
    const auto name = [](std::string& text, char letter, std::uint64_t n) {
      text.assign(40, letter);
      for (std::size_t at = 0; n != 0; n /= 10) text[at++] = static_cast<char>('0' + n % 10);
    };
    name(user, 'u', number % kKeys);
    name(item, 'i', number);
    amount = 3;
  }
  FRESHET_RECORD(user, item, amount)
};

struct Total {
  std::int64_t amount = 0;
  std::uint64_t orders = 0;
  FRESHET_RECORD(amount, orders)
};

inline std::uint64_t folded = 0;

template <class T>
class Endless final : public Source<T> {
 public:
  std::vector<Split> discover() override { return {{.partition = "a"}}; }
  Progress read(Split& split, Out<T>& out) override {
    while (!out.full()) {
      ++split.position;
      out.add().fill(split.position);
    }
    return Progress::progress;
  }
};
struct Discard final : Sink<Total> {
  void write(const Total&) override {}
};

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

class Silent final : public task::TaskListener {
 public:
  void on_task_ended(const TaskId&) override {}
  void on_task_failed(const TaskId&, const task::TaskFailure& failure) override { give_up(failure.what()); }
  void on_barrier_passed(const TaskId&, std::uint64_t) override {}
  void on_dead_letter(const DeadLetter&) override {}
  void on_brake_pulled(const std::string&, double, const DeadLetter&) override {}
};

/// endless ─▶ filter ═by user═▶ fold ─▶ sink, on one worker or on two
template <class T>
class Path {
 public:
  Path(std::uint32_t workers, ErrorPolicy policy) {
    job_.source<Endless<T>>("orders")
        .filter("all", [](const T&) { return true; })
        .key_by(&T::user)
        .fold("total",
              [](Total& total, const T& order) {
                total.amount += order.amount;
                ++total.orders;
                ++folded;
              })
        .emit(at_end())
        .on_error(policy)
        .template sink<Discard>("sink");
    job_.finish();
    plan_ = dag::place(dag::make_plan(job_.graph(), {}), {{"here", 100}}, {.workers = 1}).plan;
    for (auto& placed : plan_.tasks) placed.worker = placed.chain % workers;
    for (std::uint32_t id = 0; id < workers; ++id) workers_.push_back(std::make_unique<OneWorker>(*this, id));
    for (auto& from : workers_) {
      for (std::uint32_t to = 0; to < workers; ++to)
        if (to != from->id) from->transport.connect({to}, workers_[to]->transport.endpoint());
      from->transport.start(*from->exchange);
    }
    const auto splits = discover_splits(workers_[0]->tasks);
    add_splits({{splits[0].operator_index, 0, 1, splits[0].splits[0]}}, workers_[0]->tasks);
    for (auto& worker : workers_)
      for (auto& task : worker->tasks)
        if (!task->open()) give_up("a task cannot be opened");
  }
  void run_until_folded(std::uint64_t records) {
    while (folded < records) {
      for (auto& worker : workers_) {
        for (auto& task : worker->tasks) static_cast<void>(task->step());
        worker->transport.drain();
      }
    }
  }
  std::uint64_t frames() {
    std::uint64_t sum = 0;
    for (auto& worker : workers_)
      for (auto& task : worker->tasks) sum += task->status().frames_out;
    return sum;
  }

 private:
  struct OneWorker {
    OneWorker(Path& path, std::uint32_t number)
        : id(number), transport(path.hub_, {number}, transport::InprocDelivery::by_drain) {
      const WorkerKey self{{1}, {1}, {id}};
      exchange = std::make_unique<Exchange>(self, path.plan_, &transport, [](const std::string& why) { give_up(why); });
      tasks = make_tasks({&path.job_,
                          &path.plan_,
                          self,
                          {},
                          &path.clock_,
                          exchange.get(),
                          &path.listener_,
                          std::make_shared<task::PartitionTable>()});
      for (auto& task : tasks) exchange->add_task(task->id(), task->mailbox());
    }
    std::uint32_t id;
    transport::InprocDataTransport transport;
    std::unique_ptr<Exchange> exchange;
    std::vector<std::unique_ptr<task::Task>> tasks;
  };

  Job job_;
  dag::ExecutionPlan plan_;
  base::ManualClock clock_;
  Silent listener_;
  transport::InprocHub hub_;
  std::vector<std::unique_ptr<OneWorker>> workers_;
};

}  // namespace freshet::worker::testing_support
