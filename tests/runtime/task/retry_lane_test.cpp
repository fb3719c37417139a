#include "runtime/task/retry_lane.h"

#include <gmock/gmock.h>

#include "tests/runtime/task/chain_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::task::testing_support::retry_lanes {
namespace {

const auto kCodec = std::make_shared<const detail::RecordCodecOf<Key, Visit>>();
const Time kStart{Duration(1'000'000)};

ErrorPolicy in_order(bool keep_order) {
  return {.kind = ErrorPolicyKind::retry,
          .attempts = 9,
          .first_delay = 1s,
          .limit = 1h,
          .keep_order = keep_order,
          .max_waiting = 1'000'000};
}

class Entries final : public StateWriter {
 public:
  void put(const StateEntry& entry) override { append_packed_entry(bytes, entry); }
  /// calls with each entry, in turn.
  template <class F>
  void for_each(F call) const {
    std::string_view rest = bytes.view();
    StateEntry entry;
    while (next_packed_entry(rest, entry)) call(entry);
  }
  ByteBuffer bytes;
};

/// Visits [from, to), each under the key `number % keys`, all of which failed.
void fail(RetryLane& lane, std::uint64_t from, std::uint64_t to, std::uint64_t keys) {
  auto batch = keyed_batch(from, to);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch.keys[i] = batch.records[i].number % keys;
    batch.metas[i].key_hash = key_hash(batch.keys[i]);
    batch.metas[i].event_time_ms = static_cast<std::int64_t>(i);
  }
  const detail::BatchView view(batch);
  for (std::size_t i = 0; i < view.size; ++i) {
    if (lane.first_held_back(view, i) == i) {
      lane.take_behind(view, i, kStart);
      continue;
    }
    FailedRecord failed{.reason = "exception", .message = "not now"};
    ASSERT_TRUE(lane.take(view, i, failed, kStart));
    EXPECT_EQ(failed.attempts, 1u);
  }
}

/// All that the lane gives out from `from` on, in that order; each gets through.
std::vector<std::uint64_t> drain(RetryLane& lane, Time now) {
  std::vector<std::uint64_t> numbers;
  while (lane.take_due(now)) {
    const auto& batch = static_cast<const detail::KeyedBatch<Key, Visit>&>(lane.batch());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      EXPECT_EQ(batch.records[i], visit(batch.records[i].number));
      EXPECT_EQ(batch.metas[i].key_hash, key_hash(batch.keys[i]));
      EXPECT_EQ(batch.metas[i].position.offset, batch.records[i].number + 1);
      numbers.push_back(batch.records[i].number);
    }
    lane.tried(now);
  }
  return numbers;
}

void expect_order(const std::vector<std::uint64_t>& came, std::uint64_t keys) {
  std::map<std::uint64_t, std::uint64_t> last;
  for (const auto number : came) {
    EXPECT_LE(last[number % keys], number) << "of its key";
    last[number % keys] = number;
  }
}

std::vector<std::uint64_t> numbers(std::uint64_t to) {
  std::vector<std::uint64_t> all(to);
  for (std::uint64_t i = 0; i < to; ++i) all[i] = i;
  return all;
}

TEST(RetryLane, RecordsWaitOnDiskAndComeBackAsTheyWere) {
  for (const bool keep_order : {false, true}) {
    test::MemorySpill disk;
    RetryLane lane(in_order(keep_order), kCodec, 1);
    lane.spill_to(disk, 7);
    fail(lane, 0, 1000, 50);
    for (int tries = 0; lane.resident_keys() > 10 && tries < 1000; ++tries) (void)lane.evict(100);
    ASSERT_LE(lane.resident_keys(), 10u);
    EXPECT_EQ(lane.entries(), 1000u);
    EXPECT_THAT(drain(lane, kStart), testing::IsEmpty()) << "none is due yet";
    const auto came = drain(lane, kStart + 2s);
    EXPECT_THAT(came, testing::UnorderedElementsAreArray(numbers(1000)));
    EXPECT_TRUE(lane.empty());
    EXPECT_TRUE(disk.entries.empty());
    if (keep_order) expect_order(came, 50);
  }
}

/// One that fails again is still the first of its line, and those that are saved meanwhile are saved as they are.
TEST(RetryLane, WhatFailsAgainKeepsItsPlaceAndItsCountThroughASave) {
  RetryLane lane(in_order(true), kCodec, 1);
  fail(lane, 0, 30, 10);
  Entries first;
  lane.begin_save(first, true);
  ASSERT_TRUE(lane.save_some(SIZE_MAX));
  ASSERT_TRUE(lane.take_due(kStart + 2s));
  const detail::BatchView view(lane.batch());
  ASSERT_EQ(view.size, 10u) << "one of each key";
  for (std::size_t i = 0; i < view.size; i += 2) {
    FailedRecord failed{.reason = "exception", .message = "still not"};
    ASSERT_TRUE(lane.take(view, i, failed, kStart + 2s));
    EXPECT_EQ(failed.attempts, 2u);
  }
  lane.tried(kStart + 2s);
  Entries changes;
  lane.begin_save(changes, false);
  while (!lane.save_some(1)) (void)lane.take_due(kStart + 2s), lane.tried(kStart + 2s);

  RetryLane restored(in_order(true), kCodec, 2);
  for (const Entries* saved : {&first, &changes})
    saved->for_each([&](const StateEntry& entry) { EXPECT_TRUE(restored.restore(entry)); });
  EXPECT_EQ(restored.entries(), 25u) << "five were through when it was saved";
  const auto came = drain(restored, kStart + 1h);
  EXPECT_EQ(came.size(), 25u);
  expect_order(came, 10);
}

TEST(RetryLane, IsTakenBackByOneThatKeepsOrderAndOneThatDoesNot) {
  for (const bool before : {false, true}) {
    for (const bool after : {false, true}) {
      RetryLane lane(in_order(before), kCodec, 1);
      fail(lane, 0, 200, 20);
      Entries saved;
      lane.write(saved);
      RetryLane restored(in_order(after), kCodec, 2);
      saved.for_each([&](const StateEntry& entry) { EXPECT_TRUE(restored.restore(entry)); });
      EXPECT_EQ(restored.entries(), 200u);
      fail(restored, 200, 220, 20);
      const auto came = drain(restored, kStart + 2s);
      EXPECT_THAT(came, testing::UnorderedElementsAreArray(numbers(220)))
          << before << after << ": none waits for ever, and none has another's place";
      if (after) expect_order(came, 20);
    }
  }
}

TEST(RetryLane, WhatIsNoEntryOfItIsRefused) {
  RetryLane lane(in_order(false), kCodec, 1);
  fail(lane, 0, 3, 3);
  Entries saved;
  lane.write(saved);
  RetryLane other(in_order(false), kCodec, 2);
  RetryLane of_texts(in_order(false), std::make_shared<const detail::RecordCodecOf<std::string, Visit>>(), 3);
  RetryLane without_key(in_order(false), std::make_shared<const detail::RecordCodecOf<void, Visit>>(), 4);
  saved.for_each([&](const StateEntry& entry) {
    for (std::size_t size = 0; size < entry.value.size(); ++size) {
      StateEntry cut = entry;
      cut.value = entry.value.substr(0, size);
      EXPECT_FALSE(other.restore(cut)) << size;
    }
    const std::string longer = std::string(entry.value) + "x";
    StateEntry extended = entry;
    extended.value = longer;
    EXPECT_FALSE(other.restore(extended));
    EXPECT_FALSE(of_texts.restore(entry));
    EXPECT_FALSE(without_key.restore(entry));
    StateEntry moved = entry;
    ++moved.key_hash;
    EXPECT_FALSE(other.restore(moved)) << "it would be another task's";
  });
}

TEST(RetryLane, SaysWhatItsEntriesAre) {
  const RetryLane lane(in_order(false), kCodec, 1);
  const StateDeclaration declared = lane.declaration();
  EXPECT_EQ(declared.name, "lane");
  EXPECT_EQ(to_text(declared.key), "(u64, u64)");
  EXPECT_EQ(to_text(declared.value),
            "{waiting: {attempts: u32, first: time, next: time?, reason: string, message: string, event_time: time?, "
            "partition: u32, offset: u64, key_hash: u64, origin: string}, record: {user: u64, number: u64, page: "
            "string}, key: u64}");
}

}  // namespace
}  // namespace freshet::task::testing_support::retry_lanes
