#pragma once

#include <freshet/operator_harness.h>
#include <freshet/window_join_stage.h>

#include "tests/operators/state_support.h"
#include "tests/support/memory_spill.h"

/// Joins of orders and payments, each by itself.
namespace freshet::test::joins {

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

struct Order {
  std::uint64_t id = 0;
  std::string text{};
  FRESHET_RECORD(id, text)
};
struct Payment {
  std::uint64_t id = 0;
  FRESHET_RECORD(id)
};
struct Joined {
  std::uint64_t key = 0, order = 0;
  std::optional<std::uint64_t> payment{};
  std::int64_t window = 0;  // its start
  std::int64_t time = 0;    // event time of the result
  auto operator<=>(const Joined&) const = default;
  FRESHET_RECORD(order, payment, window)
};
inline void PrintTo(const Joined& each, std::ostream* out) {
  *out << "{key " << each.key << ", order " << each.order << ", payment "
       << (each.payment ? std::to_string(*each.payment) : "none") << ", window " << each.window << ", at " << each.time
       << "}";
}

inline Time at(std::int64_t ms) { return Time(Duration(ms)); }

constexpr std::uint64_t kThrows = 1'000'013;

/// Throws on that payment, and on that order alone.
inline const auto kInner = [](const Order& order, const Payment& payment, const Window& window) -> Joined {
  if (payment.id == kThrows) throw std::runtime_error("thirteen");
  return {.order = order.id, .payment = payment.id, .window = window.start.time_since_epoch().count()};
};
inline const auto kInnerByTime = [](const Order& order, const Payment& payment) { return kInner(order, payment, {}); };
inline const auto kLeft = [](const Order& order, const Payment* payment, const Window& window) -> Joined {
  if (payment != nullptr) return kInner(order, *payment, window);
  if (order.id == kThrows) throw std::runtime_error("thirteen");
  return {.order = order.id, .payment = {}, .window = window.start.time_since_epoch().count()};
};
inline const auto kLeftByTime = [](const Order& order, const Payment* payment) { return kLeft(order, payment, {}); };

template <bool kIsLeft, class F>
std::unique_ptr<Stage> by_time(const TimeBounds& bounds, F function) {
  return std::make_unique<detail::IntervalJoinStage<std::uint64_t, Order, Payment, Joined, F, kIsLeft>>(bounds,
                                                                                                        function);
}
template <bool kIsLeft, class F>
std::unique_ptr<Stage> by_window(const WindowSpec& windows, F function) {
  return std::make_unique<detail::WindowJoinStage<std::uint64_t, Order, Payment, Joined, F, kIsLeft>>(windows,
                                                                                                      function);
}
inline std::unique_ptr<Stage> make_stage(const TimeBounds& bounds, bool is_left) {
  return is_left ? by_time<true>(bounds, kLeftByTime) : by_time<false>(bounds, kInnerByTime);
}
inline std::unique_ptr<Stage> make_stage(const WindowSpec& windows, bool is_left) {
  return is_left ? by_window<true>(windows, kLeft) : by_window<false>(windows, kInner);
}

/// A record of either stream.
struct Record {
  bool is_order = false;
  std::uint64_t key = 0, id = 0;
  std::int64_t time = 0;
  std::int64_t over = detail::kNoWatermark;  ///< the watermark when it came
};

/// A join by itself. Outputs are emptied whenever the chain would; `chain` saves are those of all its tables.
class Join {
 public:
  using Make = std::function<std::unique_ptr<Stage>()>;
  template <class Pairs>
  explicit Join(const Pairs& pairs, bool is_left = false) : make_([=] { return make_stage(pairs, is_left); }) {
    start();
  }

  void order(std::uint64_t key, std::uint64_t id, std::int64_t time) { push({true, key, id, time}); }
  void payment(std::uint64_t key, std::uint64_t id, std::int64_t time) { push({false, key, id, time}); }
  void push(const Record& record) { push(std::vector<Record>{record}); }
  /// Of one stream, as one batch.
  void push(const std::vector<Record>& records) {
    detail::KeyedBatch<std::uint64_t, Order> orders;
    detail::KeyedBatch<std::uint64_t, Payment> payments;
    for (const auto& record : records) {
      const RecordMeta meta{record.time, key_hash(record.key), {1, record.id}};
      if (record.is_order) {
        orders.records.add() = {record.id, "an order, whose text is too long for the string itself"};
        orders.keys.add() = record.key;
        orders.metas.push_back(meta);
      } else {
        payments.records.add() = {record.id};
        payments.keys.add() = record.key;
        payments.metas.push_back(meta);
      }
    }
    if (orders.size() != 0) process(0, orders);
    if (payments.size() != 0) process(1, payments);
    emit_due();
  }
  void watermark(std::int64_t ms) {
    watermark_ = ms;
    stage_->on_watermark(at(ms));
    emit_due();
  }
  void spill() {
    store_ = std::make_unique<MemorySpill>();
    std::uint32_t number = 0;
    for (const auto& [name, table] : stage_->states()) table->spill_to(*store_, ++number);
  }
  void evict(std::size_t keys) {
    for (const auto& [name, table] : stage_->states()) (void)table->evict(keys);
  }
  /// While outputs are full, everything that can leave memory does.
  void evict_in_between() { evicts_in_between_ = true; }
  void save() {
    const auto tables = stage_->states();
    saved_.resize(tables.size());
    bool everything = saved_[0].logs.empty();
    for (const auto& [name, table] : tables) everything = everything || table->wants_everything();
    for (std::size_t i = 0; i < tables.size(); ++i) saved_[i].save(*tables[i].second, everything);
  }
  /// Entries of the newest save, erased ones in front of a bar.
  std::string newest_save() const {
    std::size_t erased = 0, there = 0;
    for (const auto& table : saved_) {
      for (const auto& record : table.logs.back()->records) {
        StateEntry entry;
        EXPECT_TRUE(read_state_entry(record, entry));
        ++(entry.erased ? erased : there);
      }
    }
    return std::to_string(erased) + "|" + std::to_string(there);
  }
  void crash_and_restore() {
    start();
    if (store_) spill();
    const auto tables = stage_->states();
    for (std::size_t i = 0; i < tables.size(); ++i) saved_[i].restore_to(*tables[i].second);
    saved_.clear();
    if (watermark_) watermark(*watermark_);
  }
  /// Takes those keys of what another has saved that are its own.
  void restore_some(const Join& other, std::uint32_t task, std::uint32_t tasks) {
    const auto tables = stage_->states();
    for (std::size_t i = 0; i < tables.size(); ++i) {
      for (const auto& log : other.saved_[i].logs) {
        for (const auto& record : log->records) {
          StateEntry entry;
          ASSERT_TRUE(read_state_entry(record, entry));
          if (key_group_of(entry.key_hash, tasks) != task) continue;
          ASSERT_TRUE(tables[i].second->restore(entry));
        }
      }
    }
    if (other.watermark_) watermark(*other.watermark_);
  }
  std::size_t entries() const {
    std::size_t entries = 0;
    for (const auto& [name, table] : stage_->states()) entries += table->entries();
    return entries;
  }
  std::vector<Joined> take() { return std::exchange(results_, {}); }
  std::vector<std::uint64_t> take_late_orders() { return std::exchange(late_orders_, {}); }
  std::vector<std::uint64_t> take_late_payments() { return std::exchange(late_payments_, {}); }
  std::vector<DeadLetter> take_letters() { return std::exchange(letters_, {}); }
  std::uint64_t late() const { return stage_->late_records(); }
  std::size_t most_at_once() const { return most_at_once_; }
  detail::HarnessHost host;

 private:
  void start() {
    stage_ = make_();
    stage_->open(host);
    watermark_passed_.reset();
  }
  void process(std::uint32_t input, const detail::BatchBase& batch) {
    const detail::BatchView view(batch);
    for (std::size_t from = 0; from < view.size; collect()) {
      from = stage_->process(input, view, from);
      if (from == view.size) continue;
      EXPECT_EQ(stage_->process(input, view, from), from) << "a stage whose output is full took a record";
      if (evicts_in_between_) evict(1000);
    }
  }
  void emit_due() {
    while (stage_->next_due() <= host.now()) {
      const bool is_done = stage_->emit_due();
      collect();
      if (evicts_in_between_ && !is_done) evict(1000);
      if (is_done) break;
    }
    EXPECT_GT(stage_->next_due(), host.now()) << "it said that all is out";
  }
  template <class T>
  detail::Batch<T>& output(std::size_t i) {
    return static_cast<detail::Batch<T>&>(stage_->outputs()[i].batch());
  }
  void collect() {
    auto& out = static_cast<detail::KeyedBatch<std::uint64_t, Joined>&>(stage_->outputs()[0].batch());
    most_at_once_ = std::max(most_at_once_, out.size());
    EXPECT_EQ(out.keys.size(), out.size());
    EXPECT_EQ(out.records.size(), out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out.metas[i].key_hash, key_hash(out.keys[i]));
      results_.push_back(out.records[i]);
      results_.back().key = out.keys[i];
      results_.back().time = out.metas[i].event_time_ms;
      EXPECT_TRUE(!watermark_passed_ || results_.back().time >= *watermark_passed_) << "late for what comes behind";
    }
    for (std::size_t i = 0; i < output<Order>(1).size(); ++i) late_orders_.push_back(output<Order>(1).records[i].id);
    for (std::size_t i = 0; i < output<Payment>(2).size(); ++i)
      late_payments_.push_back(output<Payment>(2).records[i].id);
    for (std::size_t i = 0; i < output<DeadLetter>(3).size(); ++i) letters_.push_back(output<DeadLetter>(3).records[i]);
    for (auto& port : stage_->outputs()) port.clear();
    if (stage_->next_due() > host.now()) watermark_passed_ = watermark_;
  }

  Make make_;
  std::unique_ptr<MemorySpill> store_;
  std::unique_ptr<Stage> stage_;
  std::vector<SavedTableChain> saved_;
  std::optional<std::int64_t> watermark_, watermark_passed_;
  std::vector<Joined> results_;
  std::vector<std::uint64_t> late_orders_, late_payments_;
  std::vector<DeadLetter> letters_;
  std::size_t most_at_once_ = 0;
  bool evicts_in_between_ = false;
};

}  // namespace freshet::test::joins
