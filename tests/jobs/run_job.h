#pragma once

#include <freshet/job.h>

#include <map>
#include <stdexcept>
#include <string>

#include "runtime/worker/local_engine.h"

namespace freshet::testing {

/// Runs a job of this program to its end, sources and sinks being those of production; throws when it is refused or
/// fails.
inline void run_job(std::string_view name, std::map<std::string, std::string> parameters,
                    std::int64_t parallelism = 1) {
  for (const auto& registered : registered_jobs()) {
    if (registered.name != name) continue;
    Job job(std::move(parameters));
    registered.build(job);
    job.graph().job = registered.name;
    job.finish();
    worker::LocalEngine engine(job, {.parallelism = parallelism});
    std::string refused;
    for (const auto& problem : engine.problems()) refused += problem.where + ": " + problem.message + "\n";
    if (!refused.empty()) throw std::runtime_error(refused);
    engine.start();
    while (!engine.run()) {
      if (engine.failure()) throw std::runtime_error(engine.failure()->what());
      engine.clock().advance(std::chrono::milliseconds(10));
    }
    return engine.close();
  }
  throw std::runtime_error("no job is called " + std::string(name));
}

}  // namespace freshet::testing
