#include "runtime/state/rocksdb_spill.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <unordered_set>

#include "runtime/state/flusher.h"
#include "runtime/state/no_info_log.h"
#include "runtime/state/spill_queue.h"

namespace freshet::state {

namespace {

constexpr int kSpillBuffers = 3;  // one that is written to a file, and two times as much that comes meanwhile
constexpr int kUnreached = 8;
constexpr std::size_t kRemovalsKept = 1024;

/// Files that cannot be written are no end: what is in memory stays there, and the Flusher tries again. RocksDB thinks
/// so of a full disk only, and takes any other error, a quota among them, as final. What it can do without, a
/// compaction, it tries again anyway. It must not try to get over an error by itself: until it looks, every five
/// seconds, it lets nobody else try and writers wait.
class GoesOnAfterErrors final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    if (!error->IsIOError()) return;
    const bool is_needed = reason != rocksdb::BackgroundErrorReason::kCompaction;
    *error = rocksdb::Status(*error,
                             is_needed ? rocksdb::Status::Severity::kHardError : rocksdb::Status::Severity::kSoftError);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* by_itself) override {
    *by_itself = false;
  }
};

rocksdb::Options spill_options(const RocksDbSpill::Options& wanted) {
  rocksdb::Options options;
  if (wanted.env != nullptr) options.env = wanted.env;
  options.listeners.push_back(std::make_shared<GoesOnAfterErrors>());
  options.create_if_missing = true;
  options.error_if_exists = true;
  // The Flusher says when; so much is never reached.
  options.write_buffer_size = wanted.buffer_bytes * kUnreached;
  options.max_write_buffer_number = kUnreached;
  options.memtable_prefix_bloom_size_ratio = 0.05 / kUnreached;
  options.memtable_whole_key_filtering = true;
  options.max_open_files = 256;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.info_log = no_info_log();
  rocksdb::BlockBasedTableOptions table;
  // One shard: a file's filter is larger than a small share of the cache, and would be read again for each look-up.
  table.block_cache = rocksdb::NewLRUCache(wanted.cache_bytes, 0);
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
  Database(std::string folder, const RocksDbSpill::Options& options)
      : folder_(std::move(folder)), buffer_bytes_(options.buffer_bytes), options_(spill_options(options)) {}
  ~Database() {
    if (!database_) return;
    flusher_.reset();
    database_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  rocksdb::DB& get() {
    check(open());
    return *database_;
  }
  /// Writes all of it or nothing. False: there is no room, and `trouble` says so.
  bool write(rocksdb::WriteBatch& batch, SpillTrouble& trouble) {
    rocksdb::Status done = open();
    if (done.ok()) done = flusher_->make_room();
    if (done.ok()) done = written(database_->Write(without_log(), &batch));
    if (done.ok()) return true;
    trouble = trouble_of(done);
    return false;
  }
  const std::string& folder() const { return folder_; }
  /// Throws when something has failed.
  void check(const rocksdb::Status& status) const {
    if (status.ok()) return;
    throw std::runtime_error("state cannot be kept on disk in " + folder_ + ": " + status.ToString() +
                             "; give it room there, or more memory (--state-memory)");
  }

 private:
  rocksdb::Status written(rocksdb::Status status) {
    if (!status.ok()) flusher_->note_failure(status);
    return status;
  }
  /// It is open already, or now.
  rocksdb::Status open() {
    const std::lock_guard lock(opening_);
    if (database_) return {};
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    std::filesystem::create_directories(folder_, error);
    rocksdb::DB* raw = nullptr;
    rocksdb::Status opened = rocksdb::DB::Open(options_, folder_, &raw);
    database_.reset(raw);
    if (opened.ok()) flusher_ = std::make_unique<Flusher>(*database_, buffer_bytes_);
    return opened;
  }
  /// There is no room, or files cannot be written now; what was written before can be read.
  bool will_pass(const rocksdb::Status& status) const {
    using Severity = rocksdb::Status::Severity;
    if (status.severity() >= Severity::kFatalError || status.IsCorruption()) return false;
    return status.IsNoSpace() || (database_ && status.IsIOError()) || status.severity() >= Severity::kSoftError ||
           status.IsIncomplete() || status.IsBusy() || status.IsTimedOut();
  }

  /// Throws when it will not pass.
  SpillTrouble trouble_of(const rocksdb::Status& status) const {
    if (!will_pass(status)) check(status);
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(folder_, unknown);
    return {folder_, unknown ? 0 : space.available, status.ToString()};
  }

  const std::string folder_;
  const std::uint64_t buffer_bytes_;
  const rocksdb::Options options_;
  std::mutex opening_;  // several tasks may be the first
  std::unique_ptr<rocksdb::DB> database_;
  std::unique_ptr<Flusher> flusher_;
};

namespace {

class TaskPart final : public SpillStore {
 public:
  TaskPart(RocksDbSpill::Database& database, std::uint32_t number) : database_(database) {
    for (int shift = 24; shift >= 0; shift -= 8) prefix_ += static_cast<char>(number >> shift);
  }

  void put(std::string_view address, std::string_view entry) override {
    if (batch_.Count() == 0) add_removals(batch_);
    database_.check(batch_.Put(slice_of(key_of(address)), slice_of(entry)));
  }
  bool flush() override {
    const bool is_there = batch_.Count() == 0 ? write_removals() : database_.write(batch_, trouble_);
    batch_.Clear();
    if (!is_there) return false;
    removed_.clear();
    trouble_ = {};
    return true;
  }
  const SpillTrouble* trouble() const override { return trouble_.why.empty() ? nullptr : &trouble_; }
  bool take(std::string_view address, std::string& entry) override {
    const rocksdb::Slice key = slice_of(key_of(address));
    if (!removed_.empty() && removed_.contains(key_)) return false;
    const rocksdb::Status found = database_.get().Get(rocksdb::ReadOptions(), key, &entry);
    if (found.IsNotFound()) return false;
    database_.check(found);
    removed_.insert(key_);
    if (removed_.size() >= kRemovalsKept && trouble() == nullptr) (void)write_removals();
    return true;
  }
  std::unique_ptr<Walk> walk(std::string_view prefix, std::string_view after) override;
  std::unique_ptr<Queue> open_queue() override {
    return std::make_unique<SpillQueue>(std::filesystem::path(database_.folder()).parent_path());
  }

 private:
  /// Deletes are written together, and before anything is put, or an address that is put again would have two entries.
  /// An address is put once before it is taken, so the lighter kind of delete is enough.
  void add_removals(rocksdb::WriteBatch& batch) const {
    for (const std::string& key : removed_) database_.check(batch.SingleDelete(key));
  }
  bool write_removals() {
    if (removed_.empty()) return true;
    rocksdb::WriteBatch removals;
    add_removals(removals);
    if (!database_.write(removals, trouble_)) return false;
    removed_.clear();
    return true;
  }
  std::string_view key_of(std::string_view address) {
    key_.assign(prefix_);
    key_.append(address);
    return key_;
  }

  RocksDbSpill::Database& database_;
  std::string prefix_;
  rocksdb::WriteBatch batch_;
  std::string key_;
  std::unordered_set<std::string> removed_;  // keys that were taken and are still to be deleted
  SpillTrouble trouble_;                     // without a reason: none
};

class RocksDbWalk final : public SpillStore::Walk {
 public:
  /// `from`: the first key it may show.
  RocksDbWalk(RocksDbSpill::Database& database, std::string prefix, const std::string& from, std::size_t hidden,
              std::unordered_set<std::string> removed)
      : database_(database), prefix_(std::move(prefix)), hidden_(hidden), removed_(std::move(removed)) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    at_.reset(database_.get().NewIterator(options));
    at_->Seek(from);
  }
  bool next(std::string_view& address, std::string_view& entry) override {
    do {
      if (is_begun_) at_->Next();
      is_begun_ = true;
      database_.check(at_->status());
      if (!at_->Valid() || !at_->key().starts_with(prefix_)) return false;
    } while (!removed_.empty() && removed_.contains(at_->key().ToString()));
    address = view_of(at_->key()).substr(hidden_);
    entry = view_of(at_->value());
    return true;
  }

 private:
  RocksDbSpill::Database& database_;
  const std::string prefix_;
  const std::size_t hidden_;                       // bytes of a key that are not the address
  const std::unordered_set<std::string> removed_;  // keys of entries that were gone when it began
  std::unique_ptr<rocksdb::Iterator> at_;
  bool is_begun_ = false;
};

std::unique_ptr<SpillStore::Walk> TaskPart::walk(std::string_view prefix, std::string_view after) {
  if (trouble() == nullptr) (void)write_removals();  // else there are more to be hidden
  std::string from(key_of(after.empty() ? prefix : after));
  if (!after.empty()) from += '\0';  // the smallest key behind it
  return std::make_unique<RocksDbWalk>(database_, std::string(key_of(prefix)), from, prefix_.size(), removed_);
}

}  // namespace

RocksDbSpill::Options RocksDbSpill::Options::beside(std::uint64_t state_bytes) {
  constexpr std::uint64_t kLeastBuffer = 256u << 10, kLeastCache = 4u << 20;
  const Options most;
  Options options;
  options.buffer_bytes = std::clamp<std::uint64_t>(state_bytes / (2 * kSpillBuffers), kLeastBuffer, most.buffer_bytes);
  options.cache_bytes = std::clamp<std::uint64_t>(state_bytes / 2, kLeastCache, most.cache_bytes);
  return options;
}

RocksDbSpill::RocksDbSpill(std::string folder, const Options& options)
    : database_(std::make_unique<Database>(std::move(folder), options)) {}
RocksDbSpill::~RocksDbSpill() = default;

std::unique_ptr<SpillStore> RocksDbSpill::open_task(std::uint32_t number) {
  return std::make_unique<TaskPart>(*database_, number);
}

}  // namespace freshet::state
