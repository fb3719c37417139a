#include <freshet/files.h>

#include "jobs/user_behavior/event.h"
#include "jobs/user_behavior/totals.h"
#include "jobs/user_behavior/windows.h"

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

// What a step adds to the totals of the funnel: itself, and its user at first sight. Runs under the user.
void tally_step(StepsReached& before, const FunnelStep& reached, Out<StepTotals>& out) {
  const std::uint32_t bit = 1u << reached.number;
  StepTotals& added = out.add();
  added.number = reached.number;
  added.step = reached.step;
  added.times = 1;
  added.users = (before.steps & bit) == 0 ? 1 : 0;
  before.steps |= bit;
}

// How often users come from a view to an order.
void add_funnel(const KeyedStream<std::string, Event>& known_users, Duration within, Emission when,
                const std::string& output) {
  known_users
      .funnel("funnel", within, step("view", equals(&Event::action, Action::view)),
              step("cart", equals(&Event::action, Action::cart)), step("order", equals(&Event::action, Action::order)))
      .process("funnel_users", tally_step)
      .key_by(&StepTotals::number)
      .reduce("funnel_totals", [](StepTotals& total, const StepTotals& more) noexcept { total.add(more); })
      .queryable()
      .emit(when)
      .sink("funnel_file", files::csv(output + "/funnel"));
}

/// Which windows are wanted: the job's parameters.
struct WindowOptions {
  WindowOptions(Job& job, std::string folder)
      : output(std::move(folder)),
        session_gap(job.param("session_gap", 30min, "a pause longer than this ends a session; 0: no sessions")),
        visits_window(job.param("visits_window", 1h, "events and users are counted per this time; 0: not")),
        hot(job.param("hot", std::int64_t{10}, "items viewed most, per category; 0: none")),
        hot_window(job.param("hot_window", 1h, "of this time")),
        hot_slide(job.param("hot_slide", 5min, "found anew each")),
        allow_late(job.param("allow_late", 0s, "so much later windows take in events, and go out again")) {}
  std::string output;
  Duration session_gap, visits_window;
  std::int64_t hot;
  Duration hot_window, hot_slide, allow_late;
};

// Events and users of each action. A user's are counted first: then nobody has to keep who has come. Where a user's
// count may go out again, adding up would count it twice, so there users are told apart.
void add_visits(const KeyedStream<std::string, Event>& known_users, const WindowOptions& wanted) {
  const auto write = [&](const auto& visits) { visits.sink("visits_file", files::jsonl(wanted.output + "/visits")); };
  if (wanted.allow_late > 0ms)
    return write(
        known_users.key_by(&Event::action)
            .window(tumbling(wanted.visits_window))
            .allow_late(wanted.allow_late)
            .aggregate<Visits>("visits", count().as(&Visits::events), distinct(&Event::user).as(&Visits::users)));
  const auto of = [](Action action) { return count_if(equals(&Event::action, action)); };
  write(known_users.window(tumbling(wanted.visits_window))
            .aggregate<UserVisits>(
                "user_visits", of(Action::view).as(&UserVisits::views), of(Action::click).as(&UserVisits::clicks),
                of(Action::favorite).as(&UserVisits::favorites), of(Action::cart).as(&UserVisits::carts),
                of(Action::order).as(&UserVisits::orders), of(Action::cancel).as(&UserVisits::cancels),
                of(Action::rate).as(&UserVisits::rates), of(Action::other).as(&UserVisits::others))
            .flat_map("visits_of_users", [](const UserVisits& user, Out<Visits>& out) { user.each_action(out); })
            .key_by(&Visits::action)
            .window(same_window())
            .aggregate<Visits>("visits", sum(&Visits::events).as(&Visits::events),
                               sum(&Visits::users).as(&Visits::users)));
}

// Sessions, visits and hot items, of users that are known.
void add_windows(const KeyedStream<std::string, Event>& known_users, const WindowOptions& wanted) {
  if (wanted.session_gap > 0ms)
    known_users.window(session(wanted.session_gap))
        .allow_late(wanted.allow_late)
        .aggregate<Session>("sessions", count().as(&Session::events), distinct(&Event::item).as(&Session::items),
                            count_if(equals(&Event::action, Action::order)).as(&Session::orders))
        .sink("sessions_file", files::jsonl(wanted.output + "/sessions"));

  if (wanted.visits_window > 0ms) add_visits(known_users, wanted);

  if (wanted.hot > 0)
    known_users.filter("views", equals(&Event::action, Action::view))
        .key_by(&Event::category, &Event::item)
        .window(sliding(wanted.hot_window, wanted.hot_slide))
        .allow_late(wanted.allow_late)
        .aggregate<ItemViews>("item_views", count().as(&ItemViews::views),
                              distinct(&Event::user).as(&ItemViews::visitors))
        .key_by(&ItemViews::category)
        .window(same_window())
        .allow_late(wanted.allow_late)
        .top("hot_items", wanted.hot, largest(&ItemViews::views), smallest(&ItemViews::item))
        .map("hot_rows", HotItem::of)
        .sink("hot_items_file", files::jsonl(wanted.output + "/hot_items"));
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
  const auto funnel = job.param("funnel", 0ms, "view, cart and order of a user within this time are counted; 0: not");
  const WindowOptions windows(job, output);
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

  events.map("of_items", ItemEvent::of)
      .key_by(&ItemEvent::item)
      .fold("items", [](Totals& total, const ItemEvent& event) { total.add(event); })
      .queryable()
      .emit(when)
      .sink("items_file", files::csv(output + "/items"));

  by_user.process("tally", tally)
      .key_by(&ActionTotals::action)
      .reduce("totals", [](ActionTotals& total, const ActionTotals& more) noexcept { total.add(more); })
      .queryable()
      .emit(when)
      .sink("totals_file", files::csv(output + "/totals"));

  if (funnel > 0ms) add_funnel(known_users, funnel, when, output);

  add_windows(known_users, windows);

  job.dead_letters().sink("dead_letters_file", files::csv(output + "/dead_letters"));
}
