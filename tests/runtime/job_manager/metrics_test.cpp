#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "runtime/job_manager/prometheus.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

/// Every line is a comment or a sample of the family begun last; answers the samples by their name and labels.
std::map<std::string, double> parse(const std::string& text) {
  static const std::regex kComment("# (HELP|TYPE) ([a-z_]+) .+");
  static const std::regex kSample(R"re(([a-z_]+)(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? ([0-9.e+-]+|\+Inf|NaN))re");
  std::map<std::string, double> samples;
  std::set<std::string> begun;
  std::istringstream lines(text);
  std::string line, family;
  while (std::getline(lines, line)) {
    std::smatch parts;
    if (std::regex_match(line, parts, kComment)) {
      const bool is_new = parts[1] != "HELP" || begun.insert(parts[2]).second;
      EXPECT_TRUE(is_new) << "a family comes once: " << line;
      family = parts[2];
      continue;
    }
    EXPECT_TRUE(std::regex_match(line, parts, kSample)) << line;
    if (parts.empty()) continue;
    EXPECT_TRUE(parts[1].str().starts_with(family)) << line;
    EXPECT_TRUE(samples.emplace(parts[1].str() + parts[2].str(), std::stod(parts[6])).second) << "twice: " << line;
  }
  return samples;
}

TEST(Metrics, TextParsesAndHoldsTasksJobsAndAgents) {
  FakeCluster cluster;
  cluster.add_agent("a\"b\\c\n", 8);
  cluster.deliver();
  const JobId job = cluster.submit("shop");
  cluster.deliver();
  wire::TaskStatus task;
  task.task = {1, 0};
  task.busy_ns = 2'500'000'000;
  task.latency_us = {0, 0, 0, 0, 3, 0, 0, 1};
  task.operators = {{1, 1000, 0, 2, 1, 3, 0, 0, {7}}};
  const WorkerKey key{job, Attempt{1}, WorkerId{0}};
  cluster.from_worker(key, wire::WorkerStatus{key, {task}, 0, 4096, {}});
  cluster.submit("waits", 16);
  cluster.deliver();
  auto samples = parse(metrics_text(*cluster.manager));
  EXPECT_EQ(samples[R"(freshet_job_state{job="shop",state="Running"})"], 1);
  EXPECT_EQ(samples[R"(freshet_job_problem{job="waits",kind="NO_SLOTS"})"], 1);
  EXPECT_EQ(samples[R"(freshet_task_busy_seconds_total{job="shop",chain="totals",task="0"})"], 2.5);
  EXPECT_EQ(samples[R"(freshet_operator_records_in_total{job="shop",operator="totals",task="0"})"], 1000);
  EXPECT_EQ(samples[R"(freshet_operator_counter_total{job="shop",operator="totals",task="0",counter="seen"})"], 7);
  EXPECT_EQ(samples[R"(freshet_task_latency_seconds_bucket{job="shop",chain="totals",task="0",le="+Inf"})"], 4);
  EXPECT_EQ(samples[R"(freshet_task_latency_seconds_count{job="shop",chain="totals",task="0"})"], 4);
  EXPECT_EQ(samples[R"(freshet_agent_slots_used{agent="a\"b\\c\n"})"], 4);
  EXPECT_EQ(samples["freshet_manager_term"], 1);
}

TEST(Metrics, OneSeriesPerNameHoweverOftenItWasUsed) {
  FakeCluster cluster;
  for (int i = 0; i < 3; ++i) {
    cluster.submit("shop");
    ASSERT_TRUE(std::holds_alternative<std::string>(cluster.manager->cancel("shop")));
  }
  EXPECT_EQ(parse(metrics_text(*cluster.manager))[R"(freshet_job_state{job="shop",state="Cancelled"})"], 1);
}

}  // namespace
}  // namespace freshet::manager
