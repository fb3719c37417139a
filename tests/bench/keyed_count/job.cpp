#include <fstream>

#include <freshet/freshet.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/tally.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

/// Makes records as fast as they are taken; writes down when it began. Told to stay, it waits behind the last for more.
template <class T>
class Generator final : public Source<T> {
 public:
  Generator(std::uint64_t records, std::uint64_t keys, std::string report, bool stays)
      : records_(records), keys_(keys), report_(std::move(report)), stays_(stays) {}

  std::vector<Split> discover() override { return {{"generator", 0, records_, 0}}; }
  Progress read(Split& split, Out<T>& out) override {
    if (split.position == 0) std::ofstream(report_ + "/start") << steady_ns() << '\n';
    while (!out.full() && split.position < split.end) {
      ++split.position;
      fill(out.add(), split.position - 1, keys_);
    }
    if (split.position < split.end) return Progress::progress;
    return stays_ ? Progress::idle : Progress::done;
  }

 private:
  const std::uint64_t records_;
  const std::uint64_t keys_;
  const std::string report_;
  const bool stays_;
};

template <class T>
void count_by_user(Job& job, bool sets_aside) {
  const auto records = job.param("records", std::uint64_t{20'000'000}, "records to send");
  const auto keys = job.param("keys", std::uint64_t{1'000'000}, "distinct users, about");
  const auto report = job.param("report", ".", "folder for start and end of the measured time");
  const auto stays = job.param("stays", false, "keep running when all records are sent");
  const auto counts = job.source<Generator<T>>("generator", records, keys, report, stays)
                          .key_by(&T::user)
                          .fold("count", [](Count& count, const T&) { ++count.records; })
                          .on_error(sets_aside ? dead_letter() : fail())
                          .emit(at_end());
  counts.template sink<Tally>("tally", report);
}

}  // namespace

FRESHET_JOB(keyed_count, "Counts records of five numbers by key")
{ count_by_user<Click>(job, false); }
FRESHET_JOB(keyed_count_undo, "The same under the dead-letter policy")
{ count_by_user<Click>(job, true); }
FRESHET_JOB(keyed_count_text, "Counts records with a text of 40 bytes by key")
{ count_by_user<Visit>(job, false); }
