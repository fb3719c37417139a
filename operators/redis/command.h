#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <freshet/text.h>

/// Commands as Redis reads them: "*2\r\n$4\r\nAUTH\r\n$3\r\nabc\r\n".
namespace freshet::redis {

inline void append_length(std::string& out, char kind, std::size_t length) {
  out += kind;
  freshet::detail::append_number(out, length);
  out += "\r\n";
}
inline void append_argument(std::string& out, std::string_view argument) {
  append_length(out, '$', argument.size());
  out += argument;
  out += "\r\n";
}
inline std::string command_of(std::initializer_list<std::string_view> arguments) {
  std::string command;
  append_length(command, '*', arguments.size());
  for (const auto argument : arguments) append_argument(command, argument);
  return command;
}

}  // namespace freshet::redis
