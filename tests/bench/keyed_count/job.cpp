#include <freshet/freshet.h>

#include "tests/bench/generator.h"
#include "tests/bench/tally.h"

using namespace freshet;
using namespace freshet::bench;

namespace {

struct WindowCount {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t records = 0;
  FRESHET_RECORD(user, window, records)
};

template <class T>
auto generated(Job& job, const std::string& report) {
  const auto records = job.param("records", std::uint64_t{20'000'000}, "records to send");
  const auto keys = job.param("keys", std::uint64_t{1'000'000}, "distinct users, about");
  const auto shape =
      job.param("shape", "uniform", "whose records come: uniform, zipf-EXPONENT, half (of them one user's)");
  const auto stays = job.param("stays", false, "keep running when all records are sent");
  const auto sources = job.param("sources", std::uint64_t{1}, "splits of the generator");
  return job.source<Generator<T>>("generator", records, Keys(keys, shape), report, stays, sources);
}

std::string report_of(Job& job) { return job.param("report", ".", "folder for start and end of the measured time"); }

template <class T>
void count_by_user(Job& job, bool sets_aside) {
  const auto report = report_of(job);
  const auto counts = generated<T>(job, report)
                          .key_by(&T::user)
                          .fold("count", [](Count& count, const T&) { ++count.records; })
                          .on_error(sets_aside ? dead_letter() : fail())
                          .emit(at_end());
  counts.template sink<Tally>("tally", report);
}

}  // namespace

FRESHET_JOB(keyed_count, "Counts records of five numbers by key")
{ count_by_user<Click>(job, false); }
FRESHET_JOB(keyed_count_sum, "Adds up counts of one by key; they are combined before they are sent")
{
  const auto report = report_of(job);
  generated<Hit>(job, report)
      .key_by(&Hit::user)
      .sum("count", &Hit::count)
      .emit(at_end())
      .map("counted", [](const Hit& hit) { return Count{hit.count}; })
      .sink<Tally>("tally", report);
}
FRESHET_JOB(keyed_count_windows,
            "Counts records in windows of ten seconds by key; they are summed up before they are sent")
{
  const auto report = report_of(job);
  generated<Event>(job, report)
      .event_time(&Event::time)
      .key_by(&Event::user)
      .window(tumbling(10s))
      .aggregate<WindowCount>("count", count().as(&WindowCount::records))
      .map("counted", [](const WindowCount& counted) { return Count{counted.records}; })
      .sink<Tally>("tally", report, true);
}
FRESHET_JOB(keyed_count_undo, "The same under the dead-letter policy")
{ count_by_user<Click>(job, true); }
FRESHET_JOB(keyed_count_text, "Counts records with a text of 40 bytes by key")
{ count_by_user<Visit>(job, false); }
FRESHET_JOB(keyed_count_payload, "Counts records with a payload of 1,000 bytes by key")
{ count_by_user<Parcel>(job, false); }
