#include "runtime/worker/job_library.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/worker/local_engine.h"

namespace freshet::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string library(const std::string& name) { return std::string(FRESHET_LIBRARIES) + "/lib" + name + ".so"; }

class JobLibraries : public testing::Test {
 protected:
  JobLibraries() {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/in.txt") << "first\nsecond\n";
  }
  ~JobLibraries() override { std::filesystem::remove_all(folder_); }

  JobLibrary loaded(const std::string& name) {
    auto found = JobLibrary::load(library(name), problem_);
    if (!found) throw std::runtime_error(problem_.where + ": " + problem_.message);
    return *found;
  }
  std::unique_ptr<Job> built(const JobLibrary& from, const std::string& output) {
    auto job = build_job(**from.find(""), {{"input", folder_ + "/in.txt"}, {"output", folder_ + "/" + output}});
    if (!job) throw std::runtime_error(job.error().message);
    return std::move(*job);
  }
  std::string result_in(const std::string& output) {
    std::ifstream in(folder_ + "/" + output + "/part-00000.jsonl");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const std::string folder_ = testing::TempDir() + "freshet-job-libraries-" + std::to_string(::getpid());
  Problem problem_;
};

void run_to_end(LocalEngine& engine) {
  ASSERT_THAT(engine.problems(), testing::IsEmpty());
  engine.start();
  ASSERT_TRUE(engine.run());
  engine.close();
}

/// Both are in this process, as two jobs never are in a worker; a name must not bring them together even so.
TEST_F(JobLibraries, TwoThatSayEventEachHaveTheirOwn) {
  const auto clicks = loaded("event_clicks");
  const auto orders = loaded("event_orders");
  const auto clicks_job = built(clicks, "clicks");
  const auto orders_job = built(orders, "orders");
  const auto schema_in = [](const Job& job) { return to_text(job.graph().operators[1].outputs[0].record); };
  EXPECT_EQ(schema_in(*clicks_job), "{user: u64, page: string}");
  EXPECT_EQ(schema_in(*orders_job), "{order: string, amount: f64, items: [string]}");

  LocalEngine first(*clicks_job, {});
  LocalEngine second(*orders_job, {});
  run_to_end(first);
  run_to_end(second);
  EXPECT_EQ(result_in("clicks"), "{\"user\":7,\"page\":\"first\"}\n{\"user\":7,\"page\":\"second\"}\n");
  EXPECT_EQ(result_in("orders"),
            "{\"order\":\"first\",\"amount\":2.5,\"items\":[\"one\",\"two\"]}\n"
            "{\"order\":\"second\",\"amount\":2.5,\"items\":[\"one\",\"two\"]}\n");
}

TEST_F(JobLibraries, EachRegistersItsOwnJobsOnly) {
  std::vector<std::string> names;
  for (const char* name : {"event_clicks", "event_orders"}) {
    for (const auto& job : loaded(name).jobs()) names.push_back(job.name);
  }
  EXPECT_THAT(names, ElementsAre("clicks", "orders"));
}

/// The other symbol of that library would end the process if it were called.
TEST_F(JobLibraries, OfAnotherEngineIsRefusedBeforeAnythingOfItIsCalled) {
  EXPECT_FALSE(JobLibrary::load(library("refused_foreign"), problem_));
  EXPECT_EQ(problem_.where, "library " + library("refused_foreign"));
  EXPECT_EQ(problem_.message, "it was built for freshet-9.9.9 g++-99, this engine is " FRESHET_ABI_TAG);
  EXPECT_EQ(problem_.remedy, "Build it again with this SDK and its compiler");
}

TEST_F(JobLibraries, WhatIsNoneIsRefused) {
  EXPECT_FALSE(JobLibrary::load(folder_ + "/in.txt", problem_));
  EXPECT_THAT(problem_.message, HasSubstr("it cannot be loaded: "));
  EXPECT_FALSE(JobLibrary::load(library("refused_no_job"), problem_));
  EXPECT_THAT(problem_.message, HasSubstr("it has no FRESHET_JOB"));
}

}  // namespace
}  // namespace freshet::worker
