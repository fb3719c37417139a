#include <algorithm>
#include <array>
#include <fstream>

#include <freshet/freshet.h>
#include <freshet/redis.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/latency/ages.h"
#include "tests/bench/steady.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

constexpr std::uint64_t kItems = 100;  // the price of item 0 is missing in the second phase

struct View {
  std::uint64_t item = 0;
  std::uint64_t phase = 0;
  std::int64_t due_ns = 0;
  FRESHET_RECORD(item, phase, due_ns)
};

/// Two phases of the same length, on a schedule that waits for nobody. Writes down when it began, in a file `begin`,
/// and how many it made, in a file `sent`.
class Schedule final : public Source<View> {
 public:
  Schedule(std::uint64_t per_second, std::uint64_t seconds, std::string report)
      : per_second_(per_second), seconds_(seconds), report_(std::move(report)) {}

  std::vector<Split> discover() override { return {{"schedule"}}; }
  Progress read(Split& split, Out<View>& out) override {
    const std::int64_t now_ns = steady_ns();
    if (begin_ns_ == 0) std::ofstream(report_ + "/begin") << (begin_ns_ = now_ns) << '\n';
    const std::uint64_t all = 2 * seconds_ * per_second_;
    const double since_s = static_cast<double>(now_ns - begin_ns_) * 1e-9;
    const auto due = std::min(all, static_cast<std::uint64_t>(since_s * static_cast<double>(per_second_)));
    if (split.position >= due && split.position < all) return Progress::idle;
    for (; split.position < due && !out.full(); ++split.position) {
      const std::uint64_t number = split.position;
      const double at_s = static_cast<double>(number) / static_cast<double>(per_second_);
      out.emit({scatter(number) % kItems, number / (seconds_ * per_second_),
                begin_ns_ + static_cast<std::int64_t>(at_s * 1e9)});
    }
    if (split.position < all) return Progress::progress;
    std::ofstream(report_ + "/sent") << all << '\n';
    return Progress::done;
  }

 private:
  const std::uint64_t per_second_, seconds_;
  const std::string report_;
  std::int64_t begin_ns_ = 0;
};

/// Writes down how old what comes is, in a file `ages`: for each phase "COUNT P50 P99 P99.9 MAX" of items whose price
/// is never missing, then how many came of the other.
class Watch final : public Sink<View> {
 public:
  explicit Watch(std::string report) : report_(std::move(report)) {}
  void write(const View& view) override {
    if (view.item == 0)
      ++others_;
    else
      ages_.at(std::min<std::uint64_t>(view.phase, 1)).add(steady_ns() - view.due_ns);
  }
  void close() override {
    std::ofstream out(report_ + "/ages");
    for (const Ages& ages : ages_)
      out << ages.count() << ' ' << ages.at(0.5) << ' ' << ages.at(0.99) << ' ' << ages.at(0.999) << ' ' << ages.at(1)
          << '\n';
    out << others_ << '\n';
  }

 private:
  const std::string report_;
  std::array<Ages, 2> ages_;
  std::uint64_t others_ = 0;
};

}  // namespace

FRESHET_JOB(retries, "Looks prices up, one of which is missing for a while, to see how old other records are then")
{
  const auto per_second = job.param("per_second", std::uint64_t{20'000}, "records");
  const auto seconds = job.param("seconds", std::uint64_t{60}, "of each phase");
  const auto report = job.param("report", ".", "folder for what is written down");
  const auto server = redis::server(job, "redis", "127.0.0.1:6379", "Redis that has the prices");
  job.source<Schedule>("schedule", per_second, seconds, report)
      .lookup("price", redis::texts(server, "price:{item}"), &View::item,
              [](const View& view, const std::string* price) {
                if (price == nullptr) throw TryAgain("it has no price");
                return view;
              })
      .on_error(retry({.attempts = 100, .first = 1s, .limit = 10min, .pause_above = 1}))
      .sink<Watch>("watch", report);
}
