#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace freshet {

/// Why something expected to fail sometimes did fail: what is wrong, where, and what to do, in one sentence.
struct Error {
  std::string message{};
  bool no_space = false;  ///< a disk or a quota is full: it may pass, and who tried is not to blame
  bool operator==(const Error&) const = default;
};

/// A value, or the reason why there is none. Errors that are expected (a file is missing, a line is malformed) are
/// returned as values; exceptions come from user code only.
///
///   Result<int> port = parse_port(text);
///   if (!port) return port.error();
///   listen(*port);
///
/// value() and error() may be called only when the result holds one; calling the wrong one is a mistake of the caller
/// and throws std::bad_variant_access (std::bad_optional_access for Status).
template <class T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function can return either.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T otherwise) const& { return ok() ? value() : std::move(otherwise); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or the reason for the failure. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_{};
};

using Status = Result<void>;

}  // namespace freshet
