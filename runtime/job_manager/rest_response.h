#pragma once

#include <charconv>
#include <map>
#include <optional>
#include <string>

#include <freshet/text.h>
#include "runtime/job_manager/rest_api.h"

/// What the parts of the REST interface answer with.
namespace freshet::manager {

inline constexpr int kOk = 200, kCreated = 201, kAccepted = 202, kNotFound = 404, kNotAllowed = 405;

inline RestResponse json_response(std::string body, int status = kOk) {
  return {status, "application/json", std::move(body)};
}

template <class T>
RestResponse answer(const Answer<T>& what, int status = kOk) {
  if (const Refusal* refusal = std::get_if<Refusal>(&what)) return to_response(*refusal);
  return json_response(to_json(std::get<T>(what)), status);
}

/// One error of validation.
RestResponse invalid(std::string where, std::string message);
RestResponse nothing_here(const std::string& path);
RestResponse not_allowed(const RestRequest& request);

/// A whole number in decimal digits and nothing else.
template <class T>
std::optional<T> whole_number(std::string_view text) {
  T number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A whole number of the query, left as it is when the query has none. False: it is no number.
template <class T>
bool take_number(const std::map<std::string, std::string>& query, const char* name, std::optional<T>& value) {
  const auto found = query.find(name);
  if (found == query.end() || found->second.empty()) return true;
  value = whole_number<T>(found->second);
  return value.has_value();
}

}  // namespace freshet::manager
