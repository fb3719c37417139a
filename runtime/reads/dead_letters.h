#pragma once

#include <functional>
#include <optional>

#include "runtime/base/ids.h"
#include "runtime/checkpoint/storage.h"
#include "runtime/reads/refusal.h"

/// Dead letters that operators keep, read out of a job's newest checkpoint.
namespace freshet::reads {

/// A wish to see some of them.
struct LettersRead {
  static constexpr std::size_t kMostShown = 1'000;      ///< one by one, in one answer
  static constexpr std::size_t kMostGroups = 1'000;     ///< further reasons are counted together
  static constexpr std::size_t kMostBytes = 16u << 20;  ///< of those shown; an older one that is over is left out

  JobId job{};
  std::string job_name{};
  std::vector<std::string> operators{};        ///< that keep some, and are asked for
  std::string reason{};                        ///< only of this; empty: of any
  std::optional<std::uint64_t> id{};           ///< only this one
  std::optional<std::int64_t> since_ms{};      ///< only those that became dead letters then or later
  std::optional<std::int64_t> watermark_ms{};  ///< of the job: those with an earlier event time are counted
  std::size_t shown = 0;                       ///< one by one, the newest; all are counted
  std::int64_t now_ms = 0;
};

/// Letters of one operator and reason.
struct LetterGroup {
  std::string reason{};
  std::string operator_id{};
  std::uint64_t count = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
  std::uint64_t example = 0;  ///< id of the newest
  std::string message{};      ///< of that one

  template <class FreshetSelf>
  static constexpr auto freshet_fields() {
    return std::tuple{FRESHET_EACH(FRESHET_FIELD, reason), Field{"operator", &FreshetSelf::operator_id},
                      FRESHET_EACH(FRESHET_FIELD, count, first_ms, last_ms, example, message)};
  }
};

/// Answers the JSON of runtime/cli/README.md. Blocking; from any thread. `is_to_end`: nobody waits any more.
Answer<std::string> read_dead_letters(const LettersRead& wanted, checkpoint::CheckpointStorage& storage,
                                      const std::function<bool()>& is_to_end);

}  // namespace freshet::reads
