#pragma once

#include <memory>

#include "runtime/state/journal.h"

namespace rocksdb {
class DB;
}

namespace freshet::state {

/// A journal in a RocksDB of its own: one key per entry, counting up; every append is synced before it answers. Small
/// on purpose (1 MiB write buffer, 1 MiB block cache): it holds control data, and shares its process with the rest of
/// the job manager. Holds the directory's lock while open, so two job managers cannot share one.
class RocksDbJournal final : public Journal {
 public:
  /// Opens or makes the journal in `directory`, whose parent must exist.
  static Result<std::unique_ptr<RocksDbJournal>> open(const std::string& directory);
  /// Of an open database whose next free key is `next`; for open() alone.
  RocksDbJournal(std::unique_ptr<rocksdb::DB> db, std::string directory, std::uint64_t next);
  ~RocksDbJournal() override;

  Status replay(const std::function<void(std::string_view)>& entry) override;
  Status append(std::string_view entry) override;
  Status replace(const std::vector<std::string>& entries) override;

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const std::string directory_;
  std::uint64_t next_;  // key of the next entry
};

}  // namespace freshet::state
