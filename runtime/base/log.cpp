#include "runtime/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <mutex>

#include "runtime/base/clock.h"

namespace freshet::base {

LogLevel log_level(std::string_view name) {
  if (name == "debug" || name == "trace") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

namespace {

std::atomic<std::uint64_t> dropped_lines{0};

/// spdlog's own does not look whether it could write.
class StderrSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (std::fwrite(line.data(), 1, line.size(), stderr) != line.size())
      spdlog::throw_spdlog_ex("Failed writing to stderr", errno);
  }
  void flush_() override {
    if (std::fflush(stderr) != 0) spdlog::throw_spdlog_ex("Failed writing to stderr", errno);
  }
};

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

std::uint64_t dropped_log_lines() { return dropped_lines.load(); }

/// A place that cannot be written, a full disk for one, costs lines and nothing else: no caller fails, or waits for
/// longer than opening it takes. It is opened anew before it is tried again, since spdlog does not get over a file that
/// it could not rotate.
class Logger::Sink {
 public:
  using Open = std::function<spdlog::sink_ptr()>;

  /// Throws spdlog_ex when it cannot be opened now.
  Sink(Open open, Duration retry_after) : open_(std::move(open)), retry_after_(retry_after) { reopen(); }

  void write(const LevelNames& level, std::string_view line) {
    const std::lock_guard lock(mutex_);
    const bool was_broken = unreported_ != 0;
    if (was_broken && SystemClock().steady() < next_try_) return drop();
    try {
      if (was_broken) {
        reopen();
        const LevelNames warn = names_of(LogLevel::warn);
        put(warn.level, warn.padded + std::to_string(unreported_) + " lines were dropped: " + why_);
        unreported_ = 0;
      }
      put(level.level, line);
    } catch (const spdlog::spdlog_ex& problem) {
      why_ = problem.what();
      next_try_ = SystemClock().steady() + retry_after_;
      drop();
    }
  }

 private:
  void reopen() {
    sink_.reset();
    sink_ = open_();
    // The level's name stands in the text: ours have one width.
    sink_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
  }
  void put(spdlog::level::level_enum level, std::string_view line) {
    sink_->log(spdlog::details::log_msg("freshet", level, spdlog::string_view_t(line.data(), line.size())));
    // Who follows the log reads the file while its process lives, and after it was killed; lines are few.
    sink_->flush();
  }
  void drop() {
    ++unreported_;
    ++dropped_lines;
  }

  const Open open_;
  const Duration retry_after_;
  std::mutex mutex_;  // any thread logs
  spdlog::sink_ptr sink_;
  std::uint64_t unreported_ = 0;  // lines dropped since one could be written last
  std::string why_;
  SteadyTime next_try_{};
};

Logger Logger::to_stderr(LogLevel least) {
  return Logger(std::make_shared<Sink>([] { return std::make_shared<StderrSink>(); }, LogFile().retry_after), least);
}

/// A line that was cut, by a full disk or a kill, must not take the next one with it.
void end_last_line(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (file < 0) return;
  char last = '\n';
  const off_t size = ::lseek(file, 0, SEEK_END);
  if (size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n') (void)!::write(file, "\n", 1);
  ::close(file);
}

Result<Logger> Logger::to_file(const LogFile& file, LogLevel least) {
  const auto open = [file] {
    end_last_line(file.path);
    return std::make_shared<spdlog::sinks::rotating_file_sink_st>(file.path, static_cast<std::size_t>(file.max_bytes),
                                                                  file.kept);
  };
  try {
    return Logger(std::make_shared<Sink>(open, file.retry_after), least);
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
  sink_->write(names, line);
}

}  // namespace freshet::base
