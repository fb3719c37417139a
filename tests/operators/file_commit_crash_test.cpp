#include <fcntl.h>
#include <freshet/file_sink.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "operators/connectors/random.h"
#include "tests/operators/committed_rows.h"
#include "tests/operators/connectors/test_files.h"

/// A sink that commits, in a process that ends at one of its calls to the system: at each, in turn. What the attempts
/// together leave must be every row once.

namespace {

/// Counts the calls that change something, ends the process at one, and can take back what the disk would have lost.
/// Syncs do nothing but be remembered: the process ends, the machine does not.
class Disk {
 public:
  static constexpr int kCrashed = 9;

  void crash_at(std::uint64_t call, bool power_cut) {
    counting_ = true;
    crash_at_ = call;
    power_cut_ = power_cut;
  }
  void cut_power() {
    counting_ = false;
    lose_what_was_not_synced();
    ::_exit(kCrashed);
  }
  bool counting() const { return counting_; }

  /// Before each call.
  void before_call() {
    if (!counting_ || ++calls_ != crash_at_) return;
    if (power_cut_) cut_power();
    ::_exit(kCrashed);
  }
  void opened(const std::string& path, int flags, int descriptor) {
    if (!counting_ || descriptor < 0) return;
    paths_[descriptor] = path;
    if ((flags & O_CREAT) != 0) {
      files_[path] = {::dup(descriptor), 0, 0};
      changes_.push_back({parent_of(path), [path] { ::unlink(path.c_str()); }});
    }
  }
  void wrote(int descriptor, std::uint64_t bytes) {
    if (counting_) files_[paths_[descriptor]].length += bytes;
  }
  void synced(int descriptor) {
    if (!counting_) return;
    const std::string& path = paths_[descriptor];
    if (const auto file = files_.find(path); file != files_.end()) file->second.synced = file->second.length;
    std::erase_if(changes_, [&](const Change& change) { return change.folder == path; });
  }
  void renamed(const std::string& from, const std::string& to) {
    if (counting_) changes_.push_back({parent_of(to), [from, to] { std::filesystem::rename(to, from); }});
  }
  void made_folder(const std::string& path) {
    if (counting_) changes_.push_back({parent_of(path), [path] { std::filesystem::remove_all(path); }});
  }

 private:
  struct File {
    int descriptor = -1;  // ours
    std::uint64_t length = 0;
    std::uint64_t synced = 0;
  };
  struct Change {
    std::string folder;
    std::function<void()> undo;
  };
  static std::string parent_of(const std::string& path) { return std::filesystem::path(path).parent_path(); }
  void lose_what_was_not_synced() {
    for (auto& [path, file] : files_) {
      if (::ftruncate(file.descriptor, static_cast<off_t>(file.synced)) != 0) ::abort();
    }
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) change->undo();
  }

  bool counting_ = false;
  bool power_cut_ = false;
  std::uint64_t crash_at_ = 0;
  std::uint64_t calls_ = 0;
  std::map<int, std::string> paths_;
  std::map<std::string, File> files_;
  std::vector<Change> changes_;  // of folders, not synced
};

Disk& disk() {
  static Disk one;
  return one;
}

}  // namespace

// Names that the linker gives: calls come in as __wrap_X, __real_X is the system's.
extern "C" {
int __real_open(const char* path, int flags, ...);
ssize_t __real_write(int descriptor, const void* bytes, size_t count);
int __real_renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags);
int __real_unlink(const char* path);
int __real_mkdir(const char* path, mode_t mode);
int __real_rmdir(const char* path);
int __real_fsync(int descriptor);

int __wrap_open(const char* path, int flags, mode_t mode) {
  disk().before_call();
  const int descriptor = __real_open(path, flags, mode);
  disk().opened(path, flags, descriptor);
  return descriptor;
}
ssize_t __wrap_write(int descriptor, const void* bytes, size_t count) {
  disk().before_call();
  const ssize_t written = __real_write(descriptor, bytes, disk().counting() ? (count + 1) / 2 : count);  // torn
  if (written > 0) disk().wrote(descriptor, static_cast<std::uint64_t>(written));
  return written;
}
int __wrap_fsync(int descriptor) {
  disk().before_call();
  disk().synced(descriptor);
  return 0;
}
int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  disk().before_call();
  const int result = __real_renameat2(from_folder, from, to_folder, to, flags);
  if (result == 0) disk().renamed(from, to);
  return result;
}
int __wrap_unlink(const char* path) {
  disk().before_call();
  return __real_unlink(path);
}
int __wrap_mkdir(const char* path, mode_t mode) {
  disk().before_call();
  const int result = __real_mkdir(path, mode);
  if (result == 0) disk().made_folder(path);
  return result;
}
int __wrap_rmdir(const char* path) {
  disk().before_call();
  return __real_rmdir(path);
}
}

namespace freshet::files {
namespace {

using testing::FakeSnapshot;
using testing::TestDirectory;
using testing::visible_rows;

struct Row {
  std::uint64_t epoch = 0, number = 0;
  FRESHET_RECORD(epoch, number)
};
using Writer = FileWriter<void, Row>;

constexpr std::uint64_t kEpochs = 4;
constexpr std::uint64_t kRowsEach = 5;

/// Rows of the epochs up to `last`, as they stand in files.
std::vector<std::string> rows_until(std::uint64_t last) {
  std::vector<std::string> rows;
  for (std::uint64_t epoch = 1; epoch <= last; ++epoch) {
    for (std::uint64_t number = 0; number < kRowsEach; ++number)
      rows.push_back(std::to_string(epoch) + "," + std::to_string(number));
  }
  return rows;
}

/// The newest complete checkpoint, kept outside of what crashes.
struct Manifest {
  std::uint64_t epoch = 0;
  std::vector<std::vector<std::string>> handles{};  ///< by task
  FRESHET_RECORD(epoch, handles)
};

struct Attempt {
  std::uint32_t number = 1;
  std::uint32_t tasks = 1;
  std::uint64_t crash_at = 0;  ///< the how-manieth call; 0: none
  bool power_cut = false;
  bool power_cut_before_close = false;
};

class Scene {
 public:
  std::string folder() const { return directory_.path("out"); }

  /// In a process of its own. True: it came to its end.
  bool run(const Attempt& attempt) const {
    const pid_t child = ::fork();
    if (child == 0) {
      disk().crash_at(attempt.crash_at, attempt.power_cut);
      int code = 0;
      try {
        go_on(attempt);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "attempt %u: %s\n", attempt.number, error.what());
        code = 1;
      }
      ::_exit(code);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == Disk::kCrashed)) << status;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  Manifest manifest() const {
    Manifest manifest;
    const auto bytes = testing::content_of(directory_.path("manifest"));
    if (!bytes.empty() && !decode_all(bytes, manifest)) ADD_FAILURE() << "the test's own file is malformed";
    return manifest;
  }

 private:
  void publish(const Manifest& manifest) const {
    ByteBuffer bytes;
    encode(bytes, manifest);
    directory_.write("manifest.new", bytes.view());
    std::filesystem::rename(directory_.path("manifest.new"), directory_.path("manifest"));
  }
  /// From the newest checkpoint on. The second epoch's is never complete; commits of the third come late.
  void go_on(const Attempt& attempt) const {
    const Manifest from = manifest();
    std::vector<std::unique_ptr<Writer>> tasks;
    for (std::uint32_t task = 0; task < attempt.tasks; ++task) {
      tasks.push_back(std::make_unique<Writer>(folder(), RowFormat::csv, std::vector<std::string>{}));
      tasks.back()->open({"rows", task, attempt.tasks, true, "r7", attempt.number});
      std::vector<std::string> handles;
      for (std::size_t i = task; i < from.handles.size(); i += attempt.tasks)
        handles.insert(handles.end(), from.handles[i].begin(), from.handles[i].end());
      tasks.back()->recover(handles);
    }
    if (visible_rows(folder()) != rows_until(from.epoch)) throw std::runtime_error("other rows than were committed");
    const auto id = [&](std::uint64_t epoch) { return attempt.number * 100 + epoch; };
    for (std::uint64_t epoch = from.epoch + 1; epoch <= kEpochs; ++epoch) {
      for (std::uint64_t number = 0; number < kRowsEach; ++number) {
        const Row row{epoch, number};
        tasks[number % tasks.size()]->write(nullptr, row);
      }
      if (epoch == kEpochs)
        for (auto& task : tasks) task->end();
      Manifest next{epoch, {}};
      bool done = true;
      for (auto& task : tasks) {
        FakeSnapshot snapshot;
        task->prepare(id(epoch), snapshot, "rows");
        done = snapshot.work().ok() && done;
        next.handles.push_back(snapshot.handles);
      }
      if (!done) throw std::runtime_error("not durable");
      if (epoch == 2) continue;
      publish(next);
      if (epoch == 3) continue;
      for (auto& task : tasks) task->commit(id(epoch));
    }
    if (attempt.power_cut_before_close) disk().cut_power();
    tasks.clear();
  }

  TestDirectory directory_;
};

class FileCommitCrash : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(All, FileCommitCrash, ::testing::Values(false, true),
                         [](const auto& at) { return at.param ? "OfTheMachine" : "OfTheProcess"; });

TEST_P(FileCommitCrash, AtAnyCallLeavesEveryRowOnce) {
  FRESHET_SEEDED(seed);
  Random random(seed);
  constexpr std::uint64_t kSecondCrashes = 2;  // none, and one somewhere
  bool came_to_its_end = false;
  std::uint64_t calls = 1;
  for (; !came_to_its_end && !HasFailure(); ++calls) {
    for (std::uint64_t second = 0; second < kSecondCrashes; ++second) {
      const Scene scene;
      const std::uint64_t second_call = second == 0 ? 0 : 1 + random.below(120);
      SCOPED_TRACE("crashes at " + std::to_string(calls) + " and " + std::to_string(second_call));
      came_to_its_end = scene.run({1, 2, calls, GetParam()});
      for (const auto& row : visible_rows(scene.folder()))
        ASSERT_LE(std::stoull(row), scene.manifest().epoch) << row << " is seen before its checkpoint is complete";
      scene.run({2, 3, second_call, GetParam()});
      ASSERT_TRUE(scene.run({3, 1}));
      ASSERT_EQ(visible_rows(scene.folder()), rows_until(kEpochs));
      ASSERT_FALSE(std::filesystem::exists(scene.folder() + "/.pending"));
    }
  }
  EXPECT_GT(calls, 50u) << "the calls are not seen";
}

TEST(FileCommitPowerCut, BehindTheLastCommitTakesNothingAway) {
  const Scene scene;
  EXPECT_FALSE(scene.run({.number = 1, .tasks = 2, .power_cut_before_close = true}));
  EXPECT_EQ(visible_rows(scene.folder()), rows_until(kEpochs)) << "nobody would commit again: the job has finished";
}

}  // namespace
}  // namespace freshet::files
