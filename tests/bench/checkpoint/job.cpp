#include <algorithm>
#include <filesystem>
#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/tally.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// One record for each of `keys` users, then records of the first `hot` of them in no order: `count` in all, or, with
/// none, at a steady rate until a file `stop` is in the folder of reports.
class Sweep final : public Source<Click> {
 public:
  Sweep(std::uint64_t count, std::uint64_t keys, Keys hot, std::uint64_t per_second, std::string report)
      : count_(count), keys_(keys), hot_(std::move(hot)), per_second_(per_second), report_(std::move(report)) {}

  std::vector<Split> discover() override { return {{"sweep"}}; }
  Progress read(Split& split, Out<Click>& out) override {
    std::uint64_t end = count_ != 0 ? count_ : keys_;
    if (count_ == 0 && split.position >= keys_) {
      const std::int64_t now_ns = steady_ns();
      if (begin_ns_ == 0) {
        begin_ns_ = now_ns;
        std::ofstream(report_ + "/swept") << '\n';
      }
      end = keys_ + static_cast<std::uint64_t>(now_ns - begin_ns_) * per_second_ / 1'000'000'000;
      if (split.position >= end) {
        if (std::filesystem::exists(report_ + "/stop")) return Progress::done;
        return Progress::idle;
      }
    }
    for (; split.position < end && !out.full(); ++split.position) {
      Click& click = out.add();
      fill(click, split.position, hot_);
      if (split.position < keys_) click.user = split.position;
    }
    return count_ != 0 && split.position == count_ ? Progress::done : Progress::progress;
  }

 private:
  const std::uint64_t count_, keys_;
  const Keys hot_;
  const std::uint64_t per_second_;
  const std::string report_;
  std::int64_t begin_ns_ = 0;
};

/// When the counting task got its records, written down when it ends: first and last, and the longest pause between two
/// from the sweep on.
class Pauses {
 public:
  Pauses(std::string report, std::uint64_t sweep) : report_(std::move(report)), sweep_(sweep) {}
  Pauses(const Pauses& other) : Pauses(other.report_, other.sweep_) {}
  ~Pauses() {
    if (records_ == 0) return;
    std::ofstream(report_ + "/counted") << records_ << ' ' << swept_ns_ << ' ' << last_ns_ << ' ' << longest_ns_
                                        << '\n';
  }
  void on_record() {
    if (++records_ % kEvery != 0) return;  // a look at the clock at each record would be what is measured
    const std::int64_t now_ns = steady_ns();
    if (records_ <= sweep_)
      swept_ns_ = now_ns;
    else
      longest_ns_ = std::max(longest_ns_, now_ns - last_ns_);
    last_ns_ = now_ns;
  }

 private:
  static constexpr std::uint64_t kEvery = 64;
  std::string report_;
  std::uint64_t sweep_ = 0, records_ = 0;
  std::int64_t swept_ns_ = 0, last_ns_ = 0, longest_ns_ = 0;
};

}  // namespace

FRESHET_JOB(checkpoint, "Counts by key, and says how long it stood still")
{
  const std::uint64_t records = job.param("count", std::uint64_t{0}, "records; 0: until it is told to stop");
  const std::uint64_t keys = job.param("keys", std::uint64_t{1'000'000}, "distinct users");
  const std::uint64_t hot = job.param("hot", std::uint64_t{1'000'000}, "of them that come again and again");
  const std::string shape = job.param("shape", "uniform", "how often each of them comes: uniform, zipf-EXPONENT");
  const std::uint64_t per_second = job.param("per_second", std::uint64_t{50'000}, "records behind the sweep");
  const std::string report = job.param("report", ".", "folder for what is written down");
  job.source<Sweep>("sweep", records, keys, Keys(hot, shape), per_second, report)
      .key_by(&Click::user)
      .fold("count",
            [pauses = Pauses(report, keys)](Count& count, const Click&) mutable {
              pauses.on_record();
              ++count.records;
            })
      .emit(at_end())
      .sink<Tally>("tally", report);
}
