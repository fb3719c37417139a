#pragma once

#include <freshet/operator_harness.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace freshet::test {

/// Runs a stage in all the ways in which a chain may run it, and gives what came out as rows, one JSON text a record,
/// output after output.
/// `K` void: no key. `Outs`: record types of the outputs but the last, which takes the dead letters.
template <class K, class In, class... Outs>
class StageHarness {
  using AnyKey = std::conditional_t<std::is_void_v<K>, char, K>;
  using InBatch = detail::BatchOf<K, In>;

 public:
  using Make = std::function<std::unique_ptr<Stage>()>;
  using Rows = std::vector<std::string>;

  explicit StageHarness(Make make) : make_(std::move(make)) {}

  StageHarness& set_aside() {
    sets_aside_ = true;
    return *this;
  }
  StageHarness& add(const In& record, AnyKey key = {}, RecordMeta meta = {}) {
    if (meta.position.offset == 0) meta.position = {1, items_.size() + 1};
    if constexpr (!std::is_void_v<K>) meta.key_hash = key_hash(key);
    items_.push_back({record, key, meta});
    return *this;
  }

  Rows one_by_one() {
    Run run(*this);
    for (const auto& item : items_) {
      run.process(batch_of({item}));
      run.collect();
    }
    return run.end();
  }
  Rows all_at_once() {
    Run run(*this);
    const auto batch = batch_of(items_);
    run.process(batch);
    return run.end();
  }
  /// Every other call of process finds an output full: it must take nothing then.
  Rows with_full_outputs() {
    Run run(*this);
    const auto batch = batch_of(items_);
    const detail::BatchView view(*batch);
    for (std::size_t from = 0; from < view.size;) {
      from = run.stage->process(0, view, from);
      if (from < view.size) {
        EXPECT_EQ(run.stage->process(0, view, from), from) << "a stage whose output is full took a record";
      }
      run.collect();
    }
    return run.end();
  }
  /// After every record a new instance takes the state over.
  Rows with_restores() {
    Run run(*this);
    for (const auto& item : items_) {
      run.process(batch_of({item}));
      run.collect();
      run.restore_into_new_instance();
    }
    return run.end();
  }
  /// Records go to one of several instances, by key if there is one; rows sorted.
  Rows spread_over(std::uint32_t tasks) {
    Rows all;
    for (std::uint32_t task = 0; task < tasks; ++task) {
      Run run(*this);
      for (std::size_t i = 0; i < items_.size(); ++i) {
        std::uint32_t owner = static_cast<std::uint32_t>(i) % tasks;
        if constexpr (!std::is_void_v<K>) owner = key_group_of(items_[i].meta.key_hash, tasks);
        if (owner == task) run.process(batch_of({items_[i]}));
        run.collect();
      }
      const auto rows = run.end();
      all.insert(all.end(), rows.begin(), rows.end());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  /// Checks that all ways agree; answers the rows.
  Rows same_in_every_way() {
    const Rows expected = one_by_one();
    EXPECT_EQ(all_at_once(), expected);
    EXPECT_EQ(with_full_outputs(), expected);
    Rows sorted = expected;
    std::sort(sorted.begin(), sorted.end());
    Rows restored = with_restores();
    std::sort(restored.begin(), restored.end());  // at the end of a stream, slot order decides
    EXPECT_EQ(restored, sorted);
    EXPECT_EQ(spread_over(2), sorted);
    EXPECT_EQ(spread_over(3), sorted);
    return expected;
  }

 private:
  struct Item {
    In record;
    AnyKey key;
    RecordMeta meta;
  };
  static std::unique_ptr<InBatch> batch_of(const std::vector<Item>& items) {
    auto batch = std::make_unique<InBatch>();
    for (const auto& item : items) {
      batch->records.add() = item.record;
      if constexpr (!std::is_void_v<K>) batch->keys.add() = item.key;
      batch->metas.push_back(item.meta);
    }
    return batch;
  }

  struct Run {
    explicit Run(StageHarness& harness) : owner(harness) {
      host.operator_id = "op";
      host.sets_aside = owner.sets_aside_;
      stage = owner.make_();
      stage->open(host);
    }
    void process(const std::unique_ptr<InBatch>& batch) {
      const detail::BatchView view(*batch);
      for (std::size_t from = 0; from < view.size; collect()) from = stage->process(0, view, from);
    }
    void collect() {
      std::size_t output = 0;
      (collect_output<Outs>(output++), ...);
      collect_output<DeadLetter>(output);
    }
    template <class T>
    void collect_output(std::size_t output) {
      auto& port = stage->outputs()[output];
      const auto view = port.view();
      for (std::size_t i = 0; i < view.size; ++i) {
        const auto& record = static_cast<const detail::Batch<T>&>(*view.batch).records[view.index(i)];
        if constexpr (std::is_same_v<T, DeadLetter>) {
          rows.push_back("letter " + record.reason + " " + record.message + " " + record.origin + " " + record.record);
        } else {
          rows.push_back(port.name() + " " + to_json(record));
          const auto& meta = view.meta(i);
          if (meta.event_time_ms != RecordMeta::kNoTime) rows.back() += " @" + std::to_string(meta.event_time_ms);
        }
      }
      port.clear();
    }
    Rows end() {
      collect();
      while (!stage->emit_due()) collect();
      while (!stage->finish()) collect();
      collect();
      stage->close(true);
      // Between outputs no order is defined; within each it is.
      std::stable_sort(rows.begin(), rows.end(), [](const std::string& a, const std::string& b) {
        return std::string_view(a).substr(0, a.find(' ')) < std::string_view(b).substr(0, b.find(' '));
      });
      return std::move(rows);
    }
    void restore_into_new_instance() {
      auto next = owner.make_();
      next->open(host);
      const auto tables = stage->states();
      for (std::size_t i = 0; i < tables.size(); ++i) {
        detail::SavedTable saved;
        tables[i].second->write(saved);
        EXPECT_TRUE(saved.restore_to(*next->states()[i].second));
      }
      stage = std::move(next);
    }

    StageHarness& owner;
    detail::HarnessHost host;
    std::unique_ptr<Stage> stage;
    Rows rows{};
  };

  Make make_;
  bool sets_aside_ = false;
  std::vector<Item> items_;
};

}  // namespace freshet::test
