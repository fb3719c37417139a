#pragma once

#include <string>
#include <vector>

#include <freshet/graph.h>

namespace freshet::dag {

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
