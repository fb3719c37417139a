#include "runtime/agent/agent.h"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/runtime/agent/fake_machine.h"

namespace freshet::agent {
namespace {

using namespace std::chrono_literals;

WorkerKey worker(std::uint32_t number, std::uint32_t attempt = 1, std::uint64_t job = 1) {
  return {JobId{job}, Attempt{attempt}, WorkerId{number}};
}

class AgentTest : public testing::Test {
 protected:
  void welcome(std::uint64_t term = 1) { agent.on_message({Term{term}, wire::AgentWelcome{100ms, 1000ms}}); }
  void give(wire::ControlBody body, std::uint64_t term = 1) { agent.on_message({Term{term}, std::move(body)}); }
  wire::StartWorker start(const WorkerKey& key) const {
    return {key, "shop", base::sha256_hex(library), library.size()};
  }
  void have_library() { cache.whole.insert(base::sha256_hex(library)); }
  wire::LibraryChunk chunk(std::uint64_t offset, std::size_t bytes) const {
    return {base::sha256_hex(library), offset, library.size(), library.substr(offset, bytes)};
  }

  const std::string library = std::string(3000, 'l');
  base::ManualClock clock;
  RecordedManager manager;
  FakeLauncher launcher;
  FakeLibraryCache cache;
  FakeGauge gauge;
  Agent agent{{"shop-1", "host-1", 8, 77, "0.1"}, clock, manager, launcher, cache, gauge};
};

TEST_F(AgentTest, SaysHelloUntilWelcomedThenSendsHeartbeats) {
  agent.on_connected();
  clock.advance(1s);
  agent.on_tick();
  ASSERT_EQ(manager.all<wire::AgentHello>().size(), 2u);
  EXPECT_EQ(manager.all<wire::AgentHello>()[0].slots, 8u);
  welcome();
  EXPECT_EQ(agent.on_tick(), clock.steady() + 100ms);
  clock.advance(100ms);
  agent.on_tick();
  ASSERT_EQ(manager.all<wire::AgentHeartbeat>().size(), 1u);
  EXPECT_EQ(manager.all<wire::AgentHeartbeat>()[0].disk_free, 300u);
  EXPECT_EQ(manager.all<wire::AgentHello>().size(), 2u);
}

TEST_F(AgentTest, TakesOverTheWorkersThatAnEarlierOneLeft) {
  launcher.survivors = {{worker(0), 500}, {worker(1), 501}};
  agent.take_over();
  agent.on_connected();
  ASSERT_EQ(manager.all<wire::AgentHello>().size(), 1u);
  EXPECT_EQ(manager.all<wire::AgentHello>()[0].workers, (std::vector{worker(0), worker(1)}));
  welcome();
  have_library();
  give(start(worker(0)));
  EXPECT_TRUE(launcher.started.empty());
  EXPECT_EQ(manager.all<wire::WorkerStarted>().at(0).pid, 500u);
  give(wire::StopWorker{worker(1), 1000ms});
  EXPECT_EQ(launcher.terminated, std::vector{worker(1)});
  agent.on_worker_exit(worker(1), {.code = -1, .is_guessed = true});
  const auto ended = manager.all<wire::WorkerEnded>();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].exit_code, -1);
  EXPECT_TRUE(ended[0].message.starts_with("how it ended nobody has seen")) << ended[0].message;
}

TEST_F(AgentTest, StartsAWorkerOnceAndAnswersARepeatedOrder) {
  have_library();
  welcome();
  give(start(worker(0)));
  give(start(worker(0)));
  EXPECT_EQ(launcher.started.size(), 1u);
  EXPECT_EQ(launcher.started[0].library_path, "cache/" + base::sha256_hex(library));
  ASSERT_EQ(manager.all<wire::WorkerStarted>().size(), 2u);
  EXPECT_EQ(manager.all<wire::WorkerStarted>()[1].pid, 1001u);
}

TEST_F(AgentTest, FetchesAMissingLibraryInPiecesForAllThatWait) {
  welcome();
  give(start(worker(0)));
  give(start(worker(1)));
  ASSERT_EQ(manager.all<wire::LibraryRequest>().size(), 1u);
  give(chunk(0, 2000));
  give(chunk(0, 2000));  // repeated: ignored
  ASSERT_EQ(manager.all<wire::LibraryRequest>().size(), 2u);
  EXPECT_EQ(manager.all<wire::LibraryRequest>()[1].offset, 2000u);
  EXPECT_TRUE(launcher.started.empty());
  give(chunk(2000, 1000));
  EXPECT_EQ(launcher.started.size(), 2u);
  EXPECT_EQ(manager.all<wire::WorkerStarted>().size(), 2u);
}

TEST_F(AgentTest, AsksAgainWhenAPieceDoesNotCome) {
  agent.on_connected();
  welcome();
  give(start(worker(0)));
  clock.advance(LibraryFetch::kRetryAfter);
  agent.on_tick();
  ASSERT_EQ(manager.all<wire::LibraryRequest>().size(), 2u);
  EXPECT_EQ(manager.all<wire::LibraryRequest>()[1].offset, 0u);
}

TEST_F(AgentTest, SaysWhyALibraryCannotBeHad) {
  welcome();
  give(start(worker(0)));
  give(wire::LibraryChunk{base::sha256_hex(library), 0, 0, ""});
  ASSERT_EQ(manager.all<wire::WorkerEnded>().size(), 1u);
  EXPECT_NE(manager.all<wire::WorkerEnded>()[0].message.find("does not have library"), std::string::npos);

  give(start(worker(1)));
  give(wire::LibraryChunk{base::sha256_hex(library), 0, library.size(), std::string(library.size(), 'x')});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().message, "could not be started: arrived damaged");

  give(start(worker(2)));
  give(wire::LibraryChunk{base::sha256_hex(library), 0, LibraryFetch::kMaxLibraryBytes + 1, "x"});
  EXPECT_NE(manager.all<wire::WorkerEnded>().back().message.find("at most 512 MiB"), std::string::npos);
  EXPECT_TRUE(launcher.started.empty());
}

TEST_F(AgentTest, EndOfAWorkerIsToldWithItsCrashReport) {
  have_library();
  welcome();
  give(start(worker(0)));
  launcher.left = {"last words", wire::RecordTrace{"totals", "in.csv, line 3", "{}"}};
  agent.on_worker_exit(worker(0), {0, 11});
  agent.on_worker_exit(worker(0), {0, 11});
  ASSERT_EQ(manager.all<wire::WorkerEnded>().size(), 1u);
  const auto ended = manager.all<wire::WorkerEnded>()[0];
  EXPECT_EQ(ended.signal, 11);
  EXPECT_EQ(ended.message, "last words");
  EXPECT_EQ(ended.crash->operator_id, "totals");
  EXPECT_EQ(agent.running_workers(), 0u);
}

TEST_F(AgentTest, AKillThatTheKernelCountsIsOneForMemoryAndExplainsOneEndOnly) {
  have_library();
  welcome();
  for (std::uint32_t i = 0; i < 3; ++i) give(start(worker(i)));
  agent.on_worker_exit(worker(0), {0, SIGKILL});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::unknown) << "the counter did not move";
  gauge.kills->count = 6;
  agent.on_worker_exit(worker(1), {0, SIGKILL});
  agent.on_worker_exit(worker(2), {0, SIGKILL});
  const auto ended = manager.all<wire::WorkerEnded>();
  EXPECT_EQ(ended[1].by, wire::EndedBy::out_of_memory);
  EXPECT_EQ(ended[1].memory, (wire::MemoryKill{true, 1, 1u << 30}));
  EXPECT_EQ(ended[2].by, wire::EndedBy::unknown) << "the one kill was of worker 1";
  give(start(worker(3)));
  agent.on_worker_exit(worker(3), {0, SIGKILL});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::unknown) << "it began behind the kill";
}

TEST_F(AgentTest, WithoutACounterOfItsOwnAKillForMemoryIsAGuess) {
  have_library();
  welcome();
  gauge.kills = MemoryKills{.of_agent = false, .count = 7};
  give(start(worker(0)));
  gauge.kills->count = 9;
  agent.on_worker_exit(worker(0), {0, SIGKILL});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::out_of_memory);
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().memory, (wire::MemoryKill{false, 2, 0}));
  give(start(worker(1)));
  gauge.kills.reset();
  agent.on_worker_exit(worker(1), {0, SIGKILL});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::unknown);
}

TEST_F(AgentTest, WhatItEndedItselfIsToldApart) {
  have_library();
  welcome();
  for (std::uint32_t i = 0; i < 3; ++i) give(start(worker(i)));
  give(wire::StopWorker{worker(0), 500ms});
  agent.on_worker_exit(worker(0), {0, SIGTERM});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::agent);
  give(wire::StopWorker{worker(1), 500ms});
  clock.advance(600ms);
  static_cast<void>(agent.on_tick());
  ASSERT_EQ(launcher.killed, std::vector{worker(1)});
  gauge.kills->count += 1;
  agent.on_worker_exit(worker(1), {0, SIGKILL});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::agent_by_force);
  agent.on_worker_exit(worker(2), {3, 0});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().back().by, wire::EndedBy::unknown);
}

TEST_F(AgentTest, StopsWithAWordFirstAndByForceAfterTheGrace) {
  have_library();
  welcome();
  give(start(worker(0)));
  give(wire::StopWorker{worker(0), 500ms});
  clock.advance(400ms);
  give(wire::StopWorker{worker(0), 500ms});  // repeated: asks no second time and gives no longer grace
  agent.on_tick();
  EXPECT_EQ(launcher.terminated.size(), 1u);
  EXPECT_TRUE(launcher.killed.empty());
  clock.advance(100ms);
  agent.on_tick();
  agent.on_tick();
  EXPECT_EQ(launcher.killed, std::vector{worker(0)});
}

TEST_F(AgentTest, StopBeforeTheLibraryIsThereStartsNothing) {
  welcome();
  give(start(worker(0)));
  give(wire::StopWorker{worker(0), 500ms});
  give(chunk(0, library.size()));
  EXPECT_TRUE(launcher.started.empty());
  EXPECT_EQ(manager.all<wire::WorkerEnded>().size(), 1u);
}

TEST_F(AgentTest, OrdersThatAreLateStartNothing) {
  have_library();
  welcome();
  give(wire::StopWorker{worker(0), 0ms});  // overtook its StartWorker
  give(start(worker(0)));
  give(start(worker(0, 2)));
  give(start(worker(1, 1)));  // attempt 2 is here
  ASSERT_EQ(launcher.started.size(), 1u);
  EXPECT_EQ(launcher.started[0].worker, worker(0, 2));
}

TEST_F(AgentTest, WorkersOverTheLimitAreRefused) {
  have_library();
  AgentOptions options{"small", "host", 8, 1, "0.1"};
  options.max_workers = 2;
  Agent small(options, clock, manager, launcher, cache, gauge);
  for (std::uint32_t i = 0; i < 3; ++i) small.on_message({Term{1}, start(worker(i))});
  EXPECT_EQ(launcher.started.size(), 2u);
  EXPECT_NE(manager.all<wire::WorkerEnded>().at(0).message.find("has 2 workers already"), std::string::npos);
}

TEST_F(AgentTest, OlderManagerIsNotHeard) {
  have_library();
  welcome(5);
  give(start(worker(0)), 4);
  EXPECT_TRUE(launcher.started.empty());
  EXPECT_EQ(agent.dropped_messages(), 1u);
}

TEST_F(AgentTest, NewManagerHearsHelloAndTheEndsItMissed) {
  have_library();
  welcome(1);
  give(start(worker(0)));
  give(start(worker(1)));
  agent.on_worker_exit(worker(0), {1, 0});
  manager.sent.clear();
  agent.on_connected();
  welcome(2);
  ASSERT_EQ(manager.all<wire::AgentHello>().size(), 1u);
  EXPECT_EQ(manager.all<wire::AgentHello>()[0].workers, std::vector{worker(1)});
  EXPECT_EQ(manager.all<wire::WorkerEnded>().size(), 1u);
}

TEST_F(AgentTest, RememberedEndsAreLimited) {
  have_library();
  welcome();
  for (std::uint32_t i = 0; i < Agent::kMaxRememberedEnds + 10; ++i) {
    give(start(worker(i)));
    agent.on_worker_exit(worker(i), {0, 0});
  }
  manager.sent.clear();
  agent.on_connected();
  welcome();
  EXPECT_EQ(manager.all<wire::WorkerEnded>().size(), Agent::kMaxRememberedEnds);
}

}  // namespace
}  // namespace freshet::agent
