#include "runtime/state/flusher.h"

#include <rocksdb/convenience.h>

namespace freshet::state {

Flusher::Flusher(rocksdb::DB& database, std::uint64_t buffer_bytes)
    : database_(database), buffer_bytes_(buffer_bytes), thread_([this] { run(); }) {}

Flusher::~Flusher() {
  {
    const std::lock_guard lock(mutex_);
    is_to_end_ = true;
  }
  changed_.notify_all();
  rocksdb::CancelAllBackgroundWork(&database_, false);  // what is in work gives up
  thread_.join();
}

rocksdb::Status Flusher::make_room() {
  std::unique_lock lock(mutex_);
  if (!trouble_.ok()) {
    if (work_ == Work::none) begin(Work::resume);
    return trouble_;
  }
  std::uint64_t bytes = 0;
  database_.GetIntProperty(rocksdb::DB::Properties::kCurSizeActiveMemTable, &bytes);
  if (bytes < buffer_bytes_ || (work_ != Work::none && bytes < 2 * buffer_bytes_)) return {};
  changed_.wait(lock, [this] { return work_ == Work::none; });
  if (trouble_.ok()) begin(Work::flush);
  return trouble_;
}

void Flusher::note_failure(const rocksdb::Status& why) {
  const std::lock_guard lock(mutex_);
  if (trouble_.ok()) trouble_ = why;
}

void Flusher::begin(Work work) {
  work_ = work;
  changed_.notify_all();
}

rocksdb::Status Flusher::flush() {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;  // make_room() sees to it that writers wait
  return database_.Flush(options);
}

/// Work that has failed rests for a second before it ends. A flush and a compaction that do so at once come back at
/// once, too: were Resume() under way then, it could be given up by the one between the other's being ordered and its
/// beginning, and the flush would be forgotten. So they are waited for first.
rocksdb::Status Flusher::resume() {
  if (const rocksdb::Status paused = database_.PauseBackgroundWork(); !paused.ok()) return paused;
  if (const rocksdb::Status goes_on = database_.ContinueBackgroundWork(); !goes_on.ok()) return goes_on;
  return database_.Resume();
}

void Flusher::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_to_end_ || work_ != Work::none; });
    if (is_to_end_) break;
    const Work work = work_;
    lock.unlock();
    rocksdb::Status done = work == Work::flush ? flush() : resume();
    lock.lock();
    trouble_ = std::move(done);
    work_ = Work::none;
    changed_.notify_all();
  }
  work_ = Work::none;
  changed_.notify_all();
}

}  // namespace freshet::state
