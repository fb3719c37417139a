#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <freshet/record.h>
#include <freshet/result.h>

namespace freshet::base {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// By name; info for any other text.
LogLevel log_level(std::string_view name);

/// A log file that is closed at `max_bytes` and moved aside: `worker.log`, then `worker.1.log` …, `kept` of them.
struct LogFile {
  std::string path{};
  std::uint64_t max_bytes = 16u << 20;
  std::uint32_t kept = 4;
  Duration retry_after{1'000};  ///< how long a place that cannot be written is left alone
};

/// Lines of this process that could not be written and are lost, for every reason.
std::uint64_t dropped_log_lines();

/// Writes lines such as
///
///   2026-03-01T03:07:11.020Z warn  operator=totals late record dropped
///
/// A value: copies write to the same place. `with` adds what a line is about. Line breaks in a text are written `\n`,
/// so one entry is one line. Thread-safe. A default one writes nowhere. Every line is flushed at once. One that cannot
/// be written is dropped and counted; the next that can says how many were.
class Logger {
 public:
  Logger() = default;
  static Logger to_stderr(LogLevel least);
  static Result<Logger> to_file(const LogFile& file, LogLevel least);

  /// A logger whose lines carry `name=value`; a value with a blank is quoted.
  Logger with(std::string_view name, std::string_view value) const;

  /// Parts are text, numbers or bools, written one after the other: log.warn("channel ", channel, " is late").
  template <class... Parts>
  void debug(const Parts&... parts) const {
    write(LogLevel::debug, parts...);
  }
  template <class... Parts>
  void info(const Parts&... parts) const {
    write(LogLevel::info, parts...);
  }
  template <class... Parts>
  void warn(const Parts&... parts) const {
    write(LogLevel::warn, parts...);
  }
  template <class... Parts>
  void error(const Parts&... parts) const {
    write(LogLevel::error, parts...);
  }

  bool is_enabled(LogLevel level) const { return sink_ && level >= least_; }

  class Sink;  // keeps the logging library out of this header

 private:
  Logger(std::shared_ptr<Sink> sink, LogLevel least) : sink_(std::move(sink)), least_(least) {}

  template <class... Parts>
  void write(LogLevel level, const Parts&... parts) const {
    if (!is_enabled(level)) return;
    std::string text;
    (append(text, parts), ...);
    write_line(level, text);
  }
  static void append(std::string& text, std::string_view part) { text += part; }
  template <class T>
  requires std::integral<T> || std::floating_point<T>
  static void append(std::string& text, T part) {
    if constexpr (std::same_as<T, bool>)
      text += part ? "true" : "false";
    else if constexpr (std::same_as<T, char>)
      text += part;
    else
      text += std::to_string(part);
  }
  void write_line(LogLevel level, std::string_view text) const;

  std::shared_ptr<Sink> sink_;  // shared: by every copy of this logger
  LogLevel least_ = LogLevel::info;
  std::string context_;  // "operator=totals "
};

}  // namespace freshet::base
