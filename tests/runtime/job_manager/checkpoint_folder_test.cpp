#include "runtime/job_manager/checkpoint_folder.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace freshet::manager {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class CheckpointFolder : public testing::Test {
 protected:
  CheckpointFolder() {
    root_ = testing::TempDir() + "freshet-folder-XXXXXX";
    if (mkdtemp(root_.data()) == nullptr) ADD_FAILURE() << "no temporary directory";
    data_ = root_ + "/data";
    fs::create_directories(data_);
  }
  ~CheckpointFolder() override { fs::remove_all(root_); }

  /// What a start answers: the folder, or the error.
  std::string start(const std::string& wanted, const std::string& data) {
    const auto folder = claim_checkpoint_folder(data, wanted, "id-" + std::to_string(++ids_));
    return folder ? *folder : folder.error().message;
  }
  std::string start(const std::string& wanted = "") { return start(wanted, data_); }
  static void add_job(const std::string& folder) { fs::create_directories(folder + "/job-1/manifests"); }

  std::string root_;
  std::string data_;
  int ids_ = 0;
};

TEST_F(CheckpointFolder, LiesInTheDataFolderUnlessSaidOtherwise) {
  EXPECT_EQ(start(), data_ + "/checkpoints");
  EXPECT_EQ(start(), data_ + "/checkpoints");
}

TEST_F(CheckpointFolder, IsRememberedByTheNextStart) {
  EXPECT_EQ(start(root_ + "/shared/"), root_ + "/shared");
  add_job(root_ + "/shared");
  EXPECT_EQ(start(), root_ + "/shared");
  EXPECT_EQ(start(root_ + "/shared"), root_ + "/shared");
}

TEST_F(CheckpointFolder, MayBeAnotherAsLongAsNoJobHasCheckpoints) {
  EXPECT_EQ(start(), data_ + "/checkpoints");
  EXPECT_EQ(start(root_ + "/shared"), root_ + "/shared");
  EXPECT_EQ(start(root_ + "/third"), root_ + "/third");
}

TEST_F(CheckpointFolder, OfADataFolderWithJobsMustBeMoved) {
  add_job(data_ + "/checkpoints");  // as a job manager had it that remembered nothing yet
  EXPECT_THAT(start(root_ + "/shared"), AllOf(HasSubstr("the jobs' checkpoints are in " + data_ + "/checkpoints"),
                                              HasSubstr("remedy"), HasSubstr("move all that is there")));
  EXPECT_EQ(start(), data_ + "/checkpoints") << "nothing has changed by that";
  EXPECT_THAT(start(root_ + "/shared"), HasSubstr("the jobs' checkpoints are in"));
  fs::rename(data_ + "/checkpoints", root_ + "/shared");
  EXPECT_EQ(start(root_ + "/shared"), root_ + "/shared");
}

TEST_F(CheckpointFolder, ThatIsGoneOrEmptiedIsNotMadeAnew) {
  ASSERT_EQ(start(root_ + "/shared"), root_ + "/shared");
  add_job(root_ + "/shared");
  fs::rename(root_ + "/shared", root_ + "/moved");
  EXPECT_THAT(start(), AllOf(HasSubstr(root_ + "/shared"), HasSubstr("empty or gone"), HasSubstr("mount it again")));
  EXPECT_FALSE(fs::exists(root_ + "/shared"));
  fs::create_directory(root_ + "/shared");  // the mount point without what was mounted
  EXPECT_THAT(start(), HasSubstr("empty or gone"));
  EXPECT_THAT(start(root_ + "/new"), HasSubstr("the jobs' checkpoints are in " + root_ + "/shared"));
  EXPECT_EQ(start(root_ + "/moved"), root_ + "/moved");
}

TEST_F(CheckpointFolder, OfAnotherClusterIsRefused) {
  ASSERT_EQ(start(root_ + "/shared"), root_ + "/shared");
  const std::string other = root_ + "/other";
  fs::create_directories(other);
  EXPECT_THAT(start(root_ + "/shared", other),
              AllOf(HasSubstr("of another cluster"), HasSubstr("name another: --checkpoint-storage DIR")));
  EXPECT_EQ(start(root_ + "/second", other), root_ + "/second");
}

TEST_F(CheckpointFolder, ThatCannotBeWrittenIsToldWithARemedy) {
  std::ofstream(root_ + "/file") << "no folder";
  EXPECT_THAT(start(root_ + "/file/below"),
              AllOf(HasSubstr("the checkpoint storage " + root_ + "/file/below cannot be used"),
                    HasSubstr(root_ + "/file"), HasSubstr("\n  remedy  make it writable")));
  EXPECT_FALSE(fs::exists(data_ + "/" + kCheckpointFolderFile)) << "what failed is not remembered";
}

}  // namespace
}  // namespace freshet::manager
