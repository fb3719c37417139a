#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/task/chain.h"

/// What a chain saves, list by list, for each of its operators:
///   "operator"      one OperatorProgress
///   what its stage saves by itself
///   "state" NAME    the table's declaration, then entries of it; any number of such lists, among those of other tables
namespace freshet::task {

namespace {

struct CounterValue {
  std::string name{};
  std::uint64_t value = 0;
  FRESHET_RECORD(name, value)
};

/// What the engine itself knows of an operator.
struct OperatorProgress {
  std::int64_t watermark_ms = 0;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t next_letter_id = 0;
  bool finished = false;  ///< has emitted all that it had at the end of its stream
  std::vector<CounterValue> counters{};
  FRESHET_RECORD(watermark_ms, records_in, records_out, dead_letters, next_letter_id, finished, counters)
};

/// Entries that leave memory at once when there are too many.
constexpr std::size_t kEvictedAtOnce = 1024;

std::string in_words(const StateDeclaration& state) {
  return state.kind + " of " + to_text(state.value) + " by " + to_text(state.key) +
         (state.map_key.kind.empty() ? "" : " and " + to_text(state.map_key));
}

}  // namespace

Chain::States Chain::states_of(Node& node) {
  States states = node.op.stage->states();
  if (node.op.lane != nullptr) states.emplace_back(detail::kLaneState, node.op.lane.get());
  if (node.op.letters != nullptr) states.emplace_back(detail::kLettersState, node.op.letters.get());
  return states;
}

bool Chain::has_state() {
  return std::any_of(nodes_.begin(), nodes_.end(), [](Node& node) { return !states_of(node).empty(); });
}

const StateTable* Chain::state_table(std::string_view operator_id, std::string_view name) {
  for (Node& node : nodes_) {
    if (node.op.host->operator_id != operator_id) continue;
    for (const auto& [state, table] : states_of(node))
      if (state == name) return table;
  }
  return nullptr;
}

void Chain::spill_to(std::unique_ptr<SpillStore> store, std::uint64_t bytes) {
  spill_ = std::move(store);
  state_bytes_ = bytes;
  for (Node& node : nodes_) {
    for (const auto& [name, table] : states_of(node)) {
      table->spill_to(*spill_, state_id(node.op.host->operator_id, name));
      tables_.push_back(table);
    }
  }
}

/// A step brings fewer new entries than can go: a batch of records, or as many timers as fire in it.
bool Chain::keep_state_within_budget() {
  if (spill_ == nullptr) return true;
  if (spill_->trouble() != nullptr && !spill_->flush()) return false;
  for (std::uint32_t left = gave_way_ ? kRoundsPerStep : 1; left != 0 && evict_some(); --left) continue;
  return spill_->trouble() == nullptr;
}

/// The table that takes most gives. False: there is nothing more to give, or no need.
bool Chain::evict_some() {
  std::size_t all = 0, most = 0;
  StateTable* largest = nullptr;
  for (StateTable* table : tables_) {
    const std::size_t bytes = table->resident_bytes();
    all += bytes;
    if (bytes <= most) continue;
    largest = table;
    most = bytes;
  }
  if (largest == nullptr || all <= state_bytes_) return false;
  // A little more than what is too much, so that it is not done again before each batch.
  const std::size_t wanted = all - state_bytes_ + state_bytes_ / 16;
  const std::size_t resident = std::max<std::size_t>(largest->resident_keys(), 1);
  return largest->evict(std::min(kEvictedAtOnce, wanted * resident / most + 1)) != 0;
}

bool Chain::wants_everything() {
  return std::any_of(nodes_.begin(), nodes_.end(), [](Node& node) {
    const auto states = states_of(node);
    return std::any_of(states.begin(), states.end(),
                       [](const auto& state) { return state.second->wants_everything(); });
  });
}

void Chain::begin_save(std::uint64_t checkpoint, SnapshotOut& out) {
  CHECK(table_saves_.empty(), "a snapshot is whole before the next begins");
  ByteBuffer record;
  for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
    Node& node = nodes_[index];
    const auto& id = node.op.host->operator_id;
    if (node.op.host->commits) node.op.stage->prepare(checkpoint, out, id);
    OperatorProgress progress{.watermark_ms = node.watermark_ms,
                              .records_in = node.records_in,
                              .records_out = node.records_out,
                              .dead_letters = node.op.host->dead_letters,
                              .next_letter_id = node.op.host->next_letter_id,
                              .finished = index < finishing_};
    if (auto* author = node.op.stage->author(); author != nullptr)
      for (const auto* counter : author->counters) progress.counters.push_back({counter->name(), counter->value()});
    record.clear();
    encode(record, progress);
    out.begin(id, "operator", "");
    out.put(record.view());
    node.op.stage->save(out, id);
    for (const auto& [name, table] : states_of(node))
      table_saves_.push_back(std::make_unique<TableSave>(*table, id, name, out));
  }
  std::reverse(table_saves_.begin(), table_saves_.end());
}

bool Chain::save_some(std::size_t entries) {
  while (!table_saves_.empty()) {
    if (!table_saves_.back()->go_on(entries)) return false;
    table_saves_.pop_back();
  }
  return true;
}

Chain::Node& Chain::restored_node(std::string_view operator_id) {
  for (Node& node : nodes_) {
    if (node.op.host->operator_id == operator_id) return node;
  }
  throw TaskFailure(std::string(operator_id), "restore", "what was saved of it has no operator to go to");
}

void Chain::restore(const SavedRecord& saved, const RestoreScope& scope) {
  if (saved.kind == "splits" && plant::is(plant::Bug::forget_splits)) return;
  if (saved.kind == "changed" && plant::is(plant::Bug::forget_unsent)) return;
  Node& node = restored_node(saved.operator_id);
  const auto refuse = [&](const std::string& what) {
    throw TaskFailure(std::string(saved.operator_id), "restore", what);
  };
  if (saved.kind == "operator") {
    if (!restore_progress(node, saved.bytes, scope)) refuse("what was saved of it is malformed");
  } else if (saved.kind == "state") {
    restore_state(node, saved, scope);
  } else if (!node.op.stage->restore(saved, scope)) {
    refuse("it cannot take back what was saved of it as " + std::string(saved.kind));
  }
}

void Chain::restore_handle(std::string_view operator_id, std::string handle) {
  restored_node(operator_id).handles.push_back(std::move(handle));
}

void Chain::add_crashed(std::string_view operator_id, CrashedRecord crashed) {
  for (Node& node : nodes_) {
    if (node.op.host->operator_id != operator_id) continue;
    auto& all = node.op.host->crashed;
    const auto at = std::ranges::lower_bound(all, crashed.position, {}, &CrashedRecord::position);
    all.insert(at, std::move(crashed));
    return;
  }
}

bool Chain::restore_progress(Node& node, std::string_view bytes, const RestoreScope& scope) {
  OperatorProgress saved;
  if (!decode_all(bytes, saved)) return false;
  const bool first = !node.is_restored;
  node.is_restored = true;
  // A task that takes over from several is as far as the last of them.
  node.watermark_ms = first ? saved.watermark_ms : std::min(node.watermark_ms, saved.watermark_ms);
  const auto index = static_cast<std::uint32_t>(&node - nodes_.data());
  if (saved.finished && first && finishing_ == index) ++finishing_;
  if (!saved.finished) finishing_ = std::min(finishing_, index);
  node.op.host->go_on_counting_letters(saved.next_letter_id, scope.same_tasks);
  if (!scope.same_tasks && scope.task_index != 0) return true;  // what is summed up is kept once
  node.records_in += saved.records_in;
  node.records_out += saved.records_out;
  node.op.host->dead_letters += saved.dead_letters;
  node.op.host->errors += saved.dead_letters;
  auto* author = node.op.stage->author();
  if (author == nullptr) return true;
  for (const auto& [name, value] : saved.counters) {
    for (auto* counter : author->counters) {  // one that the operator has no longer is forgotten
      if (counter->name() == name) counter->add(value);
    }
  }
  return true;
}

void Chain::restore_state(Node& node, const SavedRecord& saved, const RestoreScope& scope) {
  const auto refuse = [&](const std::string& what) {
    throw TaskFailure(std::string(saved.operator_id), "restore", "state " + std::string(saved.name) + ": " + what);
  };
  if (saved.is_first) {
    restoring_ = nullptr;
    for (const auto& [name, table] : states_of(node)) {
      if (name == saved.name) restoring_ = table;
    }
    if (restoring_ == nullptr && (saved.name == detail::kLaneState || saved.name == detail::kLettersState)) return;
    if (restoring_ == nullptr) refuse("it was saved, and the operator has it no longer");
    StateDeclaration then;
    if (!decode_all(saved.bytes, then)) refuse("its declaration is malformed");
    const auto now = restoring_->declaration();
    const bool same_keys = then.kind == now.kind && then.key == now.key && then.map_key == now.map_key;
    if (!same_keys) refuse("it was a " + in_words(then) + ", and is a " + in_words(now));
    restores_all_ = now.kind == detail::kBroadcastState;
    conversion_.reset();
    if (then.value == now.value) return;
    ByteBuffer blank;
    restoring_->write_blank(blank);
    auto conversion = Conversion::make(then.value, now.value, blank.view());
    if (!conversion) refuse(conversion.error().message);
    conversion_.emplace(*std::move(conversion));
    return;
  }
  if (restoring_ == nullptr && saved.name == detail::kLettersState)
    refuse(
        "dead letters are kept there, and the operator keeps none any more; replay or drop them first: freshet "
        "dead-letters");
  if (restoring_ == nullptr)
    refuse(
        "records wait there to be tried again, and the operator has no on_error(retry(…)) any more; keep it until "
        "they are through");
  StateEntry entry;
  if (!read_state_entry(saved.bytes, entry)) refuse("an entry is malformed");
  if (!restores_all_ && !scope.owns_key(entry.key_hash)) return;
  if (plant::is(plant::Bug::forget_timer) && restoring_->declaration().kind == "timer" &&
      plant::is_due(plant::Bug::forget_timer, 10))
    return;
  if (plant::is(plant::Bug::forget_waiting) && saved.name == detail::kLaneState) return;
  if (entry.erased) {
    if (!restoring_->restore(entry)) refuse("an entry is not of its types");
    return;
  }
  if (entry.written_ms == StateEntry::kNoStamp) entry.written_ms = node.op.host->now().time_since_epoch().count();
  if (conversion_) {
    converted_.clear();
    if (!conversion_->convert(entry.value, converted_))
      refuse("an entry is not of the types it was saved with, or a number does not fit the wider type");
    entry.value = converted_.view();
  }
  if (!restoring_->restore(entry)) refuse("an entry is not of its types");
  if (++restored_entries_ % kEvictedAtOnce != 0 || keep_state_within_budget()) return;
  refuse("what does not fit into memory cannot be written to " + spill_->trouble()->folder + ": " +
         spill_->trouble()->why + "; give it room there, or more memory (--state-memory)");
}

}  // namespace freshet::task
