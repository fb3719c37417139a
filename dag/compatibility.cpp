#include "dag/compatibility.h"

#include <algorithm>

#include <freshet/evolution.h>
#include "dag/labels.h"

namespace freshet::dag {

namespace {

const StateDeclaration* find_state(const OperatorNode& node, const std::string& name) {
  const auto found =
      std::find_if(node.states.begin(), node.states.end(), [&](const auto& state) { return state.name == name; });
  return found == node.states.end() ? nullptr : &*found;
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
void compare(const OperatorNode& saved, const OperatorNode* next, std::vector<Problem>& problems) {
  const auto id = readable(saved.id);
  const auto where = "operator " + id;
  const auto drop = "--drop-state " + id;
  const bool was_source = saved.kind == OperatorKind::source;
  if (next == nullptr) {
    if (was_source)
      problems.push_back({where, "the checkpoint holds how far it has read, and the job does not have it any more",
                          "Keep the source under this id, or give up its positions: " + drop});
    else if (!saved.states.empty())
      problems.push_back({where, "the checkpoint holds its state, and the job does not have it any more",
                          "Keep the operator under this id, or give up its state: " + drop});
    return;
  }
  if (was_source && next->kind != OperatorKind::source)
    problems.push_back({where, "the checkpoint holds how far it has read as a source, which it is no longer",
                        "Keep it a source, or give up its positions: " + drop});
  for (const auto& state : saved.states) {
    const auto* now = find_state(*next, state.name);
    if (now == nullptr) {
      problems.push_back({where, "state " + readable(state.name) + " is in the checkpoint, and gone from the operator",
                          "Keep the state under its name, or give up all state of the operator: " + drop});
    } else if (const auto why = difference(state, *now); !why.empty()) {
      problems.push_back({where, "state " + readable(state.name) + ": " + why,
                          "Keep the type, or add a field, or give up all state of the operator: " + drop});
    }
  }
}

}  // namespace

std::vector<Problem> incompatibilities(const LogicalGraph& saved, const LogicalGraph& next,
                                       const std::vector<std::string>& dropped) {
  std::vector<Problem> problems;
  for (const auto& node : saved.operators) {
    if (std::find(dropped.begin(), dropped.end(), node.id) != dropped.end()) continue;
    compare(node, find_operator(next, node.id), problems);
  }
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
