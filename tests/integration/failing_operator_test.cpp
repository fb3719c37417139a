// An operator that throws or crashes, in real processes: what the user is told, what is left of the half-done call, and
// what other jobs notice.

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include "tests/integration/background_program.h"
#include "tests/integration/eventually.h"
#include "tests/integration/result_table.h"
#include "tests/integration/tally.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr long long kItems = 20'000, kKeys = 37;
constexpr long long kOneIn = 15'000;  // one poison: id 14999, in line 15001, for the header is the first
constexpr int kFailed = 9;

/// Items of 37 keys; those whose id says so are poison.
struct Items {
  explicit Items(long long poison_every) : poison_every_(poison_every) {}
  bool is_poison(long long id) const { return poison_every_ != 0 && id % poison_every_ == poison_every_ - 1; }
  static std::string key(long long id) { return "key-" + std::to_string(id % kKeys); }
  static long long value(long long id) { return id % 1000 + 1; }
  std::string csv() const {
    std::string text = "id,key,value\n";
    for (long long id = 0; id < kItems; ++id)
      text += std::to_string(id) + "," + key(id) + "," + std::to_string(is_poison(id) ? -1000 : value(id)) + "\n";
    return text;
  }

 private:
  const long long poison_every_;
};

class FailingOperator : public ::testing::Test {
 protected:
  std::string write(const Items& items) { return directory_.write("in/items.csv", items.csv()); }
  std::vector<std::string> with(std::vector<std::string> assignments, const std::string& output = "out") const {
    assignments.push_back("input=" + directory_.path("in/items.csv"));
    assignments.push_back("output=" + directory_.path(output));
    auto words = parameters(assignments);
    words.insert(words.end(), {"--wait", "--parallelism", "2"});
    return words;
  }
  /// The results are those of the items that are no poison, and nothing else.
  void expect_no_half_effects(const Items& items, const std::string& reason = "exception std::out_of_range") {
    std::map<std::string, long long> halves, running;
    std::size_t poison = 0;
    for (long long id = 0; id < kItems; ++id) {
      if (items.is_poison(id)) {
        ++poison;
        continue;
      }
      halves[Items::key(id)] += 2;
      running[Items::key(id)] += Items::value(id);
    }
    const ResultTable totals(directory_.path("out/totals"));
    EXPECT_TRUE(totals.by("key", "halves") == halves) << "records of failed calls came out";
    EXPECT_TRUE(totals.by("key", "running") == running) << "state of failed calls was kept";
    for (std::size_t row = 0; row < totals.rows(); ++row) EXPECT_EQ(totals.number(row, "most_calls"), 1);
    const ResultTable notes(directory_.path("out/notes"));
    EXPECT_EQ(notes.rows(), kItems - poison) << "side outputs of failed calls came out";
    const ResultTable dead(directory_.path("out/dead"));
    ASSERT_EQ(dead.rows(), poison);
    for (std::size_t row = 0; row < dead.rows(); ++row) {
      EXPECT_EQ(dead.text(row, "operator_id"), "faulty");
      EXPECT_EQ(dead.text(row, "reason"), reason);
      EXPECT_THAT(dead.text(row, "origin"), HasSubstr("items.csv, line "));
    }
  }

  /// The one poison of kOneIn came out once, behind three attempts that crashed on it, and all else is as ever.
  void expect_set_aside(const std::string& signal) {
    expect_no_half_effects(Items(kOneIn), "crash " + signal);
    const ResultTable dead(directory_.path("out/dead"));
    ASSERT_EQ(dead.rows(), 1u);
    EXPECT_EQ(dead.text(0, "message"), "set aside after 3 crashes");
    EXPECT_THAT(dead.text(0, "origin"), HasSubstr("items.csv, line 15001"));
    EXPECT_THAT(dead.text(0, "record"), HasSubstr(R"("id":14999)"));
    EXPECT_EQ(dead.number(0, "attempts"), 4);
  }

  TestDirectory directory_{};
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(FailingOperator, AThrowFailsTheJobAndNamesOperatorPlaceAndRecord) {
  write(Items(kOneIn));
  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", with({}));
  EXPECT_EQ(ended.exit_code, kFailed) << ended.output;
  const auto place = HasSubstr("items.csv, line 15001");
  EXPECT_THAT(ended.output, AllOf(HasSubstr("faulty"), HasSubstr("item 14999 is poison"), place));
  const auto status = cluster_.verb({"status", "poison"});
  EXPECT_THAT(status.output,
              AllOf(HasSubstr("FAILED"), HasSubstr("POISON"), HasSubstr("faulty"),
                    HasSubstr("exception std::out_of_range: item 14999 is poison"), place, HasSubstr(R"("id":14999)")));
  EXPECT_EQ(cluster_.verb({"status", "poison", "--wait"}).exit_code, kFailed);
  const auto logs = cluster_.verb({"logs", "poison", "--operator", "faulty"});
  EXPECT_EQ(logs.exit_code, 0);
  EXPECT_THAT(logs.output, AllOf(HasSubstr("item 14999 is poison"), place, HasSubstr(R"("id":14999)")));
  EXPECT_EQ(ResultTable(directory_.path("out/totals")).rows(), 0u) << "a failed job leaves no result";
}

TEST_F(FailingOperator, RunAnswersNineWhenItsJobFails) {
  write(Items(kOneIn));
  std::vector<std::string> arguments{"run",    FRESHET_FAULTS,           "--job", "poison", "--workers", "2", "--quiet",
                                     "--data", directory_.path("engine")};
  const auto words = parameters({"input=" + directory_.path("in/items.csv"), "output=" + directory_.path("out")});
  arguments.insert(arguments.end(), words.begin(), words.end());
  const auto ended = run_freshet(arguments);
  EXPECT_EQ(ended.exit_code, kFailed);
  EXPECT_THAT(ended.output, AllOf(HasSubstr("FAILED"), HasSubstr("faulty"), HasSubstr("items.csv, line 15001"),
                                  HasSubstr(R"("id":14999)")));
}

TEST_F(FailingOperator, ADeadLetterLeavesNoHalfEffectsInAChain) {
  const Items items(97);
  write(items);
  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", with({"set_aside=true"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.output;
  expect_no_half_effects(items);
}

TEST_F(FailingOperator, ADeadLetterLeavesNoHalfEffectsBetweenTasks) {
  const Items items(97);
  write(items);
  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", with({"set_aside=true", "chained=false"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.output;
  expect_no_half_effects(items);
}

TEST_F(FailingOperator, ARecordThatCrashesAgainAndAgainBecomesOneDeadLetterAndTheJobGoesOn) {
  write(Items(kOneIn));
  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", with({"fault=crash", "set_aside=true"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.output;
  expect_set_aside("SIGSEGV");
  EXPECT_EQ(cluster_.view().job("poison")["attempt"], 4);
  const auto status = cluster_.verb({"status", "poison"});
  EXPECT_THAT(status.output, AllOf(HasSubstr("POISON"), HasSubstr("items.csv, line 15001 is set aside after 3 crashes"),
                                   HasSubstr("crash SIGSEGV")));
}

TEST_F(FailingOperator, SoDoesOneThatAbortsBehindAnotherTask) {
  write(Items(kOneIn));
  auto words = with({"fault=abort", "set_aside=true", "chained=false"});
  words.insert(words.end(), {"--checkpoint-interval", "50ms"});
  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", words);
  ASSERT_EQ(ended.exit_code, 0) << ended.output;
  expect_set_aside("SIGABRT");
}

TEST_F(FailingOperator, CrashesAreCountedOnWhenTheJobManagerIsKilledBetweenThem) {
  write(Items(kOneIn));
  auto words = parameters({"input=" + directory_.path("in/items.csv"), "output=" + directory_.path("out"),
                           "fault=crash", "set_aside=true"});
  words.insert(words.end(), {"--parallelism", "2", "--restart", "fixed 100 1s", "--detach"});
  ASSERT_EQ(cluster_.submit(FRESHET_FAULTS, "poison", words).exit_code, 0);
  const auto has_crashed = [&] {
    const auto job = cluster_.view().job("poison");
    return job.contains("problems") && !job["problems"].empty() && job["problems"][0]["kind"] == "WORKER_CRASHED";
  };
  ASSERT_TRUE(eventually(kPatience, has_crashed));
  ASSERT_LT(cluster_.view().job("poison")["attempt"], 3) << "crashes have to be left for the job manager to come";
  kill(cluster_.manager_pid(), SIGKILL);
  const auto port_of = [](const std::string& address) { return address.substr(address.rfind(':') + 1); };
  const BackgroundProgram manager(
      {"job-manager", "--data", cluster_.data() + "/manager", "--port", port_of(cluster_.view().address()),
       "--control-port", port_of(cluster_.control_address())},
      directory_.path("manager.log"));
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster_.view().state_of("poison") == "Finished"; }))
      << cluster_.view().job("poison") << manager.output();
  EXPECT_EQ(cluster_.view().job("poison")["attempt"], 4) << "three crashes in all, not three under each job manager";
  expect_set_aside("SIGSEGV");
}

TEST_F(FailingOperator, CrashesPerRecordZeroSetsNothingAside) {
  write(Items(kOneIn));
  auto words = with({"fault=crash", "set_aside=true"});
  words.insert(words.end(), {"--crashes-per-record", "0", "--restart", "fixed 4 0s"});
  EXPECT_EQ(cluster_.submit(FRESHET_FAULTS, "poison", words).exit_code, kFailed);
  EXPECT_EQ(cluster_.view().job("poison")["attempt"], 5);
  EXPECT_EQ(ResultTable(directory_.path("out/dead")).rows(), 0u);
}

TEST_F(FailingOperator, ACrashNamesOperatorPlaceAndRecordAndHurtsNoOtherJob) {
  write(Items(kOneIn));
  const std::string gate = directory_.write("gate", "closed");
  auto other = parameters({"count=50000", "payload=100", "gate=" + gate, "output=" + directory_.path("tallies")});
  other.insert(other.end(), {"--name", "other", "--parallelism", "2"});
  ASSERT_EQ(cluster_.submit(FRESHET_FAULTS, "flow", other).exit_code, 0);
  const auto workers = cluster_.view().worker_pids("other");

  const auto ended = cluster_.submit(FRESHET_FAULTS, "poison", with({"fault=crash"}));
  EXPECT_EQ(ended.exit_code, kFailed) << ended.output;
  const auto place = HasSubstr("items.csv, line 15001");
  const auto status = cluster_.verb({"status", "poison"});
  EXPECT_THAT(status.output, AllOf(HasSubstr("FAILED"), HasSubstr("WORKER_CRASHED"), HasSubstr("SIGSEGV in faulty"),
                                   place, HasSubstr(R"("id":14999)")));
  const auto logs = cluster_.verb({"logs", "poison"});
  EXPECT_THAT(logs.output, AllOf(HasSubstr("SIGSEGV"), HasSubstr("faulty"), place, HasSubstr(R"("id":14999)")));

  EXPECT_EQ(cluster_.view().state_of("other"), "Running");
  EXPECT_EQ(cluster_.view().worker_pids("other"), workers);
  std::filesystem::remove(gate);
  ASSERT_TRUE(cluster_.view().wait_for("other", "Finished")) << cluster_.view().job("other");
  const auto tally = tally_in(directory_.path("tallies"));
  EXPECT_EQ(tally.count, 50'000u);
  EXPECT_EQ(tally.sum, 50'000u * 49'999u / 2);
}

}  // namespace
}  // namespace freshet::integration
