#pragma once

#include <nlohmann/json.hpp>

#include <string>

/// How a change of a job goes, and whether it could, as text: from what the REST interface answers (README.md) to what
/// an operator reads. A field that is missing leaves its words out.
namespace freshet::cli {

/// What a status says of something that is waited for.
struct Outcome {
  bool is_over = false;
  bool is_good = true;
  bool is_known = true;    ///< false: it is over for who waits, and what became of it is not to be seen
  std::string text{};      ///< of a good one, what to print; of another, why
  std::string progress{};  ///< to be printed at once, the first time
};

/// "savepoint 1760 (0.4 s)   restored (0.7 s)   Running, attempt 6, revision 2, first checkpoint done    stood
/// still 1.1 s"
std::string change_text(const nlohmann::json& status);

/// "watched 60 s: restarts 0   errors 0   p99 2.2 ms (2.1 ms)   throughput 232 k/s (231 k/s)   …": now, and in brackets
/// as it was before the change. `begun`: when the watch began.
std::string watch_text(const nlohmann::json& before, const nlohmann::json& begun, const nlohmann::json& now);

/// Judges the statuses of a job that is rescaled, upgraded, rolled back or restarted. Lives as long as the wait.
class ChangeJudge {
 public:
  /// `undo`: the command line; `before`: the job's status before the change, for what is watched.
  ChangeJudge(std::string job, std::string undo, nlohmann::json before = {})
      : job_(std::move(job)), undo_(std::move(undo)), before_(std::move(before)) {}

  Outcome look(const nlohmann::json& status);

 private:
  Outcome failed(const nlohmann::json& status) const;

  const std::string job_;
  const std::string undo_;
  const nlohmann::json before_;
  nlohmann::json begun_;  // the first status that says that it is watched
};

/// What a comparison found: `operation` is one that is done.
std::string comparison_text(const nlohmann::json& operation);
/// How many operators cannot take over their state.
std::size_t errors_of_comparison(const nlohmann::json& operation);

/// Of a job that is stopped at a savepoint.
Outcome judge_stop(const std::string& job, const nlohmann::json& status);

}  // namespace freshet::cli
