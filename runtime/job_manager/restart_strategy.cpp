#include "runtime/job_manager/restart_strategy.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <freshet/text.h>

namespace freshet::manager {
namespace {

constexpr std::uint32_t kMaxRestarts = 1'000'000;
constexpr Duration kMaxTime{365LL * 24 * 3600 * 1000};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    const auto end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

bool read(std::string_view word, std::uint32_t& count) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  return error == std::errc() && end == word.data() + word.size() && count <= kMaxRestarts;
}

bool read(std::string_view word, Duration& time) {
  return parse_duration(word, time) && time >= Duration(0) && time <= kMaxTime;
}

}  // namespace

Result<RestartPolicy> parse_restart_policy(std::string_view text) {
  const auto words = words_of(text);
  const auto is = [&](std::string_view name, std::size_t least, std::size_t most) {
    return !words.empty() && words[0] == name && words.size() >= least + 1 && words.size() <= most + 1;
  };
  RestartPolicy policy;
  if (is("none", 0, 0)) {
    policy.kind = RestartKind::none;
    return policy;
  }
  if (is("fixed", 2, 2) && read(words[1], policy.restarts) && read(words[2], policy.delay)) {
    policy.kind = RestartKind::fixed;
    return policy;
  }
  if (is("exponential", 2, 2) && read(words[1], policy.delay) && read(words[2], policy.limit) &&
      policy.delay <= policy.limit) {
    policy.kind = RestartKind::exponential;
    return policy;
  }
  if (is("rate", 2, 3) && read(words[1], policy.restarts) && read(words[2], policy.within) &&
      (words.size() == 3 || read(words[3], policy.delay)))
    return policy;
  return Error{"\"" + std::string(text.substr(0, 100)) +
               "\" is no restart strategy: none, \"fixed RESTARTS DELAY\", \"exponential FIRST LONGEST\" or "
               "\"rate RESTARTS WITHIN [DELAY]\", such as \"rate 5 60s\""};
}

std::string to_text(const RestartPolicy& policy) {
  const std::string restarts = std::to_string(policy.restarts);
  switch (policy.kind) {
    case RestartKind::none:
      return "none";
    case RestartKind::fixed:
      return "fixed " + restarts + " " + format_duration(policy.delay);
    case RestartKind::exponential:
      return "exponential " + format_duration(policy.delay) + " " + format_duration(policy.limit);
    case RestartKind::failure_rate:
      return "rate " + restarts + " " + format_duration(policy.within) +
             (policy.delay == Duration(0) ? "" : " " + format_duration(policy.delay));
  }
  return "none";
}

std::optional<Duration> RestartStrategy::on_failure(base::SteadyTime now) {
  const auto last = std::exchange(last_failure_, now);
  switch (policy_.kind) {
    case RestartKind::none:
      return std::nullopt;
    case RestartKind::fixed:
      if (restarts_ >= policy_.restarts) return std::nullopt;
      ++restarts_;
      return policy_.delay;
    case RestartKind::exponential: {
      const bool begins_anew = !last || now - *last > policy_.limit + next_delay_;
      next_delay_ = begins_anew ? policy_.delay : std::min(policy_.limit, std::max(next_delay_, Duration(1)) * 2);
      ++restarts_;
      return next_delay_;
    }
    case RestartKind::failure_rate:
      while (!recent_.empty() && recent_.front() + policy_.within < now) recent_.pop_front();
      if (recent_.size() >= policy_.restarts) return std::nullopt;
      recent_.push_back(now);
      return policy_.delay;
  }
  return std::nullopt;
}

void RestartStrategy::forgive(std::uint32_t count) {
  if (count == 0) return;
  restarts_ -= std::min(restarts_, count);
  last_failure_.reset();
  for (; count != 0 && !recent_.empty(); --count) recent_.pop_back();
}

std::string RestartStrategy::why_not() const {
  if (policy_.kind == RestartKind::fixed && policy_.restarts > 0)
    return std::to_string(restarts_) + (restarts_ == 1 ? " restart" : " restarts") + " (limit " +
           std::to_string(policy_.restarts) + ")";
  if (policy_.kind == RestartKind::failure_rate && policy_.restarts > 0)
    return std::to_string(recent_.size()) + (recent_.size() == 1 ? " restart" : " restarts") + " in " +
           format_duration(policy_.within) + " (limit " + std::to_string(policy_.restarts) + ")";
  return "";
}

}  // namespace freshet::manager
