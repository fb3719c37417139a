#pragma once

#include <freshet/operator.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace freshet::test {

struct Nothing {
  FRESHET_RECORD()
};

/// An operator with a state of every kind, used from outside: enter() a key, touch the states, end the call.
struct States : KeyedOperator<std::uint64_t, Nothing, Nothing> {
  explicit States(Duration ttl = Duration::max()) : options{.ttl = ttl} { key_scope.undo = true; }
  void process(const Nothing&, Out<Nothing>&) override {}

  void enter(std::uint64_t key) {
    current = key;
    key_scope.commit();
    key_scope.key = &current;
    key_scope.hash = key_hash(key);
    ++key_scope.call;
  }
  void commit() { key_scope.commit(); }
  void roll_back() { key_scope.roll_back(); }
  void at(std::int64_t ms) { key_scope.now_ms = ms; }

  StateOptions options;
  std::uint64_t current = 0;
  ValueState<std::string> value{this, "value", options};
  ListState<std::int64_t> list{this, "list", options};
  MapState<std::string, std::int64_t> map{this, "map", options};
};

/// Entries of a table as text, sorted.
class Listing final : public StateWriter {
 public:
  explicit Listing(const StateTable& table) {
    table.write(*this);
    std::sort(rows.begin(), rows.end());
  }
  void put(const StateEntry& entry) override {
    rows.push_back(std::string(entry.key) + "|" + std::string(entry.map_key) + "|" + std::string(entry.value) + "|" +
                   std::to_string(entry.key_hash) + "|" + std::to_string(entry.written_ms));
  }
  std::vector<std::string> rows;
};

inline std::vector<std::string> all_rows(const OperatorBase& op) {
  std::vector<std::string> all;
  for (const auto& [name, table] : op.states) {
    for (auto& row : Listing(*table).rows) all.push_back(name + "|" + row);
    all.push_back(name + " entries " + std::to_string(table->entries()));
  }
  return all;
}

using Records = std::vector<std::string>;

/// One save of one table.
class SavedLog final : public StateWriter {
 public:
  void put(const StateEntry& entry) override {
    ByteBuffer record;
    append_state_entry(record, entry);
    records.emplace_back(record.view());
  }
  Records records;
};

inline void restore(const Records& records, StateTable& table) {
  for (const auto& record : records) {
    StateEntry entry;
    ASSERT_TRUE(read_state_entry(record, entry));
    ASSERT_TRUE(table.restore(entry));
  }
}

/// The saves of one table, oldest first: everything, then what changed.
struct SavedTableChain {
  void begin(StateTable& table, bool everything) {
    if (everything) logs.clear();
    logs.push_back(std::make_unique<SavedLog>());
    table.begin_save(*logs.back(), everything);
  }
  void save(StateTable& table, bool everything) {
    begin(table, everything);
    while (!table.save_some(100)) continue;
  }
  void restore_to(StateTable& table) const {
    for (const auto& log : logs) restore(log->records, table);
  }
  std::vector<std::unique_ptr<SavedLog>> logs;
};

}  // namespace freshet::test
