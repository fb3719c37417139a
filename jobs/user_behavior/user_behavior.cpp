#include <freshet/files.h>

#include "jobs/user_behavior/event.h"
#include "jobs/user_behavior/totals.h"

using namespace freshet;

namespace {

// Beyond these, sums in whole numbers could overflow; no shop sells so much at once.
constexpr double kMaxAmount = 1e7;
constexpr std::int64_t kMaxQuantity = 1'000'000;

bool is_plausible(const Event& event) {
  if (std::abs(event.amount) > kMaxAmount)
    throw RejectRecord("field amount: beyond ten million", "malformed: field amount");
  if (event.quantity > kMaxQuantity || event.quantity < -kMaxQuantity)
    throw RejectRecord("field quantity: beyond one million", "malformed: field quantity");
  return true;
}

// What an event adds to the totals of its action and of all: itself, and its user at first sight. Runs under the user.
void tally(Seen& seen, const Event& event, Out<ActionTotals>& out) {
  const std::uint32_t bit = 1u << static_cast<unsigned>(event.action);
  const bool known = !event.user.empty();
  const auto put = [&](std::string_view action, bool first) {
    ActionTotals& added = out.add();
    added.action = action;
    added.events = 1;
    added.users = known && first ? 1 : 0;
  };
  put(enumerator_name(event.action), (seen.actions & bit) == 0);
  put("all", seen.actions == 0);
  seen.actions |= bit;
}

}  // namespace

FRESHET_JOB(user_behavior, "Activity per user, per item and in total, from events of a shop or a log")
{
  const auto input = files::input<Event>(
      job, "input", "jobs/user_behavior/sample.csv", "event files (globs, folders), or shop: for made-up traffic",
      {.columns = "line=@line,file=@file", .required = {"user", "item", "action", "time"}});
  const auto output = job.param("output", "out/user_behavior", "folder of the results");
  const auto recent = job.param("recent", std::int64_t{50}, "events kept per user");
  const auto earliest = job.param("earliest", Time(std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}),
                                  "an event before this time is malformed");
  const auto disorder = job.param("disorder", 30s, "how much later than its successors an event may come");
  const auto interval = job.param("emit", 0ms, "how often results that changed go out; 0: once, at the end");
  const auto when = interval > 0ms ? every(interval) : at_end();

  const auto events = job.source("events", files::read<Event>(input))
                          .event_time(&Event::time, {.max_disorder = disorder, .earliest = earliest})
                          .filter("plausible", is_plausible)
                          .on_error(dead_letter());

  const auto by_user = events.key_by(&Event::user);
  const auto known_users = by_user.filter("known_users", [](const Event& event) { return !event.user.empty(); });

  known_users.fold("users", [](Totals& total, const Event& event) { total.add(event); })
      .queryable()
      .emit(when)
      .sink("users_file", files::csv(output + "/users"));

  known_users.recent("recent", recent).queryable().emit(when).sink("recent_file", files::csv(output + "/recent"));

  events.key_by(&Event::item)
      .fold("items", [](Totals& total, const Event& event) { total.add(event); })
      .queryable()
      .emit(when)
      .sink("items_file", files::csv(output + "/items"));

  by_user.process("tally", tally)
      .key_by(&ActionTotals::action)
      .reduce("totals", [](ActionTotals& total, const ActionTotals& more) noexcept { total.add(more); })
      .queryable()
      .emit(when)
      .sink("totals_file", files::csv(output + "/totals"));

  job.dead_letters().sink("dead_letters_file", files::csv(output + "/dead_letters"));
}
