#pragma once

#include <freshet/testing.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#ifndef FRESHET_TEST_DATA
#define FRESHET_TEST_DATA "../shared/data"  // from the top of the tree; the build names it in full
#endif

/// What tests on data that nobody of this project wrote share, whose results were computed outside of it. The data
/// stands beside the checkout, in ../shared/data; where it is absent, the tests are skipped.
namespace freshet::testing {

using Parameters = std::map<std::string, std::string>;

/// Files of the data, globs allowed: "ml-100k/*.gz".
inline std::string input(const std::string& files) { return std::string(FRESHET_TEST_DATA) + "/" + files; }

/// By parallelism: results are the same at any.
class OnRealData : public ::testing::TestWithParam<int> {
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
