#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <freshet/record.h>
#include "runtime/base/ids.h"

namespace freshet::manager {

struct LogQuery {
  JobId job{};
  std::optional<std::uint32_t> attempt{};
  std::optional<std::uint32_t> worker{};
  std::string operator_id{};  ///< empty: all
  std::string level{};        ///< at least; empty: all
  std::string grep{};         ///< a part of the text; empty: all
  std::size_t limit = 200;    ///< the newest so many
  std::string cursor{};       ///< `next` of an earlier page: only what came since
};

struct LogLine {
  std::uint32_t worker = 0;
  std::uint32_t attempt = 0;
  std::int64_t time_ms = 0;
  std::string level{};
  std::string operator_id{};
  std::string text{};
  bool operator==(const LogLine&) const = default;

  template <class FreshetSelf>
  static constexpr auto freshet_fields() {
    return std::tuple{FRESHET_EACH(FRESHET_FIELD, worker, attempt, time_ms, level),
                      Field{"operator", &FreshetSelf::operator_id}, FRESHET_FIELD(text)};
  }
};

struct LogPage {
  std::uint32_t version = 1;
  std::string next{};  ///< cursor behind the last line
  std::vector<LogLine> lines{};
  FRESHET_RECORD(version, next, lines)
};

/// Where the lines of a job's workers are read. Port of rest_api.
class LogSource {
 public:
  static constexpr std::size_t kMaxLines = 10'000;

  virtual ~LogSource() = default;
  virtual LogPage read(const LogQuery& query) = 0;
};

/// Reads what the agents of this machine wrote: `<data>/jobs/job-N/attempt-A/worker-W.out` and
/// `worker-W/worker.log`, of each data folder. A line without a time belongs to the one before it.
class FileLogSource final : public LogSource {
 public:
  /// Of one file, at its end; what is before is not read.
  static constexpr std::uint64_t kMaxBytesPerFile = 1u << 20;
  static constexpr std::size_t kMaxFiles = 1'000;

  explicit FileLogSource(std::vector<std::string> data_folders) : data_folders_(std::move(data_folders)) {}
  LogPage read(const LogQuery& query) override;

 private:
  const std::vector<std::string> data_folders_;
};

/// Takes `2026-03-01T03:07:11.020Z warn  operator=totals text` apart; a line of another form is all text.
LogLine parse_log_line(const std::string& line);

}  // namespace freshet::manager
