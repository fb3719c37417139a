#include <freshet/file_sink.h>
#include <gmock/gmock.h>

#include "operators/connectors/committed_parts.h"
#include "tests/operators/committed_rows.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using testing::content_of;
using ::testing::ElementsAre;
using testing::FakeSnapshot;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestDirectory;
using testing::visible_files;
using testing::visible_rows;

struct Row {
  std::uint64_t number = 0;
  FRESHET_RECORD(number)
};

using Writer = FileWriter<void, Row>;

struct CommittedFileSinkTest : ::testing::Test {
  TestDirectory directory;
  std::string folder = directory.path("out");

  static SinkContext context(std::uint32_t attempt = 1, std::uint32_t task = 0, std::uint32_t parallelism = 1) {
    return {"rows", task, parallelism, true, "r7", attempt};
  }
  std::unique_ptr<Writer> open(const SinkContext& at, const std::vector<std::string>& handles = {}) const {
    auto writer = std::make_unique<Writer>(folder, RowFormat::csv, std::vector<std::string>{});
    writer->open(at);
    writer->recover(handles);
    return writer;
  }
  /// The sink's part of a checkpoint.
  static FakeSnapshot prepare(Writer& writer, std::uint64_t checkpoint) {
    FakeSnapshot snapshot;
    writer.prepare(checkpoint, snapshot, "rows");
    return snapshot;
  }
  /// A handle as hostile bytes may have it.
  static std::string handle(const std::string& pending, const std::string& committed, std::uint32_t version = 1) {
    ByteBuffer bytes;
    encode(bytes, PendingHandle{version, pending, committed});
    return std::string(bytes.view());
  }
  std::string refusal(const std::string& handle) const {
    try {
      open(context(2), {handle});
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "not refused";
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(directory.path(name)); }
};

TEST_F(CommittedFileSinkTest, RowsAppearWhenTheirCheckpointIsComplete) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  const auto first = prepare(*writer, 1);
  ASSERT_TRUE(first.work());
  writer->write(nullptr, {2});
  EXPECT_THAT(visible_files(folder), IsEmpty());
  writer->commit(1);
  EXPECT_THAT(visible_files(folder), ElementsAre("part-00000001-00000-r7.csv"));
  EXPECT_EQ(content_of(folder + "/part-00000001-00000-r7.csv"), "number\n1\n");
  const auto second = prepare(*writer, 2);
  ASSERT_TRUE(second.work());
  EXPECT_EQ(second.handles.size(), 1u) << "what is committed is not asked for again";
  writer->commit(2);
  writer->commit(2);
  EXPECT_THAT(visible_files(folder), ElementsAre("part-00000001-00000-r7.csv", "part-00000002-00000-r7.csv"));
  EXPECT_EQ(content_of(folder + "/part-00000002-00000-r7.csv"), "number\n2\n");
}

TEST_F(CommittedFileSinkTest, ThePendingFileIsNamedByAttemptTaskAndSequence) {
  auto writer = open(context(3, 2, 4));
  writer->write(nullptr, {1});
  EXPECT_TRUE(exists("out/.pending/r7/a3-t00002-1.csv"));
  const auto first = prepare(*writer, 9);
  writer->write(nullptr, {2});
  EXPECT_TRUE(exists("out/.pending/r7/a3-t00002-2.csv"));
  EXPECT_EQ(first.handles[0], handle(".pending/r7/a3-t00002-1.csv", "part-00000009-00002-r7.csv"));
}

TEST_F(CommittedFileSinkTest, WithoutRowsThereIsNoFile) {
  auto writer = open(context());
  const auto first = prepare(*writer, 1);
  EXPECT_THAT(first.handles, IsEmpty());
  EXPECT_THAT(first.works, IsEmpty());
  writer->commit(1);
  EXPECT_THAT(visible_files(folder), IsEmpty());
}

TEST_F(CommittedFileSinkTest, ACheckpointThatIsGivenUpLeavesItsRowsToTheNext) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  prepare(*writer, 1);  // its work is never done
  writer->write(nullptr, {2});
  const auto second = prepare(*writer, 2);
  EXPECT_EQ(second.handles.size(), 2u);
  ASSERT_TRUE(second.work());
  writer->commit(2);
  EXPECT_EQ(content_of(folder + "/part-00000001-00000-r7.csv"), "number\n1\n");
  EXPECT_THAT(visible_rows(folder), ElementsAre("1", "2"));
}

TEST_F(CommittedFileSinkTest, ACommitTakesNothingOfLaterCheckpoints) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  ASSERT_TRUE(prepare(*writer, 1).work());
  writer->write(nullptr, {2});
  const auto second = prepare(*writer, 2);
  ASSERT_TRUE(second.work());
  EXPECT_EQ(second.handles.size(), 2u) << "the first may still fail, or its commit be lost";
  writer->commit(1);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1"));
}

TEST_F(CommittedFileSinkTest, TheWorkNeedsNoSinkAnyMore) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  const auto first = prepare(*writer, 1);
  EXPECT_EQ(content_of(folder + "/.pending/r7/a1-t00000-1.csv"), "") << "the step does not write what is buffered";
  writer.reset();
  ASSERT_TRUE(first.work());
  ASSERT_TRUE(first.work()) << "a later checkpoint may ask again";
  EXPECT_EQ(content_of(folder + "/.pending/r7/a1-t00000-1.csv"), "number\n1\n");
}

TEST_F(CommittedFileSinkTest, WhatTheCheckpointHoldsIsCommittedAgainByTheNextAttempt) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  const auto first = prepare(*writer, 1);
  ASSERT_TRUE(first.work());
  writer->write(nullptr, {2});
  prepare(*writer, 2);
  writer.reset();
  auto again = open(context(2), first.handles);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1"));
  EXPECT_FALSE(exists("out/.pending/r7/a1-t00000-2.csv")) << "no checkpoint holds it";
  again.reset();
  open(context(3), first.handles);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1")) << "it was there already";
}

TEST_F(CommittedFileSinkTest, ATaskThatWasThoughtDeadMayCommitBeforeOrAfter) {
  auto thought_dead = open(context());
  thought_dead->write(nullptr, {1});
  const auto first = prepare(*thought_dead, 1);
  ASSERT_TRUE(first.work());
  auto next = open(context(2), first.handles);
  thought_dead->commit(1);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1"));
  next->write(nullptr, {2});
  thought_dead->write(nullptr, {2});
  ASSERT_TRUE(prepare(*next, 2).work());
  next->commit(2);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1", "2"));
}

TEST_F(CommittedFileSinkTest, OnlyFilesOfItsOwnRunEarlierAttemptsAndTasksAreRemoved) {
  for (const auto* name : {"r7/a1-t00000-1.csv", "r7/a1-t00001-1.csv", "r7/a1-t00002-1.csv", "r7/a2-t00003-4.jsonl",
                           "r7/a3-t00001-1.csv", "r7/a4-t00001-1.csv", "r7/notes", "r8/a1-t00001-1.csv"})
    directory.write(std::string("out/.pending/") + name, "rows");
  const auto writer = open(context(3, 1, 2));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder + "/.pending")) {
    if (entry.is_regular_file()) left.push_back(entry.path().parent_path().filename() / entry.path().filename());
  }
  EXPECT_THAT(left, ::testing::UnorderedElementsAre("r7/a1-t00000-1.csv", "r7/a1-t00002-1.csv", "r7/a3-t00001-1.csv",
                                                    "r7/a4-t00001-1.csv", "r7/notes", "r8/a1-t00001-1.csv"));
}

TEST_F(CommittedFileSinkTest, EmptyPendingFoldersGoWhenTheLastTaskCloses) {
  auto one = open(context(1, 0, 2));
  auto other = open(context(1, 1, 2));
  other->write(nullptr, {1});
  ASSERT_TRUE(prepare(*other, 1).work());
  one.reset();
  EXPECT_TRUE(exists("out/.pending/r7"));
  other->commit(1);
  other->write(nullptr, {2});  // of no checkpoint
  other.reset();
  EXPECT_FALSE(exists("out/.pending"));
  EXPECT_THAT(visible_rows(folder), ElementsAre("1"));
}

TEST_F(CommittedFileSinkTest, AFolderThatATaskRemovedIsMadeAgain) {
  auto writer = open(context(1, 0, 2));
  open(context(1, 1, 2)).reset();
  EXPECT_FALSE(exists("out/.pending"));
  writer->write(nullptr, {1});
  ASSERT_TRUE(prepare(*writer, 1).work());
  writer->commit(1);
  EXPECT_THAT(visible_rows(folder), ElementsAre("1"));
}

TEST_F(CommittedFileSinkTest, ACommittedFileThatSomebodyHasTakenAwayIsNotMissed) {
  EXPECT_EQ(refusal(handle(".pending/r7/a1-t00000-1.csv", "part-00000001-00000-r7.csv")), "not refused");
}

TEST_F(CommittedFileSinkTest, HandlesThatNameOtherFilesAreRefused) {
  directory.write("secret", "x");
  directory.write("out/.pending/r7/a1-t00000-1.csv", "rows");
  const std::string pending = ".pending/r7/a1-t00000-1.csv";
  const std::string committed = "part-00000001-00000-r7.csv";
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"../secret", committed},
                                                        {".pending/r7/../../../secret", committed},
                                                        {"/etc/passwd", committed},
                                                        {".pending/r8/a1-t00000-1.csv", committed},
                                                        {".pending/r7/a1-t0-1.csv", committed},
                                                        {".pending/r7/a1-t00000-01.csv", committed},
                                                        {".pending/r7/a1-t00000-1.csv/", committed},
                                                        {".pending/r7/a1-t00000-1.exe", committed},
                                                        {".pending/r7/a9-t00000-1.csv", committed},
                                                        {".pending/r7/a1-t99999999999-1.csv", committed},
                                                        {pending, "part-00000001-00001-r7.csv"},
                                                        {pending, "part-00000001-00000-r8.csv"},
                                                        {pending, "part-00000001-00000-r7.jsonl"},
                                                        {pending, "part-00000-1-r7.csv"},
                                                        {pending, "../part-00000001-00000-r7.csv"},
                                                        {pending, "part-00000001-00000-r7/../../x.csv"},
                                                        {pending, ""},
                                                        {"", ""}}) {
    EXPECT_THAT(refusal(handle(from, to)), HasSubstr("is no file of run r7")) << from << " to " << to;
  }
  for (const auto& bytes : {std::string(), std::string("\x93"), std::string(100, '\xff'), handle(pending, committed, 2),
                            handle(pending, committed) + "x"})
    EXPECT_THAT(refusal(bytes), HasSubstr("malformed, or of a later version"));
  EXPECT_TRUE(exists("secret"));
  EXPECT_TRUE(exists("out/" + pending)) << "nothing is moved or removed when anything is refused";
}

TEST_F(CommittedFileSinkTest, ASecondSinkInTheFolderIsRefused) {
  const auto one = open(context());
  const auto other = open(context());
  one->write(nullptr, {1});
  try {
    other->write(nullptr, {2});
    FAIL() << "two sinks share a file";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("give each file sink of a job a folder of its own"));
  }
  EXPECT_THROW(other->write(nullptr, {3}), std::runtime_error);
  EXPECT_THROW(prepare(*other, 1), std::runtime_error) << "a checkpoint must not lack the row";
}

TEST_F(CommittedFileSinkTest, CommittedRowsAreNeverReplaced) {
  auto writer = open(context());
  writer->write(nullptr, {1});
  ASSERT_TRUE(prepare(*writer, 1).work());
  directory.write("out/part-00000001-00000-r7.csv", "rows of another sink");
  EXPECT_THROW(writer->commit(1), std::runtime_error);
  EXPECT_EQ(content_of(folder + "/part-00000001-00000-r7.csv"), "rows of another sink");
}

TEST_F(CommittedFileSinkTest, ARowThatCouldNotBeWrittenFailsTheNextCheckpoint) {
  auto writer = open(context());
  std::filesystem::remove_all(folder);
  directory.write("out", "a file");
  EXPECT_THROW(writer->write(nullptr, {1}), std::runtime_error);
  EXPECT_THROW(prepare(*writer, 1), std::runtime_error);
}

TEST_F(CommittedFileSinkTest, CheckpointsThatAreNeverCompletedComeToAnEnd) {
  auto writer = open(context());
  for (std::uint64_t checkpoint = 1; checkpoint <= CommittedParts::kMostPrepared; ++checkpoint) {
    writer->write(nullptr, {checkpoint});
    ASSERT_TRUE(prepare(*writer, checkpoint).work());
  }
  writer->write(nullptr, {0});
  EXPECT_THROW(prepare(*writer, CommittedParts::kMostPrepared + 1), std::runtime_error);
}

TEST_F(CommittedFileSinkTest, ARunWithoutAPlainNameIsRefused) {
  for (const auto* run : {"", "..", "a/b", "a-b"}) {
    auto at = context();
    at.run = run;
    EXPECT_THROW(open(at), std::runtime_error) << run;
  }
}

}  // namespace
}  // namespace freshet::files
