#include "operators/connectors/shop_traffic.h"

#include <charconv>

namespace freshet::shop {
namespace {

using files::mix;

constexpr std::uint64_t kCheapestCents = 199;
constexpr std::uint64_t kPriceRangeCents = 19'800;
constexpr std::uint64_t kMostPieces = 3;  // of one order

void write_id(std::string& id, std::uint32_t partition, std::uint64_t position) {
  std::array<char, 20> digits{};
  char* const end = digits.data() + digits.size();
  id.assign(digits.data(), std::to_chars(digits.data(), end, partition).ptr);
  id += '-';
  id.append(digits.data(), std::to_chars(digits.data(), end, position).ptr);
}

}  // namespace

Status ShopTraffic::check(const ShopOptions& options) {
  std::string problems;
  const auto require = [&](bool holds, const char* problem) {
    if (!holds) problems += (problems.empty() ? "" : "\n") + std::string(problem);
  };
  const auto probability = [](double p) { return p >= 0 && p <= 1; };
  constexpr std::uint64_t kMost = 1'000'000'000'000;  // ids below 2^53, with room for Zipf's arithmetic in doubles
  require(options.users > 0 && options.users <= kMost, "users must be 1 to 1e12");
  require(options.items > 0 && options.items <= kMost, "items must be 1 to 1e12");
  require(options.categories > 0, "categories must be at least 1");
  require(options.user_skew >= 0 && options.user_skew <= 10, "user_skew must be 0 to 10");
  require(options.item_skew >= 0 && options.item_skew <= 10, "item_skew must be 0 to 10");
  require(options.rate > 0 && options.rate <= kMost, "rate must be 1 to 1e12 events per second");
  require(options.disorder_ms >= 0 && options.disorder_ms <= kMaxDisorderMs, "disorder must be 0 to 24 h");
  require(probability(options.click_after_view) && probability(options.order_after_cart) &&
              probability(options.another_item) && probability(options.favorite_after_click) &&
              probability(options.cart_after_click) && options.favorite_after_click + options.cart_after_click <= 1,
          "probabilities must be 0 to 1, also favorite and cart after click together");
  if (!problems.empty()) return Error{problems};
  return {};
}

ShopTraffic::ShopTraffic(const ShopOptions& options)
    : options_(options), users_(options.users, options.user_skew), items_(options.items, options.item_skew) {
  begin_block();
}

void ShopTraffic::begin_block() {
  const std::uint64_t block = position_ / kBlockEvents;
  random_ = files::Random(mix(mix(mix(options_.seed) + options_.partition) + block));
  visits_.fill({});
}

void ShopTraffic::next(ShopEvent& event) {
  const Visit& visit = advance();
  write_id(event.id, options_.partition, position_);
  event.user = visit.user;
  event.item = visit.item;
  event.category = mix(visit.item) % options_.categories + 1;
  static_assert(static_cast<int>(Step::view) == 0 &&
                static_cast<int>(Step::order) == static_cast<int>(ShopAction::order));
  event.action = static_cast<ShopAction>(visit.step);
  event.time_ms = time_of(position_);
  event.amount = 0;
  if (visit.step == Step::order) {
    const auto pieces = static_cast<double>(1 + random_.below(kMostPieces));
    event.amount = price_of(visit.item) * pieces / 100;
  }
  if (++position_ % kBlockEvents == 0) begin_block();
}

void ShopTraffic::seek(std::uint64_t position) {
  position_ = position - position % kBlockEvents;
  begin_block();
  ShopEvent ignored;
  while (position_ < position) next(ignored);
}

ShopTraffic::Visit& ShopTraffic::advance() {
  Visit& visit = visits_[random_.next() % kVisits];
  if (visit.step != Step::leave) visit.step = step_after(visit.step);
  if (visit.step == Step::leave) {  // somebody else takes the place
    visit = {.user = users_(random_), .item = items_(random_), .step = Step::view};
  } else if (visit.step == Step::view) {
    visit.item = items_(random_);
  }
  return visit;
}

ShopTraffic::Step ShopTraffic::step_after(Step step) {
  double chance = random_.unit();
  // True with the probability p, given that what was asked before did not happen.
  const auto happens = [&](double p) {
    if (chance < p) return true;
    chance -= p;
    return false;
  };
  switch (step) {
    case Step::view:
      if (happens(options_.click_after_view)) return Step::click;
      break;
    case Step::click:
      if (happens(options_.cart_after_click)) return Step::cart;
      if (happens(options_.favorite_after_click)) return Step::favorite;
      break;
    case Step::cart:
      if (happens(options_.order_after_cart)) return Step::order;
      break;
    case Step::favorite:
    case Step::order:
    case Step::leave:
      break;
  }
  return random_.unit() < options_.another_item ? Step::view : Step::leave;
}

std::int64_t ShopTraffic::time_of(std::uint64_t position) {
  const std::uint64_t seconds = position / options_.rate;  // apart, so that nothing overflows
  const std::uint64_t rest = position % options_.rate;
  const auto since_start = static_cast<std::int64_t>(seconds * 1000 + rest * 1000 / options_.rate);
  if (options_.disorder_ms == 0) return options_.start_ms + since_start;
  const auto back = random_.below(static_cast<std::uint64_t>(options_.disorder_ms) + 1);
  return options_.start_ms + since_start - static_cast<std::int64_t>(back);
}

double ShopTraffic::price_of(std::uint64_t item) const {
  return static_cast<double>(kCheapestCents + mix(item ^ options_.seed) % kPriceRangeCents);
}

}  // namespace freshet::shop
