#include <benchmark/benchmark.h>

#include "runtime/checkpoint/barrier_aligner.h"

/// A barrier that comes in through many channels: what each channel costs.
namespace freshet::checkpoint {
namespace {

void align(benchmark::State& state) {
  const auto channels = static_cast<std::size_t>(state.range(0));
  BarrierAligner aligner(channels);
  std::uint64_t checkpoint = 0;
  for (auto step : state) {
    ++checkpoint;
    for (std::size_t channel = 0; channel < channels; ++channel)
      benchmark::DoNotOptimize(aligner.on_barrier(channel, checkpoint));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(channels));
}
BENCHMARK(align)->Arg(10)->Arg(1'000);

}  // namespace
}  // namespace freshet::checkpoint
