#pragma once

#include <string>
#include <vector>

#include <freshet/graph.h>

namespace freshet::dag {

/// An operator as a checkpoint holds it.
struct SavedOperator {
  std::string id{};
  bool is_source = false;  ///< it holds how far it has read
  std::vector<StateDeclaration> states{};
  bool operator==(const SavedOperator&) const = default;
};
std::vector<SavedOperator> saved_operators(const LogicalGraph& graph);

/// What becomes of an operator when a job goes on from a checkpoint of another graph.
enum class OperatorFate : std::uint8_t {
  unchanged,
  changed,  ///< its state is taken over as notes say
  fresh,    ///< there was none of that id
  gone,     ///< it had no state, and is no longer there
  dropped,  ///< its state is given up on purpose
  error,    ///< its state cannot be taken over: problems
};
FRESHET_ENUM(OperatorFate, unchanged, changed, fresh, gone, dropped, error)

struct OperatorComparison {
  std::string id{};
  OperatorFate fate = OperatorFate::unchanged;
  std::vector<std::string> notes{};  ///< "totals: + refunds (new)", "sum: u32 -> u64", "seen: new"
  std::vector<Problem> problems{};
  bool operator==(const OperatorComparison&) const = default;
};

/// Compares what was saved with the graph that is to go on from it: operators that were saved, in their order, then
/// those that are new. The rules are those of incompatibilities(). Pure.
std::vector<OperatorComparison> compare(const std::vector<SavedOperator>& saved, const LogicalGraph& next,
                                        const std::vector<std::string>& dropped);

/// What a job loses or cannot read when it goes on from a checkpoint of another graph: one problem for each operator
/// whose saved state has no place in `next`, and each state that it does not have or whose type it cannot take.
/// `dropped`: ids of operators whose state is given up on purpose. Key, map key and kind of a state stay as they are;
/// fields of its value may be added, dropped and widened, see state_can_become(). Takes any graphs, also hostile ones.
/// Pure.
std::vector<Problem> incompatibilities(const LogicalGraph& saved, const LogicalGraph& next,
                                       const std::vector<std::string>& dropped);

/// Ids of operators of `saved` that `next` does not have.
std::vector<std::string> gone_operators(const LogicalGraph& saved, const LogicalGraph& next);

/// Whether values that were written as `from` can be read as `to`: the same type, a wider number, or a record whose
/// fields can become those of the same name; fields may come and go (the rules: freshet/evolution.h). `why`: empty, or
/// when not, "field spent: f64 to string, which is no widening".
bool state_can_become(const Schema& from, const Schema& to, std::string& why);

}  // namespace freshet::dag
