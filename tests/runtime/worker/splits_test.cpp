#include "runtime/worker/splits.h"

#include <freshet/freshet.h>
#include <gmock/gmock.h>

#include "dag/placement.h"
#include "dag/planner.h"
#include "runtime/worker/exchange.h"
#include "runtime/worker/task_factory.h"

namespace freshet::worker {

namespace {

using testing::ElementsAre;
using testing::SizeIs;

struct Place {
  std::string name{};
  FRESHET_RECORD(name)
};

/// Emits where each of its splits begins.
class Places final : public Source<Place> {
 public:
  explicit Places(std::string partition) : partition_(std::move(partition)) {}
  std::vector<Split> discover() override {
    return {{.partition = partition_, .start = 5, .end = 9}, {.partition = partition_ + "2", .end = 3}};
  }
  Progress read(Split& split, Out<Place>& out) override {
    out.emit({split.partition + " " + std::to_string(split.position) + "-" + std::to_string(split.end)});
    split.position = split.end;
    return Progress::done;
  }

 private:
  std::string partition_;
};

std::vector<std::string> written;
struct Write final : Sink<Place> {
  void write(const Place& place) override { written.push_back(place.name); }
};

class Silent final : public task::TaskListener {
 public:
  void on_task_ended(const TaskId&) override {}
  void on_task_failed(const TaskId&, const task::TaskFailure& failure) override { ADD_FAILURE() << failure.what(); }
  void on_barrier_passed(const TaskId&, std::uint64_t) override {}
  void on_dead_letter(const DeadLetter& letter) override { letters.push_back(letter); }
  void on_brake_pulled(const std::string&, double, const DeadLetter&) override {}
  std::vector<DeadLetter> letters;
};

TEST(Splits, EachTaskReadsThoseItWasDealt) {
  written.clear();
  Job job;
  job.source<Places>("left", std::string("l")).parallelism(2).sink<Write>("left_out");
  job.source<Places>("right", std::string("r")).parallelism(2).sink<Write>("right_out");
  job.finish();
  const auto plan = dag::place(dag::make_plan(job.graph(), {}), {{"here", 100}}, {.workers = 1}).plan;
  const WorkerKey self{{1}, {1}, {0}};
  base::ManualClock clock;
  Silent listener;
  Exchange exchange(self, plan, nullptr, [](const std::string&) {});
  const auto partitions = std::make_shared<task::PartitionTable>();
  const auto tasks = make_tasks({&job, &plan, self, {}, &clock, &exchange, &listener, partitions});
  for (const auto& task : tasks) exchange.add_task(task->id(), task->mailbox());

  const auto found = discover_splits(tasks);
  ASSERT_THAT(found, SizeIs(2)) << "task 0 of each source is asked, and no other";
  EXPECT_EQ(found[0].splits[0], (wire::SplitInfo{"l", 5, 9}));
  std::vector<wire::AssignedSplit> dealt;
  for (const auto& source : found)
    for (const auto& split : source.splits)
      dealt.push_back(
          {source.operator_index, 1, static_cast<std::uint32_t>(dealt.size() + 1), split});  // all to task 1
  dealt.pop_back();
  name_partitions(job, dealt, *partitions);
  EXPECT_EQ(partitions->describe({1, 7}), "l, position 7");
  EXPECT_EQ(partitions->describe({3, 7}), "r, position 7");
  EXPECT_EQ(partitions->describe({4, 7}), "") << "nobody was dealt that";
  EXPECT_EQ(partitions->describe({}), "");
  add_splits(dealt, tasks);
  for (const auto& task : tasks) ASSERT_TRUE(task->open());
  for (const auto& task : tasks) {
    if (task->id().index == 0) static_cast<void>(task->step());
  }
  EXPECT_THAT(written, SizeIs(0)) << "tasks 0 were dealt nothing";
  for (int round = 0; round < 100; ++round)
    for (const auto& task : tasks) static_cast<void>(task->step());
  std::sort(written.begin(), written.end());
  EXPECT_THAT(written, ElementsAre("l 5-9", "l2 0-3", "r 5-9"));
}

// Two sources have a partition of the same name: what is set aside is meant for the records of one of them.
TEST(Splits, ARecordIsSetAsideByItsSourceItsPartitionAndItsPosition) {
  written.clear();
  Job job;
  const auto read = [&](const std::string& id) {
    job.source<Places>(id, std::string("p")).sink<Write>(id + "_out").on_error(dead_letter());
  };
  read("left");
  read("right");
  job.finish();
  const auto plan = dag::place(dag::make_plan(job.graph(), {}), {{"here", 100}}, {.workers = 1}).plan;
  const WorkerKey self{{1}, {1}, {0}};
  base::ManualClock clock;
  Silent listener;
  Exchange exchange(self, plan, nullptr, [](const std::string&) {});
  const auto partitions = std::make_shared<task::PartitionTable>();
  const auto tasks = make_tasks({&job, &plan, self, {}, &clock, &exchange, &listener, partitions});
  for (const auto& task : tasks) exchange.add_task(task->id(), task->mailbox());
  std::vector<wire::AssignedSplit> dealt;
  for (const auto& source : discover_splits(tasks))
    for (const auto& split : source.splits)
      dealt.push_back({source.operator_index, 0, static_cast<std::uint32_t>(dealt.size() + 1), split});
  name_partitions(job, dealt, *partitions);
  add_splits(dealt, tasks);
  set_aside(job, dealt,
            {{"right_out", {"right", "p", 5}, "crash SIGSEGV", 3},
             {"right_out", {"right", "p", 6}, "crash SIGSEGV", 3},
             {"right_out", {"right", "q", 0}, "crash SIGSEGV", 3},
             {"left_out", {"right", "p", 5}, "crash SIGSEGV", 3}},
            tasks);
  for (const auto& task : tasks) ASSERT_TRUE(task->open());
  for (int round = 0; round < 100; ++round)
    for (const auto& task : tasks) static_cast<void>(task->step());
  std::sort(written.begin(), written.end());
  EXPECT_THAT(written, ElementsAre("p 5-9", "p2 0-3", "p2 0-3"));
  ASSERT_THAT(listener.letters, SizeIs(1));
  EXPECT_EQ(listener.letters[0].operator_id, "right_out");
  EXPECT_EQ(listener.letters[0].origin, "p, position 5");
}

}  // namespace

}  // namespace freshet::worker
