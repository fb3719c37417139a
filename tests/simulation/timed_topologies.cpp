#include "tests/simulation/topology_parts.h"

/// Jobs that go by event time.
namespace freshet::sim {

namespace {

constexpr Duration kDisorder{200};

/// Items whose times go forward in each partition, but for the disorder.
Feed make_timed_feed(base::Random& random, std::uint64_t records) {
  constexpr std::int64_t kBegin = 1'600'000'000'000;
  Feed feed = make_feed(random, 0, random.below(4) + 1, records, 100);
  for (auto& partition : feed) {
    std::int64_t now = random.between(0, 5'000);
    for (auto& item : partition) {
      item.at = Time(Duration(kBegin + now - random.between(0, kDisorder.count())));
      now += random.between(0, 20);
    }
  }
  return feed;
}

/// Timers of three names a key: an item sets or cancels one, and each second firing follows the one before by itself.
/// What comes out does not depend on how far the watermark is when an item comes, as long as the item is not late.
class Reminders : public KeyedOperator<std::uint64_t, Item, Item> {
 public:
  static constexpr Duration kAgain{100};
  static std::uint64_t name_of(const Item& item) { return item.number % 3; }
  static bool cancels(const Item& item) { return item.value % 4 == 0; }
  static Time due_of(const Item& item) { return item.at + Duration(std::abs(item.value)); }
  static bool follows(std::uint64_t firing) { return firing % 2 == 1; }

  void process(const Item& item, Out<Item>& out) override {
    if (item.at < watermark()) return out.emit({key(), 0, 0, 0, "late", item.at});
    const std::uint64_t name = name_of(item);
    while (timer.find(name).value_or(Time::max()) < item.at) {
      timer.cancel(name);
      on_time(name, out);
    }
    if (cancels(item)) {
      if (timer.cancel(name)) due.erase(name);
      return;
    }
    due[name] = due_of(item);
    timer.set(name, due_of(item));
  }
  void on_time(const std::uint64_t& name, Out<Item>& out) {
    const Time at = due[name];
    const std::uint64_t firing = ++firings[name];
    out.emit({key(), static_cast<std::uint32_t>(name), firing, 0, "", at});
    due.erase(name);
    if (!follows(firing)) return;
    due[name] = at + kAgain;
    timer.set(name, at + kAgain);
  }

  MapState<std::uint64_t, Time> due{this, "due"};
  MapState<std::uint64_t, std::uint64_t> firings{this, "firings"};
  Timer<std::uint64_t> timer{this, "timer", &Reminders::on_time};
};

/// items ─▶ (event time) ─by key─▶ reminders ─▶ shelf
class Timers final : public OneShelf {
 public:
  explicit Timers(const TopologyOptions& options) : OneShelf(options) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(3'000) + 100;
    feed_ = std::make_shared<const Feed>(make_timed_feed(random_, records));
    source_tasks_ = some(random_, 1, 3);
    reminder_tasks_ = some(random_, 1, 5);
  }
  void build(Job& job) const override {
    job.source<FeedSource>("items", feed_, spending_, seed_)
        .event_time(&Item::at, {.max_disorder = kDisorder})
        .parallelism(source_tasks_)
        .key_by(&Item::key)
        .process<Reminders>("reminders")
        .parallelism(reminder_tasks_)
        .sink("shelf", ShelfSink<Item>{shelf_});
  }
  std::string wrong(bool finished) const override {
    if (auto text = out_of_order("shelf", shelf_->seen()); !text.empty()) return text;
    if (auto text = compare("shelf", shelf_->seen(), expected(), finished); !text.empty()) return text;
    return compare("shelf, published", shelf_->published, expected(), finished);
  }
  std::uint32_t tasks() const override { return 20; }

 private:
  struct Name {
    std::optional<Time> due;
    std::uint64_t firings = 0;
  };
  Items expected() const {
    Items all;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Name> names;
    const auto fire_before = [&](std::pair<std::uint64_t, std::uint64_t> address, Name& name, Time end) {
      while (name.due && *name.due < end) {
        const Time at = *std::exchange(name.due, std::nullopt);
        all.push_back({address.first, static_cast<std::uint32_t>(address.second), ++name.firings, 0, "", at});
        if (Reminders::follows(name.firings)) name.due = at + Reminders::kAgain;
      }
    };
    for (const auto& item : flat(*feed_)) {
      const std::pair address(item.key, Reminders::name_of(item));
      Name& name = names[address];
      fire_before(address, name, item.at);
      name.due = Reminders::cancels(item) ? std::nullopt : std::optional(Reminders::due_of(item));
    }
    for (auto& [address, name] : names) fire_before(address, name, Time::max());
    return all;
  }

  std::shared_ptr<const Feed> feed_;
  std::int64_t source_tasks_, reminder_tasks_;
};

struct WindowTotal {
  std::uint64_t key = 0;
  Window window{};
  std::uint64_t items = 0;
  std::int64_t sum = 0;
  FRESHET_RECORD(key, window, items, sum)
};

/// items ─▶ (event time) ─by key─┬▶ tumbling ──┐
///                               ├▶ sliding ───┤      all but sessions summed up before they are sent, mostly
///                               └▶ sessions ──┴─▶ shelf
class Windows final : public OneShelf {
 public:
  explicit Windows(const TopologyOptions& options) : OneShelf(options) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(3'000) + 100;
    feed_ = std::make_shared<const Feed>(make_timed_feed(random_, records));
    source_tasks_ = some(random_, 1, 3);
    window_tasks_ = some(random_, 1, 4);
    sums_early_ = random_.chance(0.7);
  }
  void build(Job& job) const override {
    const auto by_key = job.source<FeedSource>("items", feed_, spending_, seed_)
                            .event_time(&Item::at, {.max_disorder = kDisorder})
                            .parallelism(source_tasks_)
                            .key_by(&Item::key);
    const auto add_up = [&](std::uint32_t number, const std::string& id, const WindowSpec& spec) {
      const auto totals =
          by_key.window(spec)
              .aggregate<WindowTotal>(id, count().as(&WindowTotal::items), sum(&Item::value).as(&WindowTotal::sum))
              .parallelism(window_tasks_);
      if (!sums_early_) totals.late().sink(id + "_late", ShelfSink<Item>{late_});
      totals
          .map(id + "_item",
               [number](const WindowTotal& total) {
                 return Item{total.key, number, total.items, total.sum, "", total.window.start};
               })
          .sink(id + "_shelf", ShelfSink<Item>{shelf_});
    };
    add_up(kTumbling, "tumbling", tumbling(kSize));
    add_up(kSliding, "sliding", sliding(kSize, kSlide));
    add_up(kSession, "sessions", session(kGap));
  }
  std::string wrong(bool finished) const override {
    if (!late_->written.empty()) return "late: " + describe(late_->written[0]);
    if (auto text = compare("shelf", shelf_->seen(), expected(), finished); !text.empty()) return text;
    return compare("shelf, published", shelf_->published, expected(), finished);
  }
  std::uint32_t tasks() const override { return 60; }

 private:
  static constexpr std::uint32_t kTumbling = 1, kSliding = 2, kSession = 3;
  static constexpr Duration kSize{700}, kSlide{200}, kGap{150};

  Items expected() const {
    std::map<std::tuple<std::uint32_t, std::uint64_t, Time>, Item> windows;
    const auto add = [&](std::uint32_t number, const Item& item, Time start) {
      auto& window =
          windows.try_emplace({number, item.key, start}, Item{item.key, number, 0, 0, "", start}).first->second;
      ++window.number;
      window.value += item.value;
    };
    std::map<std::uint64_t, Items> by_key;
    for (const auto& item : flat(*feed_)) {
      by_key[item.key].push_back(item);
      add(kTumbling, item, Time(item.at.time_since_epoch() / kSize * kSize));
      const Time last(item.at.time_since_epoch() / kSlide * kSlide);
      for (Time start = last; start + kSize > item.at; start -= kSlide) add(kSliding, item, start);
    }
    for (auto& [key, items] : by_key) {
      std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.at < b.at; });
      Time start{}, end = Time::min();
      for (const auto& item : items) {
        if (item.at > end) start = item.at;
        end = item.at + kGap;
        add(kSession, item, start);
      }
    }
    Items all;
    for (const auto& [place, item] : windows) all.push_back(item);
    return all;
  }

  std::shared_ptr<const Feed> feed_;
  const ItemShelf late_ = std::make_shared<Shelf<Item>>();
  std::int64_t source_tasks_, window_tasks_;
  bool sums_early_ = false;
};

}  // namespace

std::unique_ptr<Topology> make_timers(const TopologyOptions& options) { return std::make_unique<Timers>(options); }
std::unique_ptr<Topology> make_windows(const TopologyOptions& options) { return std::make_unique<Windows>(options); }

}  // namespace freshet::sim
