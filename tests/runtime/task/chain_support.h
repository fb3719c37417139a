#pragma once

#include <freshet/keyed.h>
#include <freshet/transforms.h>

#include <map>

#include "runtime/task/chain.h"
#include "tests/runtime/task/support.h"

namespace freshet::task::testing_support {

using Key = std::uint64_t;

/// Stages of visits under a key.
template <class F>
std::unique_ptr<Stage> map(F function) {
  return std::make_unique<detail::MapStage<Key, Visit, Visit, F>>(function);
}
template <class F>
std::unique_ptr<Stage> filter(F predicate) {
  return std::make_unique<detail::FilterStage<Key, Visit, F>>(predicate);
}
template <class F>
std::unique_ptr<Stage> flat_map(F function) {
  return std::make_unique<detail::FlatMapStage<Key, Visit, Visit, F>>(function);
}
/// The newest visit of each key.
inline std::unique_ptr<Stage> newest(Emission emission) {
  const auto fold = [](Visit& state, const Visit& visit) { state = visit; };
  return std::make_unique<detail::FoldStage<Key, Visit, Visit, decltype(fold)>>(fold, emission, StateOptions{});
}
inline ErrorPolicy set_aside() { return {.kind = ErrorPolicyKind::dead_letter, .pause_above = 1}; }

/// Visits numbered [from, to), each under its number.
inline detail::KeyedBatch<Key, Visit> keyed_batch(std::uint64_t from, std::uint64_t to) {
  detail::KeyedBatch<Key, Visit> batch;
  for (auto number = from; number < to; ++number) {
    batch.records.add() = visit(number);
    batch.keys.add() = number;
    batch.metas.push_back({.key_hash = key_hash(number), .position = {1, number + 1}});
  }
  return batch;
}

/// Builds a chain of operators and edges to one remote task each, and takes what it sends.
class ChainFixture {
 public:
  explicit ChainFixture(std::uint64_t window = 1u << 20) : window_(window) {}

  ChainFixture& add(std::unique_ptr<Stage> stage, ErrorPolicy policy = {}) {
    auto& op = operators_.emplace_back();
    op.graph_index = static_cast<std::uint32_t>(operators_.size() - 1);
    op.host = std::make_unique<OperatorHost>(
        OperatorHost::Setup{.operator_id = "op" + std::to_string(op.graph_index), .policy = policy}, clock, partitions,
        listener);
    op.consumers.resize(stage->outputs().size());
    op.stage = std::move(stage);
    return *this;
  }
  ChainFixture& to_operator(std::uint32_t from, std::uint32_t to) {
    operators_[from].consumers[0].push_back({.is_edge = false, .index = to});
    return *this;
  }
  ChainFixture& to_edge(std::uint32_t from, std::size_t output = 0) { return add_edge(from, output, edge_by_number()); }
  ChainFixture& to_letter_edge(std::uint32_t from) {
    return add_edge(from, operators_[from].consumers.size() - 1,
                    detail::make_edge<void, DeadLetter>(detail::NoKey{}, detail::FirstTask{}));
  }
  /// Its grouping throws on visit 2.
  ChainFixture& to_throwing_edge(std::uint32_t from) {
    const auto choose = [](const Visit& v, std::size_t) -> std::size_t {
      if (v.number == 2) throw std::invalid_argument("two has no place");
      return 0;
    };
    return add_edge(from, 0, detail::make_edge<void, Visit>(detail::NoKey{}, detail::Named<decltype(choose)>{choose}));
  }

  /// The operator added last tries records again, and keeps those that fail for good.
  ChainFixture& with_lane(const ErrorPolicy& policy, std::shared_ptr<const detail::RecordCodec> codec) {
    auto& op = operators_.back();
    op.lane = std::make_unique<RetryLane>(policy, codec, 1);
    op.letters = std::make_unique<KeptLetters>(policy.keep, std::move(codec));
    op.host->keep_failed_in(*op.lane);
    op.host->keep_letters_in(*op.letters);
    return *this;
  }
  std::unique_ptr<Chain> make() {
    auto chain = std::make_unique<Chain>(std::move(operators_), std::move(edges_));
    chain->open();
    return chain;
  }
  void flush(Chain& chain) {
    for (auto& edge : chain.edges()) edge->flush();
    for (auto& frame : carrier.take()) {
      auto& granted = granted_[frame.header.channel.edge];
      granted += frame.cost();
      frames_[frame.header.channel.edge].push_back(std::move(frame));
    }
  }
  /// Lets what was sent arrive and be used up; false: nothing was on its way.
  bool flush_and_grant(Chain& chain) {
    flush(chain);
    bool any = false;
    for (auto& edge : chain.edges()) {
      any = any || edge->bytes_in_flight() != 0;
      edge->on_grant(0, granted_[edge->id()]);
    }
    return any;
  }
  /// Cost of all frames that an edge has sent so far.
  std::uint64_t granted(std::uint32_t edge) { return granted_[edge]; }
  /// What came over an edge so far, see elements_of().
  std::vector<std::string> arrived(std::uint32_t edge) {
    std::vector<std::string> all;
    for (const auto& frame : frames_[edge])
      for (auto& element : elements_of(frame, *types_[edge])) all.push_back(std::move(element));
    return all;
  }
  /// What came over the last edge, which takes dead letters.
  std::vector<DeadLetter> letters() {
    std::vector<DeadLetter> all;
    const auto edge = static_cast<std::uint32_t>(types_.size() - 1);
    for (const auto& frame : frames_[edge]) {
      ByteReader reader(frame.payload);
      detail::FrameDelta delta;
      detail::Batch<DeadLetter> batch;
      EXPECT_TRUE(types_[edge]->read_records(reader, delta, batch, 1000));
      for (std::size_t i = 0; i < batch.size(); ++i) all.push_back(batch.records[i]);
    }
    return all;
  }

  base::ManualClock clock;
  std::shared_ptr<PartitionTable> partitions = std::make_shared<PartitionTable>();  // shared with the operators
  RecordingCarrier carrier;
  RecordingListener listener;

 private:
  ChainFixture& add_edge(std::uint32_t from, std::size_t output, std::shared_ptr<const detail::EdgeType> type) {
    OutputEdgeSetup setup;
    setup.edge = static_cast<std::uint32_t>(edges_.size());
    setup.is_local = {false};
    setup.window = window_;
    operators_[from].consumers[output].push_back({.is_edge = true, .index = setup.edge});
    types_.push_back(type);
    edges_.push_back(std::make_unique<OutputEdge>(setup, std::move(type), carrier, clock));
    return *this;
  }

  std::uint64_t window_;
  std::vector<Chain::Operator> operators_;
  std::vector<std::unique_ptr<OutputEdge>> edges_;
  std::vector<std::shared_ptr<const detail::EdgeType>> types_;
  std::map<std::uint32_t, std::vector<Frame>> frames_;
  std::map<std::uint32_t, std::uint64_t> granted_;
};

}  // namespace freshet::task::testing_support
