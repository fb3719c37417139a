#include "runtime/checkpoint/file_storage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <functional>
#include <thread>

#include "tests/runtime/checkpoint/support.h"

// The calls by which files are changed go through here: they are told of, and one of them fails or ends the process.
// Only while `armed`; written by a test that has no second thread.
namespace {

struct Disk {
  bool armed = false;
  int calls = 0;
  int bad_call = -1;              // its number; -1: none
  int error = 0;                  // how it fails; 0: the process ends before it
  std::size_t most = 0;           // no write takes more bytes, every other one is interrupted; 0: as they are
  bool answers_get_lost = false;  // links are made, and told to be there already
  std::vector<std::string> done{};

  /// Whether the call is to fail; errno is set then.
  bool fails(std::string what) {
    if (!armed) return false;
    done.push_back(std::move(what));
    if (calls++ != bad_call) return false;
    if (error == 0) _exit(77);
    errno = error;
    return true;
  }
};
Disk disk;

bool is_folder(int fd) {
  struct stat found {};
  return fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  if (disk.fails((flags & O_CREAT) != 0 ? "create" : "open")) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t write(int fd, const void* bytes, size_t count) {
  if (disk.fails("write")) return -1;
  if (disk.armed && disk.most != 0) {
    count = std::min(count, disk.most);
    if (disk.calls % 2 == 0) {
      errno = EINTR;
      return -1;
    }
  }
  return syscall(SYS_write, fd, bytes, count);
}

int fsync(int fd) {
  if (disk.fails(is_folder(fd) ? "sync folder" : "sync file")) return -1;
  return static_cast<int>(syscall(SYS_fsync, fd));
}

int link(const char* from, const char* to) noexcept {
  if (disk.fails("link")) return -1;
  const auto made = static_cast<int>(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
  if (!disk.armed || !disk.answers_get_lost || made != 0) return made;
  errno = EEXIST;
  return -1;
}

int unlink(const char* path) noexcept {
  if (disk.fails("unlink")) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (disk.fails("mkdir")) return -1;
  return static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

}  // extern "C"

namespace freshet::checkpoint {
namespace {

using Names = std::vector<std::string>;

const std::string kName = "job-1/snapshots/c7";
const std::string kFolder = "job-1/snapshots";

class FileStorageTest : public testing::Test {
 protected:
  void TearDown() override { disk = {}; }
  std::string root() const { return directory_.path() + "/root"; }
  FileCheckpointStorage storage() const { return FileCheckpointStorage(root()); }

  /// Runs `call` with the disk as `wanted`; the calls it made.
  static Names with(Disk wanted, const std::function<void()>& call) {
    disk = std::move(wanted);
    disk.armed = true;
    call();
    disk.armed = false;
    return std::exchange(disk, {}).done;
  }
  /// What is really in the folder of kName, temporary files and all.
  Names on_disk() const {
    Names names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(root() + "/" + kFolder, none))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  void make_leftover(const std::string& name) const { std::ofstream(root() + "/" + kFolder + "/" + name) << "half"; }
  mode_t mode_of(const std::string& path) const {
    struct stat found {};
    EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777u;
  }

  TemporaryDirectory directory_;
};

TEST_F(FileStorageTest, SyncsTheFileBeforeItHasItsNameAndTheFolderAfter) {
  auto files = storage();
  ASSERT_TRUE(files.put("job-1/snapshots/before", "").ok());
  EXPECT_EQ(with({}, [&] { ASSERT_TRUE(files.put(kName, "x").ok()); }),
            (Names{"mkdir", "mkdir", "create", "write", "sync file", "link", "unlink", "open", "sync folder"}));
}

TEST_F(FileStorageTest, WhoFindsAPublishedFileSyncsItsFolderToo) {
  auto files = storage();
  ASSERT_TRUE(files.put(kName, "x").ok());
  Names done = with({}, [&] { ASSERT_FALSE(files.publish(kName, "y").value_or(true)); });
  EXPECT_EQ(done.back(), "sync folder");
}

TEST_F(FileStorageTest, FoldersAreDurableBeforeTheFileIs) {
  const auto synced_before_link = [](const Names& done) {
    return std::count(done.begin(), std::find(done.begin(), done.end(), "link"), "sync folder");
  };
  // That of root, job-1 and snapshots.
  EXPECT_EQ(synced_before_link(with({}, [&] { ASSERT_TRUE(storage().put(kName, "x").ok()); })), 3);
  // Another process cannot know whether who made the folders has synced them.
  EXPECT_EQ(synced_before_link(with({}, [&] { ASSERT_TRUE(storage().put(kName + "b", "x").ok()); })), 2);
}

TEST_F(FileStorageTest, RemovalIsDurable) {
  auto files = storage();
  ASSERT_TRUE(files.put(kName, "x").ok());
  EXPECT_EQ(with({}, [&] { ASSERT_TRUE(files.remove(kName).ok()); }), (Names{"unlink", "open", "sync folder"}));
}

TEST_F(FileStorageTest, OnlyTheOwnerMayRead) {
  const mode_t before = umask(0);
  ASSERT_TRUE(storage().put(kName, "x").ok());
  umask(before);
  EXPECT_EQ(mode_of(root() + "/" + kName), 0600u);
  for (const char* folder : {"", "/job-1", "/job-1/snapshots"}) EXPECT_EQ(mode_of(root() + folder), 0700u) << folder;
}

TEST_F(FileStorageTest, WritesInPiecesWhenTheSystemDoes) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += std::to_string(i);
  auto files = storage();
  with({.most = 7}, [&] { ASSERT_TRUE(files.put(kName, bytes).ok()); });
  EXPECT_EQ(*files.get(kName, 1u << 20), bytes);
}

TEST_F(FileStorageTest, ALinkWhoseAnswerWasLostIsKnownAgain) {
  auto files = storage();
  with({.answers_get_lost = true}, [&] { EXPECT_TRUE(files.publish(kName, "x").value_or(false)); });
  with({.answers_get_lost = true}, [&] { EXPECT_FALSE(files.publish(kName, "y").value_or(true)); });
  EXPECT_EQ(*files.get(kName, 10), "x");
}

/// Fails each call of a put or publish in turn, once with each error.
class FailingDisk : public FileStorageTest {
 protected:
  /// `check` gets what the write answered, how many calls there were, and what failed.
  template <class Write, class Check>
  void fail_each_call(Write write, Check check) {
    for (const int error : {ENOSPC, EIO}) {
      bool reached = true;
      for (int bad = 0; reached; ++bad) {
        std::filesystem::remove_all(root());
        auto files = storage();
        std::string answer;
        const Names done = with({.bad_call = bad, .error = error}, [&] { answer = write(files); });
        reached = bad < static_cast<int>(done.size());
        const std::string failed = reached ? done[static_cast<std::size_t>(bad)] : "nothing";
        SCOPED_TRACE("call " + std::to_string(bad) + ", " + failed + ": " + std::strerror(error));
        check(files, answer, failed, std::strerror(error));
        if (HasFatalFailure() || bad > 100) return;
      }
    }
  }
};

TEST_F(FailingDisk, APutThatFailsSaysWhyAndLeavesNothing) {
  fail_each_call([](auto& files) { return why(files.put(kName, "whole")); },
                 [&](auto& files, const std::string& answer, const std::string& failed, const std::string& error) {
                   if (failed == "nothing" || failed == "unlink") {  // a temporary file that stays does no harm
                     EXPECT_EQ(answer, "success");
                     EXPECT_EQ(*files.get(kName, 10), "whole");
                     EXPECT_EQ(*files.list(kFolder), Names{"c7"});
                     return;
                   }
                   EXPECT_TRUE(contains(answer, error)) << answer;
                   EXPECT_TRUE(contains(answer, root() + "/" + kName)) << answer;
                   EXPECT_EQ(on_disk(), Names{});
                   EXPECT_TRUE(files.put(kName, "whole").ok()) << "it works again";
                   EXPECT_EQ(*files.get(kName, 10), "whole");
                 });
}

TEST_F(FailingDisk, AFullOneIsToldApart) {
  for (const bool publishes : {false, true}) {
    fail_each_call(
        [&](auto& files) {
          const auto published = publishes ? files.publish(kName, "whole") : Result<bool>(false);
          const auto put = publishes ? Status() : files.put(kName, "whole");
          if (published && put) return std::string("success");
          return std::string((published ? put.error() : published.error()).no_space ? "full" : "broken");
        },
        [&](auto&, const std::string& answer, const std::string& failed, const std::string& error) {
          const bool has_failed = failed != "nothing" && failed != "unlink";
          EXPECT_EQ(answer, !has_failed ? "success" : error == std::strerror(ENOSPC) ? "full" : "broken");
        });
  }
}

TEST_F(FailingDisk, APublishThatFailsCanBeAskedAgain) {
  fail_each_call(
      [](auto& files) {
        const auto made = files.publish(kName, "whole");
        return made ? (*made ? "made" : "found") : made.error().message;
      },
      [&](auto& files, const std::string& answer, const std::string& failed, const std::string& error) {
        const bool stands = std::filesystem::exists(root() + "/" + kName);
        if (failed == "nothing" || failed == "unlink") {
          EXPECT_EQ(answer, "made");
          EXPECT_TRUE(stands);
          return;
        }
        EXPECT_TRUE(contains(answer, error)) << answer;
        EXPECT_TRUE(contains(answer, root() + "/" + kName)) << answer;
        // What others may have seen is not taken away again.
        EXPECT_EQ(stands, contains(answer, "durable")) << answer;
        EXPECT_EQ(on_disk(), stands ? Names{"c7"} : Names{});
        const auto again = files.publish(kName, "whole");
        ASSERT_TRUE(again.ok()) << why(again);
        EXPECT_EQ(*again, !stands);
        EXPECT_EQ(*files.get(kName, 10), "whole");
      });
}

TEST_F(FileStorageTest, AProcessThatEndsAnywhereLeavesAllOrNothing) {
  bool ended_inside = true;
  int leftovers = 0;
  for (int bad = 0; ended_inside && bad < 100; ++bad) {
    SCOPED_TRACE("ended before call " + std::to_string(bad));
    std::filesystem::remove_all(root());
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      disk = {.armed = true, .bad_call = bad};
      auto files = storage();
      _exit(files.publish(kName, "whole").value_or(false) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ended_inside = WEXITSTATUS(status) == 77;
    EXPECT_TRUE(ended_inside || WEXITSTATUS(status) == 0) << status;

    auto files = storage();
    const auto names = files.list(kFolder);
    ASSERT_TRUE(names.ok()) << why(names);
    const bool stands = !names->empty();
    const auto made = files.publish(kName, "second");
    ASSERT_TRUE(made.ok()) << why(made);
    EXPECT_EQ(*made, !stands);
    leftovers += on_disk().size() > 1;
    EXPECT_TRUE(files.sweep(kFolder).ok());
    EXPECT_EQ(on_disk(), Names{"c7"});
    EXPECT_EQ(*files.get(kName, 10), stands ? "whole" : "second");
  }
  EXPECT_FALSE(ended_inside);
  EXPECT_GT(leftovers, 2) << "before write, sync and link";
}

TEST_F(FileStorageTest, SweepRemovesTemporaryFilesOnly) {
  auto files = storage();
  EXPECT_TRUE(files.sweep(kFolder).ok()) << "there is no folder yet";
  ASSERT_TRUE(files.put(kName, "x").ok());
  make_leftover("~writing-1-2");
  make_leftover("~other");
  EXPECT_EQ(*files.list(kFolder), Names{"c7"});
  EXPECT_TRUE(files.sweep(kFolder).ok());
  EXPECT_EQ(on_disk(), (Names{"c7", "~other"}));
}

TEST_F(FileStorageTest, LeftoversOfAProcessWithThisPidAreSteppedOver) {
  auto files = storage();
  ASSERT_TRUE(files.put(kName, "x").ok());
  for (int i = 0; i < 500; ++i) make_leftover("~writing-" + std::to_string(getpid()) + "-" + std::to_string(i));
  EXPECT_TRUE(files.put(kName + "b", "y").ok());
  EXPECT_EQ(*files.get(kName + "b", 10), "y");
}

TEST_F(FileStorageTest, AFileWhereAFolderShouldBeIsAnError) {
  auto files = storage();
  ASSERT_TRUE(files.put("job-1", "x").ok());
  for (const auto& answer : {why(files.put("job-1/a", "")), why(files.publish("job-1/a", "")),
                             why(files.get("job-1/a", 1)), why(files.list("job-1"))})
    EXPECT_TRUE(contains(answer, root() + "/job-1")) << answer;
}

TEST_F(FileStorageTest, AFolderIsNoFile) {
  auto files = storage();
  ASSERT_TRUE(files.put(kName, "x").ok());
  for (const auto& answer : {why(files.put(kFolder, "")), why(files.get(kFolder, 1)), why(files.remove(kFolder))})
    EXPECT_TRUE(contains(answer, root() + "/" + kFolder)) << answer;
  EXPECT_EQ(*files.get(kName, 10), "x");
}

TEST_F(FileStorageTest, OfRacingThreadsOnePublishes) {
  constexpr int kThreads = 4;
  auto files = storage();
  for (int round = 0; round < 5; ++round) {
    const std::string name = "job-" + std::to_string(round) + "/manifests/c1";
    std::vector<std::string> answers(kThreads);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          const auto made = files.publish(name, std::to_string(i));
          answers[static_cast<std::size_t>(i)] = made ? (*made ? "made" : "found") : made.error().message;
        });
      }
    }
    const auto winner = std::find(answers.begin(), answers.end(), "made") - answers.begin();
    EXPECT_EQ(std::count(answers.begin(), answers.end(), "made"), 1);
    EXPECT_EQ(std::count(answers.begin(), answers.end(), "found"), kThreads - 1);
    EXPECT_EQ(*files.get(name, 10), std::to_string(winner));
  }
}

TEST_F(FileStorageTest, OfRacingProcessesOnePublishes) {
  constexpr int kProcesses = 6;
  for (int round = 0; round < 8; ++round) {
    const std::string name = "job-1/manifests/c" + std::to_string(round);
    int gate[2];
    ASSERT_EQ(pipe(gate), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(fork());
      ASSERT_GE(children.back(), 0);
      if (children.back() != 0) continue;
      close(gate[1]);
      char byte = 0;
      if (read(gate[0], &byte, 1) != 0) _exit(3);  // opens when the parent closes its end
      const auto made = storage().publish(name, std::string(100'000, static_cast<char>('a' + i)));
      _exit(made ? (*made ? 1 : 0) : 2);
    }
    close(gate[0]);
    close(gate[1]);
    int winners = 0;
    std::string wanted;
    for (int i = 0; i < kProcesses; ++i) {
      int status = 0;
      ASSERT_EQ(waitpid(children[static_cast<std::size_t>(i)], &status, 0), children[static_cast<std::size_t>(i)]);
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2) << status;
      if (WEXITSTATUS(status) != 1) continue;
      ++winners;
      wanted.assign(100'000, static_cast<char>('a' + i));
    }
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(*storage().get(name, 1u << 20), wanted);
  }
}

}  // namespace
}  // namespace freshet::checkpoint
