#include "runtime/checkpoint/file_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/file.h"

namespace freshet::checkpoint {

namespace {

namespace fs = std::filesystem;

// '~' stands in no name.
constexpr std::string_view kTemporaryPrefix = "~writing-";
// Names of crashed processes with our pid, or of living ones on other machines, are stepped over.
constexpr int kMaxTemporaryTries = 10'000;
constexpr std::size_t kMaxDurableFolders = 4096;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;

Error failure(const std::string& what, const std::string& path, int error) {
  return Error{"cannot " + what + " " + path + ": " + std::strerror(error), base::is_no_space(error)};
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// A file under a name that no one else has, as long as it lives.
class TemporaryFile {
 public:
  static Result<TemporaryFile> make(const std::string& folder) {
    static std::atomic<std::uint64_t> counter{0};
    const std::string start = folder + "/" + std::string(kTemporaryPrefix) + std::to_string(getpid()) + "-";
    for (int i = 0; i < kMaxTemporaryTries; ++i) {
      std::string path = start + std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
      const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
      if (fd >= 0) return TemporaryFile(std::move(path), fd);
      if (errno != EEXIST && errno != EINTR) return failure("create", path, errno);
    }
    return Error{"cannot create " + start + "…: too many temporary files; sweep the folder"};
  }
  TemporaryFile(TemporaryFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  // What cannot be unlinked is left for sweep(): the file under its own name is as good as without it.
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failure("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file_.get()) != 0) return failure("sync", path_, errno);
    return {};
  }
  const std::string& path() const { return path_; }
  /// False: `path` is there already.
  Result<bool> link_to(const std::string& path) {
    if (::link(path_.c_str(), path.c_str()) == 0) return true;
    const int error = errno;
    // Over a network the link may have been made and its answer lost; then it is told again, and refused.
    struct stat mine {};
    struct stat there {};
    const bool both = ::fstat(file_.get(), &mine) == 0 && ::stat(path.c_str(), &there) == 0;
    if (both && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino) return true;
    if (error == EEXIST) return false;
    return failure("link to it from", path_, error);
  }

 private:
  TemporaryFile(std::string path, int fd) : path_(std::move(path)), file_(fd) {}

  std::string path_;  // empty: moved from
  base::FileDescriptor file_;
};

/// False: there is a file at `path`. Its folder is still to be synced.
Result<bool> write_and_link(const std::string& path, std::string_view bytes) {
  auto temporary = TemporaryFile::make(folder_of(path));
  if (!temporary) return temporary.error();
  if (const auto written = temporary->write(bytes); !written) return written.error();
  return temporary->link_to(path);
}

/// The names in the directory for which `wanted` holds; none when there is no directory.
template <class Wanted>
Result<std::vector<std::string>> names_in(const std::string& path, Wanted wanted) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // removed since it was listed
    std::string name = at->path().filename().string();
    if (!wanted(name) || !at->is_regular_file(gone)) continue;
    if (names.size() == CheckpointStorage::kMaxFolderFiles) return Error{path + " has too many files to be listed"};
    names.push_back(std::move(name));
  }
  if (error && error != std::errc::no_such_file_or_directory) return failure("list", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

FileCheckpointStorage::FileCheckpointStorage(std::string root) : root_(std::move(root)) {
  CHECK(!root_.empty(), "checkpoint files have a directory");
}

Status FileCheckpointStorage::probe() {
  if (auto made = make_root(); !made) return made;
  auto file = TemporaryFile::make(root_);
  if (!file) return file.error();
  if (auto written = file->write("probe"); !written) return written;
  const std::string link = file->path() + "-link";  // a temporary name, too: a crash leaves nothing that is seen
  const auto linked = file->link_to(link);
  if (!linked) return linked.error();
  if (auto removed = base::remove_file(link); !removed) return removed;
  return base::sync_directory(root_);
}

Status FileCheckpointStorage::put(std::string_view name, std::string_view bytes) {
  const auto made = create(name, bytes, LastSync::undo);
  if (!made) return made.error();
  if (!*made) return Error{path_of(name) + " exists already"};
  return {};
}

Result<bool> FileCheckpointStorage::publish(std::string_view name, std::string_view bytes) {
  return create(name, bytes, LastSync::keep);
}

Result<bool> FileCheckpointStorage::create(std::string_view name, std::string_view bytes, LastSync on_failure) {
  if (const auto checked = check_name(name); !checked) return checked.error();
  const std::string path = path_of(name);
  const auto cannot = [&](const Error& error) {
    return Error{"cannot write " + path + ": " + error.message, error.no_space};
  };
  if (const auto made = make_folders(name); !made) return cannot(made.error());
  const auto linked = write_and_link(path, bytes);
  if (!linked) return cannot(linked.error());
  // Also for a file of another's: it may have been linked and not been synced yet.
  if (const auto synced = base::sync_directory(folder_of(path)); !synced) {
    // A published file stays: others may have seen it and act on it.
    if (*linked && on_failure == LastSync::undo) ::unlink(path.c_str());
    return Error{"cannot make " + path + " durable: " + synced.error().message, synced.error().no_space};
  }
  return linked;
}

Status FileCheckpointStorage::make_folders(std::string_view name) {
  if (auto made = make_root(); !made) return made;
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
    const std::string path = path_of(name.substr(0, slash));
    if (auto made = make_folder(folder_of(path), path); !made) return made;
  }
  return {};
}

Status FileCheckpointStorage::make_root() {
  {
    const std::lock_guard lock(mutex_);
    if (durable_.contains(root_)) return {};
  }
  std::error_code error;
  const std::string whole = fs::absolute(root_, error).lexically_normal().string();
  if (error) return failure("find", root_, error.value());
  // Of the folders above, those that are there are the machine's: they may not even be readable.
  std::string parent = "/";
  for (std::size_t at = 1; at < whole.size();) {
    const std::size_t slash = std::min(whole.find('/', at), whole.size());
    const std::string path = whole.substr(0, slash);
    if (!base::exists(path)) {
      if (auto made = make_folder(parent, path); !made) return made;
    }
    parent = path;
    at = slash + 1;
  }
  const std::lock_guard lock(mutex_);
  durable_.insert(root_);
  return {};
}

Status FileCheckpointStorage::make_folder(const std::string& parent, const std::string& path) {
  const bool made = ::mkdir(path.c_str(), kFolderMode) == 0;
  if (!made && errno != EEXIST) return failure("make folder", path, errno);
  {
    const std::lock_guard lock(mutex_);
    if (!made && durable_.contains(path)) return {};
  }
  // One that was there may have been made a moment ago by someone who has not synced it yet.
  if (auto synced = base::sync_directory(parent); !synced) return synced;
  const std::lock_guard lock(mutex_);
  if (durable_.size() == kMaxDurableFolders) durable_.clear();
  durable_.insert(path);
  return {};
}

Result<std::string> FileCheckpointStorage::get(std::string_view name, std::uint64_t max_bytes) {
  if (const auto checked = check_name(name); !checked) return checked.error();
  return base::read_file(path_of(name), max_bytes);
}

Result<std::vector<std::string>> FileCheckpointStorage::list(std::string_view folder) {
  if (const auto checked = check_name(folder); !checked) return checked.error();
  return names_in(path_of(folder), is_name_segment);
}

Status FileCheckpointStorage::remove(std::string_view name) {
  if (auto checked = check_name(name); !checked) return checked;
  const std::string path = path_of(name);
  const std::string folder = folder_of(path);
  if (auto removed = base::remove_file(path); !removed) return removed;
  // Also when it was gone: who removed it may not have synced that.
  return base::exists(folder) ? base::sync_directory(folder) : Status();
}

Status FileCheckpointStorage::sweep(std::string_view folder) {
  if (auto checked = check_name(folder); !checked) return checked;
  const std::string path = path_of(folder);
  const auto names = names_in(path, [](const std::string& name) { return name.starts_with(kTemporaryPrefix); });
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (auto removed = base::remove_file(path + "/" + name); !removed) return removed;
  }
  return {};
}

}  // namespace freshet::checkpoint
