#include "tests/simulation/topology_parts.h"

namespace freshet::sim {

namespace {

/// lines ─▶ burst (flat_map, very many for one) ─by key─▶ shelf
class Burst final : public OneShelf {
 public:
  explicit Burst(const TopologyOptions& options) : OneShelf(options) {
    const auto inputs = options.full_size ? 50 : random_.between(5, 40);
    const auto giant = random_.below(static_cast<std::uint64_t>(inputs));
    Items lines;
    for (std::int64_t i = 0; i < inputs; ++i) {
      const std::int64_t large = options.full_size ? 1'000'000 : random_.between(2'000, 20'000);
      const std::int64_t outputs = static_cast<std::uint64_t>(i) == giant ? large : some(random_, 0, 600);
      lines.push_back({static_cast<std::uint64_t>(i), 0, 1, outputs, ""});
      most_ = std::max(most_, static_cast<std::uint64_t>(outputs));
    }
    feed_ = std::make_shared<const Feed>(Feed{lines});
    source_tasks_ = some(random_, 1, 2);
    burst_tasks_ = some(random_, 1, 4);
    shelf_tasks_ = some(random_, 1, 6);
  }
  void build(Job& job) const override {
    job.source<FeedSource>("lines", feed_, spending_, seed_)
        .parallelism(source_tasks_)
        .flat_map("burst",
                  [](const Item& line, Out<Item>& out) {
                    for (std::int64_t i = 1; i <= line.value; ++i) {
                      Item& item = out.add();
                      item = {static_cast<std::uint64_t>(i) % kKeys, static_cast<std::uint32_t>(line.key),
                              static_cast<std::uint64_t>(i), line.value, ""};
                    }
                  })
        .parallelism(burst_tasks_)
        .key_by(&Item::key)
        .filter("all", [](const Item&) { return true; })
        .parallelism(shelf_tasks_)
        .sink("shelf", ShelfSink<Item>{shelf_});
  }
  std::string wrong(bool finished) const override {
    Items expected;
    for (const auto& line : (*feed_)[0]) {
      for (std::int64_t i = 1; i <= line.value; ++i)
        expected.push_back({static_cast<std::uint64_t>(i) % kKeys, static_cast<std::uint32_t>(line.key),
                            static_cast<std::uint64_t>(i), line.value, ""});
    }
    if (auto text = out_of_order("shelf", shelf_->seen()); !text.empty()) return text;
    if (auto text = compare("shelf, written", shelf_->seen(), expected, finished); !text.empty()) return text;
    return compare("shelf, published", shelf_->published, expected, finished);
  }
  std::uint32_t tasks() const override { return 40; }
  std::uint64_t overflow_bytes() const override {
    return (most_ + kBatchRecords) * (sizeof(Item) + sizeof(RecordMeta));
  }

 private:
  static constexpr std::uint64_t kKeys = 97;
  std::shared_ptr<const Feed> feed_;
  std::uint64_t most_ = 0;
  std::int64_t source_tasks_, burst_tasks_, shelf_tasks_;
};

/// items ─(key, shuffle or all)─▶ wide (100 tasks) ─by key─▶ shelf
class FanOut final : public OneShelf {
 public:
  explicit FanOut(const TopologyOptions& options) : OneShelf(options) {
    grouping_ = some(random_, 0, 3);
    const std::uint64_t records = options.full_size ? 100'000 : grouping_ == 2 ? 40 : 2'000;
    feed_ = std::make_shared<const Feed>(make_feed(random_, 0, random_.below(4) + 1, records, 300));
    source_tasks_ = some(random_, 1, 3);
    shelf_tasks_ = some(random_, 1, 3);
  }
  void build(Job& job) const override {
    const auto items = job.source<FeedSource>("items", feed_, spending_, seed_).parallelism(source_tasks_);
    const auto wide = [](const Item& item) {
      Item copy = item;
      copy.value += 1;
      return copy;
    };
    const auto end = [&](const auto& stream) {
      stream.parallelism(100)
          .key_by(&Item::key)
          .filter("all", [](const Item&) { return true; })
          .parallelism(shelf_tasks_)
          .sink("shelf", ShelfSink<Item>{shelf_});
    };
    switch (grouping_) {
      case 0:
        return end(items.key_by(&Item::key).map("wide", wide));
      case 1:
        return end(items.shuffle().map("wide", wide));
      case 2:
        return end(items.all().map("wide", wide));
      default:
        return end(items.partial_key(&Item::key).map("wide", wide));
    }
  }
  std::string wrong(bool finished) const override {
    Items expected;
    for (const auto& item : flat(*feed_)) {
      for (int copies = grouping_ == 2 ? 100 : 1; copies > 0; --copies) {
        expected.push_back(item);
        expected.back().value += 1;
      }
    }
    if (grouping_ == 0) {
      if (auto text = out_of_order("shelf", shelf_->seen()); !text.empty()) return text;
    }
    if (auto text = compare("shelf, written", shelf_->seen(), expected, finished); !text.empty()) return text;
    return compare("shelf, published", shelf_->published, expected, finished);
  }
  std::uint32_t tasks() const override { return 120; }

 private:
  std::shared_ptr<const Feed> feed_;
  std::int64_t grouping_, source_tasks_, shelf_tasks_;
};

/// items ─▶ parity ─▶ fast ─────┐
///             └────▶ slow ─────┴─▶ tagged ─▶ shelf
class Diamond final : public OneShelf {
 public:
  explicit Diamond(const TopologyOptions& options) : OneShelf(options) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(4'000) + 200;
    feed_ = std::make_shared<const Feed>(make_feed(random_, 0, random_.below(4) + 1, records, 50));
    source_tasks_ = some(random_, 1, 3);
    fast_tasks_ = some(random_, 1, 4);
    slow_tasks_ = some(random_, 1, 3);
    shelf_tasks_ = some(random_, 1, 4);
    slowness_ = Nanoseconds(some(random_, 1'000, 500'000));
  }
  void build(Job& job) const override {
    const auto items = job.source<FeedSource>("items", feed_, spending_, seed_).parallelism(source_tasks_);
    auto [even, odd] = items.split("parity", [](const Item& item, Out<Item>& yes, Out<Item, "odd">& no) {
      if (item.value % 2 == 0)
        yes.emit(item);
      else
        no.emit(item);
    });
    const auto fast = even.map("fast", [](const Item& item) { return item; }).parallelism(fast_tasks_);
    const auto slow = odd.map("slow",
                              [spending = spending_, slowness = slowness_](const Item& item) {
                                spending->spent += slowness;
                                Item copy = item;
                                copy.value *= 2;
                                return copy;
                              })
                          .parallelism(slow_tasks_);
    fast.merge(slow)
        .filter("both", [](const Item&) { return true; })
        .parallelism(shelf_tasks_)
        .sink("shelf", ShelfSink<Item>{shelf_});
  }
  std::string wrong(bool finished) const override {
    Items expected = flat(*feed_);
    for (auto& item : expected)
      if (item.value % 2 != 0) item.value *= 2;
    if (auto text = compare("shelf, written", shelf_->seen(), expected, finished); !text.empty()) return text;
    return compare("shelf, published", shelf_->published, expected, finished);
  }
  std::uint32_t tasks() const override { return 40; }

 private:
  std::shared_ptr<const Feed> feed_;
  std::int64_t source_tasks_, fast_tasks_, slow_tasks_, shelf_tasks_;
  Nanoseconds slowness_{0};
};

/// events ─┬─▶ (merged) ─by key─▶ running ─▶ shelf
/// more ───┘                 └──▶ totals ─▶ totals_shelf      or, combined before they are sent:
///            (merged) ─▶ single ─by key─▶ totals
/// events ─┬─▶ (merged) tagged ─▶ tagged_shelf
/// rules ──┘ to all
class Behaviour final : public OneShelf {
 public:
  explicit Behaviour(const TopologyOptions& options)
      : OneShelf(options), totals_(make_shelf<Total>(options)), tagged_(make_shelf<Item>(options)) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(3'000) + 100;
    events_ = std::make_shared<const Feed>(make_feed(random_, 0, random_.below(4) + 1, records, 200));
    more_ = std::make_shared<const Feed>(make_feed(random_, 1, random_.below(3) + 1, records / 2 + 1, 200));
    rules_ = std::make_shared<const Feed>(make_feed(random_, 2, 1, random_.below(60) + 1, 10));
    event_tasks_ = some(random_, 1, 3);
    more_tasks_ = some(random_, 1, 3);
    keyed_tasks_ = some(random_, 1, 6);
    tagged_tasks_ = some(random_, 1, 5);
    interval_ = random_.chance(0.5) ? Duration(some(random_, 1, 30)) : Duration(0);
    combines_ = random_.chance(0.5);
  }
  void build(Job& job) const override {
    const auto events = job.source<FeedSource>("events", events_, spending_, seed_).parallelism(event_tasks_);
    const auto more = job.source<FeedSource>("more", more_, spending_, seed_ + 1).parallelism(more_tasks_);
    const auto rules = job.source<FeedSource>("rules", rules_, spending_, seed_ + 2).parallelism(1);

    const auto merged = events.merge(more);
    const auto keyed = merged.key_by(&Item::key);
    keyed.process("running", [](Total&, const Item& item, Out<Item>& out) { out.emit(item); })
        .parallelism(keyed_tasks_)
        .sink("shelf", ShelfSink<Item>{shelf_});
    const auto shelve = [&](const auto& totals) {
      totals.emit(interval_ == Duration(0) ? at_end() : every(interval_))
          .parallelism(keyed_tasks_)
          .sink("totals_shelf", ShelfSink<Total>{totals_});
    };
    if (combines_)
      shelve(merged.map("single",
                        [](const Item& item) {
                          return Total{item.key, 1, item.value};
                        })
                 .parallelism(event_tasks_)
                 .key_by(&Total::key)
                 .reduce("totals", [](Total& total, const Total& more_of_it) noexcept { total.add(more_of_it); }));
    else
      shelve(keyed.fold("totals", [](Total& total, const Item& item) { total.add({item.key, 1, item.value}); }));
    events.merge(rules.all())
        .filter("tagged", [](const Item&) { return true; })
        .parallelism(tagged_tasks_)
        .sink("tagged_shelf", ShelfSink<Item>{tagged_});
  }
  std::string wrong(bool finished) const override {
    Items expected = flat(*events_);
    const Items others = flat(*more_), rules = flat(*rules_);
    Items tagged = expected;
    expected.insert(expected.end(), others.begin(), others.end());
    for (std::int64_t i = 0; i < tagged_tasks_; ++i) tagged.insert(tagged.end(), rules.begin(), rules.end());
    if (auto text = out_of_order("shelf", shelf_->seen()); !text.empty()) return text;
    if (auto text = compare("shelf", shelf_->seen(), expected, finished); !text.empty()) return text;
    if (auto text = compare("shelf, published", shelf_->published, expected, finished); !text.empty()) return text;
    if (auto text = compare("tagged_shelf", tagged_->published, tagged, finished); !text.empty()) return text;
    return wrong_totals(expected, finished);
  }
  bool published_any() const override {
    return OneShelf::published_any() || !totals_->published.empty() || !tagged_->published.empty();
  }
  std::uint32_t tasks() const override { return 60; }

 private:
  /// The last total of each key is the right one, and none goes back.
  std::string wrong_totals(const Items& items, bool finished) const {
    std::map<std::uint64_t, Total> expected, last;
    for (const auto& item : items) {
      auto& total = expected[item.key];
      total = {item.key, total.items + 1, total.sum + item.value};
    }
    for (const auto& total : totals_->seen()) {
      if (total.items <= last[total.key].items) return "totals_shelf: " + describe(total) + " goes back";
      last[total.key] = total;
    }
    if (!finished) return {};
    if (interval_ == Duration(0) && totals_->seen().size() != expected.size())
      return "totals_shelf has " + std::to_string(totals_->seen().size()) + " totals for " +
             std::to_string(expected.size()) + " keys";
    std::vector<Total> found, wanted;
    for (const auto& [key, total] : last) found.push_back(total);
    for (const auto& [key, total] : expected) wanted.push_back(total);
    if (auto text = compare("totals_shelf", found, wanted, true); !text.empty()) return text;
    return compare("totals_shelf, published", totals_->published, totals_->seen(), true);
  }

  const std::shared_ptr<Shelf<Total>> totals_;
  const ItemShelf tagged_;
  std::shared_ptr<const Feed> events_, more_, rules_;
  std::int64_t event_tasks_, more_tasks_, keyed_tasks_, tagged_tasks_;
  Duration interval_{0};
  bool combines_ = false;
};

}  // namespace

const std::vector<std::string>& topology_names() {
  static const std::vector<std::string> names{"burst",  "fan_out", "diamond", "behaviour",
                                              "timers", "windows", "retries", "letters"};
  return names;
}

std::unique_ptr<Topology> make_topology(const std::string& name, const TopologyOptions& options) {
  if (name == "burst") return std::make_unique<Burst>(options);
  if (name == "fan_out") return std::make_unique<FanOut>(options);
  if (name == "diamond") return std::make_unique<Diamond>(options);
  if (name == "behaviour") return std::make_unique<Behaviour>(options);
  if (name == "timers") return make_timers(options);
  if (name == "windows") return make_windows(options);
  if (name == "retries") return make_retries(options);
  if (name == "letters") return make_letters(options);
  return nullptr;
}

}  // namespace freshet::sim
