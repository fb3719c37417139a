#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "runtime/job_manager/job_change.h"
#include "runtime/job_manager/refusal.h"
#include "runtime/reads/json_depth.h"

namespace freshet::manager {

/// A body of POST /v1/jobs that is longer is refused; the graph in it has at most 16 MiB.
inline constexpr std::size_t kMaxSubmissionBytes = 32u << 20;
/// Deeper nested JSON is refused before it is parsed.
inline constexpr int kMaxJsonDepth = 16;

using reads::json_depth_within;

/// Reads the body of POST /v1/jobs, which may be hostile. All that is wrong with it is told at once.
Answer<Submission> parse_submission(std::string_view body);

/// What a checkpoint of a job is to be compared with.
struct ComparisonRequest {
  LogicalGraph graph{};
  CheckpointId checkpoint{};  ///< 0: the newest
  std::vector<std::string> dropped_state{};
};
/// Reads the body of POST /v1/jobs/JOB/compare, which may be hostile.
Answer<ComparisonRequest> parse_comparison(std::string_view body);

/// Reads an action that changes a job: stop, restart, rescale, upgrade or rollback, with its members.
Answer<ChangeRequest> parse_change(const std::string& action, const nlohmann::json& body);

}  // namespace freshet::manager
