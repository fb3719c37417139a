#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/generator.h"
#include "tests/bench/pipeline/steps.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// Adds up, and writes down in a file `end`: when the last record came, how many there were, their cents.
class Adder final : public Sink<Amount> {
 public:
  explicit Adder(std::string report) : report_(std::move(report)) {}
  void write(const Amount& amount) override { sum_.add(amount); }
  void close() override {
    std::ofstream(report_ + "/end") << steady_ns() << ' ' << sum_.records << ' ' << sum_.cents << '\n';
  }

 private:
  const std::string report_;
  Sum sum_;
};

/// The steps in one chain, or the last ones in a task of their own.
void price_clicks(Job& job, bool hands_over) {
  const auto records = job.param("records", std::uint64_t{100'000'000}, "records to send");
  const auto report = job.param("report", ".", "folder for start and end of the measured time");
  const auto prices = job.source<Generator<Click>>("generator", records, Keys(1'000'000, "uniform"), report, false)
                          .map("price", [](const Click& click) { return price_of(click); });
  const auto sell = [&](const auto& given) {
    given.filter("sold", [](const Price& price) { return is_sold(price); })
        .map("tax", [](const Price& price) { return with_tax(price); })
        .template sink<Adder>("adder", report);
  };
  hands_over ? sell(prices.shuffle()) : sell(prices);
}

}  // namespace

FRESHET_JOB(pipeline, "Maps, filters and maps records in one task")
{ price_clicks(job, false); }
FRESHET_JOB(pipeline_of_two, "The same, handed over from one task to another of the same worker")
{ price_clicks(job, true); }
