#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "tests/integration/command.h"
#include "tests/integration/jobs/groupings.h"

/// Where records go under each grouping and in which order they arrive, with tasks in two worker processes, against
/// what the grouping promises and what was counted without the engine.
namespace freshet::integration {
namespace {

using nlohmann::json;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;
using testing::SizeIs;

constexpr std::uint64_t kAll = kPartitions * kRecords;

struct Row {
  std::uint64_t partition, sequence, user;
  std::int64_t sent_by, received_by;
};

/// The rows of a sink, by the task that wrote them, in the order of the file.
using Tasks = std::vector<std::vector<Row>>;

class Groupings : public testing::Test {
 protected:
  // The job runs once for all tests.
  static void SetUpTestSuite() {
    output_ = std::make_unique<ScratchFolder>();
    answer_ = std::make_unique<Answer>(Freshet().run({"run", FRESHET_GROUPINGS, "--workers", "2", "--parallelism", "4",
                                                      "--param", "output=" + output_->path().string(), "--quiet"}));
  }
  static void TearDownTestSuite() {
    answer_.reset();
    output_.reset();
  }
  void SetUp() override { ASSERT_EQ(answer_->exit_code, 0) << answer_->err; }

  static Tasks rows_of(const std::string& grouping) {
    Tasks tasks;
    for (std::uint32_t task = 0;; ++task) {
      const auto content = part_of(*output_ / grouping, task);
      if (content.empty()) return tasks;
      std::istringstream lines(content);
      auto& rows = tasks.emplace_back();
      for (std::string line; std::getline(lines, line);) {
        const json row = json::parse(line);
        rows.push_back(
            {row.at("partition"), row.at("sequence"), row.at("user"), row.at("sent_by"), row.at("received_by")});
      }
    }
  }
  static std::vector<std::size_t> sizes_of(const Tasks& tasks) {
    std::vector<std::size_t> sizes;
    for (const auto& rows : tasks) sizes.push_back(rows.size());
    return sizes;
  }
  static std::unique_ptr<ScratchFolder> output_;
  static std::unique_ptr<Answer> answer_;
};
std::unique_ptr<ScratchFolder> Groupings::output_;
std::unique_ptr<Answer> Groupings::answer_;

/// Each record of the source in some task, and none twice.
void expect_every_record_once(const Tasks& tasks) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (const auto& rows : tasks) {
    for (const auto& row : rows) {
      EXPECT_TRUE(seen.emplace(row.partition, row.sequence).second) << row.partition << " " << row.sequence << " twice";
      EXPECT_EQ(row.user, user_of(row.partition, row.sequence));
    }
  }
  EXPECT_EQ(seen.size(), kAll);
}

/// Within a task, those of one source partition stand in the order in which they were sent.
void expect_order_of_each_sender(const Tasks& tasks) {
  for (const auto& rows : tasks) {
    std::map<std::uint64_t, std::uint64_t> last;
    for (const auto& row : rows) EXPECT_LT(std::exchange(last[row.partition], row.sequence), row.sequence);
  }
}

std::map<std::uint64_t, std::set<std::size_t>> tasks_of_keys(const Tasks& tasks,
                                                             const std::function<std::uint64_t(const Row&)>& key_of) {
  std::map<std::uint64_t, std::set<std::size_t>> found;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    for (const auto& row : tasks[task]) found[key_of(row)].insert(task);
  }
  return found;
}

std::set<std::int64_t> workers_of(const Tasks& tasks) {
  std::set<std::int64_t> workers;
  for (const auto& rows : tasks) {
    for (const auto& row : rows) workers.insert(row.received_by);
  }
  return workers;
}

TEST_F(Groupings, TheSourceReadsEachPartitionInOneTaskAndTwoWorkers) {
  const auto tasks = rows_of("source");
  EXPECT_EQ(sizes_of(tasks), std::vector<std::size_t>(4, kRecords));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
  std::set<std::int64_t> senders;
  for (const auto& rows : tasks) senders.insert(rows.at(0).sent_by);
  EXPECT_THAT(senders, SizeIs(2));
}

/// Channels of this job never fill, so each of the four senders deals evenly, but for one record.
TEST_F(Groupings, ShuffleSpreadsEvenly) {
  const auto tasks = rows_of("shuffle");
  ASSERT_THAT(tasks, SizeIs(4));
  EXPECT_THAT(sizes_of(tasks), Each(testing::AllOf(Ge(kAll / 4 - kPartitions), Le(kAll / 4 + kPartitions))));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
  EXPECT_THAT(workers_of(tasks), SizeIs(2));
}

TEST_F(Groupings, NothingSaidBetweenUnequalNumbersOfTasksSpreadsEvenly) {
  const auto tasks = rows_of("unequal");
  ASSERT_THAT(tasks, SizeIs(3));
  EXPECT_THAT(sizes_of(tasks), Each(testing::AllOf(Ge(kAll / 3 - kPartitions), Le(kAll / 3 + kPartitions))));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
}

TEST_F(Groupings, KeyByBringsEachKeyToOneTaskInTheOrderOfItsSender) {
  const auto tasks = rows_of("fields");
  ASSERT_THAT(tasks, SizeIs(4));
  const auto found = tasks_of_keys(tasks, [](const Row& row) { return row.user; });
  EXPECT_THAT(found, SizeIs(kUsers));
  for (const auto& [user, where] : found) EXPECT_THAT(where, SizeIs(1)) << "user " << user;
  EXPECT_THAT(sizes_of(tasks), Each(Ge(1))) << "101 keys leave no task empty";
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
  EXPECT_THAT(workers_of(tasks), SizeIs(2));
}

TEST_F(Groupings, KeyByAFunctionBringsEachOfItsKeysToOneTask) {
  const auto tasks = rows_of("function");
  const auto found = tasks_of_keys(tasks, [](const Row& row) { return row.sequence % 10; });
  EXPECT_THAT(found, SizeIs(10));
  for (const auto& [key, where] : found) EXPECT_THAT(where, SizeIs(1)) << "key " << key;
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
}

TEST_F(Groupings, PartialKeyBringsEachKeyToTwoTasksAtMostAndEvensOut) {
  const auto tasks = rows_of("partial_key");
  ASSERT_THAT(tasks, SizeIs(4));
  const auto found = tasks_of_keys(tasks, [](const Row& row) { return row.user; });
  EXPECT_THAT(found, SizeIs(kUsers));
  for (const auto& [user, where] : found) EXPECT_THAT(where, SizeIs(Le(2))) << "user " << user;
  EXPECT_THAT(found.at(0), SizeIs(2)) << "a third of all records are this user's";
  // By key_by the task of user 0 would get half of everything.
  EXPECT_THAT(sizes_of(tasks), Each(testing::AllOf(Ge(kAll / 5), Le(kAll * 3 / 10))));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
}

TEST_F(Groupings, AllBringsEveryRecordToEveryTask) {
  const auto tasks = rows_of("all");
  ASSERT_THAT(tasks, SizeIs(4));
  for (const auto& rows : tasks) expect_every_record_once({rows});
  expect_order_of_each_sender(tasks);
  EXPECT_THAT(workers_of(tasks), SizeIs(2));
}

TEST_F(Groupings, GlobalBringsEverythingToTaskZero) {
  const auto tasks = rows_of("global");
  EXPECT_THAT(sizes_of(tasks), ElementsAre(kAll));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
}

TEST_F(Groupings, DirectBringsARecordToTheTaskThatTheFunctionNames) {
  const auto tasks = rows_of("direct");
  ASSERT_THAT(tasks, SizeIs(4));
  for (std::size_t task = 0; task < 4; ++task) {
    for (const auto& row : tasks[task]) EXPECT_EQ(row.sequence / 2 % 4, task);
  }
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
}

TEST_F(Groupings, ForwardKeepsIndexAndOrder) {
  const auto sent = rows_of("source");
  const auto tasks = rows_of("forward");
  ASSERT_THAT(tasks, SizeIs(4));
  for (std::size_t task = 0; task < 4; ++task) {
    ASSERT_EQ(tasks[task].size(), sent[task].size());
    for (std::size_t i = 0; i < sent[task].size(); ++i) {
      EXPECT_EQ(tasks[task][i].partition, sent[task][i].partition);
      EXPECT_EQ(tasks[task][i].sequence, sent[task][i].sequence);
    }
  }
}

TEST_F(Groupings, LocalOrShuffleStaysInTheWorkerAndSpreadsThereEvenly) {
  const auto tasks = rows_of("local_or_shuffle");
  ASSERT_THAT(tasks, SizeIs(4));
  for (const auto& rows : tasks) {
    for (const auto& row : rows) EXPECT_EQ(row.received_by, row.sent_by);
  }
  EXPECT_THAT(sizes_of(tasks), Each(testing::AllOf(Ge(kAll / 4 - kPartitions), Le(kAll / 4 + kPartitions))));
  expect_every_record_once(tasks);
  expect_order_of_each_sender(tasks);
  EXPECT_THAT(workers_of(tasks), SizeIs(2));
}

TEST_F(Groupings, LocalOrShuffleGoesToAnotherWorkerWhenItsOwnHasNoTaskOfTheReceiver) {
  const auto tasks = rows_of("local_to_one");
  EXPECT_THAT(sizes_of(tasks), ElementsAre(kAll));
  expect_every_record_once(tasks);
  std::size_t from_elsewhere = 0;
  for (const auto& row : tasks.at(0)) from_elsewhere += row.received_by != row.sent_by;
  EXPECT_EQ(from_elsewhere, kAll / 2);
}

}  // namespace
}  // namespace freshet::integration
