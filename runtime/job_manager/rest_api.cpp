#include "runtime/job_manager/rest_api.h"

#include <nlohmann/json.hpp>

#include "dag/printer.h"
#include "runtime/job_manager/edge_audit.h"
#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/manager_views.h"
#include "runtime/job_manager/prometheus.h"
#include "runtime/job_manager/rest_checkpoints.h"
#include "runtime/job_manager/rest_dead_letters.h"
#include "runtime/job_manager/rest_response.h"
#include "runtime/job_manager/rest_state.h"
#include "runtime/job_manager/rest_submission.h"

namespace freshet::manager {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& json) {
  // Texts come from users and from records: what is no UTF-8 is replaced, not thrown about.
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

int status_of(Refusal::Code code) {
  switch (code) {
    case Refusal::Code::validation:
      return 422;
    case Refusal::Code::not_found:
      return 404;
    case Refusal::Code::timeout:
      return 504;
    case Refusal::Code::bad_state:
      return 409;
    case Refusal::Code::forbidden:
      return 403;
    case Refusal::Code::no_room:
      return 507;
    case Refusal::Code::failed:
      return 500;
  }
  return 500;
}

}  // namespace

RestResponse invalid(std::string where, std::string message) {
  return to_response({Refusal::Code::validation,
                      "refused: 1 error, nothing was changed",
                      {{std::move(where), std::move(message), ""}},
                      {}});
}

RestResponse nothing_here(const std::string& path) {
  return error_response(kNotFound, "not_found", "there is no " + path.substr(0, 200) + " here");
}

RestResponse not_allowed(const RestRequest& request) {
  return error_response(kNotAllowed, "failed", request.method.substr(0, 16) + " is not possible here");
}

RestResponse error_response(int status, const char* code, const std::string& message) {
  return json_response(dump({{"error", {{"code", code}, {"message", message}}}}), status);
}

RestResponse to_response(const Refusal& refusal) {
  ordered_json error = {{"code", enumerator_name(refusal.code)}, {"message", refusal.message}};
  if (!refusal.near.empty()) error["near"] = refusal.near;
  if (!refusal.problems.empty()) {
    error["problems"] = ordered_json::array();
    for (const Problem& problem : refusal.problems)
      error["problems"].push_back({{"where", problem.where}, {"message", problem.message}, {"remedy", problem.remedy}});
  }
  return json_response(dump({{"error", std::move(error)}}), status_of(refusal.code));
}

RestResponse RestApi::handle(const RestRequest& request) {
  if (request.path.size() > kMaxPathBytes || !request.path.starts_with('/')) return nothing_here(request.path);
  const Path path = split_path(request.path);
  const bool is_get = request.method == "GET";
  if (request.path == "/healthz") return is_get ? json_response(R"({"status":"ok"})") : not_allowed(request);
  if (request.path == "/readyz") return is_get ? json_response(R"({"status":"ready"})") : not_allowed(request);
  if (request.path == "/metrics") {
    if (!is_get) return not_allowed(request);
    return {kOk, "text/plain; version=0.0.4", metrics_text(manager_)};
  }
  if (path.size() < 2 || path[0] != "v1") return nothing_here(request.path);
  if (path[1] == "jobs") return handle_job(request, path);
  if (path[1] == "libraries" && path.size() == 3) return handle_library(request, path[2]);
  if (path.size() != 2 || (path[1] != "cluster" && path[1] != "version")) return nothing_here(request.path);
  if (!is_get) return not_allowed(request);
  if (path[1] == "cluster") return json_response(to_json(manager_.cluster()));
  return json_response(
      dump({{"version", 1}, {"freshet", manager_.options().version}, {"abi", manager_.options().abi}}));
}

RestResponse RestApi::handle_job(const RestRequest& request, const Path& path) {
  const bool is_get = request.method == "GET";
  if (path.size() == 2) {
    if (request.method == "POST") return submit(request.body);
    return is_get ? json_response(to_json(manager_.jobs())) : not_allowed(request);
  }
  const std::string& job = path[2];
  if (path.size() == 3 && request.method == "DELETE") return answer_done(manager_.remove(job));
  if (path.size() == 3) return is_get ? answer(manager_.job(job)) : not_allowed(request);
  if (RestCheckpoints::takes(path[3])) return RestCheckpoints(manager_, verifier_).handle(request, path);
  if (path[3] == "dead-letters") return RestDeadLetters(manager_).handle(request, path);
  if (path[3] == "state") return RestState(manager_).handle(request, path);
  if (path.size() != 4) return nothing_here(request.path);
  if (path[3] == "actions") return request.method == "POST" ? act(job, request.body) : not_allowed(request);
  if (path[3] != "plan" && path[3] != "events" && path[3] != "logs" && path[3] != "revisions" && path[3] != "audit")
    return nothing_here(request.path);
  if (!is_get) return not_allowed(request);
  if (path[3] == "revisions") return revisions(job);
  if (path[3] == "events") return events(job);
  if (path[3] == "audit") return audit(job);
  if (path[3] == "logs") return logs(job, request.query);
  const auto format = request.query.find("format");
  return plan(job, format == request.query.end() ? "text" : format->second);
}

RestResponse RestApi::handle_library(const RestRequest& request, const std::string& sha256) {
  const bool is_there = manager_.libraries().size_of(sha256).has_value();
  if (request.method == "HEAD" || request.method == "GET") {
    if (is_there) return request.method == "HEAD" ? RestResponse{} : not_allowed(request);
    return nothing_here("library sha256:" + sha256);
  }
  if (request.method != "PUT") return not_allowed(request);
  if (const Status good = check_library(sha256, request.body); !good) return invalid("library", good.error().message);
  if (const Status stored = manager_.libraries().put(sha256, request.body); !stored)
    return to_response({Refusal::Code::no_room, "the library is not stored: " + stored.error().message, {}, {}});
  return json_response(dump({{"sha256", sha256}, {"bytes", request.body.size()}}), is_there ? kOk : kCreated);
}

RestResponse RestApi::submit(const std::string& body) {
  Answer<Submission> submission = parse_submission(body);
  if (const Refusal* refusal = std::get_if<Refusal>(&submission)) return to_response(*refusal);
  return answer(manager_.submit(std::move(std::get<Submission>(submission))), kCreated);
}

RestResponse RestApi::act(const std::string& job, const std::string& body) {
  if (body.size() > kMaxSubmissionBytes || !json_depth_within(body, kMaxJsonDepth))
    return invalid("body", "is too long or nested too deep");
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  const auto action = parsed.is_object() ? parsed.find("action") : parsed.end();
  if (!parsed.is_object() || action == parsed.end() || !action->is_string())
    return invalid("member action", "is missing, or no text");
  const std::string name = action->get<std::string>();
  if (name == "cancel") return answer_done(manager_.cancel(job));
  if (name == "pause" || name == "resume") return answer_done(manager_.pause(job, name == "pause"));
  Answer<ChangeRequest> change = parse_change(name, parsed);
  if (const Refusal* refusal = std::get_if<Refusal>(&change)) return to_response(*refusal);
  return answer_done(manager_.change(job, std::get<ChangeRequest>(change)));
}

RestResponse RestApi::answer_done(const Answer<std::string>& done) {
  if (const Refusal* refusal = std::get_if<Refusal>(&done)) return to_response(*refusal);
  return json_response(
      dump({{"operation", "op-" + std::to_string(++operations_)}, {"job", std::get<std::string>(done)}}), kAccepted);
}

RestResponse RestApi::revisions(const std::string& name) const {
  const Answer<const Job*> found = manager_.find_job(name);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  return json_response(to_json(revisions_view(*std::get<const Job*>(found))));
}

RestResponse RestApi::audit(const std::string& name) const {
  const Answer<const Job*> found = manager_.find_job(name);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  return json_response(to_json(audit_view(*std::get<const Job*>(found), manager_.now())));
}

RestResponse RestApi::plan(const std::string& name, const std::string& format) const {
  const Answer<const Job*> found = manager_.find_job(name);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const Job& job = *std::get<const Job*>(found);
  if (format != "text" && format != "dot" && format != "json")
    return invalid("format " + format.substr(0, 64), "is unknown: text, dot or json");
  if (job.plan().chains.empty())
    return to_response({Refusal::Code::failed, "this version of Freshet cannot plan the job any more", {}, {}});
  const dag::PlanDescription description = dag::describe_plan(job.submission().graph, job.plan());
  if (format == "json")
    return json_response(R"({"version":1,"format":"json","plan":)" + dag::print_json(description) + "}");
  const std::string text = format == "dot" ? dag::print_dot(description) : dag::print_text(description);
  return json_response(dump({{"version", 1}, {"format", format}, {"text", text}}));
}

RestResponse RestApi::events(const std::string& name) const {
  const Answer<const Job*> found = manager_.find_job(name);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const TimeLine& line = std::get<const Job*>(found)->time_line();
  return json_response(to_json(EventsView{1, manager_.now().wall_ms, line.forgotten(), line.events()}));
}

RestResponse RestApi::logs(const std::string& name, const std::map<std::string, std::string>& query) const {
  const Answer<const Job*> found = manager_.find_job(name);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const auto text = [&](const char* key) {
    const auto value = query.find(key);
    return value == query.end() ? std::string() : value->second;
  };
  LogQuery wanted;
  wanted.job = std::get<const Job*>(found)->id();
  std::optional<std::size_t> limit;
  if (!take_number(query, "worker", wanted.worker)) return invalid("worker", "is no number");
  if (!take_number(query, "attempt", wanted.attempt)) return invalid("attempt", "is no number");
  if (!take_number(query, "limit", limit)) return invalid("limit", "is no number");
  wanted.limit = std::min(limit.value_or(wanted.limit), LogSource::kMaxLines);
  wanted.operator_id = text("operator");
  wanted.level = text("level");
  wanted.grep = text("grep");
  wanted.cursor = text("offset");
  return json_response(to_json(logs_.read(wanted)));
}

}  // namespace freshet::manager
