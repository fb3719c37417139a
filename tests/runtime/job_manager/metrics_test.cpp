#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "runtime/job_manager/prometheus.h"
#include "tests/runtime/job_manager/fake_cluster.h"

namespace freshet::manager {
namespace {

/// Takes `name{label="value",…}` apart; answers how long it is, 0 when it has another form. `name` is its first part.
std::size_t series_length(const std::string& line, std::string& name) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  std::size_t at = 0;
  while (at < line.size() && is_word(line[at])) ++at;
  name = line.substr(0, at);
  if (at == 0 || at == line.size() || line[at] != '{') return at;
  do {
    const std::size_t label = ++at;
    while (at < line.size() && is_word(line[at])) ++at;
    if (at == label || line.compare(at, 2, "=\"") != 0) return 0;
    for (at += 2; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') continue;
      ++at;
      if (at == line.size() || std::string("\\\"n").find(line[at]) == std::string::npos) return 0;
    }
    if (++at >= line.size()) return 0;
  } while (line[at] == ',');
  return line[at] == '}' ? at + 1 : 0;
}

/// Every line is a comment or a sample of the family begun last; answers the samples by their name and labels.
std::map<std::string, double> parse(const std::string& text) {
  std::map<std::string, double> samples;
  std::set<std::string> begun;
  std::istringstream lines(text);
  std::string line, family;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) {
      std::string name = line.substr(7, line.find(' ', 7) - 7);
      const bool is_new = line[2] != 'H' || begun.insert(name).second;
      EXPECT_TRUE(is_new) << "a family comes once: " << line;
      family = std::move(name);
      continue;
    }
    std::string name;
    const std::size_t length = series_length(line, name);
    EXPECT_TRUE(length != 0 && length < line.size() && line[length] == ' ') << line;
    if (length == 0 || length >= line.size()) continue;
    EXPECT_TRUE(name.starts_with(family)) << line;
    std::size_t used = 0;
    const double value = std::stod(line.substr(length + 1), &used);
    EXPECT_EQ(used, line.size() - length - 1) << line;
    EXPECT_TRUE(samples.emplace(line.substr(0, length), value).second) << "twice: " << line;
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
  cluster.from_worker(key, wire::WorkerStatus{key, {task}, 5, 4096, {}});
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
  EXPECT_EQ(samples[R"(freshet_worker_memory_bytes{job="shop",worker="0",agent="a\"b\\c\n"})"], 4096);
  EXPECT_EQ(samples[R"(freshet_worker_refused_messages_total{job="shop",worker="0",agent="a\"b\\c\n"})"], 5);
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
