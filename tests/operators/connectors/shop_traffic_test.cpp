#include "operators/connectors/shop_traffic.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace freshet::shop {
namespace {

using ::testing::HasSubstr;

std::vector<ShopEvent> take(ShopTraffic& traffic, std::size_t count) {
  std::vector<ShopEvent> events(count);
  for (auto& event : events) traffic.next(event);
  return events;
}

TEST(ShopTraffic, TheSameOptionsGiveTheSameEvents) {
  ShopTraffic one({.seed = 5, .partition = 2});
  ShopTraffic other({.seed = 5, .partition = 2});
  EXPECT_EQ(take(one, 3000), take(other, 3000));
}

TEST(ShopTraffic, SeedsAndPartitionsDiffer) {
  const auto users = [](const ShopOptions& options) {
    ShopTraffic traffic(options);
    std::vector<std::uint64_t> result;
    for (const auto& event : take(traffic, 100)) result.push_back(event.user);
    return result;
  };
  EXPECT_NE(users({.seed = 5}), users({.seed = 6}));
  EXPECT_NE(users({.seed = 5}), users({.seed = 5, .partition = 1}));
  EXPECT_NE(users({.seed = 5, .partition = 1}), users({.seed = 6}));
}

TEST(ShopTraffic, SeekingGoesOnAsWithoutInterruption) {
  const ShopOptions options{.seed = 9, .disorder_ms = 500};
  ShopTraffic straight(options);
  const auto events = take(straight, ShopTraffic::kBlockEvents + 3000);
  for (const std::uint64_t position :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2500}, ShopTraffic::kBlockEvents - 1,
        ShopTraffic::kBlockEvents, ShopTraffic::kBlockEvents + 1}) {
    ShopTraffic other(options);
    take(other, 77);
    other.seek(position);
    EXPECT_EQ(other.position(), position);
    const auto further = take(other, 1500);
    const auto expected = events.begin() + static_cast<std::ptrdiff_t>(position);
    EXPECT_TRUE(std::equal(further.begin(), further.end(), expected)) << "from " << position;
  }
}

TEST(ShopTraffic, SeekingFarIsNoMoreThanABlockOfWork) {
  ShopTraffic traffic({.partition = 3});
  traffic.seek(1'000'000'000'000'123);
  ShopEvent event;
  traffic.next(event);
  EXPECT_EQ(event.id, "3-1000000000000123");
}

TEST(ShopTraffic, IdsAreUniqueAndTellPartitionAndPosition) {
  ShopTraffic traffic({.partition = 7});
  std::uint64_t position = 0;
  for (const auto& event : take(traffic, 1000)) ASSERT_EQ(event.id, "7-" + std::to_string(position++));
}

TEST(ShopTraffic, TimeAdvancesWithTheRate) {
  ShopTraffic traffic({.rate = 3000, .start_ms = 1'000'000});
  const auto events = take(traffic, 6001);
  EXPECT_EQ(events[0].time_ms, 1'000'000);
  EXPECT_EQ(events[1].time_ms, 1'000'000);
  EXPECT_EQ(events[3].time_ms, 1'000'001);
  EXPECT_EQ(events[6000].time_ms, 1'002'000);
}

TEST(ShopTraffic, DisorderIsBounded) {
  ShopTraffic traffic({.rate = 1000, .start_ms = 0, .disorder_ms = 50});
  std::int64_t position = 0;
  bool disordered = false;
  std::int64_t before = -50;
  for (const auto& event : take(traffic, 5000)) {
    ASSERT_LE(event.time_ms, position);
    ASSERT_GE(event.time_ms, position - 50);
    disordered = disordered || event.time_ms < before;
    before = event.time_ms;
    ++position;
  }
  EXPECT_TRUE(disordered);
}

TEST(ShopTraffic, AVisitorClicksWhatWasViewedAndOrdersWhatIsInTheCart) {
  // So many users that hardly one visits twice at a time.
  ShopTraffic traffic({.users = 1'000'000'000, .user_skew = 0});
  std::map<std::uint64_t, ShopEvent> last;
  std::map<ShopAction, int> seen;
  for (const auto& event : take(traffic, 60'000)) {
    ++seen[event.action];
    const auto before = last.find(event.user);
    if (event.action != ShopAction::view) {
      ASSERT_NE(before, last.end());
      ASSERT_EQ(event.item, before->second.item);
    }
    switch (event.action) {
      case ShopAction::view:
        break;
      case ShopAction::click:
        ASSERT_EQ(before->second.action, ShopAction::view);
        break;
      case ShopAction::cart:
      case ShopAction::favorite:
        ASSERT_EQ(before->second.action, ShopAction::click);
        break;
      case ShopAction::order:
        ASSERT_EQ(before->second.action, ShopAction::cart);
        break;
    }
    last[event.user] = event;
  }
  EXPECT_GT(seen[ShopAction::view], seen[ShopAction::click]);
  EXPECT_GT(seen[ShopAction::click], seen[ShopAction::cart]);
  EXPECT_GT(seen[ShopAction::cart], seen[ShopAction::order]);
  EXPECT_GT(seen[ShopAction::order], 500);
  EXPECT_GT(seen[ShopAction::favorite], 500);
}

TEST(ShopTraffic, FieldsStayInTheirRanges) {
  ShopTraffic traffic({.users = 50, .items = 20, .categories = 4});
  std::map<std::uint64_t, std::set<std::uint64_t>> categories;
  for (const auto& event : take(traffic, 20'000)) {
    ASSERT_TRUE(event.user >= 1 && event.user <= 50);
    ASSERT_TRUE(event.item >= 1 && event.item <= 20);
    ASSERT_TRUE(event.category >= 1 && event.category <= 4);
    ASSERT_EQ(event.amount > 0, event.action == ShopAction::order);
    categories[event.item].insert(event.category);
  }
  EXPECT_EQ(categories.size(), 20u);
  for (const auto& [item, of_item] : categories) EXPECT_EQ(of_item.size(), 1u) << "an item has one category";
}

TEST(ShopTraffic, OptionsWithoutSenseAreRefusedAllAtOnce) {
  EXPECT_TRUE(ShopTraffic::check({}).ok());
  const auto status = ShopTraffic::check({.users = 0, .rate = 0, .disorder_ms = -1, .cart_after_click = 0.95});
  ASSERT_FALSE(status.ok());
  for (const char* part : {"users must", "rate must", "disorder must", "favorite and cart"}) {
    EXPECT_THAT(status.error().message, HasSubstr(part));
  }
  EXPECT_FALSE(ShopTraffic::check({.disorder_ms = ShopTraffic::kMaxDisorderMs + 1}).ok());
}

}  // namespace
}  // namespace freshet::shop
