// Counts per user, kept in Redis: what the test of its sink with real processes runs. Against the public API alone.

#include <freshet/files.h>
#include <freshet/redis.h>

using namespace freshet;

namespace {

struct Visit {
  std::string user{};
  std::uint64_t amount = 0;
  FRESHET_RECORD(user, amount)
};

struct Totals {
  std::uint64_t visits = 0;
  std::uint64_t amount = 0;
  FRESHET_RECORD(visits, amount)
};

}  // namespace

FRESHET_JOB(redis_counts, "Visits and amounts per user, kept in Redis")
{
  const auto input = files::input<Visit>(job, "input", "visits.csv", "visit files");
  const auto server = redis::server(job, "redis", "127.0.0.1:6379", "Redis that gets the totals");
  job.source("visits", files::read<Visit>(input))
      .key_by(&Visit::user)
      .fold("totals",
            [](Totals& totals, const Visit& visit) {
              ++totals.visits;
              totals.amount += visit.amount;
            })
      .emit(each_change())
      .sink("totals_redis", redis::hash(server, "user:{user}"));
}
