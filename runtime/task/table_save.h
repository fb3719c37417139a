#pragma once

#include <freshet/snapshot.h>

namespace freshet::task {

/// One table of a task being saved: entries come whenever the table wants, and go out list by list, so that the lists
/// of several tables may stand between each other. The task's thread only.
class TableSave final : public StateWriter {
 public:
  /// Begins. `table`, `operator_id` and `out` outlive it.
  TableSave(StateTable& table, std::string_view operator_id, std::string name, SnapshotOut& out);

  void put(const StateEntry& entry) override;
  /// Saves about `entries` more. True: all is saved.
  [[nodiscard]] bool go_on(std::size_t entries);

 private:
  void begin();
  void write_list();

  StateTable& table_;
  const std::string_view operator_id_;
  const std::string name_;
  SnapshotOut& out_;
  ByteBuffer declaration_;
  ByteBuffer entries_;
  std::vector<std::size_t> ends_;  // of each of them, in entries_
  bool has_begun_ = false;
  bool is_late_ = false;       // by a planted bug
  std::size_t forgotten_ = 0;  // by another: so many entries that come first are left out
  bool has_list_ = false;      // one at least is written: it holds the declaration
};

}  // namespace freshet::task
