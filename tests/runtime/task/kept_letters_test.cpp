#include "runtime/task/kept_letters.h"

#include <gmock/gmock.h>

#include "tests/runtime/task/chain_support.h"
#include "tests/support/memory_spill.h"

namespace freshet::task::testing_support::kept_letters {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const auto kCodec = std::make_shared<const detail::RecordCodecOf<Key, Visit>>();
const Time kStart{Duration(1'000'000)};

class Entries final : public StateWriter {
 public:
  void put(const StateEntry& entry) override { append_packed_entry(bytes, entry); }
  void give_to(KeptLetters& letters) const {
    std::string_view rest = bytes.view();
    StateEntry entry;
    while (next_packed_entry(rest, entry)) EXPECT_TRUE(letters.restore(entry));
  }
  ByteBuffer bytes;
};

/// Visits [from, to) as letters of these ids; "odd" or "even" is why.
void keep(KeptLetters& letters, std::uint64_t from, std::uint64_t to) {
  auto batch = keyed_batch(from, to);
  const detail::BatchView view(batch);
  for (std::size_t i = 0; i < view.size; ++i) {
    const std::uint64_t id = from + i;
    letters.keep(view, i,
                 {.id = id,
                  .reason = id % 2 == 0 ? "even" : "odd",
                  .message = "not this one",
                  .origin = "line " + std::to_string(id),
                  .attempts = 3,
                  .at = kStart + Duration(static_cast<std::int64_t>(id))});
  }
}

/// What the order takes out, the oldest first.
std::vector<std::uint64_t> take(KeptLetters& letters, const LetterOrder& order) {
  std::vector<std::uint64_t> taken;
  const auto ids = letters.chosen(order);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const auto record = letters.take(*id, order);
    if (!record) continue;
    taken.push_back(*id);
    EXPECT_EQ(record->meta.position.offset, *id + 1);
    EXPECT_EQ(record->meta.key_hash, key_hash(*id));
    EXPECT_EQ(record->attempts, 3u);
    EXPECT_EQ(record->origin, "line " + std::to_string(*id));
    detail::KeyedBatch<Key, Visit> batch;
    EXPECT_TRUE(kCodec->read(record->bytes, record->meta, batch));
    EXPECT_EQ(batch.records[0], visit(*id));
  }
  return taken;
}

TEST(KeptLetters, AreTakenOutByWhatAnOrderSays) {
  KeptLetters letters(100, kCodec);
  keep(letters, 0, 10);
  EXPECT_THAT(take(letters, {.ids = {7, 3, 3, 99}}), ElementsAre(3, 7));
  EXPECT_THAT(take(letters, {.ids = {7}}), IsEmpty()) << "it is gone";
  EXPECT_THAT(take(letters, {.reason = "odd"}), ElementsAre(1, 5, 9));
  EXPECT_THAT(take(letters, {.reason = "odd", .ids = {2}}), IsEmpty());
  EXPECT_EQ(letters.entries(), 5u);
  EXPECT_THAT(take(letters, {}), ElementsAre(0, 2, 4, 6, 8));
  EXPECT_EQ(letters.entries(), 0u);
}

TEST(KeptLetters, TheOldestGoWhenTheyAreTooMany) {
  KeptLetters letters(10, kCodec);
  keep(letters, 0, 25);
  EXPECT_EQ(letters.entries(), 10u);
  EXPECT_THAT(letters.chosen({}), SizeIs(10));
  EXPECT_THAT(take(letters, {.reason = "even"}), ElementsAre(16, 18, 20, 22, 24));
}

TEST(KeptLetters, TheOldestGoWhenTheyTakeTooMuch) {
  KeptLetters letters(1'000, kCodec);
  auto batch = keyed_batch(0, 100);
  for (std::size_t i = 0; i < batch.size(); ++i) batch.records[i].page = std::string(2u << 20, 'x');
  const detail::BatchView view(batch);
  for (std::size_t i = 0; i < view.size; ++i) letters.keep(view, i, {.id = i});
  EXPECT_LT(letters.entries(), KeptLetters::kMostBytes / (2u << 20) + 1);
  EXPECT_GT(letters.entries(), KeptLetters::kMostBytes / (2u << 20) / 2);
  EXPECT_EQ(letters.chosen({}).front(), 99u);
}

TEST(KeptLetters, ComeBackAsTheyWereSavedAlsoInParts) {
  KeptLetters letters(20, kCodec);
  keep(letters, 0, 15);
  Entries first, changes;
  letters.begin_save(first, true);
  ASSERT_TRUE(letters.save_some(SIZE_MAX));
  EXPECT_THAT(take(letters, {.ids = {4, 5}}), ElementsAre(4, 5));
  keep(letters, 15, 30);
  letters.begin_save(changes, false);
  keep(letters, 30, 40);
  EXPECT_THAT(take(letters, {.ids = {29}}), ElementsAre(29));
  ASSERT_TRUE(letters.save_some(SIZE_MAX));

  KeptLetters restored(20, kCodec);
  first.give_to(restored);
  changes.give_to(restored);
  EXPECT_EQ(restored.entries(), 20u);
  EXPECT_EQ(restored.chosen({}).front(), 29u);
  EXPECT_EQ(restored.chosen({}).back(), 10u);
  keep(restored, 40, 41);
  EXPECT_THAT(restored.chosen({.ids = {10, 11, 40}}), ElementsAre(40, 11)) << "the oldest went for the new one";
}

TEST(KeptLetters, AreFoundOnDisk) {
  test::MemorySpill disk;
  KeptLetters letters(150, kCodec);
  letters.spill_to(disk, 3);
  keep(letters, 0, 100);
  for (int tries = 0; letters.resident_keys() > 5 && tries < 1000; ++tries) (void)letters.evict(20);
  ASSERT_LE(letters.resident_keys(), 5u);
  keep(letters, 100, 200);
  EXPECT_EQ(letters.entries(), 150u) << "of those on disk the oldest have gone";
  EXPECT_THAT(take(letters, {.ids = {10, 60, 150}}), ElementsAre(60, 150));
  EXPECT_THAT(take(letters, {}), SizeIs(148));
  EXPECT_TRUE(disk.entries.empty());
}

/// Tasks were dealt out anew: older letters have greater ids than those to come, but for their lower parts.
TEST(KeptLetters, OfAnotherTaskAreOlderThanThoseToCome) {
  KeptLetters letters(3, kCodec);
  auto batch = keyed_batch(0, 5);
  const detail::BatchView view(batch);
  constexpr std::uint64_t kOther = std::uint64_t{7} << kLetterBits, kOwn = std::uint64_t{2} << kLetterBits;
  for (std::size_t i = 0; i < 3; ++i) letters.keep(view, i, {.id = kOther + i});
  letters.keep(view, 3, {.id = kOwn + 3});
  letters.keep(view, 4, {.id = kOwn + 4});
  EXPECT_THAT(letters.chosen({}), ElementsAre(kOwn + 4, kOwn + 3, kOther + 2));
}

TEST(KeptLetters, SayWhatTheyAre) {
  const StateDeclaration declared = KeptLetters(1, kCodec).declaration();
  EXPECT_EQ(declared.name, "dead_letters");
  EXPECT_EQ(to_text(declared.key), "(u64, u64)");
}

/// In a chain: dropped ones are gone, replayed ones are processed once more, and none of another operator.
class Letters : public ::testing::Test {
 protected:
  Letters() {
    auto picky = [this](const Visit& v) {
      if (is_down && v.number % 2 == 1) throw std::runtime_error("down");
      return v;
    };
    const ErrorPolicy policy{.kind = ErrorPolicyKind::dead_letter, .pause_above = 1, .max_waiting = 100, .keep = 100};
    operators.add(map(picky), policy).with_lane(policy, kCodec).to_edge(0);
    chain = operators.make();
    batch = keyed_batch(0, 10);
    chain->begin_step(kStart, 0);
    chain->offer(0, batch);
    EXPECT_TRUE(chain->drain());
  }
  void emit_all() {
    bool is_done = false;
    for (int i = 0; i < 100 && !is_done; ++i) {
      chain->begin_step(kStart, 0);
      is_done = chain->emit_due();
    }
    EXPECT_TRUE(is_done);
  }
  std::vector<std::string> arrived() {
    operators.flush(*chain);
    return operators.arrived(0);
  }

  bool is_down = true;
  ChainFixture operators;
  detail::KeyedBatch<Key, Visit> batch;
  std::unique_ptr<Chain> chain;
};

TEST_F(Letters, AreProcessedOnceMoreWhenTheyAreReplayed) {
  EXPECT_TRUE(chain->keeps_letters({}));
  EXPECT_FALSE(chain->keeps_letters({.operator_id = "op7"}));
  EXPECT_FALSE(chain->keeps_letters({.ids = {77}}));
  is_down = false;
  LetterWork work{.order = {.operator_id = "op0"}};
  EXPECT_FALSE(chain->change_letters(work, 2)) << "three are left";
  EXPECT_TRUE(chain->change_letters(work, 100));
  EXPECT_EQ(work.changed, 5u);
  EXPECT_FALSE(chain->keeps_letters({}));
  emit_all();
  EXPECT_THAT(arrived(), ::testing::UnorderedElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
  EXPECT_EQ(chain->statuses()[0].records_in, 10u) << "each came in once";
}

TEST_F(Letters, ThatFailAgainAreNewOnes) {
  LetterWork work{};
  EXPECT_TRUE(chain->change_letters(work, 100));
  emit_all();
  EXPECT_EQ(work.changed, 5u);
  EXPECT_EQ(chain->statuses()[0].letters_kept, 5u);
  EXPECT_EQ(chain->statuses()[0].dead_letters, 10u);
}

/// The brake, as the chain has it: pulled once, and once more when somebody has let the sources go and it is no better.
TEST(Brakes, BeginAnewWhenTheSourcesAreLetGo) {
  const auto always = [](const Visit& v) {
    throw std::runtime_error("down");
    return v;
  };
  ChainFixture operators;
  operators.add(map(always), {.kind = ErrorPolicyKind::dead_letter, .pause_above = 0.05}).to_edge(0);
  const auto chain = operators.make();
  const auto take = [&](std::uint64_t visits) {
    auto batch = keyed_batch(0, visits);
    chain->offer(0, batch);
    EXPECT_TRUE(chain->drain());
    chain->begin_step(kStart, 0);
  };
  take(DeadLetterBrake::kLeastRecords - 1);
  EXPECT_EQ(operators.listener.brakes, 0) << "too few say nothing";
  take(10);
  EXPECT_EQ(operators.listener.brakes, 1);
  take(500);
  EXPECT_EQ(operators.listener.brakes, 1) << "it is told once";
  chain->begin_brakes_anew();
  take(DeadLetterBrake::kLeastRecords - 1);
  EXPECT_EQ(operators.listener.brakes, 1) << "what was before does not count";
  take(1);
  EXPECT_EQ(operators.listener.brakes, 2);
}

TEST_F(Letters, ThatAreDroppedAreGone) {
  LetterWork other{.order = {.operator_id = "op7", .replays = false}};
  EXPECT_TRUE(chain->change_letters(other, 100));
  EXPECT_EQ(other.changed, 0u);
  LetterWork work{.order = {.reason = "exception std::runtime_error", .replays = false}};
  EXPECT_TRUE(chain->change_letters(work, 100));
  EXPECT_EQ(work.changed, 5u);
  emit_all();
  EXPECT_THAT(arrived(), ElementsAre("0", "2", "4", "6", "8"));
}

}  // namespace
}  // namespace freshet::task::testing_support::kept_letters
