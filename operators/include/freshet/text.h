#pragma once

#include <charconv>
#include <cmath>

#include <freshet/record.h>

/// Values as text: JSON for files, REST and messages; CSV cells; and back from cells and parameters.
namespace freshet {

/// `2026-03-01T03:07:11.020Z`; milliseconds only when there are any.
void append_time(std::string& out, Time time);
/// Quoted and escaped; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// Quoted only when it holds a delimiter, a quote or a line break (RFC 4180).
void append_csv_cell(std::string& out, std::string_view text, char delimiter = ',');

/// `90`, `90ms`, `1.5s`, `30min`, `24h`, `7d`, to whole milliseconds; a bare number counts as milliseconds.
[[nodiscard]] bool parse_duration(std::string_view text, Duration& value);
/// The shortest of the forms above that says it exactly: `30s`.
std::string format_duration(Duration value);
/// Epoch seconds or milliseconds (from 1e11 on), or ISO 8601.
[[nodiscard]] bool parse_time(std::string_view text, Time& value);

namespace detail {

template <class T>
void append_number(std::string& out, T value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace detail

/// Scalars as plain text, without quotes; what a CSV cell holds before it is quoted.
template <class T>
requires detail::IsScalar<T>
void append_text(std::string& out, const T& value) {
  if constexpr (std::same_as<T, std::string>)
    out += value;
  else if constexpr (std::same_as<T, bool>)
    out += value ? "true" : "false";
  else if constexpr (std::same_as<T, Time>)
    append_time(out, value);
  else if constexpr (std::same_as<T, Duration>)
    out += format_duration(value);
  else if constexpr (std::is_enum_v<T>) {
    const auto name = enumerator_name(value);
    if (name.empty())
      detail::append_number(out, static_cast<long long>(value));
    else
      out += name;
  } else
    detail::append_number(out, value);
}

/// One JSON value; records as objects, tuples and vectors as arrays, absent optionals and non-finite numbers as null.
template <Value T>
void append_json(std::string& out, const T& value) {
  if constexpr (std::same_as<T, std::string>)
    append_json_string(out, value);
  else if constexpr (std::floating_point<T>) {
    if (std::isfinite(value))
      detail::append_number(out, value);
    else
      out += "null";
  } else if constexpr (std::same_as<T, bool> || std::integral<T>)
    append_text(out, value);
  else if constexpr (detail::IsScalar<T>) {
    out += '"';
    append_text(out, value);
    out += '"';
  } else if constexpr (detail::IsOptional<T>) {
    if (value)
      append_json(out, *value);
    else
      out += "null";
  } else if constexpr (Record<T>) {
    char separator = '{';
    for_each_field<T>([&](const auto& field) {
      out += separator;
      append_json_string(out, field.name);
      out += ':';
      append_json(out, value.*(field.pointer));
      separator = ',';
    });
    out += '}';
  } else {
    char separator = '[';
    const auto append = [&](const auto& element) {
      out += separator;
      append_json(out, element);
      separator = ',';
    };
    if constexpr (detail::IsVector<T>) {
      for (const auto& element : value) append(element);
    } else {
      std::apply([&](const auto&... part) { (append(part), ...); }, value);
    }
    if (separator == '[') out += '[';
    out += ']';
  }
}

template <Value T>
std::string to_json(const T& value) {
  std::string text;
  append_json(text, value);
  return text;
}

/// One CSV cell: scalars as they are, everything else as JSON.
template <Value T>
void append_cell(std::string& out, const T& value, char delimiter = ',') {
  if constexpr (detail::IsScalar<T> && !std::same_as<T, std::string>) {
    append_text(out, value);
  } else if constexpr (std::same_as<T, std::string>) {
    append_csv_cell(out, value, delimiter);
  } else {
    std::string json;
    append_json(json, value);
    append_csv_cell(out, json, delimiter);
  }
}

/// Reads a scalar from text: all of it, or false. Integers also from a float form without fraction (`17850.0`).
template <class T>
requires detail::IsScalar<T>
[[nodiscard]] bool parse_text(std::string_view text, T& value) {
  if constexpr (std::same_as<T, std::string>)
    return value.assign(text), true;
  else if constexpr (std::same_as<T, bool>) {
    if (text == "true" || text == "1") return value = true, true;
    if (text == "false" || text == "0") return value = false, true;
    return false;
  } else if constexpr (std::same_as<T, Time>)
    return parse_time(text, value);
  else if constexpr (std::same_as<T, Duration>)
    return parse_duration(text, value);
  else if constexpr (std::is_enum_v<T>) {
    for (const auto& [name, enumerator] : freshet_enumerators(T{})) {
      if (name == text) return value = enumerator, true;
    }
    return false;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return false;
    if (end == text.data() + text.size()) return true;
    if constexpr (std::integral<T>) {
      const auto rest = std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end));
      return rest.size() > 1 && rest[0] == '.' && rest.find_first_not_of('0', 1) == std::string_view::npos;
    }
    return false;
  }
}

}  // namespace freshet
