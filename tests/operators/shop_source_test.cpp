#include <freshet/shop_source.h>
#include <gmock/gmock.h>

#include "tests/operators/source_reader.h"

namespace freshet::files {
namespace {

using freshet::testing::SourceReader;
using ::testing::HasSubstr;

enum class Deed : std::uint8_t { view, click, favorite, cart, order };
FRESHET_ENUM(Deed, view, click, favorite, cart, order)
enum class Few : std::uint8_t { view, order };
FRESHET_ENUM(Few, view, order)

struct Numbers {
  std::string id{};
  std::uint64_t user = 0;
  Deed action{};
  Time time{};
  double amount = 0;
  std::string note = "none";
  bool operator==(const Numbers&) const = default;
  FRESHET_RECORD(id, user, action, time, amount, note)
};
struct Texts {
  std::string user{}, item{}, action{};
  FRESHET_RECORD(user, item, action)
};
struct FewActions {
  Few action{};
  FRESHET_RECORD(action)
};

TEST(ShopSource, FillsFieldsByNameWhateverTheirType) {
  SourceReader<ShopSource<Numbers>> numbers(ShopInput{.rate = 0, .events = 1000});
  SourceReader<ShopSource<Texts>> texts(ShopInput{.rate = 0, .events = 1000});
  numbers.open_all().read_all();
  texts.open_all().read_all();
  ASSERT_EQ(numbers.records.size(), 1000u);
  ASSERT_EQ(texts.records.size(), 1000u);
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(std::to_string(numbers.records[i].user), texts.records[i].user);
    EXPECT_EQ(enumerator_name(numbers.records[i].action), texts.records[i].action);
    EXPECT_EQ(numbers.records[i].note, "none");
  }
}

TEST(ShopSource, GoesOnBehindAnyPosition) {
  const ShopInput options{.rate = 0, .events = 100, .partitions = 3};
  SourceReader<ShopSource<Numbers>> whole(options);
  whole.open_all().read_all();
  ASSERT_EQ(whole.records.size(), 100u);
  SourceReader<ShopSource<Numbers>> rest(options);
  rest.open().add_split(1, {.partition = "shop:1", .end = 35, .position = 30}).read_all();
  ASSERT_EQ(rest.records.size(), 4u);
  EXPECT_EQ(rest.records[0], whole.records[30]);
  EXPECT_EQ(rest.positions[0].offset, 31u);
}

TEST(ShopSource, GivesOnlyWhatIsDue) {
  SourceReader<ShopSource<Numbers>> reader(ShopInput{.rate = 100, .seconds = 2, .partitions = 2});
  const Time start{};
  reader.set_now(start);
  reader.open_all();
  EXPECT_EQ(reader.read(), Progress::idle);
  reader.set_now(start + 500ms);
  while (reader.read() != Progress::idle) {
  }
  EXPECT_EQ(reader.records.size(), 50u);
  reader.set_now(start + 1h);
  reader.read_all();
  EXPECT_EQ(reader.records.size(), 200u);
}

TEST(ShopSource, ActionsThatTheRecordLacksMustBeMapped) {
  using Source = ShopSource<FewActions>;
  EXPECT_THAT(Source::check_record({}), HasSubstr("the record has no action"));
  EXPECT_EQ(Source::check_record({.values = "action:order=order,action:*=view"}), "");
  EXPECT_THAT(Source::check_record({.values = "kind:order=order"}), HasSubstr("is not for the action"));
}

TEST(ShopSource, RefusesOptionsThatMakeNoSense) {
  EXPECT_EQ(check_shop({}), "");
  EXPECT_NE(check_shop({.rate = -1}), "");
  EXPECT_NE(check_shop({.rate = 0, .seconds = 1}), "");
  EXPECT_NE(check_shop({.seconds = 1, .events = 1}), "");
  EXPECT_NE(check_shop({.users = 0}), "");
  EXPECT_NE(check_shop({.partitions = 0}), "");
  EXPECT_NE(check_shop({.partitions = ShopInput::kMaxPartitions + 1}), "");
  EXPECT_NE(check_shop({.seconds = ~0ULL}), "");
}

}  // namespace
}  // namespace freshet::files
