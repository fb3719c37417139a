#pragma once

#include <map>
#include <mutex>
#include <optional>
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
    Duration patience{5'000};  ///< a request takes no longer, whoever is asked for it
  };
  /// Reads the file, when there is one.
  ReadRouter(Options options, const base::Clock& clock);

  void on_places(const std::vector<wire::ReadPlace>& jobs) override;

  reads::ReadAnswer handle(const reads::ReadRequest& request);
  /// Whoever waits for a worker is answered that it does not answer. Any thread.
  void stop() { client_.stop(); }

 private:
  /// A request on its way to the workers of a job.
  struct Journey {
    const reads::ReadRequest& request;
    const wire::ReadPlace& job;
    base::SteadyTime deadline{};
    bool is_live = true;
  };
  using MovedKeys = std::map<std::pair<std::string, unsigned>, std::vector<std::size_t>>;

  std::optional<wire::ReadPlace> find_job(const std::string& name);
  bool is_late(const Journey& journey) const;
  /// `body`: of a POST; null: GET. Nothing: it does not answer, or the time is up.
  std::optional<reads::ReadAnswer> call(const Journey& journey, const std::string& worker, const std::string& target,
                                        const std::string* body);
  reads::ReadAnswer ask(const Journey& journey);
  reads::ReadAnswer follow(const Journey& journey, reads::ReadAnswer answer);
  reads::ReadAnswer fetch_moved(const Journey& journey, reads::ReadAnswer answer);
  reads::ReadAnswer list() const;

  const Options options_;
  const base::Clock& clock_;
  reads::CallerLimits limits_;
  reads::ReadClient client_;
  mutable std::mutex mutex_;  // of what follows: handlers copy one job of it
  std::vector<wire::ReadPlace> jobs_;
  std::size_t next_worker_ = 0;
};

}  // namespace freshet::agent
