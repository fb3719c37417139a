// Sets very many timers, then lets event time pass over them.

#include <freshet/files.h>

using namespace freshet;

namespace {

constexpr Time kBegin{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
constexpr std::uint64_t kTicks = 300, kKeys = 5'000;
constexpr Duration kDay = 24h;  // over which the timers are spread, and the ticks

struct Step {
  std::uint64_t key = 0, id = 0;
  Time at{};
  Time due{};  // of a timer to be set; the epoch: none
  FRESHET_RECORD(key, id, at, due)
};

struct Fired {
  std::uint64_t id = 0;
  FRESHET_RECORD(id)
};

/// Timers first, in any order of their times; then ticks, one each 30 ms.
class Steps : public Source<Step> {
 public:
  explicit Steps(std::uint64_t count) : timers_(count) {}
  std::vector<Split> discover() override {
    return {{.partition = "0", .end = timers_ / 2 + kTicks}, {.partition = "1", .end = timers_ / 2 + kTicks}};
  }
  Progress read(Split& split, Out<Step>& out) override {
    const std::uint64_t half = timers_ / 2;
    while (split.position < half && !out.full()) {
      const std::uint64_t id = split.position++ * 2 + (split.partition == "1");
      const auto due = static_cast<std::int64_t>(id * 2'654'435'761 % static_cast<std::uint64_t>(kDay.count()));
      out.emit({id % kKeys, id, kBegin, kBegin + Duration(due)});
    }
    if (split.position < half) return Progress::progress;
    if (split.position == split.end) return Progress::done;
    if (now() < next_tick_) return Progress::idle;
    next_tick_ = now() + 30ms;
    const std::uint64_t tick = split.position++ - half;
    out.emit({tick, 0, kBegin + kDay / kTicks * static_cast<std::int64_t>(tick), Time()});
    return Progress::progress;
  }

 private:
  std::uint64_t timers_;
  Time next_tick_{};
};

class Alarms : public KeyedOperator<std::uint64_t, Step, Fired> {
 public:
  void process(const Step& step, Out<Fired>&) override {
    if (step.due != Time()) alarm.set(step.id, step.due);
  }
  void ring(const std::uint64_t& id, Out<Fired>& out) { out.emit({id}); }
  Timer<std::uint64_t> alarm{this, "alarm", &Alarms::ring};
};

}  // namespace

FRESHET_JOB(timers, "Sets timers and lets time pass")
{
  const auto count = job.param("timers", 1'000'000, "how many");
  const auto output = job.param("output", "out", "folder of the result");
  job.source<Steps>("steps", static_cast<std::uint64_t>(count))
      .event_time(&Step::at)
      .key_by(&Step::key)
      .process<Alarms>("alarms")
      .sink("fired", files::csv(output));
}
