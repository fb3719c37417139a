#include "operators/connectors/committed_parts.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>

#include "operators/connectors/directories.h"

namespace freshet::files {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPending = ".pending";

std::string join(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

// One that is gone held nothing any more.
Status sync_unless_gone(const std::string& folder) {
  auto status = sync_directory(folder);
  std::error_code error;
  if (!status && !fs::exists(folder, error) && !error) return {};
  return status;
}

}  // namespace

CommittedParts::CommittedParts(const std::string& folder, RowFormat format, const SinkContext& context,
                               std::string header)
    : folder_(folder),
      pending_folder_(join(join(folder, kPending), context.run)),
      extension_(extension_of(format)),
      header_(std::move(header)),
      context_(context) {
  if (!is_run_name(context.run)) fail("the run has no name of letters and digits, but '" + context.run + "'");
  check(make_directory(pending_folder_));
}

CommittedParts::~CommittedParts() {
  if (current_ != nullptr) current_->discard();
  if (moved_) static_cast<void>(sync_directory(folder_).ok());
  if (::rmdir(pending_folder_.c_str()) == 0) ::rmdir(join(folder_, kPending).c_str());
}

void CommittedParts::fail(const std::string& what) const {
  throw std::runtime_error("sink " + context_.operator_id + ": " + what);
}

void CommittedParts::check(const Status& status) const {
  if (!status) fail(status.error().message);
}

void CommittedParts::append(std::string_view rows) {
  if (broken_) fail("rows before this one could not be written");
  broken_ = true;
  if (current_ == nullptr) begin_file();
  check(current_->append(rows));
  broken_ = false;
}

void CommittedParts::begin_file() {
  const PendingName name{context_.attempt, context_.task_index, ++files_, extension_};
  auto file = PendingFile::create(join(pending_folder_, name.text()));
  if (!file) fail(file.error().message);
  current_ = std::move(*file);
  check(current_->append(header_));
}

void CommittedParts::prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) {
  if (broken_) fail("rows could not be written, the checkpoint would lack them");
  if (current_ != nullptr) {
    if (prepared_.size() == kMostPrepared)
      fail("no checkpoint of the last " + std::to_string(kMostPrepared) + " is complete");
    const PendingName pending{context_.attempt, context_.task_index, files_, extension_};
    const CommittedName committed{context_.task_index, checkpoint, context_.run, extension_};
    prepared_.push_back({checkpoint, pending.text(), committed.text(), std::exchange(current_, nullptr)});
  }
  std::vector<std::shared_ptr<PendingFile>> files;
  ByteBuffer handle;
  for (const auto& part : prepared_) {
    if (part.file->failed()) check(part.file->make_durable());
    handle.clear();
    encode(handle, PendingHandle{.pending = std::string(kPending) + "/" + context_.run + "/" + part.pending,
                                 .committed = part.committed});
    out.ask_commit(operator_id, handle.view());
    files.push_back(part.file);
  }
  if (files.empty() && !moved_) return;
  out.before_done([files = std::move(files), folder = folder_, pending_folder = pending_folder_]() -> Status {
    for (const auto& file : files) {
      if (auto status = file->make_durable(); !status) return status;
    }
    for (const auto& changed : {pending_folder, join(folder, kPending), folder}) {
      if (auto status = sync_unless_gone(changed); !status) return status;
    }
    return {};
  });
}

void CommittedParts::commit(std::uint64_t checkpoint) {
  auto next = prepared_.begin();
  for (; next != prepared_.end() && next->checkpoint <= checkpoint; ++next) {
    check(move_file(join(pending_folder_, next->pending), join(folder_, next->committed)));
    moved_ = true;
  }
  prepared_.erase(prepared_.begin(), next);
  if (ended_ && moved_) check(sync_directory(folder_));
}

void CommittedParts::recover(const std::vector<std::string>& handles) {
  std::vector<PendingHandle> parsed;
  for (const auto& handle : handles) parsed.push_back(parse(handle));
  for (const auto& handle : parsed) {
    const std::string pending = join(folder_, handle.pending), committed = join(folder_, handle.committed);
    std::error_code ignored;
    // It was durable before the checkpoint named it: what is nowhere was committed, and somebody has taken it away.
    if (fs::exists(pending, ignored) || fs::exists(committed, ignored)) check(move_file(pending, committed));
  }
  if (!parsed.empty()) check(sync_directory(folder_));
  remove_left_by_earlier_attempts();
}

std::uint64_t CommittedParts::uncommitted_bytes() const {
  std::uint64_t bytes = current_ == nullptr ? 0 : current_->bytes();
  for (const auto& part : prepared_) bytes += part.file->bytes();
  return bytes;
}

PendingHandle CommittedParts::parse(const std::string& handle) const {
  PendingHandle parsed;
  if (!decode_all(handle, parsed) || parsed.version != 1)
    fail("the checkpoint holds something to commit that is malformed, or of a later version");
  const std::string prefix = std::string(kPending) + "/" + context_.run + "/";
  const auto refuse = [&] { fail("the checkpoint wants to move what is no file of run " + context_.run); };
  if (!parsed.pending.starts_with(prefix)) refuse();
  const auto pending = PendingName::parse(std::string_view(parsed.pending).substr(prefix.size()));
  const auto committed = CommittedName::parse(parsed.committed);
  if (!pending || !committed || committed->run != context_.run || pending->task != committed->task ||
      pending->extension != committed->extension || pending->attempt > context_.attempt)
    refuse();
  return parsed;
}

void CommittedParts::remove_left_by_earlier_attempts() const {
  std::error_code error;
  for (fs::directory_iterator entry(pending_folder_, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = PendingName::parse(entry->path().filename().string());
    if (!name || name->attempt >= context_.attempt || name->task % context_.parallelism != context_.task_index)
      continue;
    if (::unlink(entry->path().c_str()) != 0 && errno != ENOENT)
      fail(system_error("remove", entry->path().string()).message);
  }
}

}  // namespace freshet::files
