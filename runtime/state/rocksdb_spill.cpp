#include "runtime/state/rocksdb_spill.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <mutex>
#include <stdexcept>

namespace freshet::state {

namespace {

constexpr std::size_t kSpillBufferBytes = 16u << 20;
constexpr int kSpillBuffers = 3;
constexpr std::size_t kSpillCacheBytes = 24u << 20;

rocksdb::Options spill_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.write_buffer_size = kSpillBufferBytes;
  options.max_write_buffer_number = kSpillBuffers;
  options.memtable_prefix_bloom_size_ratio = 0.05;
  options.memtable_whole_key_filtering = true;
  options.max_open_files = 256;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.info_log_level = rocksdb::ERROR_LEVEL;
  options.keep_log_file_num = 1;
  rocksdb::BlockBasedTableOptions table;
  // One shard: a file's filter is larger than a small share of the cache, and would be read again for each look-up.
  table.block_cache = rocksdb::NewLRUCache(kSpillCacheBytes, 0);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::WriteOptions without_log() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

rocksdb::Slice slice_of(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view_of(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace

class RocksDbSpill::Database {
 public:
  explicit Database(std::string folder) : folder_(std::move(folder)) {}
  ~Database() {
    if (!database_) return;
    database_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  rocksdb::DB& get() {
    std::call_once(opened_, [this] {
      std::error_code error;
      std::filesystem::remove_all(folder_, error);
      std::filesystem::create_directories(folder_, error);
      rocksdb::DB* raw = nullptr;
      check(rocksdb::DB::Open(spill_options(), folder_, &raw));
      database_.reset(raw);
    });
    return *database_;
  }
  /// Throws when something has failed.
  void check(const rocksdb::Status& status) const {
    if (status.ok()) return;
    throw std::runtime_error("state cannot be kept on disk in " + folder_ + ": " + status.ToString() +
                             "; give it room there, or more memory (--state-memory)");
  }

 private:
  const std::string folder_;
  std::once_flag opened_;
  std::unique_ptr<rocksdb::DB> database_;
};

namespace {

class TaskPart final : public SpillStore {
 public:
  TaskPart(RocksDbSpill::Database& database, std::uint32_t number) : database_(database) {
    for (int shift = 24; shift >= 0; shift -= 8) prefix_ += static_cast<char>(number >> shift);
  }

  void put(std::string_view address, std::string_view entry) override {
    database_.check(batch_.Put(slice_of(key_of(address)), slice_of(entry)));
  }
  void flush() override {
    if (batch_.Count() == 0) return;
    database_.check(database_.get().Write(without_log(), &batch_));
    batch_.Clear();
  }
  bool take(std::string_view address, std::string& entry) override {
    const rocksdb::Slice key = slice_of(key_of(address));
    const rocksdb::Status found = database_.get().Get(rocksdb::ReadOptions(), key, &entry);
    if (found.IsNotFound()) return false;
    database_.check(found);
    // An address is put once before it is taken, so the lighter kind of delete is enough.
    database_.check(database_.get().SingleDelete(without_log(), key));
    return true;
  }
  std::unique_ptr<Walk> walk(std::string_view prefix) override;

 private:
  std::string_view key_of(std::string_view address) {
    key_.assign(prefix_);
    key_.append(address);
    return key_;
  }

  RocksDbSpill::Database& database_;
  std::string prefix_;
  rocksdb::WriteBatch batch_;
  std::string key_;
};

class RocksDbWalk final : public SpillStore::Walk {
 public:
  RocksDbWalk(RocksDbSpill::Database& database, std::string prefix, std::size_t hidden)
      : database_(database), prefix_(std::move(prefix)), hidden_(hidden) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    options.readahead_size = 1u << 20;
    at_.reset(database_.get().NewIterator(options));
    at_->Seek(prefix_);
  }
  bool next(std::string_view& address, std::string_view& entry) override {
    if (is_begun_) at_->Next();
    is_begun_ = true;
    database_.check(at_->status());
    if (!at_->Valid() || !at_->key().starts_with(prefix_)) return false;
    address = view_of(at_->key()).substr(hidden_);
    entry = view_of(at_->value());
    return true;
  }

 private:
  RocksDbSpill::Database& database_;
  const std::string prefix_;
  const std::size_t hidden_;  // bytes of a key that are not the address
  std::unique_ptr<rocksdb::Iterator> at_;
  bool is_begun_ = false;
};

std::unique_ptr<SpillStore::Walk> TaskPart::walk(std::string_view prefix) {
  return std::make_unique<RocksDbWalk>(database_, std::string(key_of(prefix)), prefix_.size());
}

}  // namespace

RocksDbSpill::RocksDbSpill(std::string folder) : database_(std::make_unique<Database>(std::move(folder))) {}
RocksDbSpill::~RocksDbSpill() = default;

std::unique_ptr<SpillStore> RocksDbSpill::open_task(std::uint32_t number) {
  return std::make_unique<TaskPart>(*database_, number);
}

}  // namespace freshet::state
