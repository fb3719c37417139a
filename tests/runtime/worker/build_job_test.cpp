#include <gmock/gmock.h>

#include "runtime/worker/job_library.h"

namespace freshet::worker {
namespace {

using testing::HasSubstr;

TEST(BuildJob, GivesTheJobItsNameAndHelp) {
  const auto job = build_job({"shop", "Counts orders", [](Job&) {}}, {});
  ASSERT_TRUE(job);
  EXPECT_EQ((*job)->graph().job, "shop");
  EXPECT_EQ((*job)->graph().help, "Counts orders");
}

TEST(BuildJob, SaysWhatTheBuildFunctionThrew) {
  const auto job = build_job({"shop", "", [](Job&) { throw std::runtime_error("no idea"); }}, {});
  ASSERT_FALSE(job);
  EXPECT_THAT(job.error().message, HasSubstr("the build function of shop threw"));
  EXPECT_THAT(job.error().message, HasSubstr("no idea"));
}

}  // namespace
}  // namespace freshet::worker
