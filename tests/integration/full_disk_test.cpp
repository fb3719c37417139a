// A disk that is full for a while: state that does not fit into memory has nowhere to go, nor has the job manager's
// journal. Nothing fails, and what is committed in the end is counted apart from the engine.

#include <gmock/gmock.h>

#include <filesystem>
#include <optional>

#include "tests/integration/eventually.h"
#include "tests/integration/small_disk.h"
#include "tests/integration/test_cluster.h"
#include "tests/integration/user_events.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;

class FullDisk : public ::testing::Test {
 protected:
  static constexpr int kFiles = 2, kLinesPerFile = 250'000, kUsers = 20'000;

  void SetUp() override {
    const std::string data = directory_.path("cluster");
    fs::create_directories(data);
    try {
      disk_.emplace(data, 256u << 20);
    } catch (const std::runtime_error& error) {
      GTEST_SKIP() << error.what() << "; it takes the right to mount (root, or CAP_SYS_ADMIN)";
    }
    cluster_.emplace(data, 2, std::vector<std::string>{"--checkpoint-storage", directory_.path("checkpoints")});
  }
  Ended submit(const std::string& name) const {
    auto arguments = parameters({events_.input(), "input.rate=20000", "input.time=s", "emit=200ms",
                                 "output=" + directory_.path("out-" + name)});
    arguments.insert(arguments.end(), {"--name", name, "--parallelism", "2", "--checkpoint-interval", "300ms",
                                       "--state-memory", "200KiB"});
    return cluster_->submit(FRESHET_USER_BEHAVIOR, "user_behavior", arguments);
  }
  nlohmann::json job() const { return cluster_->view().job("shop"); }
  /// Its problem of that kind, or null.
  nlohmann::json full_disk() const {
    const auto status = job();
    for (const auto& problem : status["problems"])
      if (problem["kind"] == "DISK_FULL") return problem;
    return {};
  }

  TestDirectory directory_{};
  std::optional<SmallDisk> disk_;
  const UserEvents events_{directory_.path(""), kFiles, kLinesPerFile, kUsers};
  std::optional<TestCluster> cluster_;
};

TEST_F(FullDisk, HoldsTheJobBackUntilThereIsRoomAndNothingIsLostOrDoubled) {
  const auto submitted = submit("shop");
  ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  ASSERT_TRUE(eventually(kPatience, [&] { return job()["last_checkpoint"]["number"].is_number(); })) << job();
  disk_->fill();
  ASSERT_TRUE(eventually(kPatience, [&] {
    const auto problem = full_disk();
    return !problem.is_null() && problem["what"].get<std::string>().find("tasks wait") != std::string::npos;
  })) << job();
  const auto refused = submit("another");
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("No space left on device"), HasSubstr(cluster_->data())));
  EXPECT_EQ(job()["state"], "Running");
  EXPECT_EQ(job()["health"], "DEGRADED");
  disk_->make_room();
  ASSERT_TRUE(cluster_->view().wait_for("shop", "Finished")) << job();
  events_.expect_exact(directory_.path("out-shop"));
  EXPECT_EQ(job()["attempt"], 1) << "it was waited for, and nothing was begun anew";
  EXPECT_TRUE(full_disk().is_null()) << full_disk();
  const auto accepted = submit("another");
  EXPECT_EQ(accepted.exit_code, 0) << accepted.output;
}

}  // namespace
}  // namespace freshet::integration
