#include <freshet/files.h>
#include <freshet/redis.h>

#include "checkouts.h"

using namespace freshet;

FRESHET_JOB(redis_checkouts, "How many pieces of an item were ordered, kept in Redis")
{
  const auto input = files::input<Event>(job, "input", "events.csv", "event files");
  const auto server = redis::server(job, "redis", "127.0.0.1:6379", "Redis that gets the orders");
  job.source("events", files::read<Event>(input))
      .key_by(&Event::user)
      .process<Checkouts>("checkouts", std::uint64_t{1})
      .sink("orders", redis::hash(server, "user:{user}"));
}
