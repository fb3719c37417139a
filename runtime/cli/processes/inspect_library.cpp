#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "dag/codec.h"
#include "dag/fingerprint.h"
#include "dag/labels.h"
#include "dag/validator.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/processes/job_values.h"
#include "runtime/cli/processes/processes.h"
#include "runtime/worker/job_library.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

json parameter_json(const ParameterDeclaration& parameter) {
  const bool secret = parameter.kind == ParameterKind::secret;
  const bool required = secret || parameter.kind == ParameterKind::required || parameter.kind == ParameterKind::file;
  return {{"name", parameter.name},
          {"type", parameter.kind == ParameterKind::file ? "file" : to_text(parameter.type)},
          {"default", required ? json(nullptr) : json(parameter.default_text)},
          {"required", required},
          {"secret", secret},
          {"help", parameter.help}};
}

json graph_json(const LogicalGraph& graph, std::int64_t default_parallelism) {
  json operators = json::array();
  for (const auto& node : graph.operators) {
    operators.push_back({{"id", node.id},
                         {"kind", node.description},
                         {"parallelism", node.parallelism == 0 ? default_parallelism : node.parallelism}});
    if (node.kind == OperatorKind::sink) operators.back()["guarantee"] = node.guarantee;
  }
  json edges = json::array();
  for (const auto& edge : graph.edges) {
    if (edge.from >= graph.operators.size() || edge.to >= graph.operators.size()) continue;
    edges.push_back({{"from", graph.operators[edge.from].id},
                     {"to", graph.operators[edge.to].id},
                     {"grouping", dag::grouping_text(edge.grouping, edge)}});
  }
  return {{"operators", operators}, {"edges", edges}};
}

json error_json(const std::string& where, const std::string& message, const std::string& remedy) {
  return {{"where", where}, {"message", message}, {"remedy", remedy}};
}

/// Builds and validates the chosen job, and adds what it found to `answer`.
void inspect_job(const Invocation& invocation, const RegisteredJob& registered, json& answer) {
  const auto parameters = given_values(invocation, "param");
  const auto files = given_values(invocation, "file");
  const auto values = job_values(invocation);
  const auto built = worker::build_job(registered, values);
  if (!built) {
    answer["errors"].push_back(error_json("job " + registered.name, built.error().message, ""));
    return;
  }
  const auto& graph = (*built)->graph();
  auto problems = (*built)->problems();
  dag::ValidationOptions options;
  options.default_parallelism = FLAGS_parallelism;
  options.key_groups = static_cast<std::uint32_t>(std::max(0, FLAGS_key_groups));
  options.parameters = parameters;
  options.files = files;
  options.file_exists = [](const std::string& path) { return std::filesystem::is_regular_file(path); };
  const auto refused = dag::validate(graph, options);
  problems.insert(problems.end(), refused.begin(), refused.end());
  for (const auto& problem : problems)
    answer["errors"].push_back(error_json(problem.where, problem.message, problem.remedy));
  for (const auto& warning : (*built)->warnings())
    answer["warnings"].push_back(error_json(warning.where, warning.message, warning.remedy));
  ByteBuffer bytes;
  dag::encode_graph(bytes, graph);
  answer["graph_base64"] = base64(bytes.view());
  answer["graph"] = graph_json(graph, FLAGS_parallelism);
  dag::FingerprintInputs inputs;
  inputs.default_parallelism = FLAGS_parallelism;
  inputs.key_groups = options.key_groups;
  for (const auto& [name, value] : values) inputs.parameters.push_back({name, value});
  answer["fingerprint"] = dag::fingerprint_text(dag::fingerprint(graph, inputs));
}

/// Each job's parameters; of those not chosen, as they are without any given.
json job_json(const RegisteredJob& registered) {
  json parameters = json::array();
  if (const auto built = worker::build_job(registered, {}); built) {
    for (const auto& parameter : (*built)->graph().parameters) parameters.push_back(parameter_json(parameter));
  }
  return {{"name", registered.name}, {"help", registered.help}, {"parameters", parameters}};
}

json inspect(const Invocation& invocation) {
  json answer{
      {"abi", FRESHET_ABI_TAG}, {"jobs", json::array()}, {"errors", json::array()}, {"warnings", json::array()}};
  Problem unusable;
  const auto library = worker::JobLibrary::load(std::filesystem::absolute(invocation.arguments[0]).string(), unusable);
  if (!library) {
    answer["errors"].push_back(error_json("library " + invocation.arguments[0], unusable.message, unusable.remedy));
    return answer;
  }
  for (const auto& registered : library->jobs()) answer["jobs"].push_back(job_json(registered));
  if (const auto chosen = library->find(FLAGS_job); chosen)
    inspect_job(invocation, **chosen, answer);
  else if (!FLAGS_job.empty() || library->jobs().empty())
    answer["errors"].push_back(error_json("library " + invocation.arguments[0], chosen.error().message, ""));
  return answer;
}

}  // namespace

ExitCode inspect_library_verb(Invocation& invocation) {
  // What user code prints must not mix with the answer: descriptor 1 becomes 2, the answer goes to the one kept.
  const int answer_descriptor = ::dup(1);
  if (answer_descriptor < 0 || ::dup2(2, 1) < 0) return ExitCode::kFailed;
  const std::string answer = inspect(invocation).dump(-1, ' ', false, json::error_handler_t::replace);
  std::FILE* out = ::fdopen(answer_descriptor, "w");
  const bool written =
      out != nullptr && std::fwrite(answer.data(), 1, answer.size(), out) == answer.size() && std::fclose(out) == 0;
  // User code's statics are not worth the risk of their destructors.
  std::fflush(nullptr);
  ::_exit(written ? number(ExitCode::kDone) : number(ExitCode::kFailed));
}

}  // namespace freshet::cli
