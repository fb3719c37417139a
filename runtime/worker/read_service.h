#pragma once

#include <atomic>
#include <mutex>

#include "runtime/base/clock.h"
#include "runtime/reads/caller_limits.h"
#include "runtime/reads/read_server.h"
#include "runtime/worker/live_reads.h"

namespace freshet::worker {

/// Serves the queryable state of a worker's tasks over HTTP. A key that is another worker's is not fetched from there:
/// who asks is sent on (307), so no worker ever waits for another, and they cannot wait for each other. Its handlers
/// run on the HTTP server's threads; open() and serve() on the worker's. It goes before the worker does.
class ReadService final : public StateServer {
 public:
  /// At one time: each holds files whole in memory, and one of the server's threads.
  static constexpr int kMostCommittedReads = 2;

  struct Options {
    std::string job_name{};
    std::string host = "127.0.0.1";
    double reads_per_second = 5'000;  ///< of one caller; 0: no limit
    Duration patience{2'000};         ///< how long a task may take to answer; files twice as long
  };
  ReadService(Options options, const base::Clock& clock);

  Result<std::string> open() override;
  void serve(std::shared_ptr<const LiveJob> job) override;

  /// Any thread.
  reads::ReadAnswer handle(const reads::ReadRequest& request);

 private:
  const Options options_;
  const base::Clock& clock_;
  reads::CallerLimits limits_;
  std::atomic<int> committed_reads_{0};
  std::mutex mutex_;  // of reads_: set once, by the worker's thread, while handlers look
  std::shared_ptr<LiveReads> reads_;
  reads::ReadServer server_;  // last: its threads use all of the above
};

}  // namespace freshet::worker
