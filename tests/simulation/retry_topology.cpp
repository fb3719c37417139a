#include "tests/simulation/topology_parts.h"

/// Jobs some of whose calls fail, and are made again: by themselves, or when somebody says so.
namespace freshet::sim {

namespace {

/// A service outside that fails now and then, but for one item three times at the most, for times double. It is not put
/// back when the job is.
class Unsteady {
 public:
  Unsteady(std::uint64_t seed, double share) : random_(seed), share_(share) {}
  void ask(const Item& item) {
    if (item.number % 3 != 0 || !random_.chance(share_)) return;
    if (++failures_[{item.key, item.number}] % 4 != 0) throw TryAgain("not now");
  }

 private:
  base::Random random_;
  const double share_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, int> failures_;
};

/// items ─by key─┬▶ shaky, in order, or not ─┬▶ shelf
///               │                           └─by source─▶ all ─▶ all_shelf
///               └▶ totals, which throws when it has added ─▶ totals_shelf
///               └▶ last, at the end ─▶ told ─▶ told_shelf
/// more ─▶ asked ─▶ asked_shelf
class Retries final : public OneShelf {
 public:
  explicit Retries(const TopologyOptions& options)
      : OneShelf(options),
        totals_(make_shelf<Total>(options)),
        all_(make_shelf<Total>(options)),
        told_(make_shelf<Total>(options)),
        asked_(make_shelf<Item>(options)),
        service_(std::make_shared<Unsteady>(options.seed, random_.chance(0.5) ? 0.2 : 0.7)) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(3'000) + 100;
    feed_ = std::make_shared<const Feed>(make_feed(random_, 0, random_.below(4) + 1, records, 100));
    source_tasks_ = some(random_, 1, 3);
    shaky_tasks_ = some(random_, 1, 4);
    policy_ = {.attempts = 1000, .first = Duration(some(random_, 1, 30)), .limit = days(1)};
    policy_.keep_order = random_.chance(0.5);
    if (random_.chance(0.3)) policy_.max_waiting = 20;
  }
  void build(Job& job) const override {
    const auto by_key =
        job.source<FeedSource>("items", feed_, spending_, seed_).parallelism(source_tasks_).key_by(&Item::key);
    const auto shaky = by_key
                           .map("shaky",
                                [service = service_](const Item& item) {
                                  service->ask(item);
                                  return item;
                                })
                           .parallelism(shaky_tasks_)
                           .on_error(retry(policy_));
    shaky.sink("shelf", ShelfSink<Item>{shelf_});
    // Behind an edge: what comes out of a lane last must be among what goes out at the end.
    shaky.key_by(&Item::source)
        .fold("all",
              [](Total& total, const Item& item) {
                total.add({item.source, 1, item.value});
              })
        .emit(at_end())
        .sink("all_shelf", ShelfSink<Total>{all_});
    // What an operator emits at the end meets a lane that is full.
    by_key.fold("last",
                [](Total& total, const Item& item) {
                  total.add({item.key, 1, item.value});
                })
        .emit(at_end())
        .map("told",
             [service = service_](const Total& total) {
               service->ask({.key = total.key, .number = 3});
               return total;
             })
        .on_error(retry({.attempts = 1000, .first = policy_.first, .limit = policy_.limit, .max_waiting = 2}))
        .sink("told_shelf", ShelfSink<Total>{told_});
    // Without a key.
    job.source<FeedSource>("more", feed_, spending_, seed_ + 1)
        .map("asked",
             [service = service_](const Item& item) {
               service->ask(item);
               return item;
             })
        .parallelism(shaky_tasks_)
        .on_error(retry({.attempts = 1000, .first = policy_.first, .limit = policy_.limit}))
        .sink("asked_shelf", ShelfSink<Item>{asked_});
    by_key
        .fold("totals",
              [service = service_](Total& total, const Item& item) {
                total.add({item.key, 1, item.value});
                service->ask(item);
              })
        .emit(at_end())
        .on_error(retry(policy_))
        .sink("totals_shelf", ShelfSink<Total>{totals_});
  }
  std::string wrong(bool finished) const override {
    const Items expected = flat(*feed_);
    if (policy_.keep_order)
      if (auto text = out_of_order("shelf", shelf_->seen()); !text.empty()) return text;
    if (auto text = compare("shelf", shelf_->seen(), expected, finished); !text.empty()) return text;
    if (auto text = compare("shelf, published", shelf_->published, expected, finished); !text.empty()) return text;
    std::map<std::uint64_t, Total> by_key;
    for (const Item& item : expected) by_key[item.key].add({item.key, 1, item.value});
    std::vector<Total> totals, all(1);
    for (const auto& [key, total] : by_key) {
      totals.push_back(total);
      all[0].add({0, total.items, total.sum});
    }
    if (auto text = compare("told_shelf, published", told_->published, totals, finished); !text.empty()) return text;
    if (auto text = compare("all_shelf, published", all_->published, all, finished); !text.empty()) return text;
    if (auto text = compare("asked_shelf, published", asked_->published, expected, finished); !text.empty())
      return text;
    return compare("totals_shelf, published", totals_->published, totals, finished);
  }
  bool published_any() const override {
    return OneShelf::published_any() || !totals_->published.empty() || !all_->published.empty() ||
           !told_->published.empty() || !asked_->published.empty();
  }
  std::uint32_t tasks() const override { return 50; }

 private:
  const std::shared_ptr<Shelf<Total>> totals_, all_, told_;
  const ItemShelf asked_;
  const std::shared_ptr<Unsteady> service_;
  std::shared_ptr<const Feed> feed_;
  std::int64_t source_tasks_, shaky_tasks_;
  RetryPolicy policy_;
};

/// items ─by key─▶ picky ─▶ shelf; more ─▶ choosy ─▶ choosy_shelf. What fails is a dead letter until it is replayed.
class Letters final : public OneShelf {
 public:
  explicit Letters(const TopologyOptions& options)
      : OneShelf(options),
        choosy_(make_shelf<Item>(options)),
        service_(std::make_shared<Unsteady>(options.seed, random_.chance(0.5) ? 0.2 : 0.7)) {
    const std::uint64_t records = options.full_size ? 100'000 : random_.below(3'000) + 100;
    feed_ = std::make_shared<const Feed>(make_feed(random_, 0, random_.below(4) + 1, records, 100));
    source_tasks_ = some(random_, 1, 3);
    tasks_ = some(random_, 1, 4);
    retries_ = random_.chance(0.5);
    keeps_order_ = random_.chance(0.5);
  }
  void build(Job& job) const override {
    const auto ask = [service = service_](const Item& item) {
      service->ask(item);
      return item;
    };
    constexpr std::uint64_t kAll = 200'000;
    const ErrorPolicy kept = dead_letter({.pause_above = 1, .keep = kAll});
    job.source<FeedSource>("items", feed_, spending_, seed_)
        .parallelism(source_tasks_)
        .key_by(&Item::key)
        .map("picky", ask)
        .parallelism(tasks_)
        .on_error(retries_
                      ? retry({.attempts = 2, .first = 5ms, .keep_order = keeps_order_, .pause_above = 1, .keep = kAll})
                      : kept)
        .sink("shelf", ShelfSink<Item>{shelf_});
    job.source<FeedSource>("more", feed_, spending_, seed_ + 1)
        .map("choosy", ask)
        .parallelism(tasks_)
        .on_error(kept)
        .sink("choosy_shelf", ShelfSink<Item>{choosy_});
  }
  std::string wrong(bool) const override {
    const Items expected = flat(*feed_);
    if (auto text = compare("shelf, published", shelf_->published, expected, false); !text.empty()) return text;
    return compare("choosy_shelf, published", choosy_->published, expected, false);
  }
  std::vector<std::string> keep_letters() const override { return {"picky", "choosy"}; }
  std::string wrong_letters(std::uint64_t kept) const override {
    const std::size_t arrived = shelf_->published.size() + choosy_->published.size();
    const std::size_t all = 2 * flat(*feed_).size();
    if (arrived + kept == all) return {};
    return std::to_string(kept) + " dead letters are left and " + std::to_string(arrived) + " records arrived, of " +
           std::to_string(all);
  }
  bool published_any() const override { return OneShelf::published_any() || !choosy_->published.empty(); }
  std::uint32_t tasks() const override { return 20; }

 private:
  const ItemShelf choosy_;
  const std::shared_ptr<Unsteady> service_;
  std::shared_ptr<const Feed> feed_;
  std::int64_t source_tasks_, tasks_;
  bool retries_ = false, keeps_order_ = false;
};

}  // namespace

std::unique_ptr<Topology> make_letters(const TopologyOptions& options) { return std::make_unique<Letters>(options); }

std::unique_ptr<Topology> make_retries(const TopologyOptions& options) { return std::make_unique<Retries>(options); }

}  // namespace freshet::sim
