#include "runtime/job_manager/rest_state.h"

#include <algorithm>

#include "runtime/job_manager/rest_response.h"
#include "runtime/reads/state_reads.h"

namespace freshet::manager {
namespace {

constexpr std::size_t kShownOfCursor = 64;

/// What stands behind `/v1/jobs/JOB/state/ADDRESS/`, which may hold slashes; nothing when nothing follows the address.
std::optional<std::string> key_in(const std::string& path) {
  constexpr int kPartsBefore = 5;
  std::size_t slash = 0;
  for (int part = 0; part < kPartsBefore; ++part) {
    slash = path.find('/', slash + 1);
    if (slash == std::string::npos) return std::nullopt;
  }
  return path.substr(slash + 1);
}

}  // namespace

RestResponse RestState::handle(const RestRequest& request, const Path& path) const {
  if (path.size() < 5) return nothing_here(request.path);
  if (request.method != "GET") return not_allowed(request);
  const Answer<const Job*> found = manager_.find_job(path[2]);
  if (const Refusal* refusal = std::get_if<Refusal>(&found)) return to_response(*refusal);
  const Job& job = *std::get<const Job*>(found);

  reads::StateRead wanted;
  std::optional<std::uint64_t> number;
  std::optional<std::size_t> limit;
  if (!take_number(request.query, "checkpoint", number) || number == 0U)
    return invalid("checkpoint", "is no number of a checkpoint: 1, 2, 3 …");
  if (!take_number(request.query, "limit", limit) || limit == 0U)
    return invalid("limit", "is no number from 1 to " + std::to_string(kMostEntries));
  if (const auto after = request.query.find("after"); after != request.query.end() && !after->second.empty()) {
    const auto position = reads::from_cursor(after->second);
    if (!position) return invalid("after " + after->second.substr(0, kShownOfCursor), "is no cursor of an answer");
    wanted.after = *position;
  }
  wanted.job = job.id();
  wanted.job_name = job.name();
  wanted.address = path[4];
  wanted.key_fields = reads::key_fields_of(job.submission().graph);
  for (const auto& node : job.submission().graph.operators) wanted.declared[node.id] = node.states;
  if (number) wanted.checkpoint = CheckpointId{*number};
  wanted.key = key_in(request.path);
  wanted.limit = std::min(limit.value_or(wanted.key ? kMostEntries : kEntries), kMostEntries);
  wanted.now_ms = manager_.now().wall_ms;
  RestResponse response;
  response.later = [wanted = std::move(wanted), &storage = manager_.checkpoint_storage()](const auto& is_to_end) {
    const Answer<std::string> read = reads::read_saved_state(wanted, storage, is_to_end);
    if (const Refusal* refusal = std::get_if<Refusal>(&read)) return to_response(*refusal);
    return json_response(std::get<std::string>(read));
  };
  return response;
}

}  // namespace freshet::manager
