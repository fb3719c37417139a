#include <algorithm>
#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/due.h"
#include "tests/bench/keyed_count/record.h"
#include "tests/bench/latency/ages.h"
#include "tests/bench/steady.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// First each key once, as fast as they are taken; after a rest, records on a schedule that waits for nobody.
class Schedule final : public Source<Due> {
 public:
  Schedule(Keys keys, std::uint64_t per_second, std::uint64_t seconds, std::string report)
      : keys_(std::move(keys)), per_second_(per_second), seconds_(seconds), report_(std::move(report)) {}

  std::vector<Split> discover() override { return {{"schedule"}}; }
  Progress read(Split& split, Out<Due>& out) override {
    for (; split.position < keys_.count() && !out.full(); ++split.position) out.emit({split.position, 0});
    if (split.position < keys_.count()) return Progress::progress;
    const std::int64_t now_ns = steady_ns();
    if (begin_ns_ == 0) begin_ns_ = now_ns + kRestNs;
    if (now_ns < begin_ns_) return Progress::idle;
    const std::int64_t since_ns = now_ns - begin_ns_;
    const bool is_over = since_ns >= static_cast<std::int64_t>(seconds_) * kSecondNs;
    const std::uint64_t due =
        per_second_ == 0 ? made_ + (is_over ? 0 : kBatchRecords) : std::min(seconds_ * per_second_, due_by(since_ns));
    if (made_ >= due) {
      if (!is_over) return Progress::idle;
      std::ofstream(report_ + "/sent") << made_ << '\n';
      return Progress::done;
    }
    for (; made_ < due && !out.full(); ++made_, ++split.position)
      out.emit({keys_.of(scatter(made_)), per_second_ == 0 ? now_ns : due_ns(made_)});
    return Progress::progress;
  }

 private:
  static constexpr std::int64_t kSecondNs = 1'000'000'000, kRestNs = 2 * kSecondNs;

  std::uint64_t due_by(std::int64_t since_ns) const {
    return 1 + static_cast<std::uint64_t>(static_cast<double>(since_ns) * 1e-9 * static_cast<double>(per_second_));
  }
  std::int64_t due_ns(std::uint64_t number) const {
    return begin_ns_ + static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / static_cast<double>(per_second_));
  }

  const Keys keys_;
  const std::uint64_t per_second_, seconds_;
  const std::string report_;
  std::int64_t begin_ns_ = 0;
  std::uint64_t made_ = 0;
};

/// Writes down how old what comes is, in a file `ages`: "COUNT TOOK P50 P99 P99.9 MAX", times in nanoseconds.
class Watch final : public Sink<Newest> {
 public:
  explicit Watch(std::string report) : report_(std::move(report)) {}
  void write(const Newest& newest) override {
    if (newest.due_ns == 0) return;
    last_ns_ = steady_ns();
    if (ages_.count() == 0) first_ns_ = last_ns_;
    ages_.add(last_ns_ - newest.due_ns);
  }
  void close() override {
    std::ofstream(report_ + "/ages") << ages_.count() << ' ' << last_ns_ - first_ns_ << ' ' << ages_.at(0.5) << ' '
                                     << ages_.at(0.99) << ' ' << ages_.at(0.999) << ' ' << ages_.at(1) << '\n';
  }

 private:
  const std::string report_;
  Ages ages_;
  std::int64_t first_ns_ = 0, last_ns_ = 0;
};

}  // namespace

FRESHET_JOB(latency, "Counts by key and emits each change, to see how old records are then")
{
  const auto keys = job.param("keys", std::uint64_t{1'000'000}, "distinct users");
  const auto per_second = job.param("per_second", std::uint64_t{100'000}, "records; 0: as fast as they are taken");
  const auto seconds = job.param("seconds", std::uint64_t{10}, "that they come for");
  const auto report = job.param("report", ".", "folder for what is written down");
  job.source<Schedule>("schedule", Keys(keys, "uniform"), per_second, seconds, report)
      .key_by(&Due::user)
      .fold("count",
            [](Newest& newest, const Due& due) {
              ++newest.records;
              newest.due_ns = due.due_ns;
            })
      .sink<Watch>("watch", report);
}
