#pragma once

#include <freshet/operator_harness.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/base/random.h"

/// What tests of operators that go by the order of event time share.
namespace freshet::test::ordered {

/// Something that a user did. `kinds`: a bit each.
struct Act {
  std::uint64_t user = 0;
  std::uint32_t kinds = 0;
  Time time{};
  std::string name{};
  bool operator==(const Act&) const = default;
  FRESHET_RECORD(user, kinds, time, name)
};

/// Predicate: the act is of the kind.
inline auto is(int kind) {
  return [kind](const Act& act) { return (act.kinds >> kind & 1) != 0; };
}

/// A time, so many seconds after the epoch.
inline Time at(double seconds) { return Time(Duration(std::llround(seconds * 1000))); }

/// What a random stream came to.
struct Stream {
  std::map<std::uint64_t, std::vector<Act>> in_time;  ///< by user, by time, then as they came
  std::vector<Act> late;                              ///< as they came
};

struct StreamOptions {
  int acts = 300;
  std::uint64_t users = 4;
  std::uint32_t kinds = 3;
  std::int64_t step_ms = 6;       ///< times go on by at most so much from act to act
  std::int64_t disorder_ms = 40;  ///< the watermark is so far behind
  std::int64_t most_behind_ms = 45;
  bool crashes = false;
  bool all_matter = false;  ///< also acts of no kind
};

/// By default: what is earlier than the watermark is late.
inline bool is_behind(const Act& act, Time watermark) { return act.time < watermark; }

/// Pushes a random stream into a harness, to its end: watermarks, crashes and late acts here and there.
template <class Op, class IsLate = bool (*)(const Act&, Time)>
Stream run_random(base::Random& random, OperatorHarness<Op>& harness, const StreamOptions& options,
                  IsLate is_late = is_behind) {
  Stream stream;
  std::vector<Act> told_late;
  std::int64_t newest = 1'000'000, watermark = 0;
  harness.key_by(&Act::user).event_time(&Act::time);
  for (int i = 0; i < options.acts; ++i) {
    newest += random.between(0, options.step_ms);
    Act act{.user = random.below(options.users),
            .kinds = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << options.kinds)),
            .time = Time(Duration(newest - (random.chance(0.5) ? 0 : random.between(0, options.most_behind_ms)))),
            .name = "a name that is longer than what fits, " + std::to_string(i)};
    harness.push(act);
    if (act.kinds != 0 || options.all_matter) {
      (is_late(act, Time(Duration(watermark))) ? stream.late : stream.in_time[act.user]).push_back(act);
    }
    if (random.chance(0.3)) harness.watermark(Time(Duration(watermark = newest - options.disorder_ms)));
    for (auto& late : harness.take(&Op::late)) told_late.push_back(late);
    if (options.crashes) harness.crash_and_restore();
  }
  harness.finish();
  for (auto& [user, acts] : stream.in_time)
    std::stable_sort(acts.begin(), acts.end(), [](const Act& a, const Act& b) { return a.time < b.time; });
  if (told_late != stream.late) throw std::runtime_error("other acts are said to be late");
  return stream;
}

}  // namespace freshet::test::ordered
