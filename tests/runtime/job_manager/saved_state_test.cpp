#include "runtime/checkpoint/saved_state.h"

#include <freshet/keyed.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/base/random.h"
#include "tests/runtime/job_manager/saved_operator.h"
#include "tests/support/seed.h"

namespace freshet::manager {
namespace {

using checkpoint::read_state;
using checkpoint::StatePage;
using checkpoint::StatePosition;
using checkpoint::StateQuery;

template <class T>
T decoded(const std::string& bytes) {
  T value{};
  EXPECT_TRUE(decode_all(bytes, value));
  return value;
}
template <class K>
K key_of(const std::string& bytes) {
  K key{};
  EXPECT_TRUE(decode_key(bytes, key));
  return key;
}

StateQuery query_of(const std::string& state) {
  StateQuery query;
  query.operator_id = "totals";
  query.state = state;
  query.is_map = state == "map";
  query.now_ms = 1'000'000;
  return query;
}
StateQuery query_of(const std::string& state, std::uint64_t key) {
  StateQuery query = query_of(state);
  ByteBuffer bytes;
  encode_key(bytes, key);
  query.key = bytes.view();
  query.key_hash = key_hash(key);
  return query;
}

/// Every entry, page by page, which are in order and not longer than they may be.
std::vector<checkpoint::SavedEntry> scan(SavedOperator& saved, const checkpoint::Manifest& manifest, StateQuery query) {
  std::vector<checkpoint::SavedEntry> all;
  for (;;) {
    auto page = read_state(*saved.storage, manifest, query);
    if (!page.ok()) {
      ADD_FAILURE() << page.error().message;
      return all;
    }
    EXPECT_LE(page->entries.size(), query.most_entries);
    for (auto& entry : page->entries) {
      EXPECT_TRUE(all.empty() || all.back().position < entry.position);
      all.push_back(std::move(entry));
    }
    if (!page->next) return all;
    if (!(query.after < *page->next)) {
      ADD_FAILURE() << "it stands still";
      return all;
    }
    query.after = *page->next;
  }
}

/// What the states hold, kept beside them.
struct Model {
  std::map<std::uint64_t, std::string> value{};
  std::map<std::uint64_t, std::vector<std::int64_t>> list{};
  std::map<std::uint64_t, std::map<std::string, std::int64_t>> map{};
};

void change(SavedOperator& saved, Model& model, base::Random& random) {
  const std::uint64_t key = random.below(60);
  test::States& states = saved.at(key);
  const std::string map_key = "m" + std::to_string(random.below(5));
  const auto number = static_cast<std::int64_t>(random.below(1'000'000));
  switch (random.below(8)) {
    case 0:
      states.value.clear();
      model.value.erase(key);
      break;
    case 1:
      states.list.clear();
      model.list.erase(key);
      break;
    case 2:
      states.map.erase(map_key);
      if (model.map.contains(key)) model.map[key].erase(map_key);
      if (model.map.contains(key) && model.map[key].empty()) model.map.erase(key);
      break;
    case 3:
      states.map.clear();
      model.map.erase(key);
      break;
    case 4:
    case 5:
      states.value.get() = model.value[key] = std::to_string(number);
      break;
    case 6:
      states.list.push_back(number);
      model.list[key].push_back(number);
      break;
    default:
      states.map[map_key] = number;
      model.map[key][map_key] = number;
  }
}

void expect_same(SavedOperator& saved, const Model& model, std::uint64_t number, std::size_t page) {
  const auto manifest = saved.manifest(number);
  Model read;
  for (const std::string state : {"value", "list", "map"}) {
    StateQuery query = query_of(state);
    query.most_entries = page;
    for (const auto& entry : scan(saved, manifest, query)) {
      const auto key = key_of<std::uint64_t>(entry.position.key);
      EXPECT_EQ(entry.position.task, saved.task_of(key));
      if (state == "value") read.value[key] = decoded<std::string>(entry.value);
      if (state == "list") read.list[key] = decoded<std::vector<std::int64_t>>(entry.value);
      if (state == "map")
        read.map[key][key_of<std::string>(entry.position.map_key)] = decoded<std::int64_t>(entry.value);
    }
  }
  EXPECT_EQ(read.value, model.value);
  EXPECT_EQ(read.list, model.list);
  EXPECT_EQ(read.map, model.map);
  for (std::uint64_t key = 0; key < 60; ++key) {
    const auto value = read_state(*saved.storage, manifest, query_of("value", key));
    ASSERT_TRUE(value.ok()) << value.error().message;
    ASSERT_EQ(value->entries.size(), model.value.count(key)) << key;
    if (!value->entries.empty()) {
      EXPECT_EQ(decoded<std::string>(value->entries[0].value), model.value.at(key));
    }
    StateQuery of_map = query_of("map", key);
    of_map.most_entries = page;
    EXPECT_EQ(scan(saved, manifest, of_map).size(), model.map.contains(key) ? model.map.at(key).size() : 0) << key;
  }
}

TEST(SavedState, IsWhatTheTablesHeldAtEachCheckpoint) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  SavedOperator saved(3);
  Model model;
  for (std::uint64_t checkpoint = 1; checkpoint <= 12; ++checkpoint) {
    const auto changes = random.below(200);
    for (std::uint64_t i = 0; i < changes; ++i) change(saved, model, random);
    saved.save(checkpoint, random.below(5) == 0);
    expect_same(saved, model, checkpoint, 1 + random.below(40));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SavedState, TheStatesOfAnOperatorAreThoseItDeclared) {
  SavedOperator saved(2, Duration(500));
  saved.save(1);
  saved.at(7).value.get() = "seven";
  saved.save(2);
  const auto states = checkpoint::saved_states(*saved.storage, saved.manifest(2), "totals");
  ASSERT_TRUE(states.ok()) << states.error().message;
  std::set<std::string> names;
  for (const auto& state : *states) names.insert(state.kind + " " + state.name + " by " + to_text(state.key));
  EXPECT_EQ(names, (std::set<std::string>{"value value by u64", "list list by u64", "map map by u64"}));
  EXPECT_EQ(states->front().ttl, Duration(500));
  EXPECT_TRUE(checkpoint::saved_states(*saved.storage, saved.manifest(2), "numbers")->empty());
  EXPECT_TRUE(checkpoint::saved_states(*saved.storage, saved.manifest(2), "other")->empty());
}

TEST(SavedState, WhatHasOutlivedItsTtlIsLeftOutAndCounted) {
  SavedOperator saved(1, Duration(1'000));
  saved.at(1).value.get() = "old";
  saved.at(1).map["first"] = 1;
  saved.at(2).map["first"] = 1;
  saved.at(2).map["middle"] = 1;
  saved.save(1);
  saved.now_ms += 600;
  saved.at(3).value.get() = "new";
  saved.at(2).map["last"] = 2;
  saved.save(2);
  const auto read = [&](const std::string& state, std::int64_t now_ms, std::size_t most = 100) {
    StateQuery query = query_of(state);
    query.now_ms = now_ms;
    query.most_entries = most;
    return *read_state(*saved.storage, saved.manifest(2), query);
  };
  EXPECT_EQ(read("value", 1'000'999).entries.size(), 2u);
  EXPECT_EQ(read("value", 1'001'000).entries.size(), 1u);
  EXPECT_EQ(read("value", 1'001'000).expired, 1u);
  EXPECT_EQ(read("value", 1'001'600).entries.size(), 0u);
  // A map lives as long as what was written into it last, also when that is on another page.
  const StatePage maps = read("map", 1'001'000);
  ASSERT_EQ(maps.entries.size(), 3u);
  EXPECT_EQ(maps.expired, 1u);
  EXPECT_EQ(maps.entries[0].written_ms, 1'000'600);
  StateQuery one = query_of("map", 2);
  one.now_ms = 1'001'000;
  one.most_entries = 1;
  EXPECT_EQ(scan(saved, saved.manifest(2), one).size(), 3u);
}

TEST(SavedState, EachMemberOfASetHasATtlOfItsOwn) {
  detail::SeenTable<std::uint64_t, std::string> seen({.ttl = Duration(1'000)});
  SavedOperator saved(1, Duration(1'000));
  saved.at(7).states.emplace_back("seen", &seen);
  const auto see = [&](const std::string& id, std::int64_t now_ms) {
    (void)seen.is_new({7, id}, seen.hash_of(key_hash(std::uint64_t{7}), id), now_ms, now_ms - 1'000);
  };
  see("a", 1'000'000);
  see("b", 1'000'600);
  saved.save(1);
  StateQuery query = query_of("seen", 7);
  query.is_map = true;
  query.now_ms = 1'001'000;
  const auto page = read_state(*saved.storage, saved.manifest(1), query);
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(key_of<std::string>(page->entries[0].position.map_key), "b");
  EXPECT_EQ(page->expired, 1u);
}

TEST(SavedState, LargeEntriesArePagesOfTheirOwn) {
  SavedOperator saved(1);
  for (std::uint64_t key = 0; key < 4; ++key) saved.at(key).value.get() = std::string(700'000, 'a');
  saved.save(1);
  StateQuery query = query_of("value");
  std::size_t pages = 0;
  for (std::optional<StatePosition> next = StatePosition(); next && pages < 10; ++pages) {
    query.after = *next;
    const auto page = read_state(*saved.storage, saved.manifest(1), query);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->entries.size(), 1u);
    next = page->next;
  }
  EXPECT_EQ(pages, 4u);
}

TEST(SavedState, WhatDidNotFitIsNotSkippedWhenLaterFilesMakeRoom) {
  SavedOperator saved(1);
  for (std::uint64_t key = 1; key <= 2; ++key) saved.at(key).value.get() = std::string(900'000, 'a');
  saved.save(1);
  saved.at(1).value.get() = "small";
  saved.at(3).value.get() = "new";
  saved.save(2);
  const auto entries = scan(saved, saved.manifest(2), query_of("value"));
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(decoded<std::string>(entries[1].value).size(), 900'000u);
}

/// Notes which files are read.
class WatchedStorage final : public checkpoint::CheckpointStorage {
 public:
  explicit WatchedStorage(CheckpointStorage& under) : under_(under) {}
  Status put(std::string_view, std::string_view) override { return Error{"not here"}; }
  Result<bool> publish(std::string_view, std::string_view) override { return Error{"not here"}; }
  Status remove(std::string_view) override { return Error{"not here"}; }
  Result<std::string> get(std::string_view name, std::uint64_t max_bytes) override {
    read.emplace_back(name);
    return under_.get(name, max_bytes);
  }
  Result<std::vector<std::string>> list(std::string_view folder) override { return under_.list(folder); }
  std::vector<std::string> read;

 private:
  CheckpointStorage& under_;
};

TEST(SavedState, OneKeyIsReadFromItsTasksNewestFileThatTells) {
  SavedOperator saved(2);
  for (std::uint64_t key = 0; key < 60; ++key) saved.at(key).value.get() = "some text that fills the first files";
  saved.save(1);
  std::uint64_t changed = 0, gone = 1;
  while (saved.task_of(changed) != 1) ++changed;
  while (saved.task_of(gone) != 1 || gone == changed) ++gone;
  saved.at(changed).value.get() = "changed";
  saved.at(gone).value.clear();
  saved.save(2);
  const auto manifest = saved.manifest(2);
  WatchedStorage watched(*saved.storage);
  const auto page = read_state(watched, manifest, query_of("value", changed));
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(decoded<std::string>(page->entries[0].value), "changed");
  for (const auto& name : watched.read) EXPECT_TRUE(name.starts_with("job-1/snapshots/c2-a1-t0.1")) << name;
  watched.read.clear();
  EXPECT_TRUE(read_state(watched, manifest, query_of("value", gone))->entries.empty());
  for (const auto& name : watched.read) EXPECT_TRUE(name.starts_with("job-1/snapshots/c2-a1-t0.1")) << name;
}

TEST(SavedState, AFileThatIsDamagedOrGoneIsNamed) {
  SavedOperator saved(1);
  saved.at(1).value.get() = "one";
  saved.save(1);
  const auto manifest = saved.manifest(1);
  const std::string name = manifest.snapshots[0].name;
  std::string& bytes = saved.storage->files.at(name);
  bytes[bytes.size() / 2] ^= 1;
  const auto damaged = read_state(*saved.storage, manifest, query_of("value"));
  ASSERT_FALSE(damaged.ok());
  EXPECT_NE(damaged.error().message.find(name + ": "), std::string::npos) << damaged.error().message;
  ASSERT_TRUE(saved.storage->remove(name).ok());
  const auto gone = read_state(*saved.storage, manifest, query_of("value"));
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().message.find(name), std::string::npos) << gone.error().message;
}

TEST(SavedState, PositionsBehindTheEndAreNothing) {
  SavedOperator saved(2);
  saved.at(1).value.get() = "one";
  saved.save(1);
  StateQuery query = query_of("value");
  query.after = {7, "x", "y"};
  EXPECT_TRUE(read_state(*saved.storage, saved.manifest(1), query)->entries.empty());
  query.after = {1, std::string(100, '\xff'), ""};
  EXPECT_TRUE(read_state(*saved.storage, saved.manifest(1), query)->entries.empty());
}

}  // namespace
}  // namespace freshet::manager
