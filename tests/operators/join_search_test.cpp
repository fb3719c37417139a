#include <gtest/gtest.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/operators/join_support.h"

/// Joins against plain searches, on random records.
namespace freshet::test::joins {
namespace {

/// What should come out, by means that are slow and plain.
std::multiset<Joined> plain_join(const TimeBounds& bounds, bool is_left, const std::vector<Record>& records) {
  std::multiset<Joined> all;
  for (const auto& order : records) {
    if (!order.is_order) continue;
    bool is_alone = true;
    for (const auto& payment : records) {
      if (payment.is_order || payment.key != order.key || payment.time < order.time + bounds.lower.count() ||
          payment.time > order.time + bounds.upper.count())
        continue;
      is_alone = false;
      all.insert({order.key, order.id, payment.id, 0, std::max(order.time, payment.time)});
    }
    if (is_left && is_alone)
      all.insert({order.key, order.id, {}, 0, std::max(order.time, order.time + bounds.upper.count())});
  }
  return all;
}
std::multiset<Joined> plain_join(const WindowSpec& spec, bool is_left, const std::vector<Record>& records) {
  std::multiset<Joined> all;
  const std::int64_t size = spec.size.count(), slide = spec.slide.count(), offset = spec.offset.count();
  for (std::int64_t start = -300; start < 5000; ++start) {
    if (((start - offset) % slide + slide) % slide != 0) continue;
    const auto is_in = [&](const Record& record) {
      return record.time >= start && record.time < start + size && record.over < start + size;
    };
    for (const auto& order : records) {
      if (!order.is_order || !is_in(order)) continue;
      bool is_alone = true;
      for (const auto& payment : records) {
        if (payment.is_order || payment.key != order.key || !is_in(payment)) continue;
        is_alone = false;
        all.insert({order.key, order.id, payment.id, start, start + size - 1});
      }
      if (is_left && is_alone) all.insert({order.key, order.id, {}, start, start + size - 1});
    }
  }
  return all;
}

bool is_late(const TimeBounds&, std::int64_t time, std::int64_t watermark) { return time < watermark; }
bool is_late(const WindowSpec& spec, std::int64_t time, std::int64_t watermark) {
  std::int64_t last = time + spec.size.count();
  while (((last - spec.size.count() - spec.offset.count()) % spec.slide.count()) != 0) --last;
  return last <= watermark;
}

/// Records in disorder, some of them late; crashes, saves and evictions between them. What is not late makes up the
/// pairs that the plain means find.
template <class Pairs>
void check_at_random(const Pairs& pairs, bool is_left, std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  base::Random random(seed);
  Join join(pairs, is_left);
  const bool spills = seed % 2 == 0;
  if (spills) join.spill();
  if (seed % 4 == 0) join.evict_in_between();
  std::vector<Record> taken, saved_taken;
  std::vector<Joined> told, saved_told;
  bool is_saved = false;
  const auto collect = [&] {
    for (const auto& each : join.take()) told.push_back(each);
  };
  std::int64_t now = 100, watermark = detail::kNoWatermark;
  for (std::uint64_t step = 0; step < 300; ++step) {
    now += random.between(0, 8);
    Record record{random.chance(0.5), random.below(4), step,
                  std::max<std::int64_t>(now - random.between(0, random.chance(0.1) ? 150 : 30), 0), watermark};
    join.push(record);
    const bool was_late = join.take_late_orders().size() + join.take_late_payments().size() != 0;
    ASSERT_EQ(was_late, is_late(pairs, record.time, watermark));
    if (!was_late) taken.push_back(record);
    if (random.chance(0.3) && now - 30 > watermark) join.watermark(watermark = now - 30);
    collect();
    if (spills && random.chance(0.3)) join.evict(random.below(4));
    if (random.chance(0.1)) {
      join.save();
      saved_taken = taken;
      saved_told = told;
      is_saved = true;
    }
    if (is_saved && random.chance(0.03)) {
      taken = saved_taken;
      told = saved_told;
      is_saved = false;
      join.crash_and_restore();
      collect();
    }
  }
  join.watermark(kEnd);
  collect();
  EXPECT_EQ(join.entries(), 0u);
  ASSERT_EQ(std::multiset<Joined>(told.begin(), told.end()), plain_join(pairs, is_left, taken));
}

struct Case {
  const char* name;
  TimeBounds bounds;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
class AnyInterval : public testing::TestWithParam<Case> {};

TEST_P(AnyInterval, HoldsWhatAPlainSearchFinds) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) check_at_random(GetParam().bounds, seed % 3 == 0, seed);
}

/// In any order in which records come, while none is late.
TEST_P(AnyInterval, IsTheSameInAnyOrder) {
  for (const bool is_left : {false, true}) {
    base::Random random(9);
    std::vector<Record> records;
    for (std::uint64_t id = 0; id < 300; ++id)
      records.push_back({random.chance(0.5), random.below(5), id, random.between(0, 200)});
    const auto expected = plain_join(GetParam().bounds, is_left, records);
    for (int round = 0; round < 4; ++round) {
      Join join(GetParam().bounds, is_left);
      for (const auto& record : records) join.push(record);
      join.watermark(kEnd);
      const auto results = join.take();
      ASSERT_EQ(std::multiset<Joined>(results.begin(), results.end()), expected);
      for (std::size_t i = records.size(); i-- > 1;) std::swap(records[i], records[random.below(i + 1)]);
      if (round == 2)
        std::stable_sort(records.begin(), records.end(), [](auto& a, auto& b) { return a.time > b.time; });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, AnyInterval,
                         testing::Values(Case{"around", between(-13ms, 25ms)}, Case{"at_once", between(0ms, 0ms)},
                                         Case{"before", between(-40ms, -10ms)}, Case{"behind", between(10ms, 40ms)}),
                         [](const auto& each) { return each.param.name; });

TEST(WindowJoin, HoldsWhatAPlainSearchFinds) {
  for (const auto& windows : {tumbling(20ms), tumbling(20ms, 7ms), sliding(40ms, 10ms), sliding(50ms, 20ms, 3ms)}) {
    SCOPED_TRACE(detail::in_words(windows));
    for (std::uint64_t seed = 1; seed <= 24; ++seed) check_at_random(windows, seed % 3 == 0, seed);
  }
}

TEST(TimeOrder, IsThatOfAPlainSetHoweverTimesCome) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    base::Random random(seed);
    detail::TimeOrder order;
    using Item = detail::TimeOrder::Item;
    std::set<Item> model;
    std::int64_t now = 0;
    for (std::uint32_t place = 0; place < 6000; ++place) {
      now += seed % 2 == 0 ? 1 : 0;
      const Item item{now - random.between(0, seed % 3 == 0 ? 20 : 100'000), place};
      order.insert(item);
      model.insert(item);
      if (random.chance(place < 4000 ? 0.3 : 0.9)) {
        ASSERT_EQ(order.first(), *model.begin());
        order.pop_first();
        model.erase(model.begin());
      }
      if (place % 500 != 0) continue;
      const Item from{now - random.between(0, 100'000), 3000};
      auto walk = order.from(from);
      for (auto at = model.lower_bound(from); at != model.end(); ++at) {
        const Item* next = order.next(walk);
        ASSERT_NE(next, nullptr);
        ASSERT_EQ(*next, *at);
      }
      ASSERT_EQ(order.next(walk), nullptr);
      ASSERT_EQ(order.empty(), model.empty());
    }
  }
}

}  // namespace
}  // namespace freshet::test::joins
