#include <freshet/shop_source.h>

#include <charconv>
#include <cmath>
#include <map>

#include "operators/connectors/assignments.h"
#include "operators/connectors/shop_traffic.h"
#include "operators/connectors/value_map.h"

namespace freshet::files {
namespace {

constexpr std::string_view kPartition = "shop:";
constexpr double kEventTimeRate = 10'000;  // when events are made as fast as they are taken
constexpr double kMaxEventRate = 1e9;

shop::ShopOptions traffic_options(const ShopInput& input, std::uint32_t partition) {
  shop::ShopOptions options;
  options.seed = input.seed;
  options.partition = partition;
  options.users = input.users;
  options.items = input.items;
  const double rate = (input.rate > 0 ? input.rate : kEventTimeRate) / input.partitions;
  options.rate = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(rate)));
  return options;
}

/// One split being read.
struct Visitors {
  explicit Visitors(const shop::ShopOptions& options) : traffic(options) {}
  shop::ShopTraffic traffic;
  Time began{};                // when the first event was asked for
  std::uint64_t began_at = 0;  // and how many had been made before
};

std::uint32_t partition_number(std::string_view partition) {
  std::uint32_t number = 0;
  const bool ours = partition.starts_with(kPartition);
  if (ours) partition.remove_prefix(kPartition.size());
  const auto [end, error] = std::from_chars(partition.data(), partition.data() + partition.size(), number);
  if (!ours || error != std::errc() || end != partition.data() + partition.size() || number == 0)
    throw SourceFailed("'" + std::string(partition) + "' is no split of shop:; was the input another one before?");
  return number - 1;
}

}  // namespace

std::string check_shop(const ShopInput& options) {
  if (!(options.rate >= 0 && options.rate <= kMaxEventRate))
    return "the rate must be 0 (full speed) to 1e9 events per second";
  if (options.partitions == 0 || options.partitions > ShopInput::kMaxPartitions)
    return "partitions must be 1 to " + std::to_string(ShopInput::kMaxPartitions);
  if (options.seconds != 0 && options.events != 0) return "seconds and events both say when to end; give one of them";
  if (options.seconds != 0 && options.rate == 0)
    return "at full speed (rate 0) there are no seconds to count; say how many events";
  if (static_cast<double>(options.seconds) * options.rate > 1e18) return "that many seconds at that rate never end";
  const auto checked = shop::ShopTraffic::check(traffic_options(options, 0));
  return checked ? "" : checked.error().message;
}

Result<std::array<std::string, kShopActions.size()>> shop_action_names(std::string_view values) {
  const auto given = parse_assignments(values);
  if (!given) return given.error();
  std::string text;
  for (const auto& [name, to] : *given) {
    if (!name.starts_with("action:")) return Error{"'" + name + "' is not for the action; write action:FROM=TO"};
    text += name.substr(7) + "=" + to + ",";
  }
  const auto map = ValueMap::from_text(text);
  if (!map) return map.error();
  std::array<std::string, kShopActions.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = map->map(kShopActions[i]);
  return names;
}

struct ShopEvents::Impl {
  Visitors& visitors_of(const Split& split, Time now) {
    auto found = splits.find(split.partition);
    if (found == splits.end()) {
      found = splits.try_emplace(split.partition, traffic_options(options, partition_number(split.partition))).first;
      found->second.traffic.seek(split.position);
      found->second.began = now;
      found->second.began_at = split.position;
    }
    return found->second;
  }
  bool due(const Visitors& visitors, std::uint64_t position, Time now) const {
    if (options.rate == 0) return true;
    const double seconds = std::chrono::duration<double>(now - visitors.began).count();
    return static_cast<double>(position - visitors.began_at) < seconds * options.rate / options.partitions;
  }

  const ShopInput options;
  std::map<std::string, Visitors, std::less<>> splits{};  // by partition; that are begun and not done
  shop::ShopEvent event{};
};

ShopEvents::ShopEvents(ShopInput options) : impl_(std::make_unique<Impl>(std::move(options))) {}
ShopEvents::~ShopEvents() = default;

std::vector<Split> ShopEvents::discover() const {
  const auto& options = impl_->options;
  const std::uint64_t events = options.seconds == 0
                                   ? options.events
                                   : static_cast<std::uint64_t>(static_cast<double>(options.seconds) * options.rate);
  std::vector<Split> splits;
  for (std::uint32_t i = 0; i < options.partitions; ++i) {
    Split split{.partition = std::string(kPartition) + std::to_string(i + 1)};
    const std::uint64_t share = events / options.partitions + (i < events % options.partitions ? 1 : 0);
    if (options.seconds != 0 || options.events != 0) split.end = share + 1;  // positions count from 1
    splits.push_back(std::move(split));
  }
  return splits;
}

ShopEvents::Got ShopEvents::next(Split& split, Time now, ShopRow& row) {
  if (split.position + 1 >= split.end) {
    impl_->splits.erase(split.partition);
    return Got::end;
  }
  Visitors& visitors = impl_->visitors_of(split, now);
  if (!impl_->due(visitors, split.position, now)) return Got::not_due;
  auto& event = impl_->event;
  visitors.traffic.next(event);
  ++split.position;
  row = {.id = event.id,
         .user = event.user,
         .item = event.item,
         .category = event.category,
         .action = static_cast<std::size_t>(event.action),
         .time_ms = event.time_ms,
         .amount = event.amount};
  return Got::event;
}

}  // namespace freshet::files
