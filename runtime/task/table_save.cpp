#include "runtime/task/table_save.h"

#include "runtime/base/planted_bug.h"

namespace freshet::task {

namespace {

/// Entries that are collected before they become a list.
constexpr std::size_t kListBytes = 64u << 10;

}  // namespace

TableSave::TableSave(StateTable& table, std::string_view operator_id, std::string name, SnapshotOut& out)
    : table_(table), operator_id_(operator_id), name_(std::move(name)), out_(out) {
  encode(declaration_, table.declaration());
  if (!plant::is(plant::Bug::save_late)) begin();
}

void TableSave::begin() {
  table_.begin_save(*this, out_.wants_everything());
  has_begun_ = true;
  if (plant::is(plant::Bug::forget_evicted)) forgotten_ = table_.left_to_save();
}

void TableSave::put(const StateEntry& entry) {
  if (plant::is_due(plant::Bug::forget_key, 20)) return;
  if (forgotten_ != 0) {
    --forgotten_;
    if (!entry.erased) return;
  }
  append_state_entry(entries_, entry);
  ends_.push_back(entries_.size());
  if (entries_.size() >= kListBytes) write_list();
}

bool TableSave::go_on(std::size_t entries) {
  if (plant::is(plant::Bug::save_late) && !std::exchange(is_late_, true)) return false;
  if (!has_begun_) begin();
  if (!table_.save_some(entries)) return false;
  if (!ends_.empty() || !has_list_) write_list();
  return true;
}

void TableSave::write_list() {
  has_list_ = true;
  out_.begin(operator_id_, "state", name_);
  out_.put(declaration_.view());
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    out_.put(entries_.view().substr(begin, end - begin));
    begin = end;
  }
  entries_.clear();
  ends_.clear();
}

}  // namespace freshet::task
