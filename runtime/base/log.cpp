#include "runtime/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace freshet::base {

LogLevel log_level(std::string_view name) {
  if (name == "debug" || name == "trace") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

class Logger::Sink {
 public:
  explicit Sink(spdlog::sink_ptr sink) : logger_("freshet", std::move(sink)) {
    // The level's name stands in the text: ours have one width.
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    logger_.set_level(spdlog::level::trace);
    // Who follows the log reads the file while its process lives, and after it was killed; lines are few.
    logger_.flush_on(spdlog::level::trace);
  }
  spdlog::logger& logger() { return logger_; }

 private:
  spdlog::logger logger_;
};

namespace {

struct LevelNames {
  spdlog::level::level_enum level;
  const char* padded;
};

LevelNames names_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return {spdlog::level::debug, "debug "};
    case LogLevel::info:
      return {spdlog::level::info, "info  "};
    case LogLevel::warn:
      return {spdlog::level::warn, "warn  "};
    case LogLevel::error:
      break;
  }
  return {spdlog::level::err, "error "};
}

/// Text from records and peers must not be able to forge a line of its own.
void append_on_one_line(std::string& line, std::string_view text) {
  for (const char byte : text) {
    if (byte == '\n')
      line += "\\n";
    else if (byte == '\r')
      line += "\\r";
    else
      line += byte;
  }
}

}  // namespace

Logger Logger::to_stderr(LogLevel least) {
  return Logger(std::make_shared<Sink>(std::make_shared<spdlog::sinks::stderr_sink_mt>()), least);
}

Result<Logger> Logger::to_file(const LogFile& file, LogLevel least) {
  try {
    return Logger(std::make_shared<Sink>(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                      file.path, static_cast<std::size_t>(file.max_bytes), file.kept)),
                  least);
  } catch (const spdlog::spdlog_ex& problem) {
    return Error{"cannot log to " + file.path + ": " + problem.what()};
  }
}

Logger Logger::with(std::string_view name, std::string_view value) const {
  Logger narrowed = *this;
  narrowed.context_ += name;
  narrowed.context_ += '=';
  const bool quoted = value.find(' ') != std::string_view::npos;
  if (quoted) narrowed.context_ += '"';
  append_on_one_line(narrowed.context_, value);
  narrowed.context_ += quoted ? "\" " : " ";
  return narrowed;
}

void Logger::write_line(LogLevel level, std::string_view text) const {
  const auto names = names_of(level);
  std::string line = names.padded + context_;
  append_on_one_line(line, text);
  sink_->logger().log(names.level, spdlog::string_view_t(line.data(), line.size()));
}

void Logger::flush() const {
  if (sink_) sink_->logger().flush();
}

}  // namespace freshet::base
