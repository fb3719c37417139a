// Two clocks that tick as time goes by, counted in windows: what the test of sources that are silent, or stopped, runs.
// Against the public API alone.

#include <freshet/files.h>
#include <freshet/freshet.h>

#include <chrono>
#include <map>
#include <utility>

using namespace freshet;

namespace {

struct Tick {
  std::uint64_t clock = 0;
  std::uint64_t number = 0;
  Time at{};
  FRESHET_RECORD(clock, number, at)
};

struct Count {
  std::uint64_t clock = 0;
  Window window{};
  std::uint64_t ticks = 0;
  FRESHET_RECORD(clock, window, ticks)
};

/// One every ten milliseconds, with what was missed as soon as it can be told; and `rest` in which the second has none.
class Clocks final : public Source<Tick> {
 public:
  Clocks(std::uint64_t ticks, std::uint64_t rest_from, std::uint64_t rest_to)
      : ticks_(ticks), rest_from_(rest_from), rest_to_(rest_to) {}

  std::vector<Split> discover() override { return {{"0"}, {"1"}}; }  // without an end, as far as anybody knows
  Progress read(Split& split, Out<Tick>& out) override {
    const auto now = std::chrono::steady_clock::now();
    if (begin_ == std::chrono::steady_clock::time_point()) begin_ = now;
    // As of the look before: the first behind a stop of the process finds nothing.
    auto& last = looked_[split.partition];
    if (last == std::chrono::steady_clock::time_point()) last = begin_;
    const std::uint64_t due =
        std::min<std::uint64_t>(static_cast<std::uint64_t>((std::exchange(last, now) - begin_) / 10ms), ticks_);
    const bool rests = split.partition == "1" && split.position >= rest_from_ && due < rest_to_;
    if (split.position >= due || rests) return split.position == ticks_ ? Progress::done : Progress::idle;
    while (split.position < due && !out.full()) {
      const std::uint64_t number = split.position++;
      out.emit({std::stoull(split.partition), number, kStart + Duration(static_cast<std::int64_t>(number * 10))});
    }
    return Progress::progress;
  }

 private:
  static constexpr Time kStart{Duration(1'772'334'000'000)};
  const std::uint64_t ticks_, rest_from_, rest_to_;
  std::chrono::steady_clock::time_point begin_{};
  std::map<std::string, std::chrono::steady_clock::time_point> looked_;  // by partition
};

}  // namespace

FRESHET_JOB(ticks, "Two clocks, counted in windows of a tenth of a second")
{
  const auto ticks = job.param("ticks", std::uint64_t{600}, "of each clock");
  const auto rest_from = job.param("rest_from", std::uint64_t{0}, "number of the tick before which the second rests");
  const auto rest_to = job.param("rest_to", std::uint64_t{0}, "number of the tick at which it goes on");
  const auto idle_after = job.param("idle_after", Duration(500ms), "a clock without ticks for so long is idle");
  const auto output = job.param<std::string>("output", "out", "folder of the results");
  job.source<Clocks>("clocks", ticks, rest_from, rest_to)
      .event_time(&Tick::at, {.idle_after = idle_after})
      .key_by(&Tick::clock)
      .window(tumbling(100ms))
      .aggregate<Count>("windows", count().as(&Count::ticks))
      .sink("windows_file", files::jsonl(output));
}
