#pragma once

#include "runtime/job_manager/job.h"

/// The engine audits itself: what tasks sent before a checkpoint's barrier is what tasks received before it.
namespace freshet::manager {

/// What has crossed each edge of the running plan up to a checkpoint for which all tasks are in. Error: which edge does
/// not balance, and by how much; the checkpoint must not be published then, for records are lost or doubled in it.
Result<std::vector<checkpoint::EdgeBalance>> balance_edges(const Job& job, const Publish& publish);

/// An edge and the records that have crossed it up to a checkpoint, through all attempts.
struct EdgeAuditView {
  std::string from{};
  std::string output{};
  std::string to{};
  std::uint32_t input = 0;
  std::uint64_t since = 0;  ///< the first checkpoint that has counted it
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  FRESHET_RECORD(from, output, to, input, since, sent, received, applied, refused)
};

/// As REST shows it; the contract stands in runtime/cli/README.md.
struct AuditView {
  std::uint32_t version = 1;
  std::int64_t now_ms = 0;
  std::string job{};
  std::optional<std::uint64_t> checkpoint{};  ///< the newest complete one
  std::uint32_t attempt = 0;                  ///< that made it
  std::string why{};                          ///< why there is none
  std::vector<EdgeAuditView> edges{};
  FRESHET_RECORD(version, now_ms, job, checkpoint, attempt, why, edges)
};
AuditView audit_view(const Job& job, Moment now);

}  // namespace freshet::manager
