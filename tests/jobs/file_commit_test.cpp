#include <freshet/files.h>
#include <gtest/gtest.h>

#include "runtime/base/random.h"
#include "runtime/worker/local_engine.h"
#include "tests/operators/committed_rows.h"
#include "tests/operators/connectors/test_files.h"
#include "tests/support/seed.h"

/// Whole jobs that write files with commits, crash, and go on from their newest checkpoint with the same or another
/// parallelism: every row is there once.
///
///   numbers ─(forward)─▶ rows      numbers ─(by group)─▶ totals ─▶ totals_rows
namespace freshet {
namespace {

using files::testing::TestDirectory;
using files::testing::visible_rows;
namespace fs = std::filesystem;

constexpr std::uint64_t kPartitions = 3;
constexpr std::uint64_t kNumbersEach = 40;

struct Number {
  std::uint64_t number = 0, group = 0;
  FRESHET_RECORD(number, group)
};

class Numbers final : public Source<Number> {
 public:
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::uint64_t p = 0; p < kPartitions; ++p) splits.push_back({std::to_string(p), 0, kNumbersEach, 0});
    return splits;
  }
  Progress read(Split& split, Out<Number>& out) override {
    const std::uint64_t until = std::min(split.end, split.position + 3);
    while (!out.full() && split.position < until) {
      ++split.position;
      out.emit({std::stoull(split.partition) * 100 + split.position, split.position % 5});
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

void build(Job& job, const std::string& folder) {
  const auto numbers = job.source<Numbers>("numbers");
  numbers.sink("rows", files::csv(folder + "/rows"));
  numbers.key_by(&Number::group)
      .sum("totals", &Number::number)
      .emit(at_end())
      .sink("totals_rows", files::jsonl(folder + "/totals"));
}

/// One attempt of the job, with a barrier every so many steps.
class Attempt {
 public:
  Attempt(const std::string& folder, std::uint32_t number, std::int64_t parallelism, base::Random& random)
      : number_(number), random_(random) {
    build(job_, folder);
    job_.finish();
    wire::DataOptions data;
    data.channel_window = 2048;
    data.frame_bytes = 256;
    engine_ = std::make_unique<worker::LocalEngine>(
        job_, worker::LocalEngine::Options{
                  .parallelism = parallelism, .data = data, .snapshots = true, .run = "job1", .attempt = number});
    for (const auto& problem : engine_->problems()) ADD_FAILURE() << problem.where << ": " << problem.message;
  }
  void start(const worker::JobSnapshot* from) { engine_->start(from); }
  /// Steps tasks in any order. Barriers come every `barrier_every` steps; commits somewhat after their snapshot.
  void go_on(std::uint64_t steps, std::uint64_t barrier_every) {
    const auto tasks = engine_->tasks();
    for (std::uint64_t step = 1; step <= steps && !engine_->failure(); ++step) {
      if (step % barrier_every == 0) engine_->inject_barrier(number_ * 1000 + ++barriers_);
      static_cast<void>(tasks[random_.below(tasks.size())]->step());
      take_snapshot();
      if (uncommitted_ && random_.below(10) == 0) engine_->commit(*std::exchange(uncommitted_, {}));
    }
    ASSERT_FALSE(engine_->failure()) << engine_->failure()->operator_id << ": " << engine_->failure()->what();
  }
  void run_to_end() {
    for (int i = 0; i < 100; ++i) engine_->run(1'000);  // until all is read; the stream is kept open
    engine_->inject_barrier(number_ * 1000 + ++barriers_);
    engine_->run();
    take_snapshot();
    ASSERT_TRUE(uncommitted_) << "the last barrier does not come through";
    engine_->commit(*uncommitted_);
    engine_->run();
    engine_->end_stream();
    EXPECT_TRUE(engine_->run());
    ASSERT_FALSE(engine_->failure()) << engine_->failure()->operator_id << ": " << engine_->failure()->what();
    engine_->close();
  }
  /// Of the newest checkpoint that is complete.
  std::shared_ptr<const worker::JobSnapshot> newest() const { return newest_; }

 private:
  void take_snapshot() {
    const auto* snapshot = engine_->snapshot(number_ * 1000 + next_);
    if (snapshot == nullptr) return;
    uncommitted_ = number_ * 1000 + next_++;
    newest_ = std::make_shared<const worker::JobSnapshot>(*snapshot);
  }

  const std::uint64_t number_;
  base::Random& random_;
  Job job_;
  std::unique_ptr<worker::LocalEngine> engine_;
  std::uint64_t barriers_ = 0;
  std::uint64_t next_ = 1;  // barrier whose snapshot is taken next
  std::optional<std::uint64_t> uncommitted_;
  std::shared_ptr<const worker::JobSnapshot> newest_;
};

struct Results {
  std::vector<std::string> rows{};
  std::vector<std::string> totals{};
  bool operator==(const Results&) const = default;
};

Results visible(const std::string& folder) {
  Results results{visible_rows(folder + "/rows"), {}};
  for (const auto& name : files::testing::visible_files(folder + "/totals")) {
    std::istringstream lines(files::testing::content_of(folder + "/totals/" + name));
    for (std::string line; std::getline(lines, line);) results.totals.push_back(line);
  }
  std::sort(results.totals.begin(), results.totals.end());
  return results;
}

Results expected() {
  const TestDirectory directory;
  base::Random random(1);
  Attempt attempt(directory.path("out"), 1, 1, random);
  attempt.start(nullptr);
  attempt.run_to_end();
  return visible(directory.path("out"));
}

/// The files as a process that is gone leaves them: nothing is cleared away.
void crash(std::unique_ptr<Attempt> attempt, const std::string& folder) {
  const std::string left = folder + ".left";
  fs::copy(folder, left, fs::copy_options::recursive);
  attempt.reset();
  fs::remove_all(folder);
  fs::rename(left, folder);
}

TEST(FileCommit, AfterACrashAtAnyStepEveryRowIsThereOnce) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const Results truth = expected();
  ASSERT_EQ(truth.rows.size(), kPartitions * kNumbersEach);
  ASSERT_EQ(truth.totals.size(), 5u);
  for (std::uint64_t steps = 0; steps < 250; ++steps) {
    const auto first = static_cast<std::int64_t>(1 + random.below(3));
    const auto second = static_cast<std::int64_t>(1 + random.below(4));
    const auto third = static_cast<std::int64_t>(1 + random.below(3));
    SCOPED_TRACE(std::to_string(steps) + " steps, then with " + std::to_string(second) + " and " +
                 std::to_string(third) + " tasks instead of " + std::to_string(first));
    const TestDirectory directory;
    const std::string folder = directory.path("out");
    auto attempt = std::make_unique<Attempt>(folder, 1, first, random);
    attempt->start(nullptr);
    attempt->go_on(steps, 1 + random.below(40));
    auto newest = attempt->newest();
    crash(std::move(attempt), folder);

    attempt = std::make_unique<Attempt>(folder, 2, second, random);
    attempt->start(newest.get());
    attempt->go_on(random.below(150), 1 + random.below(40));
    if (attempt->newest() != nullptr) newest = attempt->newest();
    crash(std::move(attempt), folder);

    attempt = std::make_unique<Attempt>(folder, 3, third, random);
    attempt->start(newest.get());
    attempt->run_to_end();
    ASSERT_EQ(visible(folder), truth);
    ASSERT_FALSE(fs::exists(folder + "/rows/.pending"));
    ASSERT_FALSE(fs::exists(folder + "/totals/.pending"));
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace freshet
