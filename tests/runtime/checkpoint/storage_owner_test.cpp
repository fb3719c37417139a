#include "runtime/checkpoint/storage_owner.h"

#include <gtest/gtest.h>

#include "runtime/checkpoint/file_storage.h"
#include "tests/runtime/checkpoint/support.h"

namespace freshet::checkpoint {
namespace {

class StorageOwner : public testing::Test {
 protected:
  std::string folder() const { return directory_.path() + "/made/by/it"; }
  std::string owner() const {
    const auto found = owner_of(folder());
    return found ? *found : "unreadable: " + found.error().message;
  }

  TemporaryDirectory directory_;
};

TEST_F(StorageOwner, AClaimedFolderIsThereAndItsOwnersOnly) {
  EXPECT_EQ(owner(), "");
  ASSERT_TRUE(claim_folder(folder(), "one").ok());
  EXPECT_EQ(owner(), "one");
  EXPECT_TRUE(claim_folder(folder(), "one").ok()) << "once more at each start";
  const auto other = claim_folder(folder(), "two");
  EXPECT_TRUE(contains(why(other), "checkpoints of another cluster")) << why(other);
  EXPECT_EQ(owner(), "one");
}

TEST_F(StorageOwner, ClaimingLeavesNothingButTheOwner) {
  ASSERT_TRUE(claim_folder(folder(), "one").ok());
  ASSERT_TRUE(claim_folder(folder(), "one").ok());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) names.push_back(entry.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{kOwnerName});
}

TEST_F(StorageOwner, AFolderThatCannotBeMadeOrWrittenIsToldWithItsPath) {
  std::ofstream(directory_.path() + "/file") << "no folder";
  for (const char* path : {"/file", "/file/below", "/file/far/below"}) {
    const auto claimed = claim_folder(directory_.path() + path, "one");
    EXPECT_TRUE(contains(why(claimed), directory_.path() + "/file")) << why(claimed);
    EXPECT_TRUE(contains(why(claimed), "Not a directory") || contains(why(claimed), "File exists")) << why(claimed);
  }
}

TEST_F(StorageOwner, WhoUsesAFolderWantsItOwned) {
  const auto missing = check_folder(folder());
  EXPECT_TRUE(contains(why(missing), folder() + " is not there")) << why(missing);
  std::filesystem::create_directories(folder());
  EXPECT_FALSE(check_folder(folder()).ok()) << "a mount point without its file system";
  ASSERT_TRUE(claim_folder(folder(), "one").ok());
  EXPECT_EQ(why(check_folder(folder())), "success");
}

TEST_F(StorageOwner, AnOwnerFileOfAnyLengthIsRefused) {
  std::filesystem::create_directories(folder());
  std::ofstream(folder() + "/" + kOwnerName) << std::string(100'000, 'x');
  EXPECT_TRUE(contains(why(owner_of(folder())), "longer than"));
  EXPECT_TRUE(contains(why(claim_folder(folder(), "one")), "longer than"));
  EXPECT_FALSE(check_folder(folder()).ok());
}

}  // namespace
}  // namespace freshet::checkpoint
