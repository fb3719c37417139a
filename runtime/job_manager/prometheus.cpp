#include "runtime/job_manager/prometheus.h"

#include <charconv>
#include <cmath>
#include <functional>

#include "runtime/base/log.h"
#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/manager_views.h"

namespace freshet::manager {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kMicrosecondsPerSecond = 1e6;
constexpr double kMillisecondsPerSecond = 1e3;
constexpr std::size_t kBucketsPerPower = 4;

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// A running task of a job that is not over, with what its labels need.
struct TaskRow {
  const Job* job;
  const StatusBook::TaskNow* now;
  std::string chain;

  PrometheusText::Labels labels() const {
    return {{"job", job->name()}, {"chain", chain}, {"task", std::to_string(now->task.index)}};
  }
};

void write_tasks(PrometheusText& out, const std::vector<TaskRow>& rows) {
  struct Family {
    const char* name;
    const char* type;
    const char* help;
    std::function<double(const wire::TaskStatus&)> value;
  };
  const auto whole = [](std::uint64_t wire::TaskStatus::*field) {
    return [field](const wire::TaskStatus& status) { return static_cast<double>(status.*field); };
  };
  const auto seconds = [](std::uint64_t wire::TaskStatus::*field) {
    return
        [field](const wire::TaskStatus& status) { return static_cast<double>(status.*field) / kNanosecondsPerSecond; };
  };
  using Status = wire::TaskStatus;
  const Family families[] = {
      {"freshet_task_bytes_in_total", "counter", "Bytes of frames received.", whole(&Status::bytes_in)},
      {"freshet_task_bytes_out_total", "counter", "Bytes of frames sent.", whole(&Status::bytes_out)},
      {"freshet_task_frames_in_total", "counter", "Frames received.", whole(&Status::frames_in)},
      {"freshet_task_frames_out_total", "counter", "Frames sent.", whole(&Status::frames_out)},
      {"freshet_task_busy_seconds_total", "counter", "Time spent on records.", seconds(&Status::busy_ns)},
      {"freshet_task_blocked_seconds_total", "counter", "Time without room downstream.", seconds(&Status::blocked_ns)},
      {"freshet_task_idle_seconds_total", "counter", "Time without input.", seconds(&Status::idle_ns)},
      {"freshet_task_queue_bytes", "gauge", "Received and not yet processed.", whole(&Status::queue_bytes)},
      {"freshet_task_in_flight_bytes", "gauge", "Sent and not yet granted.", whole(&Status::in_flight_bytes)},
      {"freshet_task_overflow_bytes", "gauge", "Emitted beyond the room downstream.", whole(&Status::overflow_bytes)},
  };
  for (const Family& family : families) {
    out.family(family.name, family.type, family.help);
    for (const TaskRow& row : rows) out.sample(row.labels(), family.value(row.now->status));
  }
}

void write_operators(PrometheusText& out, const std::vector<TaskRow>& rows) {
  struct Family {
    const char* name;
    const char* type;
    const char* help;
    std::uint64_t wire::OperatorStatus::*field;
  };
  using Status = wire::OperatorStatus;
  const Family families[] = {
      {"freshet_operator_records_in_total", "counter", "Records processed.", &Status::records_in},
      {"freshet_operator_records_out_total", "counter", "Records emitted.", &Status::records_out},
      {"freshet_operator_errors_total", "counter", "Calls that threw on a record.", &Status::errors},
      {"freshet_operator_dead_letters_total", "counter", "Records that were set aside.", &Status::dead_letters},
      {"freshet_operator_retrying", "gauge", "Records that wait to be tried again.", &Status::retrying},
      {"freshet_operator_dead_letters_kept", "gauge", "Dead letters that can be replayed.", &Status::letters_kept},
      {"freshet_operator_retries_total", "counter", "Records that were tried again.", &Status::attempts},
      {"freshet_operator_late_total", "counter", "Records behind the watermark.", &Status::late},
      {"freshet_operator_state_entries", "gauge", "Entries of its state tables.", &Status::state_entries},
      {"freshet_operator_state_bytes", "gauge", "Bytes of its state tables.", &Status::state_bytes},
  };
  const auto labels_of = [](const TaskRow& row, const wire::OperatorStatus& status) {
    return PrometheusText::Labels{{"job", row.job->name()},
                                  {"operator", row.job->submission().graph.operators[status.operator_index].id},
                                  {"task", std::to_string(row.now->task.index)}};
  };
  for (const Family& family : families) {
    out.family(family.name, family.type, family.help);
    for (const TaskRow& row : rows)
      for (const auto& status : row.now->status.operators)
        out.sample(labels_of(row, status), static_cast<double>(status.*family.field));
  }
  out.family("freshet_operator_counter_total", "counter", "Counters that the job's author declared.");
  for (const TaskRow& row : rows) {
    for (const auto& status : row.now->status.operators) {
      const auto& names = row.job->submission().graph.operators[status.operator_index].counters;
      for (std::size_t i = 0; i < std::min(names.size(), status.counters.size()); ++i) {
        auto labels = labels_of(row, status);
        labels.emplace_back("counter", names[i]);
        out.sample(labels, static_cast<double>(status.counters[i]));
      }
    }
  }
}

// One bucket per power of two: a quarter of the histogram's, which is enough for a graph.
void write_latency(PrometheusText& out, const std::vector<TaskRow>& rows) {
  out.family("freshet_task_latency_seconds", "histogram", "From entering the job to being processed by the task.");
  for (const TaskRow& row : rows) {
    const auto& counts = row.now->status.latency_us;
    std::uint64_t total = 0;
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      total += counts[i];
      const auto middle =
          static_cast<double>(base::LatencyHistogram::lower_bound(i) + base::LatencyHistogram::lower_bound(i + 1)) / 2;
      sum += middle * static_cast<double>(counts[i]);
      if (i % kBucketsPerPower != kBucketsPerPower - 1) continue;
      auto labels = row.labels();
      labels.emplace_back(
          "le", number(static_cast<double>(base::LatencyHistogram::lower_bound(i + 1)) / kMicrosecondsPerSecond));
      out.sample(labels, static_cast<double>(total), "_bucket");
    }
    auto labels = row.labels();
    labels.emplace_back("le", "+Inf");
    out.sample(labels, static_cast<double>(total), "_bucket");
    out.sample(row.labels(), sum / kMicrosecondsPerSecond, "_sum");
    out.sample(row.labels(), static_cast<double>(total), "_count");
  }
}

// Of jobs that are not over, and the newest of each name: a name is one series, whatever bore it before.
std::vector<const Job*> listed_jobs(const JobTable& jobs) {
  std::vector<const Job*> listed;
  std::set<std::string> names;
  for (auto at = jobs.all().rbegin(); at != jobs.all().rend(); ++at)
    if (names.insert(at->second->name()).second) listed.push_back(at->second.get());
  return listed;
}

void write_jobs(PrometheusText& out, const std::vector<const Job*>& jobs) {
  out.family("freshet_job_state", "gauge", "1 for the state that the job is in.");
  for (const Job* job : jobs) out.sample({{"job", job->name()}, {"state", state_text(job->state())}}, 1);
  out.family("freshet_job_problem", "gauge", "1 for each problem that the job has.");
  for (const Job* job : jobs)
    for (const auto& [kind, problem] : job->problems()) out.sample({{"job", job->name()}, {"kind", problem.kind}}, 1);
  out.family("freshet_job_set_aside", "gauge", "Places in the input whose records crashed it, and are set aside.");
  for (const Job* job : jobs) out.sample({{"job", job->name()}}, static_cast<double>(job->crashes().count_set_aside()));
  out.family("freshet_job_attempt", "gauge", "Number of the job's attempt.");
  for (const Job* job : jobs) out.sample({{"job", job->name()}}, static_cast<double>(job->attempt().value));
}

void write_checkpoints(PrometheusText& out, const std::vector<const Job*>& jobs) {
  const auto count = [&](const char* name, const char* help, auto value_of) {
    out.family(name, "counter", help);
    for (const Job* job : jobs)
      if (job->checkpoints().enabled()) out.sample({{"job", job->name()}}, static_cast<double>(value_of(*job)));
  };
  count("freshet_job_checkpoints_total", "Checkpoints that were completed.",
        [](const Job& job) { return job.checkpoints().history().completed(); });
  count("freshet_job_checkpoints_failed_total", "Checkpoints that failed.",
        [](const Job& job) { return job.checkpoints().history().failed(); });
  const auto newest = [&](const char* name, const char* help, auto value_of) {
    out.family(name, "gauge", help);
    for (const Job* job : jobs)
      if (const auto& done = job->checkpoints().history().newest_done(); done)
        if (const std::optional<double> value = value_of(*done)) out.sample({{"job", job->name()}}, *value);
  };
  newest("freshet_job_checkpoints_last_duration_seconds", "How long the newest complete checkpoint took.",
         [](const RememberedCheckpoint& entry) {
           return entry.took ? std::optional(static_cast<double>(entry.took->count()) / kMillisecondsPerSecond)
                             : std::nullopt;
         });
  newest("freshet_job_checkpoints_last_bytes", "Size of the newest complete checkpoint.",
         [](const RememberedCheckpoint& entry) { return std::optional(static_cast<double>(entry.bytes)); });
  out.family("freshet_job_restarts_total", "counter", "Attempts besides the first.");
  for (const Job* job : jobs) out.sample({{"job", job->name()}}, restarts_of(*job));
}

void write_workers(PrometheusText& out, const std::vector<const Job*>& jobs) {
  const auto write = [&](auto value_of) {
    for (const Job* job : jobs) {
      if (job->is_over() || job->deployment() == nullptr) continue;
      for (const DeployedWorker& worker : job->deployment()->workers()) {
        const std::uint32_t number = worker.key.worker.value;
        out.sample({{"job", job->name()}, {"worker", std::to_string(number)}, {"agent", worker.agent}},
                   static_cast<double>(value_of(*job->status(), number)));
      }
    }
  };
  out.family("freshet_worker_memory_bytes", "gauge", "Resident memory of a worker process.");
  write([](const StatusBook& status, std::uint32_t worker) { return status.memory_of(worker); });
  out.family("freshet_worker_refused_messages_total", "counter",
             "Messages from peers that the worker did not believe.");
  write([](const StatusBook& status, std::uint32_t worker) { return status.refused_by(worker); });
  out.family("freshet_worker_log_lines_dropped_total", "counter", "Lines of a worker's log that could not be written.");
  write([](const StatusBook& status, std::uint32_t worker) { return status.log_lines_dropped_by(worker); });
}

void write_cluster(PrometheusText& out, const JobManager& manager) {
  const ClusterView cluster = manager.cluster();
  out.family("freshet_agent_up", "gauge", "1 when the agent is heard of.");
  for (const AgentView& agent : cluster.agents) out.sample({{"agent", agent.id}}, agent.state == "lost" ? 0 : 1);
  out.family("freshet_agent_slots", "gauge", "Tasks that the agent takes.");
  for (const AgentView& agent : cluster.agents) out.sample({{"agent", agent.id}}, agent.slots);
  out.family("freshet_agent_slots_used", "gauge", "Tasks that are placed on the agent.");
  for (const AgentView& agent : cluster.agents) out.sample({{"agent", agent.id}}, agent.used);
  out.family("freshet_agent_log_lines_dropped_total", "counter", "Lines of an agent's log that could not be written.");
  for (const auto& [name, agent] : manager.agents().all())
    out.sample({{"agent", name}}, static_cast<double>(agent.machine.dropped_log_lines));
  out.family("freshet_manager_term", "gauge", "Grows by one at every start of the job manager.");
  out.sample({}, static_cast<double>(manager.term().value));
  out.family("freshet_manager_dropped_messages_total", "counter", "Control messages that were late or made no sense.");
  out.sample({}, static_cast<double>(manager.dropped_messages()));
  out.family("freshet_manager_refused_messages_total", "counter", "Control messages that could not be read.");
  out.sample({}, static_cast<double>(manager.refused_messages()));
  out.family("freshet_manager_journal_failures_total", "counter", "Entries that could not be journalled.");
  out.sample({}, static_cast<double>(manager.journal_failures()));
  out.family("freshet_manager_journal_writable", "gauge", "0 while the journal cannot be written.");
  out.sample({}, manager.journal_failure().empty() ? 1 : 0);
  out.family("freshet_manager_log_lines_dropped_total", "counter", "Lines of its log that could not be written.");
  out.sample({}, static_cast<double>(base::dropped_log_lines()));
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void PrometheusText::sample(const Labels& labels, double value, std::string_view suffix) {
  text_.append(name_).append(suffix);
  char separator = '{';
  for (const auto& [name, label] : labels) {
    text_ += separator;
    text_.append(name).append("=\"");
    for (const char c : label) {
      if (c == '\n')
        text_ += "\\n";
      else if (c == '"' || c == '\\')
        text_.append({'\\', c});
      else
        text_ += c;
    }
    text_ += '"';
    separator = ',';
  }
  if (separator == ',') text_ += '}';
  text_.append(" ").append(number(value)).append("\n");
}

std::string metrics_text(const JobManager& manager) {
  PrometheusText out;
  const std::vector<const Job*> jobs = listed_jobs(manager.table());
  std::vector<std::vector<StatusBook::TaskNow>> tasks;  // what the rows point into
  std::vector<TaskRow> rows;
  tasks.reserve(jobs.size());
  for (const Job* job : jobs) {
    if (job->is_over() || job->status() == nullptr) continue;
    tasks.push_back(job->status()->tasks());
    for (const auto& task : tasks.back()) {
      const std::uint32_t first = job->plan().chains.at(task.task.chain).operators.front();
      rows.push_back({job, &task, job->submission().graph.operators[first].id});
    }
  }
  write_jobs(out, jobs);
  write_checkpoints(out, jobs);
  write_workers(out, jobs);
  write_tasks(out, rows);
  write_operators(out, rows);
  write_latency(out, rows);
  write_cluster(out, manager);
  return out.text();
}

}  // namespace freshet::manager
