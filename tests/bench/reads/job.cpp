#include <algorithm>
#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/due.h"
#include "tests/bench/keyed_count/record.h"
#include "tests/bench/steady.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// One in so many records is of a user of its own, whose state is read to see how fresh it is: the last.
constexpr std::uint64_t kProbeEvery = 100;

/// First each user once, as fast as they are taken; then records on a schedule that waits for nobody, until a file
/// `stop` is there. Writes down how many were made and how long it took, in a file `sent`: "COUNT NANOSECONDS".
class Schedule final : public Source<Due> {
 public:
  Schedule(std::uint64_t users, std::uint64_t per_second, std::string report)
      : users_(users), per_second_(static_cast<double>(per_second)), report_(std::move(report)) {}

  std::vector<Split> discover() override { return {{"schedule"}}; }
  Progress read(Split& split, Out<Due>& out) override {
    for (; split.position < users_ && !out.full(); ++split.position) out.emit({split.position, 0});
    if (split.position < users_) return Progress::progress;
    const std::int64_t now_ns = steady_ns();
    if (begin_ns_ == 0) begin_ns_ = now_ns;
    const auto due = static_cast<std::uint64_t>(static_cast<double>(now_ns - begin_ns_) * 1e-9 * per_second_);
    if (made_ >= due) {
      if (++looks_ % 1'000 != 0 || !std::ifstream(report_ + "/stop")) return Progress::idle;
      std::ofstream(report_ + "/sent") << made_ << ' ' << now_ns - begin_ns_ << '\n';
      return Progress::done;
    }
    for (; made_ < due && !out.full(); ++made_, ++split.position) {
      const std::uint64_t user = made_ % kProbeEvery == 0 ? users_ - 1 : scatter(made_) % (users_ - 1);
      out.emit({user, begin_ns_ + static_cast<std::int64_t>(static_cast<double>(made_) * 1e9 / per_second_)});
    }
    return Progress::progress;
  }

 private:
  const std::uint64_t users_;
  const double per_second_;
  const std::string report_;
  std::int64_t begin_ns_ = 0;
  std::uint64_t made_ = 0, looks_ = 0;
};

/// Writes down how many records were counted in all.
class Sum final : public Sink<Newest> {
 public:
  explicit Sum(std::string report) : report_(std::move(report)) {}
  void write(const Newest& newest) override { records_ += newest.records; }
  void close() override { std::ofstream(report_ + "/counted") << records_ << '\n'; }

 private:
  const std::string report_;
  std::uint64_t records_ = 0;
};

}  // namespace

FRESHET_JOB(reads, "Counts by user while it is read")
{
  const auto users = job.param("users", std::uint64_t{1'000'000}, "distinct users");
  const auto per_second = job.param("per_second", std::uint64_t{100'000}, "records");
  const auto report = job.param("report", ".", "folder for what is written down");
  job.source<Schedule>("schedule", users, per_second, report)
      .key_by(&Due::user)
      .fold("count",
            [](Newest& newest, const Due& due) {
              ++newest.records;
              newest.due_ns = std::max(newest.due_ns, due.due_ns);
            })
      .emit(at_end())
      .queryable()
      .sink<Sum>("sum", report);
}
