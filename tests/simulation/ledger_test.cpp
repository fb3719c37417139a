#include "tests/simulation/ledger.h"

#include <gmock/gmock.h>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"
#include "tests/simulation/sim_journal.h"
#include "tests/simulation/sim_storage.h"

/// That what watches over checkpoints and commits can see something, and that the disk loses what it may.
namespace freshet::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

checkpoint::Manifest manifest_with(CheckpointId id, const std::vector<std::string>& handles) {
  checkpoint::Manifest manifest;
  manifest.job = JobId{1};
  manifest.attempt = Attempt{1};
  manifest.revision = Revision{1};
  manifest.checkpoint = id;
  manifest.chains = {{{"sink"}, 1}};
  for (const auto& handle : handles) manifest.handles.push_back({"sink", 0, handle});
  return manifest;
}

struct Seen {
  std::vector<std::string> wrong;
  Ledger ledger{[this](const std::string& what) { wrong.push_back(what); }};
};

TEST(Ledger, SeesACommitThatNoManifestNames) {
  Seen seen;
  seen.ledger.on_published(manifest_with({1}, {"a"}));
  seen.ledger.on_commit({1}, "a");
  EXPECT_THAT(seen.wrong, IsEmpty());
  seen.ledger.on_commit({1}, "b");
  EXPECT_THAT(seen.wrong, ElementsAre(HasSubstr("no complete checkpoint names it")));
}

TEST(Ledger, SeesAStaleCommitOfWhatTheNewAttemptDidNotBeginWith) {
  Seen seen;
  seen.ledger.on_published(manifest_with({1}, {"a"}));
  seen.ledger.on_published(manifest_with({2}, {"a", "b"}));
  seen.ledger.on_attempt({1}, {0});
  seen.ledger.on_attempt({2}, {1});
  seen.ledger.on_commit({1}, "a");
  EXPECT_THAT(seen.wrong, IsEmpty());
  EXPECT_TRUE(seen.ledger.is_between_commits());
  seen.ledger.on_commit({1}, "b");
  EXPECT_THAT(seen.wrong, ElementsAre(HasSubstr("after attempt 2 has begun without it")));
}

TEST(Ledger, SeesANumberThatIsGivenOutTwice) {
  Seen seen;
  seen.ledger.on_inject({1}, {1}, {7});
  seen.ledger.on_inject({1}, {1}, {7});
  EXPECT_THAT(seen.wrong, IsEmpty());
  seen.ledger.on_inject({2}, {1}, {7});
  EXPECT_THAT(seen.wrong, ElementsAre(HasSubstr("checkpoint 7 is given out twice")));
}

struct OneDisk {
  base::ManualClock clock;
  Scheduler scheduler{clock, base::Random(1)};
  std::vector<std::string> wrong;
  std::vector<CheckpointId> published;
  SimDisk disk{scheduler,
               base::Random(2),
               {[this](const std::string& what) { wrong.push_back(what); },
                [this](const checkpoint::Manifest& manifest) { published.push_back(manifest.checkpoint); },
                [](Attempt, CheckpointId, std::size_t) {}}};
  SimStorage worker{disk, 30ms};
  SimStorage manager{disk, 30ms};

  /// A snapshot of the only task, and the manifest of its checkpoint.
  checkpoint::Manifest save(CheckpointId id) {
    const checkpoint::SnapshotId snapshot{JobId{1}, Attempt{1}, id, {0, 0}};
    const std::string bytes = checkpoint::SnapshotWriter(snapshot).finish();
    EXPECT_TRUE(worker.put(checkpoint::snapshot_name(snapshot), bytes));
    auto manifest = manifest_with(id, {});
    manifest.snapshots = {
        {{0, 0}, checkpoint::snapshot_name(snapshot), bytes.size(), checkpoint::checksum_of(bytes), false}};
    return manifest;
  }
  void publish(const checkpoint::Manifest& manifest) {
    const auto bytes = checkpoint::encode_manifest(manifest);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    ASSERT_TRUE(manager.publish(checkpoint::manifest_name(JobId{1}, manifest.checkpoint), *bytes).ok());
  }
};

TEST(SimDisk, SeesAManifestOfWhatIsNotSynced) {
  OneDisk one;
  one.publish(one.save({1}));
  EXPECT_THAT(one.wrong, ElementsAre(HasSubstr("not durable")));
}

TEST(SimDisk, SeesANeededFileGo) {
  OneDisk one;
  const auto manifest = one.save({1});
  one.clock.advance_to(one.clock.steady() + 1s);
  one.publish(manifest);
  EXPECT_THAT(one.wrong, IsEmpty());
  EXPECT_THAT(one.published, ElementsAre(CheckpointId{1}));
  EXPECT_TRUE(one.manager.remove(manifest.snapshots[0].name));
  EXPECT_THAT(one.wrong, ElementsAre(HasSubstr("checkpoint 1 needs it")));
}

TEST(SimDisk, ACrashTakesSomeOfWhatIsNotSyncedAndNothingElse) {
  OneDisk one;
  (void)one.save({1});
  one.clock.advance_to(one.clock.steady() + 1s);
  for (std::uint64_t id = 2; id < 30; ++id) (void)one.save({id});
  one.worker.crash();
  EXPECT_GT(one.disk.lost(), 0u);
  EXPECT_LT(one.disk.lost(), 28u);
  EXPECT_TRUE(one.worker.get(checkpoint::snapshot_name({JobId{1}, Attempt{1}, {1}, {0, 0}}), 1 << 20).ok());
}

TEST(SimDisk, WhenItIsFullNothingIsWritten) {
  OneDisk one;
  one.disk.fill_up(1s);
  EXPECT_FALSE(one.worker.put("a", "b").ok());
  EXPECT_FALSE(one.manager.publish("a", "b").ok());
  EXPECT_FALSE(one.worker.get("a", 10).ok());
}

TEST(SimJournal, DiesAroundAnAppend) {
  base::ManualClock clock;
  Scheduler scheduler{clock, base::Random(1)};
  SimJournal journal(scheduler);
  journal.die_at_next_append(SimJournal::Death::before);
  EXPECT_THROW((void)journal.append("one"), ManagerDied);
  journal.die_at_next_append(SimJournal::Death::after);
  EXPECT_THROW((void)journal.append("two"), ManagerDied);
  std::vector<std::string> entries;
  EXPECT_TRUE(journal.replay([&](std::string_view entry) { entries.emplace_back(entry); }));
  EXPECT_THAT(entries, ElementsAre("two"));
}

}  // namespace
}  // namespace freshet::sim
