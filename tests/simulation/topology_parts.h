#pragma once

#include <set>

#include "tests/simulation/topology.h"

/// What topologies are made of.
namespace freshet::sim {

using Items = std::vector<Item>;
using ItemShelf = std::shared_ptr<Shelf<Item>>;

inline std::string describe(const Item& item) {
  return "{key " + std::to_string(item.key) + ", source " + std::to_string(item.source) + ", number " +
         std::to_string(item.number) + ", value " + std::to_string(item.value) + "}";
}

inline std::string describe(const Total& total) {
  return "{key " + std::to_string(total.key) + ", items " + std::to_string(total.items) + ", sum " +
         std::to_string(total.sum) + "}";
}

/// Names a record that only one side has; empty: `found` is what was expected, or a part of it when that is enough.
template <class T>
std::string compare(const std::string& where, std::vector<T> found, std::vector<T> expected, bool all) {
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  std::vector<T> extra, missing;
  std::set_difference(found.begin(), found.end(), expected.begin(), expected.end(), std::back_inserter(extra));
  std::set_difference(expected.begin(), expected.end(), found.begin(), found.end(), std::back_inserter(missing));
  const std::string sizes =
      " (" + std::to_string(found.size()) + " found, " + std::to_string(expected.size()) + " expected)";
  if (!extra.empty()) return where + " has too many " + describe(extra[0]) + sizes;
  if (all && !missing.empty()) return where + " lacks " + describe(missing[0]) + sizes;
  return {};
}

/// A key's records of one source come in the order they were made.
inline std::string out_of_order(const std::string& where, const Items& written) {
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> last;
  for (const auto& item : written) {
    auto& before = last[{item.key, item.source}];
    if (item.number <= before)
      return where + ": " + describe(item) + " came after number " + std::to_string(before) + " of its key";
    before = item.number;
  }
  return {};
}

/// Records of some keys per partition; a key belongs to one partition of a source.
inline Feed make_feed(base::Random& random, std::uint32_t source, std::uint64_t partitions, std::uint64_t records,
                      std::uint64_t keys) {
  Feed feed(partitions);
  std::map<std::uint64_t, std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < records; ++i) {
    const auto key = random.below(keys);
    feed[key % partitions].push_back({key, source, ++numbers[key], random.between(-1000, 1000),
                                      std::string(random.below(40), static_cast<char>('a' + key % 26))});
  }
  return feed;
}

inline Items flat(const Feed& feed) {
  Items items;
  for (const auto& partition : feed) items.insert(items.end(), partition.begin(), partition.end());
  return items;
}

inline std::int64_t some(base::Random& random, std::int64_t low, std::int64_t high) {
  return random.between(low, high);
}

template <class T>
std::shared_ptr<Shelf<T>> make_shelf(const TopologyOptions& options) {
  auto shelf = std::make_shared<Shelf<T>>();
  shelf->spending = options.spending;
  return shelf;
}

/// What all topologies have: a source, and a shelf for records.
class OneShelf : public Topology {
 public:
  explicit OneShelf(const TopologyOptions& options)
      : seed_(options.seed), spending_(options.spending), random_(options.seed), shelf_(make_shelf<Item>(options)) {}
  bool published_any() const override { return !shelf_->published.empty(); }
  void refuse_to_publish() override { shelf_->refusals = 2; }
  bool has_refused() const override { return shelf_->refused; }

 protected:
  const std::uint64_t seed_;
  Spending* const spending_;
  base::Random random_;
  const ItemShelf shelf_;
};

std::unique_ptr<Topology> make_timers(const TopologyOptions& options);
std::unique_ptr<Topology> make_windows(const TopologyOptions& options);
std::unique_ptr<Topology> make_retries(const TopologyOptions& options);
std::unique_ptr<Topology> make_letters(const TopologyOptions& options);

}  // namespace freshet::sim
