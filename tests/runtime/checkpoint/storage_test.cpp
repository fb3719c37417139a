#include "runtime/checkpoint/storage.h"

#include <gtest/gtest.h>

#include "runtime/checkpoint/file_storage.h"
#include "runtime/checkpoint/memory_storage.h"
#include "tests/runtime/checkpoint/support.h"

namespace freshet::checkpoint {
namespace {

using Names = std::vector<std::string>;

struct InMemory {
  MemoryCheckpointStorage storage;
};
struct InFiles {
  TemporaryDirectory directory;
  FileCheckpointStorage storage{directory.path() + "/made/by/it"};
};

/// What every storage does.
template <class Where>
class StorageTest : public testing::Test {
 protected:
  CheckpointStorage& storage() { return where_.storage; }
  std::string content(const std::string& name) {
    const auto found = storage().get(name, 1u << 20);
    return found ? *found : "none: " + found.error().message;
  }

 private:
  Where where_;
};
using Storages = testing::Types<InMemory, InFiles>;
TYPED_TEST_SUITE(StorageTest, Storages);

TYPED_TEST(StorageTest, WhatIsPutComesBack) {
  const std::string bytes("a\0b\xff\n", 5);
  ASSERT_TRUE(this->storage().put("job-1/snapshots/c1", bytes).ok());
  ASSERT_TRUE(this->storage().put("job-1/snapshots/empty", "").ok());
  EXPECT_EQ(this->content("job-1/snapshots/c1"), bytes);
  EXPECT_EQ(this->content("job-1/snapshots/empty"), "");
}

TYPED_TEST(StorageTest, PutRefusesANameThatExists) {
  ASSERT_TRUE(this->storage().put("job-1/a", "first").ok());
  const auto second = this->storage().put("job-1/a", "second");
  EXPECT_TRUE(contains(why(second), "job-1/a exists already")) << why(second);
  EXPECT_EQ(this->content("job-1/a"), "first");
}

TYPED_TEST(StorageTest, PublishMakesAFileOnce) {
  const auto first = this->storage().publish("job-1/a", "first");
  ASSERT_TRUE(first.ok()) << why(first);
  EXPECT_TRUE(*first);
  for (const char* bytes : {"second", "first"}) {
    const auto again = this->storage().publish("job-1/a", bytes);
    ASSERT_TRUE(again.ok()) << why(again);
    EXPECT_FALSE(*again);
  }
  EXPECT_EQ(this->content("job-1/a"), "first");
}

TYPED_TEST(StorageTest, GetTakesNoMoreThanAllowed) {
  ASSERT_TRUE(this->storage().put("job-1/a", "12345").ok());
  EXPECT_TRUE(this->storage().get("job-1/a", 5).ok());
  const auto longer = this->storage().get("job-1/a", 4);
  EXPECT_TRUE(contains(why(longer), "longer than the 4 bytes")) << why(longer);
}

TYPED_TEST(StorageTest, GetNamesTheFileThatIsNotThere) {
  for (const char* name : {"job-1/a", "a"}) {
    const auto found = this->storage().get(name, 10);
    EXPECT_TRUE(contains(why(found), name)) << why(found);
  }
}

TYPED_TEST(StorageTest, ListsTheFilesOfOneFolderSorted) {
  for (const char* name : {"job-1/b", "job-1/a", "job-1/sub/c", "job-1.x", "job-10/d", "job-1/B"})
    ASSERT_TRUE(this->storage().put(name, "").ok());
  const auto list = [&](const char* folder) {
    auto names = this->storage().list(folder);
    return names ? *names : Names{why(names)};
  };
  EXPECT_EQ(list("job-1"), (Names{"B", "a", "b"}));
  EXPECT_EQ(list("job-1/sub"), Names{"c"});
  EXPECT_EQ(list("job-2"), Names{});
  EXPECT_EQ(list("job-2/sub"), Names{});
}

TYPED_TEST(StorageTest, RemoveIsContentWithNothing) {
  EXPECT_TRUE(this->storage().remove("job-1/a").ok());
  ASSERT_TRUE(this->storage().put("job-1/a", "first").ok());
  EXPECT_TRUE(this->storage().remove("job-1/a").ok());
  EXPECT_TRUE(this->storage().remove("job-1/a").ok());
  EXPECT_FALSE(this->storage().get("job-1/a", 10).ok());
  EXPECT_TRUE(this->storage().put("job-1/a", "second").ok());
}

TYPED_TEST(StorageTest, LongestNamesAreTaken) {
  const std::string segment(CheckpointStorage::kMaxSegmentBytes, 'x');
  const std::string name = segment + "/" + segment + "/" + segment;
  ASSERT_TRUE(this->storage().put(name, "long").ok());
  EXPECT_EQ(this->content(name), "long");
}

TYPED_TEST(StorageTest, RefusesWhatIsNoNameInEveryCall) {
  const std::string segment(CheckpointStorage::kMaxSegmentBytes, 'x');
  const Names refused = {"",
                         "/",
                         "/a",
                         "a/",
                         "a//b",
                         ".",
                         "..",
                         "a/../b",
                         "../a",
                         "a/.",
                         "a b",
                         "a\\b",
                         "~a",
                         "a/~writing-1-2",
                         "\xc3\xa4",
                         "a\nb",
                         "a:b",
                         "a*",
                         std::string("a\0b", 3),
                         segment + "x",
                         segment + "/" + segment + "/" + segment + "/" + segment + "/x"};
  for (const std::string& name : refused) {
    const std::string start = name.substr(0, 300);
    const auto refuses = [&](const auto& result) { return contains(why(result), "'" + start + "' is no name"); };
    EXPECT_TRUE(refuses(this->storage().put(name, ""))) << name;
    EXPECT_TRUE(refuses(this->storage().publish(name, ""))) << name;
    EXPECT_TRUE(refuses(this->storage().get(name, 1))) << name;
    EXPECT_TRUE(refuses(this->storage().list(name))) << name;
    EXPECT_TRUE(refuses(this->storage().remove(name))) << name;
  }
}

TEST(CheckName, TakesDotsThatAreNoWayUp) {
  for (const char* name : {"a", "...", ".a", "a..b/..c", "job-1/snapshots/c7-a3-t0.2", "A_z/0-9"})
    EXPECT_TRUE(check_name(name).ok()) << name;
}

TEST(MemoryCheckpointStorage, FailsAsItIsTold) {
  MemoryCheckpointStorage storage;
  storage.fail_puts = "disk full";
  EXPECT_EQ(why(storage.put("a", "")), "cannot write a: disk full");
  EXPECT_EQ(why(storage.publish("a", "")), "cannot write a: disk full");
  EXPECT_TRUE(storage.files.empty());
  storage.fail_puts.clear();
  EXPECT_TRUE(storage.put("a", "x").ok());
  storage.files["a"] = "damaged";
  EXPECT_EQ(*storage.get("a", 10), "damaged");
}

}  // namespace
}  // namespace freshet::checkpoint
