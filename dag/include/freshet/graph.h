#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <freshet/state.h>

/// A job's graph as its author wrote it, as plain data: no code, no pointers. The build function makes it, the CLI
/// ships it, the job manager plans from it. Every struct is a record, so the codec, JSON and golden tests come for
/// free.
namespace freshet {

/// How an edge picks the receiving task.
enum class Grouping : std::uint8_t {
  forward,           ///< same index; needs equal parallelism; lets two operators share a chain
  rebalance,         ///< nothing was said: forward where parallelism is equal, shuffle where it is not
  shuffle,           ///< round robin
  fields,            ///< by key group of the key hash
  partial_key,       ///< the less loaded of two tasks that the key's hash names
  all,               ///< every task gets every record (broadcast)
  global,            ///< task 0
  none,              ///< any task; treated as shuffle
  direct,            ///< the author's function names the task
  local_or_shuffle,  ///< a task of the same worker if there is one, else shuffle
  custom,            ///< the author's own grouping class
};
FRESHET_ENUM(Grouping, forward, rebalance, shuffle, fields, partial_key, all, global, none, direct, local_or_shuffle,
             custom)

enum class OperatorKind : std::uint8_t { source, transform, sink };
FRESHET_ENUM(OperatorKind, source, transform, sink)

enum class ErrorPolicyKind : std::uint8_t { unset, fail, dead_letter, retry };
FRESHET_ENUM(ErrorPolicyKind, unset, fail, dead_letter, retry)

/// What becomes of a record that an operator throws on.
struct ErrorPolicy {
  ErrorPolicyKind kind = ErrorPolicyKind::unset;  ///< unset: dead-letter for sources, fail for all else
  double pause_above = 0.05;                      ///< dead-letter brake: share of the records of a minute
  std::uint32_t attempts = 0;                     ///< of a retry, the first among them
  Duration first_delay{};                         ///< before the second attempt; doubles with each
  Duration limit{};                               ///< from the first attempt to the last
  bool keep_order = false;                        ///< records of a key wait for one that is to be tried again
  std::uint64_t max_waiting = 0;                  ///< records to be tried again, per task
  std::uint64_t keep = 0;                         ///< dead letters that are kept to be replayed, per task
  /// A record that fails becomes a dead letter, at once or in the end, and its operator goes on.
  bool sets_aside(bool is_source) const {
    return kind == ErrorPolicyKind::dead_letter || kind == ErrorPolicyKind::retry ||
           (kind == ErrorPolicyKind::unset && is_source);
  }
  /// Its operator has a lane from which records are tried again: by themselves, or since somebody replays them.
  bool has_lane() const {
    return kind == ErrorPolicyKind::retry || (kind == ErrorPolicyKind::dead_letter && keep != 0);
  }
  bool operator==(const ErrorPolicy&) const = default;
  FRESHET_RECORD(kind, pause_above, attempts, first_delay, limit, keep_order, max_waiting, keep)
};

/// One named output of an operator. The main one is called "out".
struct OutputDeclaration {
  std::string name{};
  Schema record{};
  bool operator==(const OutputDeclaration&) const = default;
  FRESHET_RECORD(name, record)
};

struct OperatorNode {
  std::string id{};
  OperatorKind kind = OperatorKind::transform;
  std::string description{};  ///< for people: "fold", "files in/*.csv"
  std::string help{};
  std::uint32_t inputs = 1;  ///< 0 for a source; 2 for a two-input operator
  std::vector<Schema> input_records{};
  std::vector<OutputDeclaration> outputs{};
  std::int64_t parallelism = 0;  ///< as said; 0: not said. What the validator refuses, it must be able to hold
  ErrorPolicy on_error{};
  bool keyed = false;
  bool own_thread = false;
  bool queryable = false;
  std::string emission{};   ///< "each change", "every 1s", "at end"; empty when it has none
  std::string guarantee{};  ///< of a sink: "at-least-once", …
  std::vector<StateDeclaration> states{};
  std::vector<std::string> counters{};
  bool operator==(const OperatorNode&) const = default;
  FRESHET_RECORD(id, kind, description, help, inputs, input_records, outputs, parallelism, on_error, keyed, own_thread,
                 queryable, emission, guarantee, states, counters)
};

/// A stream from one output of an operator to one input of another. Indices into LogicalGraph::operators; the validator
/// refuses what dangles.
struct Edge {
  std::uint32_t from = 0;
  std::uint32_t from_output = 0;  ///< index into outputs
  std::uint32_t to = 0;
  std::uint32_t to_input = 0;
  Grouping grouping = Grouping::rebalance;
  bool carries_key = false;               ///< a keyed stream goes on under its key: same task, in order, no shuffle
  std::vector<std::string> key_fields{};  ///< for fields and partial_key
  Schema record{};
  bool combines = false;  ///< records of one key may become one before they are sent: the receiver adds them up anyway
  bool narrows = false;   ///< the receiver looks at some fields only, so that no others are sent
  std::vector<std::string> fields{};  ///< these; maybe none
  bool operator==(const Edge&) const = default;
  FRESHET_RECORD(from, from_output, to, to_input, grouping, carries_key, key_fields, record, combines, narrows, fields)
};

enum class ParameterKind : std::uint8_t { plain, required, secret, live, file };
FRESHET_ENUM(ParameterKind, plain, required, secret, live, file)

struct ParameterDeclaration {
  std::string name{};
  ParameterKind kind = ParameterKind::plain;
  Schema type{};
  std::string default_text{};
  std::string help{};
  bool operator==(const ParameterDeclaration&) const = default;
  FRESHET_RECORD(name, kind, type, default_text, help)
};

struct CheckpointSettings {
  Duration every = 10s;
  std::uint32_t keep = 3;
  bool operator==(const CheckpointSettings&) const = default;
  FRESHET_RECORD(every, keep)
};

/// Something wrong that the author, or who submits, has to mend.
struct Problem {
  std::string where{};  ///< "operator totals", "parameter hot", "edge events -> totals"
  std::string message{};
  std::string remedy{};
  bool operator==(const Problem&) const = default;
  FRESHET_RECORD(where, message, remedy)
};

struct LogicalGraph {
  std::string job{};
  std::string help{};
  std::vector<OperatorNode> operators{};
  std::vector<Edge> edges{};
  std::vector<ParameterDeclaration> parameters{};
  CheckpointSettings checkpoints{};
  bool operator==(const LogicalGraph&) const = default;
  FRESHET_RECORD(job, help, operators, edges, parameters, checkpoints)
};

}  // namespace freshet
