#include "runtime/state/rocksdb_journal.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdint>

#include "runtime/state/no_info_log.h"

namespace freshet::state {
namespace {

constexpr std::size_t kWriteBufferBytes = 1u << 20;
constexpr std::size_t kBlockCacheBytes = 1u << 20;
constexpr int kMaxOpenFiles = 16;
constexpr std::size_t kKeyBytes = 8;

rocksdb::Options small_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = 2;
  options.max_open_files = kMaxOpenFiles;
  options.max_background_jobs = 1;
  options.max_total_wal_size = 4 * kWriteBufferBytes;
  options.info_log = no_info_log();
  options.compression = rocksdb::kNoCompression;
  options.paranoid_checks = true;
  // A torn last entry was never acknowledged; anything else that is damaged must not be passed over.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes, 0);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Big-endian, so that keys sort by number.
std::string key_of(std::uint64_t number) {
  std::string key(kKeyBytes, '\0');
  for (std::size_t i = 0; i < kKeyBytes; ++i) key[i] = static_cast<char>(number >> (8 * (kKeyBytes - 1 - i)));
  return key;
}

std::uint64_t number_of(const rocksdb::Slice& key) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < key.size(); ++i) number = (number << 8) | static_cast<unsigned char>(key[i]);
  return number;
}

rocksdb::WriteOptions durable() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

}  // namespace

Result<std::unique_ptr<RocksDbJournal>> RocksDbJournal::open(const std::string& directory, rocksdb::Env* env) {
  rocksdb::Options options = small_options();
  if (env != nullptr) options.env = env;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, directory, &raw);
  if (!opened.ok()) {
    return Error{"the journal in " + directory + " cannot be opened: " + opened.ToString() +
                 ". Is another job manager running on this data folder?"};
  }
  std::unique_ptr<rocksdb::DB> db(raw);
  std::uint64_t next = 0;
  const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator({}));
  iterator->SeekToLast();
  if (iterator->Valid()) next = number_of(iterator->key()) + 1;
  if (!iterator->status().ok()) {
    return Error{"the journal in " + directory + " cannot be read: " + iterator->status().ToString()};
  }
  return std::make_unique<RocksDbJournal>(std::move(db), directory, next, options.env);
}

RocksDbJournal::RocksDbJournal(std::unique_ptr<rocksdb::DB> db, std::string directory, std::uint64_t next,
                               rocksdb::Env* env)
    : db_(std::move(db)), directory_(std::move(directory)), env_(env), next_(next), acknowledged_(next) {}

RocksDbJournal::~RocksDbJournal() = default;

Status RocksDbJournal::replay(const std::function<void(std::string_view)>& entry) {
  if (const rocksdb::Status open = reopen(); !open.ok())
    return Error{"the journal in " + directory_ + " cannot be opened: " + open.ToString()};
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) entry(iterator->value().ToStringView());
  if (iterator->status().ok()) return {};
  return Error{"the journal in " + directory_ + " cannot be read: " + iterator->status().ToString()};
}

Status RocksDbJournal::append(std::string_view entry) {
  if (entry.size() > kMaxEntryBytes) return Error{"a journal entry is longer than 64 MiB"};
  rocksdb::WriteBatch batch;
  // The number is used up even when the write fails: what is on disk then is unknown.
  return write(batch, [&] { batch.Put(key_of(next_++), rocksdb::Slice(entry.data(), entry.size())); });
}

/// After a failure RocksDB may refuse every write until it is opened anew, whatever the disk says by then. What was
/// refused and is on the disk all the same is removed with the next entry.
template <class Fill>
Status RocksDbJournal::write(rocksdb::WriteBatch& batch, Fill fill) {
  rocksdb::Status written = reopen();
  if (written.ok()) {
    if (acknowledged_ != next_) batch.DeleteRange(key_of(acknowledged_), key_of(next_));
    fill();
    written = db_->Write(durable(), &batch);
  }
  if (written.ok()) {
    acknowledged_ = next_;
    return {};
  }
  db_.reset();
  return Error{"the journal in " + directory_ + " cannot be written: " + written.ToString()};
}

rocksdb::Status RocksDbJournal::reopen() {
  if (db_) return {};
  rocksdb::Options options = small_options();
  options.env = env_;
  options.create_if_missing = false;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status opened = rocksdb::DB::Open(options, directory_, &raw);
  db_.reset(raw);
  return opened;
}

Status RocksDbJournal::replace(const std::vector<std::string>& entries) {
  rocksdb::WriteBatch batch;
  return write(batch, [&] {
    batch.DeleteRange(key_of(0), key_of(next_));
    for (const std::string& entry : entries) batch.Put(key_of(next_++), entry);
  });
}

}  // namespace freshet::state
