#pragma once

#include <stdexcept>

#include <freshet/stage.h>

namespace freshet::task {

/// Ends a task: a record failed under the fail policy, an operator failed outside of records, or a channel broke.
/// Thrown inside a step and caught by Task alone.
struct TaskFailure : std::runtime_error {
  TaskFailure(std::string failed_operator, std::string code, const std::string& message)
      : std::runtime_error(message), operator_id(std::move(failed_operator)), reason(std::move(code)) {}
  std::string operator_id;
  std::string reason;
  std::string origin;
  std::string record;
};

}  // namespace freshet::task
