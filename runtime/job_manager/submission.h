#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <freshet/graph.h>
#include "dag/plan.h"
#include "runtime/job_manager/checkpoint_decision.h"
#include "runtime/job_manager/restart_strategy.h"
#include "runtime/wire/control.h"

namespace freshet::manager {

/// What a user asked to run, complete: with it and the library the job can be planned and started anew. Journalled.
struct Submission {
  std::string name{};  ///< unique among jobs that are not over
  std::string job{};   ///< which of the library's jobs
  std::string library_name{};
  std::string library_sha256{};
  std::vector<wire::NamedValue> parameters{};
  std::vector<wire::NamedValue> files{};  ///< parameter name, path
  std::int64_t default_parallelism = 1;
  std::uint32_t key_groups = 128;
  std::uint32_t workers = 0;  ///< wanted; 0: one per agent
  std::string directory{};    ///< what relative paths in parameters count from
  bool chaining = true;
  wire::DataOptions data{};
  std::string run{};                              ///< names it among all jobs of all clusters; given by the job manager
  std::optional<Duration> checkpoint_interval{};  ///< instead of the graph's; 0: no checkpoints at all
  CheckpointMode guarantee = CheckpointMode::exactly_once;  ///< where there are checkpoints
  RestartPolicy restart{};
  std::string from{};  ///< "JOB" or "JOB@N": the savepoint it is to begin from; empty: it begins anew
  JobId from_job{};    ///< and what that is
  CheckpointId from_checkpoint{};
  std::vector<std::string> dropped_state{};  ///< operators whose state in what it begins from is given up
  LogicalGraph graph{};
  std::optional<std::uint32_t> crashes_per_record{};  ///< that it takes to set it aside; 0: never; nothing: as usual
  FRESHET_RECORD(name, job, library_name, library_sha256, parameters, files, default_parallelism, key_groups, workers,
                 directory, chaining, data, run, checkpoint_interval, restart, from, from_job, from_checkpoint,
                 dropped_state, graph, guarantee, crashes_per_record)
};

/// Without a word of the submitter.
inline constexpr std::uint32_t kCrashesPerRecord = 3;
inline constexpr std::uint32_t kMaxCrashesPerRecord = 1'000;

/// How the job makes its checkpoints: as its author said, unless the submitter said otherwise.
CheckpointPolicy checkpoint_policy(const Submission& submission);

/// A submission that can run, or what is wrong with it, all at once.
struct Admission {
  std::vector<Problem> problems{};
  dag::ExecutionPlan plan{};  ///< not placed, with its fingerprint; meaningful without problems
};

inline constexpr std::size_t kMaxNameBytes = 64;
inline constexpr std::size_t kMaxParameters = 1'000;
inline constexpr std::size_t kMaxParameterBytes = 64u << 10;
inline constexpr std::uint32_t kMaxWorkersPerJob = 1'000;

/// Letters, digits, '_', '-', '.', at most 64, beginning with a letter or digit.
bool is_legal_job_name(std::string_view name);

/// Checks and plans. Pure; takes any submission, also one from hostile bytes.
Admission admit(const Submission& submission);

/// What a worker gets as parameters, in this order: those given, then files by their paths. The fingerprint covers
/// exactly these.
std::vector<wire::NamedValue> worker_parameters(const Submission& submission);

}  // namespace freshet::manager
