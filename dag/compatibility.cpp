#include "dag/compatibility.h"

#include <algorithm>

#include <freshet/evolution.h>
#include <freshet/retry_state.h>
#include "dag/labels.h"

namespace freshet::dag {

namespace {

const StateDeclaration* find_state(const std::vector<StateDeclaration>& states, const std::string& name) {
  const auto found = std::find_if(states.begin(), states.end(), [&](const auto& state) { return state.name == name; });
  return found == states.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

const OperatorNode* find_operator(const LogicalGraph& graph, const std::string& id) {
  const auto found =
      std::find_if(graph.operators.begin(), graph.operators.end(), [&](const auto& node) { return node.id == id; });
  return found == graph.operators.end() ? nullptr : &*found;
}

/// What forbids that `now` goes on from entries of `then`; empty when nothing does.
std::string difference(const StateDeclaration& then, const StateDeclaration& now) {
  const auto was = [](const std::string& what, const std::string& before, const std::string& after) {
    return "its " + what + " was " + before + ", and is " + after;
  };
  if (then.kind != now.kind) return was("kind", readable(then.kind), readable(now.kind));
  if (then.key != now.key) return was("key", to_text(then.key), to_text(now.key));
  if (then.map_key != now.map_key) return was("map key", to_text(then.map_key), to_text(now.map_key));
  return why_not(then.value, now.value);
}

/// Appends what of one operator's saved state has no place in the operator of that id, which `next` may not have.
void find_problems(const SavedOperator& saved, const OperatorNode* next, std::vector<Problem>& problems) {
  const auto id = readable(saved.id);
  const auto where = "operator " + id;
  const auto drop = "--drop-state " + id;
  if (next == nullptr) {
    if (saved.is_source)
      problems.push_back({where, "the checkpoint holds how far it has read, and the job does not have it any more",
                          "Keep the source under this id, or give up its positions: " + drop});
    else if (!saved.states.empty())
      problems.push_back({where, "the checkpoint holds its state, and the job does not have it any more",
                          "Keep the operator under this id, or give up its state: " + drop});
    return;
  }
  if (saved.is_source && next->kind != OperatorKind::source)
    problems.push_back({where, "the checkpoint holds how far it has read as a source, which it is no longer",
                        "Keep it a source, or give up its positions: " + drop});
  for (const auto& state : saved.states) {
    const auto* now = find_state(next->states, state.name);
    if (now == nullptr && (state.name == detail::kLaneState || state.name == detail::kLettersState))
      continue;  // if something waits there, who restores it says so
    if (now == nullptr) {
      problems.push_back({where, "state " + readable(state.name) + " is in the checkpoint, and gone from the operator",
                          "Keep the state under its name, or give up all state of the operator: " + drop});
    } else if (const auto why = difference(state, *now); !why.empty()) {
      problems.push_back({where, "state " + readable(state.name) + ": " + why,
                          "Keep the type, or add a field, or give up all state of the operator: " + drop});
    }
  }
}

const FieldSchema* find_field(const Schema& record, const std::string& name) {
  const auto found =
      std::find_if(record.fields.begin(), record.fields.end(), [&](const auto& field) { return field.name == name; });
  return found == record.fields.end() ? nullptr : &*found;
}

/// Appends how values of `from` become values of `to`, which they can, field by field. `path` leads to them: "" or
/// "address.".
void describe_changes(const Schema& from, const Schema& to, const std::string& path,
                      std::vector<std::string>& changes) {
  if (from == to) return;
  if (from.kind != "record" || to.kind != "record") {
    const std::string what = path.empty() ? "" : path.substr(0, path.size() - 1) + ": ";
    changes.push_back(what + to_text(from) + " -> " + to_text(to));
    return;
  }
  for (const auto& field : to.fields) {
    const auto* then = find_field(from, field.name);
    if (then == nullptr)
      changes.push_back("+ " + path + readable(field.name) + " (new)");
    else
      describe_changes(then->type, field.type, path + readable(field.name) + ".", changes);
  }
  for (const auto& field : from.fields)
    if (find_field(to, field.name) == nullptr) changes.push_back("- " + path + readable(field.name) + " (forgotten)");
}

OperatorComparison compare_one(const SavedOperator& saved, const OperatorNode* next) {
  OperatorComparison result{saved.id, OperatorFate::unchanged, {}, {}};
  find_problems(saved, next, result.problems);
  if (!result.problems.empty()) {
    result.fate = OperatorFate::error;
  } else if (next == nullptr) {
    result.fate = OperatorFate::gone;
  } else {
    for (const auto& state : saved.states) {
      std::vector<std::string> changes;
      const auto* now = find_state(next->states, state.name);
      if (now == nullptr) {
        result.notes.push_back(readable(state.name) + ": gone");
        continue;
      }
      describe_changes(state.value, now->value, "", changes);
      for (const auto& change : changes) result.notes.push_back(readable(state.name) + ": " + change);
    }
    for (const auto& state : next->states)
      if (find_state(saved.states, state.name) == nullptr) result.notes.push_back(readable(state.name) + ": new");
    if (!result.notes.empty()) result.fate = OperatorFate::changed;
  }
  return result;
}

}  // namespace

std::vector<SavedOperator> saved_operators(const LogicalGraph& graph) {
  std::vector<SavedOperator> saved;
  for (const auto& node : graph.operators) saved.push_back({node.id, node.kind == OperatorKind::source, node.states});
  return saved;
}

std::vector<OperatorComparison> compare(const std::vector<SavedOperator>& saved, const LogicalGraph& next,
                                        const std::vector<std::string>& dropped) {
  std::vector<OperatorComparison> operators;
  for (const auto& each : saved) {
    if (contains(dropped, each.id))
      operators.push_back({each.id, OperatorFate::dropped, {}, {}});
    else
      operators.push_back(compare_one(each, find_operator(next, each.id)));
  }
  for (const auto& node : next.operators) {
    const bool is_new = std::none_of(saved.begin(), saved.end(), [&](const auto& each) { return each.id == node.id; });
    if (is_new) operators.push_back({node.id, OperatorFate::fresh, {}, {}});
  }
  return operators;
}

std::vector<Problem> incompatibilities(const LogicalGraph& saved, const LogicalGraph& next,
                                       const std::vector<std::string>& dropped) {
  std::vector<Problem> problems;
  for (const auto& each : saved_operators(saved))
    if (!contains(dropped, each.id)) find_problems(each, find_operator(next, each.id), problems);
  return problems;
}

std::vector<std::string> gone_operators(const LogicalGraph& saved, const LogicalGraph& next) {
  std::vector<std::string> gone;
  for (const auto& node : saved.operators)
    if (find_operator(next, node.id) == nullptr) gone.push_back(node.id);
  return gone;
}

bool state_can_become(const Schema& from, const Schema& to, std::string& why) {
  why = why_not(from, to);
  return why.empty();
}

}  // namespace freshet::dag
