#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include <freshet/freshet.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/tally.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// Writes down when this process did something for the first time: NAME-PID in the folder of reports.
void tell_first(const std::string& report, const std::string& name) {
  std::ofstream(report + "/" + name + "-" + std::to_string(::getpid())) << steady_ns() << '\n';
}

/// Makes records at a steady rate until a file `stop` is in the folder of reports.
class Metronome final : public Source<Click> {
 public:
  Metronome(std::uint64_t per_second, Keys keys, std::string report)
      : per_second_(per_second), keys_(std::move(keys)), report_(std::move(report)) {}

  std::vector<Split> discover() override { return {{"metronome"}}; }
  Progress read(Split& split, Out<Click>& out) override {
    const std::int64_t now_ns = steady_ns();
    if (begin_ns_ == 0) {
      begin_ns_ = now_ns;
      tell_first(report_, "read");
    }
    if (now_ns - looked_ns_ > kLookNs) {
      looked_ns_ = now_ns;
      if (std::filesystem::exists(report_ + "/stop")) {
        std::ofstream(report_ + "/sent") << split.position << '\n';
        return Progress::done;
      }
    }
    const std::uint64_t due = 1 + static_cast<std::uint64_t>(now_ns - begin_ns_) * per_second_ / 1'000'000'000;
    if (made_ >= due) return Progress::idle;
    for (; made_ < due && !out.full(); ++made_) fill(out.add(), split.position++, keys_);
    return Progress::progress;
  }

 private:
  static constexpr std::int64_t kLookNs = 100'000'000;

  const std::uint64_t per_second_;
  const Keys keys_;
  const std::string report_;
  std::int64_t begin_ns_ = 0, looked_ns_ = 0;
  std::uint64_t made_ = 0;  // by this process
};

}  // namespace

FRESHET_JOB(recovery, "Counts by key, and says when each process began")
{
  const auto per_second = job.param("per_second", std::uint64_t{20'000}, "records");
  const auto keys = job.param("keys", std::uint64_t{10'000}, "distinct users, about");
  const auto report = job.param("report", ".", "folder for what is written down");
  job.source<Metronome>("metronome", per_second, Keys(keys, "uniform"), report)
      .key_by(&Click::user)
      .fold("count",
            [folder = std::string(report), first = true](Count& count, const Click&) mutable {
              if (std::exchange(first, false)) tell_first(folder, "counted");
              ++count.records;
            })
      .emit(at_end())
      .sink<Tally>("tally", report);
}
