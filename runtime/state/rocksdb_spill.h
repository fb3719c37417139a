#pragma once

#include <freshet/spill.h>

#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class Env;
}

namespace freshet::state {

/// The spilled state of one worker: a RocksDB in a folder of its own, which comes into being with the first entry, is
/// never reused, and is removed with the object. What it holds is lost with the process, so nothing is synced. Takes
/// memory of its own: buffers and a cache as Options say, and what its files' indexes and a walk in progress hold.
class RocksDbSpill {
 public:
  struct Options {
    rocksdb::Env* env = nullptr;           ///< through which it sees files; null: the system's
    std::size_t buffer_bytes = 16u << 20;  ///< held in memory before a file is written; there are three such buffers
    std::size_t cache_bytes = 24u << 20;   ///< of files' blocks

    /// For a worker whose tables may take `state_bytes`: as much again altogether, within what makes sense.
    static Options beside(std::uint64_t state_bytes);
  };

  /// `folder`: for this alone; what stands there is removed.
  explicit RocksDbSpill(std::string folder) : RocksDbSpill(std::move(folder), Options()) {}
  RocksDbSpill(std::string folder, const Options& options);
  ~RocksDbSpill();
  RocksDbSpill(const RocksDbSpill&) = delete;
  RocksDbSpill& operator=(const RocksDbSpill&) = delete;

  /// A part for one task, which only that task's thread may use; numbers of tasks differ. The object outlives it.
  std::unique_ptr<SpillStore> open_task(std::uint32_t number);

  class Database;  ///< known in rocksdb_spill.cpp only

 private:
  const std::unique_ptr<Database> database_;
};

}  // namespace freshet::state
