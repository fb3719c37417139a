// Counts events that come twice, per user and in order: a job in four revisions, of which DOUBLES_REVISION says the one
// to build. 1: as it began. 2: its state has one more field. 3: as 1, and it crashes before long. 4: a field of its
// state has another type, which nothing widens to. Against the public API alone.

#include <freshet/files.h>

#include <atomic>
#include <cstdlib>

using namespace freshet;

namespace {

struct Event {
  std::string id{};
  std::string user{};
  std::uint64_t number = 0;  ///< 1, 2, 3 … of its user
  std::int64_t amount = 0;   ///< less than 0: a refund
  FRESHET_RECORD(id, user, number, amount)
};

struct Totals {
  std::uint64_t events = 0;
  std::uint64_t last = 0;        ///< number of the newest event
  std::uint64_t disordered = 0;  ///< events that did not follow the one before
#if DOUBLES_REVISION == 4
  std::string amount{};
#else
  std::int64_t amount = 0;
#endif
#if DOUBLES_REVISION == 2
  std::uint64_t refunds = 0;
  FRESHET_RECORD(events, last, disordered, amount, refunds)
#else
  FRESHET_RECORD(events, last, disordered, amount)
#endif
};

struct Row {
  std::string user{};
  std::uint64_t events = 0;
  std::int64_t amount = 0;
  std::uint64_t disordered = 0;
  std::uint64_t refunds = 0;  ///< as far as the revision counts them
  FRESHET_RECORD(user, events, amount, disordered, refunds)
};

/// Each event changes its user's totals, and these go out.
struct Count final : KeyedOperator<std::string, Event, Row> {
  void process(const Event& event, Out<Row>& out) override {
    Totals& now = totals.get();
    Row row{event.user, ++now.events, 0, 0, 0};
    if (event.number != now.last + 1) ++now.disordered;
    now.last = event.number;
    row.disordered = now.disordered;
#if DOUBLES_REVISION != 4
    row.amount = now.amount += event.amount;
#endif
#if DOUBLES_REVISION == 2
    row.refunds = now.refunds += event.amount < 0 ? 1 : 0;
#endif
#if DOUBLES_REVISION == 3
    static std::atomic<int> left = 200;
    if (--left == 0) std::abort();
#endif
    out.emit(row);
  }
  ValueState<Totals> totals{this, "totals"};
};

}  // namespace

FRESHET_JOB(doubles, "Totals per user, of events that come twice")
{
  const auto input = files::input<Event>(job, "input", "events.csv", "event files");
  const auto output = job.param("output", "out/doubles", "folder of the results");
  job.source("events", files::read<Event>(input))
      .key_by(&Event::user)
      .dedupe("dedupe", &Event::id)
      .process<Count>("count")
      .sink("totals_file", files::csv(output));
}
