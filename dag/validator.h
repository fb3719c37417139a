#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <freshet/graph.h>

/// Says everything that is wrong with a job before anything is started.
namespace freshet::dag {

inline constexpr std::uint32_t kMaxKeyGroups = 32'768;
/// Tasks of one operator.
inline constexpr std::int64_t kMaxParallelism = 4'096;
inline constexpr std::size_t kMaxOperators = 1'000;
/// Inputs of one operator.
inline constexpr std::uint32_t kMaxInputs = 16;

/// `--param name=text` or `--file name=path`.
struct GivenValue {
  std::string name{};
  std::string text{};
  bool operator==(const GivenValue&) const = default;
  FRESHET_RECORD(name, text)
};

/// What the submitter says beside the graph.
struct ValidationOptions {
  std::int64_t default_parallelism = 1;
  std::uint32_t key_groups = 128;
  std::vector<GivenValue> parameters{};                        ///< in the order given; one name twice is a problem
  std::vector<GivenValue> files{};                             ///< attached: parameter name, path
  std::function<bool(const std::string& path)> file_exists{};  ///< may be empty: paths are then not looked at
};

/// All problems, in this order: options, operators, edges, parameters. Empty: the graph can be planned. Takes any
/// graph, also one decoded from hostile bytes. Values of secrets stand in no message.
std::vector<Problem> validate(const LogicalGraph& graph, const ValidationOptions& options);

/// "parameter hto: unknown. Did you mean hot?"
std::string to_text(const Problem& problem);

}  // namespace freshet::dag
