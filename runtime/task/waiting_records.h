#pragma once

#include <freshet/live_table.h>
#include <freshet/retry_state.h>

namespace freshet::task {

/// A record that waits to be tried again.
struct WaitingRecord {
  RecordMeta meta{};
  std::uint32_t attempts = 0;  ///< made so far
  std::int64_t first_ms = 0;   ///< when it failed first
  std::int64_t due_ms = 0;     ///< the next attempt
  std::string reason{};        ///< of the last failure
  std::string message{};
  std::string bytes{};   ///< as RecordCodec wrote it
  std::string origin{};  ///< of a dead letter
};

/// The hash by which a record is placed among tasks, and the number that it got as it came.
using WaitingKey = std::pair<std::uint64_t, std::uint64_t>;

/// A table of records that failed: see retry_state.h for what its entries are when saved. One thread, the task's.
class WaitingRecords : public freshet::detail::LiveTable<WaitingKey, WaitingRecord> {
 public:
  explicit WaitingRecords(std::shared_ptr<const freshet::detail::RecordCodec> codec);

  StateDeclaration declaration() const override { return freshet::detail::lane_declaration(*codec_); }
  void write_blank(ByteBuffer& out) const override;
  void sweep(std::size_t, std::int64_t) override {}
  void commit_call() override {}
  void undo_call() override {}

 protected:
  void write_slot(std::uint32_t slot, StateWriter& out, freshet::detail::EntryBytes& bytes, bool) const override;
  std::size_t heap_of(std::uint32_t slot) const override;
  void append_key(ByteBuffer& out, const WaitingKey& key) const override { encode_key(out, key); }
  bool decode_address(const StateEntry& entry, WaitingKey& key, std::uint64_t& hash) const override;
  bool take_back(const StateEntry& entry, const WaitingKey& key, std::uint64_t hash) override;

  static std::uint64_t hash_of(const WaitingKey& key);
  bool is_keyed() const { return !codec_->key().kind.empty(); }
  /// Answers its slot.
  std::uint32_t put(const WaitingKey& key, WaitingRecord record);
  void take_out(std::uint32_t slot);
  std::string bytes_of(const freshet::detail::BatchView& view, std::size_t i);
  /// The key of each entry, and about the bytes of its value.
  template <class Take>
  void for_each_key(Take take) const;

  const std::shared_ptr<const freshet::detail::RecordCodec> codec_;

 private:
  char parts() const { return is_keyed() ? 3 : 2; }

  const std::unique_ptr<freshet::detail::BatchBase>
      checked_;  // where what comes back is decoded, to see that it can be
  ByteBuffer scratch_;
};

/// Of what an exception says, so much is kept.
inline constexpr std::size_t kMaxMessageBytes = 256;

inline std::int64_t ms_of(Time time) { return time.time_since_epoch().count(); }

template <class Take>
void WaitingRecords::for_each_key(Take take) const {
  struct Keys final : StateWriter {
    Keys(const WaitingRecords& table, Take& to) : table_(table), take_(to) {}
    void put(const StateEntry& entry) override {
      WaitingKey key;
      std::uint64_t hash = 0;
      if (!table_.decode_address(entry, key, hash)) throw damaged();
      take_(key, entry.value.size());
    }
    const WaitingRecords& table_;
    Take& take_;
  } keys(*this, take);
  write(keys);
}

}  // namespace freshet::task
