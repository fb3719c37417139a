#include "runtime/worker/progress_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace freshet::worker {

Result<ProgressFile> ProgressFile::create(const std::string& path) {
  base::FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.is_open()) return Error{"cannot create " + path + ": " + std::strerror(errno)};
  return ProgressFile(std::move(file));
}

void ProgressFile::show(const WorkerProgress& progress) const {
  char line[64];
  const int length =
      std::snprintf(line, sizeof line, "%20" PRIu64 " %20" PRIu64 "\n", progress.read, progress.received);
  [[maybe_unused]] const auto written = ::pwrite(file_.get(), line, static_cast<std::size_t>(length), 0);
}

}  // namespace freshet::worker
