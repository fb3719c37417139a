#include <benchmark/benchmark.h>

#include "runtime/task/mailbox.h"

/// The way of a frame from the transport's thread to a task: post and take, without a second thread.
namespace freshet::task {
namespace {

void post_and_take(benchmark::State& state) {
  const auto frames = static_cast<std::size_t>(state.range(0));
  Mailbox mailbox;
  std::vector<Letter> letters;
  const auto owner = std::make_shared<int>();
  for (auto step : state) {
    for (std::size_t i = 0; i < frames; ++i) {
      Frame frame;
      frame.owner = owner;
      mailbox.post(std::move(frame));
    }
    benchmark::DoNotOptimize(mailbox.take(letters));
    letters.clear();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(frames));
}
BENCHMARK(post_and_take)->Arg(1)->Arg(16);

}  // namespace
}  // namespace freshet::task
