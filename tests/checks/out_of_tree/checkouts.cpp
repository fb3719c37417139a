#include "checkouts.h"

#include <freshet/files.h>

using namespace freshet;

FRESHET_JOB(checkouts, "How many pieces of an item were ordered")
{
  const auto input = files::input<Event>(job, "input", "events.csv", "event files");
  const auto output = job.param("output", "out", "folder of the result files");
  const auto pack = job.param("pack", std::uint64_t{1}, "pieces that are put into a cart at once");

  const auto orders =
      job.source("events", files::read<Event>(input)).key_by(&Event::user).process<Checkouts>("checkouts", pack);
  orders.sink("orders", files::csv(output + "/orders"));
  orders.side(&Checkouts::unseen).sink("unseen", files::jsonl(output + "/unseen"));
}
