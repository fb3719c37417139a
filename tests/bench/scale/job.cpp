#include <freshet/freshet.h>

#include "tests/bench/generator.h"
#include "tests/bench/tally.h"

using namespace freshet;
using namespace freshet::bench;

FRESHET_JOB(scale, "Counts by key in a graph of any size")
{
  const auto records = job.param("records", std::uint64_t{20'000'000}, "records to send");
  const auto senders = job.param("senders", std::uint64_t{1}, "tasks that generate");
  const auto receivers = job.param("receivers", std::uint64_t{1}, "tasks that count");
  const auto maps = job.param("maps", std::uint64_t{0}, "operators between them, in the senders' chain");
  const auto report = job.param("report", ".", "folder for start and end of the measured time");
  auto clicks = job.source<Generator<Click>>("generator", records, Keys(100'000, "uniform"), report, false, senders)
                    .parallelism(static_cast<std::int64_t>(senders));
  for (std::uint64_t i = 0; i < maps; ++i) {
    clicks = clicks
                 .map("map_" + std::to_string(i),
                      [](Click click) {
                        ++click.item;
                        return click;
                      })
                 .parallelism(static_cast<std::int64_t>(senders));
  }
  clicks.key_by(&Click::user)
      .fold("count", [](Count& count, const Click&) { ++count.records; })
      .emit(at_end())
      .parallelism(static_cast<std::int64_t>(receivers))
      .sink<Tally>("tally", report)
      .parallelism(static_cast<std::int64_t>(receivers));
}
