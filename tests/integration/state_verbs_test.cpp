#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/command.h"
#include "tests/integration/eventually.h"
#include "tests/integration/user_events.h"

/// Saved state from the command line, with a real cluster, a real job and real files.
namespace freshet::integration {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;

class StateVerbs : public testing::Test {
 protected:
  Freshet freshet_;
  RunningCluster cluster_{freshet_, 2};
};

TEST_F(StateVerbs, AKeyHoldsWhatAnIndependentCountSays) {
  ASSERT_EQ(cluster_.started().exit_code, 0) << cluster_.started().err;
  const ScratchFolder folder;
  const UserEvents events(folder.path().string(), 2, 3'000, 40);
  const Answer submitted = freshet_.run({"submit", FRESHET_USER_BEHAVIOR, "--name", "shop", "--param", events.input(),
                                         "--param", "output=" + folder / "out", "--parallelism", "1"});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  const Answer ended = freshet_.run({"status", "shop", "--wait", "--timeout", "60s"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;

  const auto& expected = events.by_user();
  std::map<std::string, long long> scanned;
  const Answer scan = freshet_.run({"state", "scan", "shop", "users", "-n", "1000"});
  ASSERT_EQ(scan.exit_code, 0) << scan.err;
  std::istringstream lines(scan.out);
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line);
    scanned[entry.at("key")] = entry.at("value").at("events");
  }
  EXPECT_EQ(scanned, expected);
  EXPECT_THAT(scan.err, MatchesRegex("users\\.[a-z]+ as of final_checkpoint [0-9]+, .* old\n"));
  for (const auto& [user, count] : {*expected.begin(), *expected.rbegin()}) {
    const Answer one = freshet_.run({"state", "get", "shop", "users", user});
    ASSERT_EQ(one.exit_code, 0) << one.err;
    EXPECT_EQ(json::parse(one.out).at("events"), count);
  }
  const Answer page = freshet_.run({"state", "scan", "shop", "users", "-n", "7", "--json"});
  EXPECT_EQ(json::parse(page.out).at("entries").size(), 7u);
  EXPECT_TRUE(json::parse(page.out).at("next").is_string());

  const Answer nobody = freshet_.run({"state", "get", "shop", "users", "nobody"});
  EXPECT_EQ(nobody.exit_code, 4);
  EXPECT_THAT(nobody.err, HasSubstr("has no key nobody in checkpoint"));
  const Answer no_operator = freshet_.run({"state", "get", "shop", "usrs", "user1"});
  EXPECT_EQ(no_operator.exit_code, 4);
  EXPECT_THAT(no_operator.err, AllOf(HasSubstr("has no operator usrs, but "), HasSubstr("Near: users")));
  EXPECT_EQ(freshet_.run({"state", "scan", "shop", "users", "--checkpoint", "999"}).exit_code, 4);
  EXPECT_EQ(freshet_.run({"state", "scan", "shpo", "users"}).exit_code, 4);
}

TEST_F(StateVerbs, ASavepointTellsWhatWasThenAndTheTimeLineThatItWasAskedFor) {
  ASSERT_EQ(cluster_.started().exit_code, 0) << cluster_.started().err;
  const ScratchFolder folder;
  const Answer submitted =
      freshet_.run({"submit", FRESHET_USER_BEHAVIOR, "--name", "shop", "--param", "input=shop:", "--param",
                    "input.rate=2000", "--param", "output=" + folder / "out", "--checkpoint-interval", "1h"});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  const auto total = [&](const std::string& number) {
    const Answer answer = freshet_.run({"state", "get", "shop", "totals", "all", "--checkpoint", number});
    EXPECT_THAT(answer.exit_code, AnyOf(0, 4)) << answer.err;
    return answer.exit_code == 0 ? json::parse(answer.out).at("events").get<long long>() : 0;
  };
  int number = 0;
  const auto save_until_more_than = [&](long long least) {
    return eventually(kPatience, [&] {
      const Answer made = freshet_.run({"savepoint", "create", "shop"});
      EXPECT_EQ(made.exit_code, 0) << made.err;
      ++number;
      return HasFailure() || total(std::to_string(number)) > least;
    });
  };
  ASSERT_TRUE(save_until_more_than(0));
  const int early = number;
  const long long first = total(std::to_string(early));
  ASSERT_TRUE(save_until_more_than(first));
  EXPECT_EQ(total(std::to_string(early)), first);
  const Answer line = freshet_.run({"events", "shop"});
  EXPECT_EQ(line.exit_code, 0) << line.err;
  EXPECT_THAT(line.out, AllOf(ContainsRegex("^[0-9:]+  Submitted as job-1\n"),
                              ContainsRegex("\n[0-9:]+  savepoint create was asked for\n")));
}

}  // namespace
}  // namespace freshet::integration
