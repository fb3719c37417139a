#include "runtime/job_manager/rest_checkpoints.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "runtime/checkpoint/verify.h"
#include "runtime/job_manager/checkpoint_views.h"
#include "runtime/job_manager/rest_dead_letters.h"
#include "runtime/job_manager/rest_response.h"
#include "runtime/job_manager/rest_submission.h"

namespace freshet::manager {
namespace {

constexpr std::size_t kListed = 50;  // unless the request says otherwise
constexpr int kMaxBodyDepth = 4;
constexpr std::size_t kShownBytes = 64;
constexpr const char* kRequested = "checkpoint";
constexpr const char* kVerified = "verify";
constexpr const char* kCompared = "compare";

std::optional<BarrierKind> kind_of(const std::string& text) {
  for (const auto& [name, kind] : freshet_enumerators(BarrierKind{}))
    if (name == text) return kind;
  return std::nullopt;
}

RestResponse failed(const Error& error) { return to_response({Refusal::Code::failed, error.message, {}, {}}); }

RestResponse no_checkpoint(const Job& job, CheckpointId id) {
  return to_response(
      {Refusal::Code::not_found,
       "job " + job.name() + " has no checkpoint " + std::to_string(id.value) + " any more, or never had",
       {},
       {}});
}

}  // namespace

bool RestCheckpoints::takes(const std::string& part) {
  return part == "checkpoints" || part == "savepoints" || part == "operations" || part == kCompared;
}

RestResponse RestCheckpoints::handle(const RestRequest& request, const Path& path) {
  const Answer<const Job*> found = manager_.find_job(path[2]);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const Job& job = *std::get<const Job*>(found);
  if (path[3] == "operations") {
    if (path.size() != 5) return nothing_here(request.path);
    return request.method == "GET" ? operation(job, path[4]) : not_allowed(request);
  }
  if (path[3] == kCompared) {
    if (path.size() != 4) return nothing_here(request.path);
    return request.method == "POST" ? compare(job, request.body) : not_allowed(request);
  }
  const bool savepoints_only = path[3] == "savepoints";
  if (path.size() == 4) return handle_all(request, job, savepoints_only);
  const auto number = whole_number<std::uint64_t>(path[4]);
  if (!number || *number == 0)
    return invalid("checkpoint " + path[4].substr(0, kShownBytes), "is no number of a checkpoint: 1, 2, 3 …");
  if (path.size() == 5) return handle_one(request, job, {*number}, savepoints_only);
  if (path.size() != 6 || path[5] != kVerified) return nothing_here(request.path);
  return request.method == "POST" ? verify(job, {*number}) : not_allowed(request);
}

RestResponse RestCheckpoints::handle_all(const RestRequest& request, const Job& job, bool savepoints_only) {
  if (request.method == "GET") return list(job, request, savepoints_only);
  return request.method == "POST" && !savepoints_only ? create(job, request.body) : not_allowed(request);
}

RestResponse RestCheckpoints::handle_one(const RestRequest& request, const Job& job, CheckpointId id,
                                         bool savepoints_only) {
  if (request.method == "GET") return show(job, id);
  if (request.method != "DELETE" || !savepoints_only) return not_allowed(request);
  return answer(manager_.delete_savepoint(job.id(), id));
}

RestResponse RestCheckpoints::list(const Job& job, const RestRequest& request, bool savepoints_only) const {
  std::optional<std::size_t> limit;
  if (!take_number(request.query, "limit", limit)) return invalid("limit", "is no number");
  std::optional<BarrierKind> kind;
  if (savepoints_only) kind = BarrierKind::savepoint;
  if (const auto wanted = request.query.find("kind"); wanted != request.query.end() && !kind) {
    kind = kind_of(wanted->second);
    if (!kind)
      return invalid("kind " + wanted->second.substr(0, kShownBytes),
                     "is unknown: checkpoint, savepoint or final_checkpoint");
  }
  const auto view = checkpoint_list(job, manager_.checkpoint_storage(), kind, limit.value_or(kListed), manager_.now());
  return view ? json_response(to_json(*view)) : failed(view.error());
}

RestResponse RestCheckpoints::create(const Job& job, const std::string& body) {
  if (body.size() > kMaxBodyBytes || !json_depth_within(body, kMaxBodyDepth))
    return invalid("body", "is too long or nested too deep");
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  const auto member = parsed.is_object() ? parsed.find("kind") : parsed.end();
  if (!parsed.is_object() || member == parsed.end() || !member->is_string())
    return invalid("member kind", "is missing, or no text: checkpoint or savepoint");
  const std::string text = member->get<std::string>();
  const auto kind = kind_of(text);
  if (!kind || *kind == BarrierKind::final_checkpoint)
    return invalid("kind " + text.substr(0, kShownBytes), "is unknown: checkpoint or savepoint");
  const Answer<std::uint64_t> begun = manager_.begin_checkpoint(job.id(), *kind);
  if (const Refusal* refusal = std::get_if<Refusal>(&begun)) return to_response(*refusal);
  const std::uint64_t number = std::get<std::uint64_t>(begun);
  return json_response(to_json(operation_view(operation_name(kRequested, manager_.term(), number),
                                              *job.checkpoints().history().operation(number))),
                       kAccepted);
}

RestResponse RestCheckpoints::show(const Job& job, CheckpointId id) const {
  const auto view = checkpoint_view(job, manager_.checkpoint_storage(), id, manager_.now());
  if (!view) return failed(view.error());
  return *view ? json_response(to_json(**view)) : no_checkpoint(job, id);
}

RestResponse RestCheckpoints::verify(const Job& job, CheckpointId id) {
  const auto listed = checkpoint::list_checkpoints(manager_.checkpoint_storage(), job.id());
  if (!listed) return failed(listed.error());
  if (std::ranges::find(*listed, id) == listed->end()) return no_checkpoint(job, id);
  return begun(job, kVerified, verifier_.begin(job.id(), id));
}

RestResponse RestCheckpoints::compare(const Job& job, const std::string& body) {
  Answer<ComparisonRequest> parsed = parse_comparison(body);
  if (const Refusal* refusal = std::get_if<Refusal>(&parsed)) return to_response(*refusal);
  auto& [graph, checkpoint, dropped] = std::get<ComparisonRequest>(parsed);
  return begun(job, kCompared,
               verifier_.begin_comparison(job.id(), checkpoint, {std::move(graph), std::move(dropped)}));
}

/// The verifier's answer to `what`.
RestResponse RestCheckpoints::begun(const Job& job, const char* what, std::optional<std::uint64_t> number) const {
  if (!number)
    return to_response({Refusal::Code::bad_state,
                        std::to_string(CheckpointVerifier::kMaxWaiting) +
                            " checkpoints are waiting to be read already; try again later",
                        {},
                        {}});
  return json_response(
      to_json(operation_view(operation_name(what, manager_.term(), *number), *verifier_.find(job.id(), *number))),
      kAccepted);
}

RestResponse RestCheckpoints::operation(const Job& job, const std::string& name) const {
  const std::size_t dot = name.find('.');
  const auto number = dot == std::string::npos ? std::nullopt : whole_number<std::uint64_t>(name.substr(dot + 1));
  const auto is_named = [&](const char* what) {
    return number && name == operation_name(what, manager_.term(), *number);
  };
  if (is_named(kRequested)) {
    if (const CheckpointOperation* found = job.checkpoints().history().operation(*number))
      return json_response(to_json(operation_view(name, *found)));
  } else if (is_named(RestDeadLetters::kOperation)) {
    const auto order = LetterChanges::number_of(manager_.term(), LetterChanges::count_of(*number));
    if (const LetterOperation* found = job.letter_changes().find(order))
      return json_response(to_json(operation_view(name, *found)));
  } else if (number) {
    const auto found = verifier_.find(job.id(), *number);
    if (found && is_named(found->compares ? kCompared : kVerified))
      return json_response(to_json(operation_view(name, *found)));
  }
  return to_response({Refusal::Code::not_found,
                      "job " + job.name() + " has no operation " + name.substr(0, kShownBytes) +
                          ": it is forgotten, or of a job manager that has ended",
                      {},
                      {}});
}

}  // namespace freshet::manager
