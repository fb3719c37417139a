#pragma once

#include <string>
#include <utility>
#include <variant>

#include "runtime/base/check.h"
#include "runtime/cli/exit_code.h"

namespace freshet::cli {

/// Why a verb ends early: what the shell is told and what the user reads (may have several lines, no final newline).
/// kDone with an empty message means that everything has been said: --show-request ends that way.
struct Failure {
  ExitCode code = ExitCode::kFailed;
  std::string message;
};

/// A value, or the failure that ends the verb.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}            // NOLINT: a value is a result
  Result(Failure failure) : content_(std::move(failure)) {}  // NOLINT: so is a failure

  bool ok() const { return std::holds_alternative<T>(content_); }
  explicit operator bool() const { return ok(); }

  T& value() {
    CHECK(ok(), "only a successful result has a value");
    return std::get<T>(content_);
  }
  const T& value() const {
    CHECK(ok(), "only a successful result has a value");
    return std::get<T>(content_);
  }
  const Failure& failure() const {
    CHECK(!ok(), "only a failed result has a failure");
    return std::get<Failure>(content_);
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }

 private:
  std::variant<T, Failure> content_;
};

/// The value of a step that has nothing to hand back.
struct Nothing {};

}  // namespace freshet::cli
