#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <freshet/file_sink.h>

#include "operators/connectors/output_file.h"

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

std::string part_name(std::uint32_t task, std::string_view extension) {
  char name[32];
  std::snprintf(name, sizeof name, "part-%05u.", task);
  return name + std::string(extension);
}

// The task that a part file of this extension is of; nothing when the name is no part file's.
std::optional<std::uint32_t> task_of(std::string_view name, std::string_view extension) {
  constexpr std::string_view kPrefix = "part-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::uint32_t task = 0;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), task);
  if (error != std::errc() || name != part_name(task, extension)) return std::nullopt;
  return task;
}

}  // namespace

struct PartFile::Impl {
  void check(const Status& status) const {
    if (!status) throw std::runtime_error(status.error().message);
  }
  void remove_parts_from(std::uint32_t first) const {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const auto task = task_of(entry->path().filename().string(), extension);
      std::error_code ignored;
      if (task && *task >= first) fs::remove(entry->path(), ignored);
    }
  }

  // Set once in the constructor.
  std::string folder;
  std::string extension;
  SinkContext context;

  std::optional<OutputFile> file;
};

PartFile::PartFile(std::string folder, RowFormat format, const SinkContext& context)
    : impl_(std::make_unique<Impl>(std::move(folder), format == RowFormat::csv ? "csv" : "jsonl", context,
                                   std::nullopt)) {
  auto file = OutputFile::create((fs::path(impl_->folder) / part_name(context.task_index, impl_->extension)).string());
  if (!file) throw std::runtime_error("sink " + context.operator_id + ": " + file.error().message);
  impl_->file.emplace(std::move(*file));
}

PartFile::~PartFile() = default;

void PartFile::append(std::string_view rows) { impl_->check(impl_->file->append(rows)); }

void PartFile::finish() {
  impl_->check(impl_->file->finish());
  if (impl_->context.task_index == 0) impl_->remove_parts_from(impl_->context.parallelism);
}

void ConsoleOutput::flush() {
  std::string_view rest = rows_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR)
      throw std::runtime_error(std::string("cannot write to standard output: ") + std::strerror(errno));
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  rows_.clear();
}

}  // namespace freshet::files
