#include "tests/simulation/watch.h"

#include <gmock/gmock.h>

#include "tests/simulation/simulation.h"
#include "tests/simulation/topology.h"

/// That what watches over the simulations can see something.
namespace freshet::sim {
namespace {

using testing::HasSubstr;

std::string message(wire::MessageKind kind, const ChannelId& channel, const wire::Grants& grants = {}) {
  ByteBuffer bytes;
  const std::string room(wire::kHeaderBytes, '\0');
  bytes.write(room.data(), room.size());
  encode(bytes, grants);
  wire::FrameHeader header;
  header.kind = kind;
  header.channel = channel;
  header.elements = 1;
  header.length = static_cast<std::uint32_t>(bytes.size() - wire::kHeaderBytes);
  header.checksum = wire::payload_checksum(bytes.view().substr(wire::kHeaderBytes));
  wire::write_header(header, bytes.data());
  return std::string(bytes.view());
}

/// Two tasks on two workers, one channel.
dag::ExecutionPlan small_plan() {
  dag::ExecutionPlan plan;
  plan.chains = {{.id = 0}, {.id = 1}};
  plan.edges = {{.id = 0, .from_chain = 0, .to_chain = 1}};
  plan.workers = {{0, "a"}, {1, "b"}};
  plan.tasks = {{0, 0, 0}, {1, 0, 1}};
  return plan;
}

TEST(Watch, SeesABarrierThatComesTooLate) {
  Watch watch({});
  watch.on_barrier({}, 1, {0, 0}, {});
  watch.on_barrier({}, 3, {0, 0}, {});
  EXPECT_EQ(watch.problem(), "");
  watch.on_barrier({}, 2, {0, 0}, {});
  EXPECT_THAT(watch.problem(), HasSubstr("chain 0 task 0: barrier 2, passed after barrier 3"));
}

TEST(Watch, SeesCreditThatWasNotUsed) {
  Watch watch({});
  watch.on_data_sent(message(wire::MessageKind::data, {}));
  watch.on_data_sent(message(wire::MessageKind::grant, {}, {{{{}, 100'000}}}));
  EXPECT_THAT(watch.problem(), HasSubstr("more was granted than was sent"));
}

TEST(Watch, SeesATaskThatNeverRan) {
  Watch watch({});
  watch.check_balance(small_plan());
  EXPECT_THAT(watch.problem(), HasSubstr("never ran"));
}

TEST(Topologies, ResultsThatAreNotThereAreMissed) {
  for (const auto& name : topology_names()) {
    const auto topology = make_topology(name, {});
    if (topology->keep_letters().empty()) {
      EXPECT_THAT(topology->wrong(true), HasSubstr("lacks")) << name;
    } else {
      EXPECT_NE(topology->wrong_letters(0), "") << name;
    }
    EXPECT_EQ(topology->wrong(false), "") << name;
  }
}

TEST(Simulation, AJobThatHangsIsNamedWithWhoWaits) {
  std::uint64_t hung = 0;
  for (std::uint64_t seed = 1; seed <= 30 && hung < 2; ++seed) {
    const auto result = simulate({.topology = "burst", .seed = seed, .harm = false, .lose_grants = true});
    if (result.state != "Running") continue;
    ++hung;
    EXPECT_THAT(result.problem, HasSubstr("the job hangs"));
    EXPECT_THAT(result.problem, HasSubstr("worker 0"));
    EXPECT_THAT(result.problem, HasSubstr("in flight"));
  }
  EXPECT_GT(hung, 0u);
}

}  // namespace
}  // namespace freshet::sim
