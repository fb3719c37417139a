#include "runtime/worker/job_library.h"

#include <gmock/gmock.h>

namespace freshet::worker {

namespace {

using testing::HasSubstr;

TEST(JobLibrary, AFileThatIsNoneIsRefusedWithItsName) {
  const auto missing = JobLibrary::load("/nowhere/libjob.so");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("/nowhere/libjob.so cannot be loaded"));
}

TEST(JobLibrary, ALibraryWithoutJobsIsRefusedWithWhatToDo) {
  const auto other = JobLibrary::load("libm.so.6");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("is no job library: it has no FRESHET_JOB"));
}

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
