#include <benchmark/benchmark.h>

#include <freshet/combining.h>

#include "tests/bench/keyed_count/record.h"

/// Combining records of one key before they are sent: hot keys that meet each other, and keys that hardly do.
namespace freshet::bench {
namespace {

struct User {
  const std::uint64_t& operator()(const Hit& hit) const { return hit.user; }
  bool is_same(const Hit& a, const Hit& b) const { return a.user == b.user; }
  void copy(Hit& into, const Hit& from) const { into.user = from.user; }
};

void add(Hit& into, const Hit& next) {
  const std::uint32_t before = into.count;
  into = next;
  into.count += before;
}

/// One frame that is used again when it is full.
class Port final : public detail::ChannelPort {
 public:
  Port() {
    frames.resize(1);
    frames[0].bytes.reserve(std::size_t{1} << 20);
  }
  bool make_room(std::uint32_t to) override {
    frames[to].bytes.clear();
    frames[to].size = frames[to].elements = 0;
    frames[to].delta = {};
    frames[to].limit = 256u << 10;
    return true;
  }
};

void combine(benchmark::State& state, const char* shape) {
  constexpr std::size_t kBatches = 2048;
  const Keys keys(1'000'000, shape);
  std::vector<detail::Batch<Hit>> batches(kBatches);
  for (std::uint64_t i = 0; i < kBatches * kBatchRecords; ++i) {
    auto& batch = batches[i / kBatchRecords];
    fill(batch.records.add(), i, keys);
    batch.metas.push_back({.position = {1, i + 1}});
  }
  detail::CombiningRouter<std::uint64_t, Hit, User> router({}, detail::CombinerOf<Hit>(add));
  Port port;
  std::size_t next = 0;
  for (auto step : state) benchmark::DoNotOptimize(router.route(batches[next++ % kBatches], 0, port));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchRecords));
}
BENCHMARK_CAPTURE(combine, half, "half");
BENCHMARK_CAPTURE(combine, zipf_1_5, "zipf-1.5");
BENCHMARK_CAPTURE(combine, zipf_1_0, "zipf-1.0");
BENCHMARK_CAPTURE(combine, uniform, "uniform");

}  // namespace
}  // namespace freshet::bench
