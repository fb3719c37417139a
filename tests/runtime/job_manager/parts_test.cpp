#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/job_manager/agent_registry.h"
#include "runtime/job_manager/library_store.h"
#include "runtime/job_manager/log_source.h"
#include "runtime/job_manager/status_book.h"
#include "runtime/job_manager/time_line.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "freshet-parts-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

wire::AgentHello hello(const std::string& name, std::uint64_t pid = 1) { return {name, "host", 4, pid, "0.1", {}}; }

TEST(AgentRegistry, SilenceMakesAnAgentLostAndAHeartbeatBringsItBack) {
  AgentRegistry agents({10, 1000ms});
  base::SteadyTime now{};
  EXPECT_EQ(agents.on_hello("p", hello("a"), now), AgentRegistry::Hello::joined);
  EXPECT_EQ(agents.next_deadline(now + 1h), now + 1001ms);
  EXPECT_TRUE(agents.on_tick(now + 1000ms).empty());
  EXPECT_EQ(agents.on_tick(now + 1001ms), std::vector<std::string>{"a"});
  EXPECT_TRUE(agents.on_tick(now + 2000ms).empty());
  EXPECT_EQ(agents.on_heartbeat("p2", {"a", 1, 2, 3, 4, {}}, now + 2000ms), AgentRegistry::Beat::back);
  EXPECT_EQ(agents.find("a")->peer, "p2");
  EXPECT_EQ(agents.on_heartbeat("p", {"b", 1, 2, 3, 4, {}}, now), AgentRegistry::Beat::unknown);
}

TEST(AgentRegistry, LimitsOfNumberNameAndSlots) {
  AgentRegistry agents({2, 1000ms});
  const base::SteadyTime now{};
  EXPECT_EQ(agents.on_hello("p", hello("a"), now), AgentRegistry::Hello::joined);
  EXPECT_EQ(agents.on_hello("p", hello("b"), now), AgentRegistry::Hello::joined);
  EXPECT_EQ(agents.on_hello("p", hello("c"), now), AgentRegistry::Hello::refused);
  EXPECT_EQ(agents.on_hello("p", hello("a"), now), AgentRegistry::Hello::known);
  EXPECT_EQ(agents.on_hello("p", hello("a", 2), now), AgentRegistry::Hello::replaced);
  EXPECT_EQ(agents.on_hello("p", hello(""), now), AgentRegistry::Hello::refused);
  EXPECT_EQ(agents.on_hello("p", hello(std::string(AgentRegistry::kMaxNameBytes + 1, 'x')), now),
            AgentRegistry::Hello::refused);
  wire::AgentHello greedy = hello("a");
  greedy.slots = AgentRegistry::kMaxSlots + 1;
  EXPECT_EQ(agents.on_hello("p", greedy, now), AgentRegistry::Hello::refused);
  // One that is lost makes room.
  ASSERT_EQ(agents.on_tick(now + 2s).size(), 2u);
  EXPECT_EQ(agents.on_hello("p", hello("c"), now + 2s), AgentRegistry::Hello::joined);
  EXPECT_EQ(agents.all().size(), 2u);
}

TEST(TimeLine, ForgetsTheOldestAtItsLimit) {
  TimeLine line(3);
  for (int i = 0; i < 5; ++i) line.add(i, "state", std::to_string(i));
  EXPECT_EQ(line.forgotten(), 2u);
  EXPECT_EQ(line.events().front().text, "2");
  line.add(9, "worker", std::string(TimeLine::kMaxTextBytes + 1, 'x'));
  EXPECT_EQ(line.events().back().text.size(), TimeLine::kMaxTextBytes);
}

TEST(LibraryStore, FilesAreVerifiedStoredOnceAndReadInPieces) {
  const Folder folder;
  const std::string bytes = "a library of some bytes";
  const std::string sha256 = base::sha256_hex(bytes);
  {
    FileLibraryStore store(folder.path + "/libraries");
    EXPECT_FALSE(store.put(sha256, "other bytes").ok());
    EXPECT_FALSE(store.put("../../escape", bytes).ok());
    EXPECT_FALSE(store.put(base::sha256_hex(""), "").ok());
    EXPECT_EQ(store.size_of(sha256), std::nullopt);
    ASSERT_TRUE(store.put(sha256, bytes).ok());
    ASSERT_TRUE(store.put(sha256, bytes).ok());
  }
  FileLibraryStore store(folder.path + "/libraries");
  EXPECT_EQ(store.size_of(sha256), bytes.size());
  EXPECT_EQ(store.read(sha256, 2, 7).value_or(""), "library");
  EXPECT_EQ(store.read(sha256, 20, 100).value_or(""), "tes");
  EXPECT_FALSE(store.read(base::sha256_hex("x"), 0, 1).ok());
}

TEST(LibraryChunks, AgentGetsTheLibraryPieceByPiece) {
  FakeCluster cluster;
  const std::string large(wire::kLibraryChunkBytes + 10, 'l');
  ASSERT_TRUE(cluster.libraries.put(base::sha256_hex(large), large).ok());
  const auto ask = [&](const std::string& sha256, std::uint64_t offset) {
    cluster.say("agent a", wire::LibraryRequest{"a", sha256, offset});
    cluster.deliver();
  };
  ask(base::sha256_hex(large), 0);
  ask(base::sha256_hex(large), wire::kLibraryChunkBytes);
  ask(base::sha256_hex(large), large.size());  // behind its end: no answer
  ask(base::sha256_hex("missing"), 0);
  const auto chunks = cluster.sent<wire::LibraryChunk>();
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0].second.bytes.size(), wire::kLibraryChunkBytes);
  EXPECT_EQ(chunks[0].second.total, large.size());
  EXPECT_EQ(chunks[1].second.bytes, "llllllllll");
  EXPECT_EQ(chunks[2].second.total, 0u);
}

TEST(LogSource, LinesOfSeveralWorkersComeInOrderAndGoOnFromACursor) {
  const Folder folder;
  const std::string attempt = folder.path + "/jobs/job-7/attempt-1";
  fs::create_directories(attempt + "/worker-1");
  std::ofstream(attempt + "/worker-0.out") << "2026-03-01T03:07:11.020Z warn  operator=category no such category\n"
                                           << "  with a second line\n";
  std::ofstream(attempt + "/worker-1/worker.log") << "2026-03-01T03:07:10.000Z info  started\n";
  std::ofstream(attempt + "/unrelated") << "x\n";
  FileLogSource logs({folder.path, folder.path + "/none"});
  LogQuery query;
  query.job = JobId{7};
  const LogPage page = logs.read(query);
  ASSERT_EQ(page.lines.size(), 3u);
  EXPECT_EQ(page.lines[0].text, "started");
  EXPECT_EQ(page.lines[0].worker, 1u);
  EXPECT_EQ(page.lines[1].operator_id, "category");
  EXPECT_EQ(page.lines[1].level, "warn");
  EXPECT_EQ(page.lines[2].time_ms, page.lines[1].time_ms);

  query.cursor = page.next;
  EXPECT_TRUE(logs.read(query).lines.empty());
  std::ofstream(attempt + "/worker-0.out", std::ios::app) << "2026-03-01T03:07:12Z error boom\nhalf a line";
  const LogPage more = logs.read(query);
  ASSERT_EQ(more.lines.size(), 1u);
  EXPECT_EQ(more.lines[0].text, "boom");

  query.cursor = "";
  query.level = "warn";
  EXPECT_EQ(logs.read(query).lines.size(), 2u);
  query.worker = 1;
  EXPECT_TRUE(logs.read(query).lines.empty());
  query = {};
  query.job = JobId{7};
  query.limit = 1;
  EXPECT_EQ(logs.read(query).lines.back().text, "boom");
  query.cursor = "c-..._1.0.o.99999999999999999999_x";
  EXPECT_LE(logs.read(query).lines.size(), 1u);
}

TEST(StatusBook, TasksOfElsewhereAndNumbersThatShrinkAreRefused) {
  FakeCluster cluster;
  cluster.add_agent("a", 8);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  StatusBook book(cluster.job(job).submission().graph, cluster.job(job).plan());
  wire::WorkerStatus status{{job, Attempt{1}, WorkerId{0}}, {}, 0, 0, {}};
  wire::TaskStatus task;
  task.task = {7, 0};
  status.tasks = {task};
  book.take(status, {});
  EXPECT_EQ(book.refused(), 1u);
  task.task = {0, 0};
  task.operators.push_back({99});
  status.tasks = {task};
  book.take(status, {});
  EXPECT_EQ(book.refused(), 2u);
  task.operators = {{0, 0, 100}};
  task.latency_us.resize(base::LatencyHistogram::kBuckets + 1);
  status.tasks = {task};
  book.take(status, {});
  EXPECT_EQ(book.refused(), 3u);
  task.latency_us.clear();
  status.tasks = {task};
  book.take(status, {});
  task.operators = {{0, 0, 50}};
  status.tasks = {task};
  book.take(status, {});
  EXPECT_EQ(book.refused(), 4u);
  EXPECT_EQ(book.tasks().size(), 1u);
  EXPECT_EQ(book.tasks()[0].status.operators[0].records_out, 100u);
}

}  // namespace
}  // namespace freshet::manager
