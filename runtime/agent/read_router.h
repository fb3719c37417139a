#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "runtime/agent/ports.h"
#include "runtime/base/clock.h"
#include "runtime/reads/caller_limits.h"
#include "runtime/reads/read_client.h"

namespace freshet::agent {

/// The one address for reading the queryable state of all jobs: knows where their workers are, asks one of them, and
/// goes on to the one that it names. What it knows it keeps in a file, so that reads go on when job manager and agent
/// are started anew. handle(): any thread; the rest: the agent's.
class ReadRouter final : public ReadDirectory {
 public:
  struct Options {
    std::string file{};  ///< where it keeps what it knows; empty: nowhere
    double reads_per_second = 5'000;
  };
  /// Reads the file, when there is one.
  ReadRouter(Options options, const base::Clock& clock);

  void on_places(const std::vector<wire::ReadPlace>& jobs) override;

  reads::ReadAnswer handle(const reads::ReadRequest& request);

 private:
  reads::ReadAnswer ask(const wire::ReadPlace& job, const reads::ReadRequest& request);
  reads::ReadAnswer fetch_moved(const wire::ReadPlace& job, reads::ReadAnswer answer,
                                const reads::ReadRequest& request);
  reads::ReadAnswer list() const;

  const Options options_;
  reads::CallerLimits limits_;
  reads::ReadClient client_;
  mutable std::mutex mutex_;  // of what follows: handlers copy one job of it
  std::vector<wire::ReadPlace> jobs_;
  std::size_t next_worker_ = 0;
};

}  // namespace freshet::agent
