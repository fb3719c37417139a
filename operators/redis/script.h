#pragma once

#include <string_view>

namespace freshet::redis {

/// Writes one hash unless what it holds is newer. KEYS[1]: the hash. ARGV: run, attempt, epoch, number of the put, how
/// many texts are set, those (field, text, …), then fields to remove. Answers 1: written; 0: this attempt has written
/// something newer, which happens when puts are sent again; -1: a later attempt of the run has been here.
///
/// Numbers are compared as decimal texts, which is exact where Lua's numbers are not. Runs have no order among them:
/// what another run left is replaced.
inline constexpr std::string_view kHashScript = R"lua(
local had = redis.call('HGET', KEYS[1], '@freshet')
if had then
  local run, attempt, epoch, number = string.match(had, '^(%S*) (%d+) (%d+) (%d+)$')
  if not run then return redis.error_reply('VERSION field @freshet is not of this sink') end
  if run == ARGV[1] then
    local function below(a, b)
      if #a ~= #b then return #a < #b end
      return a < b
    end
    if attempt ~= ARGV[2] then
      if below(ARGV[2], attempt) then return -1 end
    elseif epoch ~= ARGV[3] then
      if below(ARGV[3], epoch) then return 0 end
    elseif below(ARGV[4], number) then
      return 0
    end
  end
end
local version = table.concat({ARGV[1], ARGV[2], ARGV[3], ARGV[4]}, ' ')
local last = 5 + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], '@freshet', version, unpack(ARGV, 6, last))
if #ARGV > last then redis.call('HDEL', KEYS[1], unpack(ARGV, last + 1)) end
return 1
)lua";

}  // namespace freshet::redis
