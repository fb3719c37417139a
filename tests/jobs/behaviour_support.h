#pragma once

#include <freshet/files.h>
#include <gmock/gmock.h>

#include "tests/jobs/real_data.h"

/// What tests of behaviour operators on real data share.
namespace freshet::testing {

/// What somebody did. Users and items are text here, since in some sets they are.
struct Act {
  std::string user{}, item{}, action{};
  Time time{};
  std::uint64_t line = 0;
  FRESHET_RECORD(user, item, action, time, line)
};

/// Predicate: the action is one of these, "a|b".
inline auto is_one_of(const std::string& actions) {
  return [all = "|" + actions + "|"](const Act& act) { return all.find("|" + act.action + "|") != std::string::npos; };
}

}  // namespace freshet::testing
