#include <benchmark/benchmark.h>

#include <freshet/keyed.h>

#include "tests/bench/keyed_count/record.h"

/// Keyed state: finding a key's slot, and counting by key as the fold stage does it, a batch at a time.
namespace freshet::bench {
namespace {

struct Count {
  std::uint64_t records = 0;
  FRESHET_RECORD(records)
};

using Cells = detail::Table<std::uint64_t, Count>;

/// Keys in the order in which they are looked for; no two runs of a benchmark look for the same ones in a row.
std::vector<std::uint64_t> random_keys(std::uint64_t keys) {
  std::vector<std::uint64_t> order(std::size_t{1} << 20);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = ((scatter(i) >> 32) * keys) >> 32;
  return order;
}

void find_one_by_one(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  Cells cells;
  bool made = false;
  for (std::uint64_t key = 0; key < keys; ++key) (void)cells.find_or_add(key, key_hash(key), made);
  const auto order = random_keys(keys);
  std::size_t i = 0;
  for (auto step : state) {
    const std::uint64_t key = order[i++ % order.size()];
    benchmark::DoNotOptimize(++cells.at(cells.find(key, key_hash(key))).value.records);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_one_by_one)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

class Host final : public StageHost {
 public:
  Time now() const override { return Time{}; }
  std::string describe(const SourcePosition&) const override { return {}; }
  void record_failed(FailedRecord, DeadLetter&) override { std::abort(); }
};

void count_by_fold(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  const auto count = [](Count& of, const Click&) { ++of.records; };
  detail::FoldStage<std::uint64_t, Click, Count, decltype(count)> stage(count, at_end(), StateOptions{});
  Host host;
  stage.open(host);
  detail::KeyedBatch<std::uint64_t, Click> batch;
  const auto order = random_keys(keys);
  std::size_t next = 0;
  const auto fill_batch = [&] {
    batch.clear();
    for (std::size_t i = 0; i < kBatchRecords; ++i) {
      const std::uint64_t key = order[next++ % order.size()];
      batch.records.add().user = key;
      batch.keys.add() = key;
      batch.metas.push_back({.key_hash = key_hash(key)});
    }
  };
  const detail::BatchView view(batch);
  for (std::uint64_t i = 0; i < order.size() / kBatchRecords; ++i) {
    fill_batch();
    (void)stage.process(0, view, 0);
  }
  for (auto step : state) {
    fill_batch();
    benchmark::DoNotOptimize(stage.process(0, view, 0));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchRecords));
}
BENCHMARK(count_by_fold)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace freshet::bench
