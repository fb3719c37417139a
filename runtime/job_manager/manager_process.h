#pragma once

#include <memory>
#include <string>

#include <freshet/result.h>

#include "runtime/base/log.h"
#include "runtime/transport/event_loop.h"

namespace freshet::manager {

struct ManagerProcessOptions {
  std::string data{};              ///< its folder, made when missing: journal, libraries
  std::string checkpoints{};       ///< folder of the checkpoint storage; empty: as at the last start, else below `data`
  std::string bind = "127.0.0.1";  ///< of REST and control
  int port = 7070;                 ///< of REST; 0: a free one
  int control_port = 7071;         ///< 0: a free one
  std::string agents_data{};       ///< folder below which the agents of this machine keep theirs; for logs
};

/// A job manager wired to its sockets and files, living on an event loop: the composition root. One thread, the loop's,
/// but for the constructor and destructor, which run while the loop does not.
class ManagerUnit {
 public:
  static Result<std::unique_ptr<ManagerUnit>> create(const ManagerProcessOptions& options, transport::EventLoop& loop,
                                                     base::Logger log);
  ~ManagerUnit();
  /// "127.0.0.1:7070".
  const std::string& address() const;
  /// Where agents and workers connect, "127.0.0.1:7071".
  const std::string& control_address() const;

 private:
  class Parts;
  explicit ManagerUnit(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Runs a job manager until a signal ends it. Answers the exit code.
int run_job_manager(const ManagerProcessOptions& options, const std::string& log_level);

}  // namespace freshet::manager
