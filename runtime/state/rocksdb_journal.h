#pragma once

#include <memory>

#include "runtime/state/journal.h"

namespace rocksdb {
class DB;
class Env;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace freshet::state {

/// A journal in a RocksDB of its own: one key per entry, counting up; every append is synced before it answers. Small
/// on purpose (1 MiB write buffer, 1 MiB block cache): it holds control data, and shares its process with the rest of
/// the job manager. Holds the directory's lock while open, so two job managers cannot share one. A failed write closes
/// it, and the next opens it anew: it can be written again as soon as the disk can.
class RocksDbJournal final : public Journal {
 public:
  /// Opens or makes the journal in `directory`, whose parent must exist. `env`: through which it sees files; null: the
  /// system's.
  static Result<std::unique_ptr<RocksDbJournal>> open(const std::string& directory, rocksdb::Env* env = nullptr);
  /// Of an open database whose next free key is `next`; for open() alone.
  RocksDbJournal(std::unique_ptr<rocksdb::DB> db, std::string directory, std::uint64_t next, rocksdb::Env* env);
  ~RocksDbJournal() override;

  Status replay(const std::function<void(std::string_view)>& entry) override;
  Status append(std::string_view entry) override;
  Status replace(const std::vector<std::string>& entries) override;

 private:
  template <class Fill>
  Status write(rocksdb::WriteBatch& batch, Fill fill);
  rocksdb::Status reopen();

  std::unique_ptr<rocksdb::DB> db_;  // null after a write that failed
  const std::string directory_;
  rocksdb::Env* const env_;
  std::uint64_t next_;          // key of the next entry
  std::uint64_t acknowledged_;  // keys from here to next_ were refused, and may be there
};

}  // namespace freshet::state
