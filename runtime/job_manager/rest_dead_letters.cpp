#include "runtime/job_manager/rest_dead_letters.h"

#include <freshet/retry_state.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "dag/did_you_mean.h"
#include "runtime/job_manager/checkpoint_views.h"
#include "runtime/job_manager/rest_response.h"
#include "runtime/job_manager/rest_submission.h"
#include "runtime/reads/dead_letters.h"

namespace freshet::manager {
namespace {

using nlohmann::json;

constexpr int kMaxOrderDepth = 3;
constexpr std::size_t kShownOfName = 64;

bool keeps_letters(const OperatorNode& node) {
  return std::ranges::any_of(node.states, [](const auto& state) { return state.name == detail::kLettersState; });
}

std::vector<std::string> operators_that_keep(const Job& job) {
  std::vector<std::string> ids;
  for (const OperatorNode& node : job.submission().graph.operators)
    if (keeps_letters(node)) ids.push_back(node.id);
  return ids;
}

/// Why `id` has no letters to speak of; nothing: it keeps some.
std::optional<Refusal> refuse_operator(const Job& job, const std::string& id) {
  const auto keeping = operators_that_keep(job);
  if (std::ranges::find(keeping, id) != keeping.end()) return std::nullopt;
  const auto& all = job.submission().graph.operators;
  const std::string shown = id.substr(0, kShownOfName);
  if (std::ranges::find(all, id, &OperatorNode::id) != all.end())
    return Refusal{Refusal::Code::not_found,
                   "operator " + shown + " of job " + job.name() +
                       " keeps no dead letters: its author can say so, on_error(dead_letter({.keep = 10'000}))",
                   {},
                   keeping};
  const std::string near = dag::nearest_name(id, keeping);
  return Refusal{Refusal::Code::not_found,
                 "job " + job.name() + " has no operator " + shown,
                 {},
                 near.empty() ? keeping : std::vector{near}};
}

std::string text_in(const std::map<std::string, std::string>& query, const char* name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

/// Reads the body of an order, which may be hostile. False: `wrong` says what is wrong with it.
bool read_order(const json& body, wire::ChangeLetters& order, std::optional<RestResponse>& wrong) {
  for (const auto& [name, value] : body.items()) {
    if (name == "action" && value.is_string() && (value == "replay" || value == "drop"))
      order.replays = value == "replay";
    else if (name == "operator" && value.is_string() && value != "")
      order.operator_id = value.get<std::string>();
    else if (name == "reason" && value.is_string() && value != "")
      order.reason = value.get<std::string>();
    else if (name == "ids" && value.is_array() && !value.empty() && value.size() <= wire::ChangeLetters::kMostIds &&
             std::ranges::all_of(value, [](const json& id) { return id.is_number_unsigned(); }))
      order.ids = value.get<std::vector<std::uint64_t>>();
    else
      return wrong =
                 invalid("member " + name.substr(0, kShownOfName),
                         "is unknown, empty or of another kind: action replay or drop, operator and reason texts, ids "
                         "numbers, at most " +
                             std::to_string(wire::ChangeLetters::kMostIds)),
             false;
  }
  if (!body.contains("action")) return wrong = invalid("member action", "is missing: replay or drop"), false;
  return true;
}

}  // namespace

RestResponse RestDeadLetters::handle(const RestRequest& request, const Path& path) {
  const Answer<const Job*> found = manager_.find_job(path[2]);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const Job& job = *std::get<const Job*>(found);
  if (path.size() == 4 && request.method == "POST") return change(job, request.body);
  if (path.size() > 5) return nothing_here(request.path);
  if (request.method != "GET") return not_allowed(request);
  if (path.size() == 4) return list(job, request, std::nullopt);
  const auto id = whole_number<std::uint64_t>(path[4]);
  if (!id) return invalid("dead letter " + path[4].substr(0, kShownOfName), "is no number of a dead letter");
  return list(job, request, id);
}

RestResponse RestDeadLetters::list(const Job& job, const RestRequest& request, std::optional<std::uint64_t> id) const {
  reads::LettersRead wanted;
  std::optional<std::size_t> limit;
  std::optional<std::int64_t> newer_than_ms;
  if (!take_number(request.query, "limit", limit))
    return invalid("limit", "is no number from 0 to " + std::to_string(reads::LettersRead::kMostShown));
  if (!take_number(request.query, "newer_than_ms", newer_than_ms) || newer_than_ms.value_or(0) < 0)
    return invalid("newer_than_ms", "is no time in milliseconds");
  wanted.job = job.id();
  wanted.job_name = job.name();
  wanted.operators = operators_that_keep(job);
  if (const std::string only = text_in(request.query, "operator"); !only.empty()) {
    if (const auto refusal = refuse_operator(job, only)) return to_response(*refusal);
    wanted.operators = {only};
  }
  wanted.reason = text_in(request.query, "reason");
  wanted.id = id;
  wanted.now_ms = manager_.now().wall_ms;
  if (newer_than_ms) wanted.since_ms = wanted.now_ms - *newer_than_ms;
  wanted.shown = std::min(id ? 1 : limit.value_or(0), reads::LettersRead::kMostShown);
  if (job.status() != nullptr) {
    JobView view;
    job.status()->describe(view);
    wanted.watermark_ms = view.watermark_ms;
  }
  RestResponse response;
  response.later = [wanted = std::move(wanted), &storage = manager_.checkpoint_storage()](const auto& is_to_end) {
    const Answer<std::string> read = reads::read_dead_letters(wanted, storage, is_to_end);
    if (const Refusal* refusal = std::get_if<Refusal>(&read)) return to_response(*refusal);
    return json_response(std::get<std::string>(read));
  };
  return response;
}

RestResponse RestDeadLetters::change(const Job& job, const std::string& body) {
  if (body.size() > kMaxBodyBytes || !json_depth_within(body, kMaxOrderDepth))
    return invalid("body", "is too long or nested too deep");
  const auto parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object()) return invalid("body", "is no JSON object");
  wire::ChangeLetters order;
  std::optional<RestResponse> wrong;
  if (!read_order(parsed, order, wrong)) return *std::move(wrong);
  if (!order.operator_id.empty())
    if (const auto refusal = refuse_operator(job, order.operator_id)) return to_response(*refusal);
  const Answer<std::uint64_t> begun = manager_.change_letters(job.id(), std::move(order));
  if (const Refusal* refusal = std::get_if<Refusal>(&begun)) return to_response(*refusal);
  const std::uint64_t number = std::get<std::uint64_t>(begun);
  const std::string name = operation_name(kOperation, manager_.term(), LetterChanges::count_of(number));
  return json_response(to_json(operation_view(name, *job.letter_changes().find(number))), kAccepted);
}

}  // namespace freshet::manager
