#pragma once

#include <freshet/files.h>
#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <filesystem>

/// What tests of behaviour operators on real data share. The data stands beside the checkout, in ../shared/data; where
/// it is absent, the tests are skipped.
namespace freshet::testing {

using Parameters = std::map<std::string, std::string>;

/// What somebody did. Users and items are text here, since in some sets they are.
struct Act {
  std::string user{}, item{}, action{};
  Time time{};
  std::uint64_t line = 0;
  FRESHET_RECORD(user, item, action, time, line)
};

/// Predicate: the action is one of these, "a|b".
inline auto is_one_of(const std::string& actions) {
  return [all = "|" + actions + "|"](const Act& act) { return all.find("|" + act.action + "|") != std::string::npos; };
}

inline std::string input(const std::string& files) { return std::string(FRESHET_TEST_DATA) + "/" + files; }

/// The same at any parallelism.
class Behaviour : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(FRESHET_TEST_DATA))
      GTEST_SKIP() << "the data sets are not there: " << FRESHET_TEST_DATA << " is no folder";
  }
  static JobHarness run(const char* job, const Parameters& parameters) {
    JobHarness harness(job, parameters);
    harness.parallelism(GetParam()).finish();
    return harness;
  }
};

inline std::string name_of(const ::testing::TestParamInfo<int>& tasks) { return std::to_string(tasks.param); }

}  // namespace freshet::testing
