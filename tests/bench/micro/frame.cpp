#include <benchmark/benchmark.h>

#include <freshet/edge.h>

#include "tests/bench/keyed_count/record.h"

/// Frames: choosing a task for each record of a batch and encoding it, and decoding batches out of a frame again.
namespace freshet::bench {
namespace {

constexpr std::size_t kFrameBytes = 256u << 10;

template <class T>
struct User {
  const std::uint64_t& operator()(const T& record) const { return record.user; }
};

template <class T>
std::shared_ptr<const detail::EdgeType> edge() {
  return detail::make_edge<std::uint64_t, T>(User<T>{}, detail::ByKey<User<T>>{{}});
}

/// Frames that are used again when they are full, one for each of two tasks.
class Port final : public detail::ChannelPort {
 public:
  Port() {
    frames.resize(2);
    for (auto& frame : frames) frame.bytes.reserve(2 * kFrameBytes);
  }
  bool make_room(std::uint32_t to) override {
    auto& frame = frames[to];
    bytes_sent += frame.bytes.size();
    frame.bytes.clear();
    frame.size = frame.elements = 0;
    frame.delta = {};
    frame.limit = kFrameBytes;
    return true;
  }
  std::size_t bytes_sent = 0;
};

template <class T>
detail::Batch<T> some_records() {
  const Keys keys(1'000'000, "uniform");
  detail::Batch<T> batch;
  for (std::uint64_t i = 0; i < kBatchRecords; ++i) {
    fill(batch.records.add(), i, keys);
    batch.metas.push_back({.position = {1, i + 1}});
  }
  return batch;
}

template <class T>
void route(benchmark::State& state) {
  const auto router = edge<T>()->make_router();
  const auto batch = some_records<T>();
  Port port;
  for (auto step : state) benchmark::DoNotOptimize(router->route({batch, nullptr, kBatchRecords}, 0, port));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchRecords));
}
BENCHMARK(route<Click>);
BENCHMARK(route<Visit>);
BENCHMARK(route<Parcel>);

template <class T>
void read(benchmark::State& state) {
  const auto type = edge<T>();
  const auto router = type->make_router();
  const auto batch = some_records<T>();
  Port port;
  while (port.bytes_sent == 0) (void)router->route({batch, nullptr, kBatchRecords}, 0, port);
  const auto& frame = port.frames[0].bytes.size() > port.frames[1].bytes.size() ? port.frames[0] : port.frames[1];
  const auto into = type->make_batch();
  std::int64_t records = 0;
  for (auto step : state) {
    ByteReader in(frame.bytes.view());
    detail::FrameDelta delta;
    while (in.remaining() != 0) {
      into->clear();
      if (!type->read_records(in, delta, *into, kBatchRecords)) std::abort();
      records += static_cast<std::int64_t>(into->size());
    }
  }
  state.SetItemsProcessed(records);
}
BENCHMARK(read<Click>);
BENCHMARK(read<Visit>);
BENCHMARK(read<Parcel>);

}  // namespace
}  // namespace freshet::bench
