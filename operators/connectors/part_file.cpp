#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <freshet/file_sink.h>

#include "operators/connectors/committed_parts.h"
#include "operators/connectors/output_file.h"
#include "operators/connectors/part_names.h"

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

// All rows of a task in one file.
class PartFile final : public PartOutput {
 public:
  PartFile(const std::string& folder, std::string_view extension, const SinkContext& context)
      : folder_(folder), extension_(extension), context_(context) {
    auto file = OutputFile::create((fs::path(folder) / part_name(context.task_index, extension)).string());
    if (!file) throw std::runtime_error("sink " + context.operator_id + ": " + file.error().message);
    file_.emplace(std::move(*file));
  }
  void append(std::string_view rows) override { check(file_->append(rows)); }
  void finish() override {
    check(file_->finish());
    if (context_.task_index == 0) remove_parts_from(context_.parallelism);
  }

 private:
  void check(const Status& status) const {
    if (!status) throw std::runtime_error(status.error().message);
  }
  void remove_parts_from(std::uint32_t first) const {
    std::error_code error;
    for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
      const auto task = task_of_part(entry->path().filename().string(), extension_);
      std::error_code ignored;
      if (task && *task >= first) fs::remove(entry->path(), ignored);
    }
  }

  const std::string folder_;
  const std::string extension_;
  const SinkContext context_;
  std::optional<OutputFile> file_;
};

}  // namespace

std::unique_ptr<PartOutput> open_parts(const std::string& folder, RowFormat format, const SinkContext& context,
                                       std::string header) {
  if (context.commits) return std::make_unique<CommittedParts>(folder, format, context, std::move(header));
  auto file = std::make_unique<PartFile>(folder, extension_of(format), context);
  file->append(header);
  return file;
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
