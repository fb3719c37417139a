#pragma once

#include <string>

#include "runtime/base/ids.h"

namespace freshet::worker {

/// What an agent says on a worker's command line.
struct WorkerProcessOptions {
  WorkerKey key{};
  std::string manager{};  ///< control address, "127.0.0.1:7071"
  std::string library{};  ///< path of the job's library
  std::string data{};     ///< its own folder: logs
  std::string crash_file{};
  std::string bind = "tcp://127.0.0.1:*";  ///< where it takes frames
  std::string job_name{};                  ///< by which its state is asked for
  std::string read_bind = "127.0.0.1";     ///< where it serves queryable state
  double reads_per_second = 5'000;         ///< keys that one caller may ask for; 0: no limit
  std::string log_level = "info";
  Duration orphan_after = 10s;  ///< without the job manager it ends by itself after this
};

/// Runs a worker until the job manager, a signal or a lost job manager ends it: the composition root of the process.
/// Answers the exit code: 0 when it ended as told, 1 when it could not start, or not keep its results. Told by a
/// signal, it cleans up and then dies of it.
int run_worker(const WorkerProcessOptions& options);

}  // namespace freshet::worker
