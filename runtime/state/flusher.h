#pragma once

#include <rocksdb/db.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace freshet::state {

/// Has a RocksDB write its memory to files, and get over a full disk, on a thread of its own and one thing at a time.
/// RocksDB itself begins to flush while it flushes; when the first fails, 7.8 forgets the second, for which Resume()
/// then waits for ever. The memory that RocksDB may take before it flushes unasked must be far more than
/// `buffer_bytes`.
class Flusher {
 public:
  Flusher(rocksdb::DB& database, std::uint64_t buffer_bytes);
  /// Before the database is closed.
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  /// Before something is written; from any thread. Begins to flush when there is enough, and waits for that when there
  /// is twice as much. Not ok: what keeps it from flushing, which is tried again meanwhile.
  rocksdb::Status make_room();
  /// Something could not be written.
  void note_failure(const rocksdb::Status& why);

 private:
  enum class Work { none, flush, resume };
  void run();
  rocksdb::Status flush();
  rocksdb::Status resume();
  void begin(Work work);

  rocksdb::DB& database_;
  const std::uint64_t buffer_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Work work_ = Work::none;
  bool is_to_end_ = false;
  rocksdb::Status trouble_;  // of what was done last
  std::thread thread_;
};

}  // namespace freshet::state
