#include <algorithm>
#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/steady.h"

using namespace freshet;

namespace {

/// One in so many records takes the rare branch.
constexpr std::uint64_t kOneIn = 100'000;

struct Timed {
  std::uint64_t number = 0;
  std::int64_t made_ns = 0;
  FRESHET_RECORD(number, made_ns)
};

/// Makes records as fast as they are taken, each with the time at which it was made.
class Ticks final : public Source<Timed> {
 public:
  explicit Ticks(std::uint64_t records) : records_(records) {}
  std::vector<Split> discover() override { return {{"records", 0, records_, 0}}; }
  Progress read(Split& split, Out<Timed>& out) override {
    const std::int64_t now_ns = bench::steady_ns();
    while (!out.full() && split.position < split.end) {
      Timed& record = out.add();
      record.number = ++split.position;
      record.made_ns = now_ns;
    }
    return split.position < split.end ? Progress::progress : Progress::done;
  }

 private:
  const std::uint64_t records_;
};

/// Writes down how old records were when they came: "COUNT P50 P99 MAX", times in nanoseconds. Looks at one in
/// `stride`.
class Ages final : public Sink<Timed> {
 public:
  Ages(std::string file, std::uint64_t stride) : file_(std::move(file)), stride_(stride) {}
  void write(const Timed& record) override {
    if (count_++ % stride_ == 0) ages_.push_back(bench::steady_ns() - record.made_ns);
  }
  void close() override {
    std::sort(ages_.begin(), ages_.end());
    const auto at = [&](double share) {
      return ages_.empty() ? 0 : ages_[static_cast<std::size_t>(share * static_cast<double>(ages_.size() - 1))];
    };
    std::ofstream(file_) << count_ << ' ' << at(0.5) << ' ' << at(0.99) << ' ' << at(1) << '\n';
  }

 private:
  const std::string file_;
  const std::uint64_t stride_;
  std::uint64_t count_ = 0;
  std::vector<std::int64_t> ages_;
};

}  // namespace

FRESHET_JOB(rare_branch, "Latency of a branch that one record in 100,000 takes beside a saturated one")
{
  const auto records = job.param("records", std::uint64_t{20'000'000}, "records to send");
  const auto report = job.param("report", ".", "folder for the ages of both branches");
  const auto [all, rare] = job.source<Ticks>("records", records)
                               .split("branch", [](const Timed& record, Out<Timed>& often, Out<Timed, "rare">& seldom) {
                                 often.emit(record);
                                 if (record.number % kOneIn == 0) seldom.emit(record);
                               });
  all.shuffle().sink<Ages>("all", report + "/all", std::uint64_t{100});
  rare.shuffle().sink<Ages>("rare", report + "/rare", std::uint64_t{1});
}
