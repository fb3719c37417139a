#pragma once

#include <string>
#include <string_view>

#include <freshet/graph.h>

/// What things of a graph are called in messages and listings.
namespace freshet::dag {

inline constexpr std::size_t kMaxIdLength = 64;

/// 1 to 64 letters, digits, '_', '-' and '.', the first a letter or a digit.
bool is_legal_id(std::string_view id);

/// A name as it is; quoted and cut when it is no legal id, so that a message stays one readable line.
std::string readable(std::string_view name);
/// The operator's id, readable; "#7" when there is no operator 7.
std::string operator_name(const LogicalGraph& graph, std::uint32_t index);
/// "operator totals"
std::string operator_label(const LogicalGraph& graph, std::uint32_t index);
/// "edge events -> totals"; "edge parse.bad -> rejects" from an output other than the main one.
std::string edge_label(const LogicalGraph& graph, const Edge& edge);
/// A state's address for people: "totals.seen".
std::string state_address(const OperatorNode& node, const StateDeclaration& state);
/// "fields(user, item)", "shuffle", "forward".
std::string grouping_text(Grouping grouping, const Edge& edge);

}  // namespace freshet::dag
