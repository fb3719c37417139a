// Jobs whose sinks stop, whose operators throw and crash, whose records multiply: what the tests of whole processes put
// an engine through. Written against the public API alone, as a user would.

#include <chrono>
#include <thread>

#include "tests/integration/faults/faulty_operator.h"
#include "tests/integration/faults/numbers.h"
#include "tests/integration/faults/tally_sink.h"

using namespace freshet;
using namespace freshet::faults;

namespace {

NumbersOptions numbers_options(Job& job) {
  NumbersOptions options;
  options.count = job.param("count", std::uint64_t{1000}, "numbers in all");
  options.splits = job.param("splits", std::uint64_t{2}, "splits they are cut into");
  options.payload_bytes = job.param("payload", std::uint64_t{0}, "bytes of each payload");
  options.big_bytes = job.param("big", std::uint64_t{0}, "bytes of the payload of each split's first number");
  options.one_by_one = job.param("one_by_one", false, "one number per frame");
  return options;
}

struct Share {
  std::uint64_t bucket = 0;
  std::uint64_t value = 0;
  FRESHET_RECORD(bucket, value)
};

struct Tally {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  FRESHET_RECORD(count, sum)
};

/// Writes how often each bucket was seen, and the sum of its values.
void tally(const Stream<Share>& shares, const std::string& output) {
  shares.key_by(&Share::bucket)
      .fold("tally",
            [](Tally& total, const Share& share) {
              ++total.count;
              total.sum += share.value;
            })
      .emit(at_end())
      .sink("result", files::csv(output));
}

}  // namespace

FRESHET_JOB(flow, "Numbers into a sink that can be made to stop")
{
  const auto options = numbers_options(job);
  const auto output = job.param("output", "out/flow", "folder for the tallies");
  const auto gate = job.param("gate", "", "while this file is there, the sink takes nothing");
  job.source<Numbers>("numbers", options).shuffle().sink<TallySink>("tally", output, gate).own_thread();
}

FRESHET_JOB(burst, "Each number becomes many shares, which go to many tasks")
{
  const auto options = numbers_options(job);
  const auto output = job.param("output", "out/burst", "folder for the result");
  const auto outputs = job.param("outputs", std::uint64_t{1}, "shares of each number");
  const auto buckets = job.param("buckets", std::uint64_t{1000}, "buckets the shares fall into");
  const auto width = job.param("width", std::int64_t{2}, "tasks that the shares go through");
  const auto shares = job.source<Numbers>("numbers", options)
                          .flat_map("burst",
                                    [=](const Number& number, Out<Share>& out) {
                                      for (std::uint64_t i = 0; i < outputs; ++i)
                                        out.emit({(number.id + i) % buckets, i});
                                    })
                          .shuffle()
                          .map("wide", [](const Share& share) { return share; })
                          .parallelism(width);
  tally(shares, output);
}

FRESHET_JOB(diamond, "One side of a diamond is fast, the other slow")
{
  const auto options = numbers_options(job);
  const auto output = job.param("output", "out/diamond", "folder for the result");
  const auto pause = job.param("pause", 1ms, "what the slow side takes for 16 numbers");
  const auto numbers = job.source<Numbers>("numbers", options);
  const auto fast = numbers.shuffle().map("fast", [](const Number& number) { return Share{0, number.id}; });
  const auto slow = numbers.shuffle()
                        .map("slow",
                             [pause](const Number& number) {
                               if (number.id % 16 == 0) std::this_thread::sleep_for(pause);
                               return Share{1, number.id};
                             })
                        .own_thread();
  tally(fast.merge(slow), output);
}

FRESHET_JOB(poison, "Items, some of which an operator trips over")
{
  const auto input = files::input<Item>(job, "input", "items.csv", "items; a negative value is poison");
  const auto output = job.param("output", "out/poison", "folder of the results");
  const auto fault = job.param("fault", Fault::exception, "what poison does: exception, crash, or abort");
  const auto sets_aside = job.param("set_aside", false, "dead letters instead of failing");
  const auto chained = job.param("chained", true, "operators behind the faulty one run in its task");
  const auto halves =
      job.source("items", files::read<Item>(input)).key_by(&Item::key).process<FaultyOperator>("faulty", fault);
  halves.on_error(sets_aside ? dead_letter({.pause_above = 1}) : fail());
  if (!chained) halves.own_thread();
  halves
      .fold("totals",
            [](KeyTotals& totals, const Half& half) {
              ++totals.halves;
              totals.running = half.running;
              totals.most_calls = std::max(totals.most_calls, half.calls);
            })
      .emit(at_end())
      .sink("totals_file", files::csv(output + "/totals"));
  halves.side(&FaultyOperator::notes).sink("notes_file", files::csv(output + "/notes"));
  job.dead_letters().sink("dead_file", files::csv(output + "/dead"));
}
