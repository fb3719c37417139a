#include "runtime/state/rocksdb_journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/runtime/state/disk_with_lever.h"

namespace freshet::state {
namespace {

class RocksDbJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "freshet-journal-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<RocksDbJournal> open() {
    auto journal = RocksDbJournal::open(directory_ + "/journal");
    EXPECT_TRUE(journal.ok()) << (journal.ok() ? "" : journal.error().message);
    return std::move(journal).value();
  }
  static std::vector<std::string> entries(Journal& journal) {
    std::vector<std::string> found;
    EXPECT_TRUE(journal.replay([&](std::string_view entry) { found.emplace_back(entry); }).ok());
    return found;
  }

  std::string directory_;
};

TEST_F(RocksDbJournalTest, EntriesComeBackInOrderAfterReopening) {
  std::vector<std::string> wanted;
  {
    auto journal = open();
    for (int i = 0; i < 300; ++i) {
      wanted.push_back("entry " + std::to_string(i) + std::string(1, '\0'));
      ASSERT_TRUE(journal->append(wanted.back()).ok());
    }
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/journal/LOG")) << "it cannot be written to a full disk";
  auto journal = open();
  EXPECT_EQ(entries(*journal), wanted);
  ASSERT_TRUE(journal->append("after").ok());
  wanted.push_back("after");
  EXPECT_EQ(entries(*journal), wanted);
}

TEST_F(RocksDbJournalTest, ReplaceLeavesOnlyTheNewEntries) {
  {
    auto journal = open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(journal->append("old").ok());
    ASSERT_TRUE(journal->replace({"a", "b"}).ok());
    ASSERT_TRUE(journal->append("c").ok());
  }
  auto journal = open();
  EXPECT_EQ(entries(*journal), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(RocksDbJournalTest, TwoJobManagersCannotShareADirectory) {
  auto journal = open();
  auto second = RocksDbJournal::open(directory_ + "/journal");
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another job manager"), std::string::npos);
}

TEST_F(RocksDbJournalTest, EntryOverTheLimitIsRefused) {
  auto journal = open();
  EXPECT_FALSE(journal->append(std::string(Journal::kMaxEntryBytes + 1, 'x')).ok());
  EXPECT_TRUE(entries(*journal).empty());
}

TEST_F(RocksDbJournalTest, AFullDiskIsSaidAndForgottenWhenItHasRoomAgain) {
  for (const auto fault : {DiskWithLever::Fault::full, DiskWithLever::Fault::quota}) {
    const auto disk = std::make_shared<DiskWithLever>();
    const auto env = rocksdb::NewCompositeEnv(disk);
    std::vector<std::string> wanted;
    {
      auto opened = RocksDbJournal::open(directory_ + "/journal", env.get());
      ASSERT_TRUE(opened.ok());
      RocksDbJournal& journal = **opened;
      ASSERT_TRUE(journal.replace({}).ok());
      for (int rounds = 0; rounds < 3; ++rounds) {
        wanted.push_back("kept " + std::to_string(rounds));
        ASSERT_TRUE(journal.append(wanted.back()).ok());
        disk->fault = fault;
        for (int tries = 0; tries < 3; ++tries) {
          const auto refused = journal.append("refused");
          ASSERT_FALSE(refused.ok());
          EXPECT_EQ(refused.error().message.find("the journal in " + directory_ + "/journal cannot be written: "), 0u);
        }
        EXPECT_FALSE(journal.replace({"refused"}).ok());
        disk->fault = DiskWithLever::Fault::none;
        wanted.push_back("kept as well");
        ASSERT_TRUE(journal.append(wanted.back()).ok());
        EXPECT_EQ(entries(journal), wanted);
      }
    }
    EXPECT_EQ(entries(*open()), wanted);
  }
}

TEST_F(RocksDbJournalTest, AnEntryThatIsOnTheDiskAlthoughItWasRefusedIsGoneWithTheNext) {
  const auto disk = std::make_shared<DiskWithLever>();
  const auto env = rocksdb::NewCompositeEnv(disk);
  auto opened = RocksDbJournal::open(directory_ + "/journal", env.get());
  ASSERT_TRUE(opened.ok());
  RocksDbJournal& journal = **opened;
  ASSERT_TRUE(journal.append("a").ok());
  disk->fails_to_sync = true;
  ASSERT_FALSE(journal.append("refused").ok());
  disk->fails_to_sync = false;
  EXPECT_EQ(entries(journal), (std::vector<std::string>{"a", "refused"})) << "else this is a test of nothing";
  ASSERT_TRUE(journal.append("b").ok());
  EXPECT_EQ(entries(journal), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace freshet::state
