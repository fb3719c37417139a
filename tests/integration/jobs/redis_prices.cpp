// Visits whose prices stand in Redis: what the test of dead letters with real processes runs. Against the public API
// alone.

#include <freshet/files.h>
#include <freshet/redis.h>

using namespace freshet;

namespace {

struct Visit {
  std::uint64_t id = 0;
  std::string user{};
  std::string item{};
  Time at{};
  FRESHET_RECORD(id, user, item, at)
};

struct Priced {
  std::uint64_t id = 0;
  std::string user{};
  std::uint64_t price = 0;
  FRESHET_RECORD(id, user, price)
};

struct Total {
  std::string user{};
  std::uint64_t visits = 0;
  std::uint64_t spent = 0;
  FRESHET_RECORD(user, visits, spent)
};

struct Count {
  std::string user{};
  Window window{};
  std::uint64_t visits = 0;
  FRESHET_RECORD(user, window, visits)
};

Priced price(const Visit& visit, const std::string* found) {
  if (found == nullptr) throw TryAgain("no price of " + visit.item);
  return {visit.id, visit.user, std::stoull(*found)};
}

}  // namespace

FRESHET_JOB(redis_prices, "What users spent, in all and every ten seconds, at prices that stand in Redis")
{
  const auto input = files::input<Visit>(job, "input", "visits.csv", "visit files");
  const auto output = job.param<std::string>("output", "out", "folder of the results");
  const auto server = redis::server(job, "redis", "127.0.0.1:6379", "Redis that has the prices");
  const auto priced = job.source("visits", files::read<Visit>(input))
                          .event_time(&Visit::at)
                          .lookup("price", redis::texts(server, "price:{item}"), &Visit::item, price)
                          .on_error(retry({.attempts = 3, .first = 100ms, .limit = 2s, .pause_above = 1}))
                          .key_by(&Priced::user);
  priced
      .fold("totals",
            [](Total& total, const Priced& visit) {
              total.user = visit.user;
              ++total.visits;
              total.spent += visit.price;
            })
      .emit(at_end())
      .sink("totals_file", files::csv(output + "/totals"));
  const auto windows = priced.window(tumbling(10s)).aggregate<Count>("windows", count().as(&Count::visits));
  windows.sink("windows_file", files::csv(output + "/windows"));
  windows.late().sink("late_file", files::csv(output + "/late"));
  job.dead_letters().sink("dead_file", files::csv(output + "/dead"));
}
