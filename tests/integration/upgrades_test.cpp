// A job of which there are several revisions, changed while it reads events that come twice and out of order; what it
// has committed in the end is counted apart from the engine.

#include <gmock/gmock.h>

#include "tests/integration/doubled_events.h"
#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class Upgrades : public ::testing::Test {
 protected:
  void SetUp() override {
    auto arguments = parameters({events_.input(), "input.rate=150", "output=" + output_});
    arguments.insert(arguments.end(), {"--name", "shop", "--parallelism", "2", "--checkpoint-interval", "200ms"});
    const auto submitted = cluster_.submit(library(1), "doubles", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  }
  static std::string library(int revision) {
    return std::string(FRESHET_DOUBLES) + "/libdoubles_" + std::to_string(revision) + ".so";
  }
  Ended must(const std::vector<std::string>& verb) const {
    const auto ended = cluster_.verb(verb);
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    return ended;
  }
  /// Reads what is left at full speed, so that a slow machine has time for all changes before.
  void expect_exact_results(int revision) const {
    must({"upgrade", "shop", library(revision), "--param", "input.rate=0"});
    ASSERT_TRUE(cluster_.view().wait_for("shop", "Finished")) << cluster_.view().job("shop");
    events_.expect_exact(output_);
  }

  TestDirectory directory_{};
  const std::string output_ = directory_.path("out");
  const DoubledEvents events_{directory_.path("")};
  TestCluster cluster_{directory_.path("cluster"), 2};
};

TEST_F(Upgrades, EventsThatComeTwiceCountOnceAndInOrderWhileTheJobIsRescaledUpgradedAndRolledBack) {
  EXPECT_THAT(must({"rescale", "shop", "--parallelism", "4"}).output,
              AllOf(ContainsRegex("savepoint [0-9]+ \\(<?[0-9.]+ s\\)   restored \\(<?[0-9.]+ s\\)"),
                    ContainsRegex("stood still <?[0-9.]+ s"), HasSubstr("\nundo: freshet rescale shop")));
  must({"rescale", "shop", "--parallelism", "3"});
  must({"upgrade", "shop", library(2)});
  const json upgraded = json::parse(must({"rollback", "shop", "--json"}).output);
  EXPECT_GT(upgraded["change"]["stood_still_ms"], 0);
  EXPECT_EQ(upgraded["change"]["stood_still_ms"].get<int>(),
            upgraded["change"]["savepoint_ms"].get<int>() + upgraded["change"]["restored_ms"].get<int>());
  EXPECT_EQ(upgraded["revision"], 5);
  EXPECT_EQ(cluster_.view().job("shop")["state"], "Running") << "all of it happens while it reads";
  expect_exact_results(1);
  EXPECT_GT(events_.most_refunds(output_), 0) << "the upgrade has counted them";
}

TEST_F(Upgrades, WhatCannotTakeTheStateIsToldAndRefusedBeforeAnythingStops) {
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster_.view().job("shop")["records_in"].get<int>() > 100; }));
  must({"checkpoint", "create", "shop"});
  const auto good = must({"validate", library(2), "--against", "shop"});
  EXPECT_THAT(good.output,
              AllOf(HasSubstr("compatible with revision 1 at checkpoint"), HasSubstr("count   totals: + refunds (new)"),
                    HasSubstr("dedupe"), HasSubstr("upgrade: freshet upgrade shop")));
  const auto bad = cluster_.verb({"validate", library(4), "--against", "shop"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_THAT(bad.output, AllOf(HasSubstr("except 1 error"), HasSubstr("field amount: i64 to string"),
                                HasSubstr("--drop-state count"), HasSubstr("entries)")));
  const auto refused = cluster_.verb({"upgrade", "shop", library(4)});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("nothing was changed"), HasSubstr("field amount: i64 to string")));
  const auto job = cluster_.view().job("shop");
  EXPECT_EQ(job["attempt"], 1) << "it was not stopped";
  EXPECT_EQ(job["change"], nullptr);
  must({"validate", library(4), "--against", "shop", "--drop-state", "count"});
  expect_exact_results(2);
}

TEST_F(Upgrades, ALibraryThatCrashesWhileItIsWatchedIsTakenBack) {
  const auto upgraded = cluster_.verb({"upgrade", "shop", library(3), "--watch-for", "60s"});
  EXPECT_EQ(upgraded.exit_code, 1);
  EXPECT_THAT(upgraded.output, AllOf(HasSubstr("the job goes on with revision 1"), HasSubstr("The job is Running")));
  EXPECT_EQ(cluster_.view().job("shop")["revision"], 3);
  expect_exact_results(1);
}

TEST_F(Upgrades, ALibraryThatHoldsIsKept) {
  EXPECT_THAT(must({"upgrade", "shop", library(2), "--watch-for", "1s"}).output,
              AllOf(HasSubstr("watched 1 s: restarts 0   errors 0"), HasSubstr("kept."),
                    HasSubstr("undo: freshet rollback shop")));
  expect_exact_results(2);
}

}  // namespace
}  // namespace freshet::integration
