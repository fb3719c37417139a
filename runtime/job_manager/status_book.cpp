#include "runtime/job_manager/status_book.h"

#include <algorithm>
#include <limits>

namespace freshet::manager {
namespace {

constexpr std::size_t kMaxPhaseBytes = 32;

double seconds_between(base::SteadyTime from, base::SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

double per(std::uint64_t from, std::uint64_t to, double amount) {
  return to > from && amount > 0 ? static_cast<double>(to - from) / amount : 0.0;
}

void sort_unique(std::vector<std::string>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

}  // namespace

bool StatusBook::fits_plan(const wire::TaskStatus& status, std::uint32_t worker) const {
  const bool is_placed = std::any_of(plan_.tasks.begin(), plan_.tasks.end(), [&](const dag::Placement& placement) {
    return placement.chain == status.task.chain && placement.index == status.task.index && placement.worker == worker;
  });
  if (!is_placed || status.latency_us.size() > base::LatencyHistogram::kBuckets) return false;
  const auto& members = plan_.chains[status.task.chain].operators;
  if (status.operators.size() > members.size() || status.phase.size() > kMaxPhaseBytes) return false;
  return std::all_of(status.operators.begin(), status.operators.end(), [&](const wire::OperatorStatus& each) {
    return std::find(members.begin(), members.end(), each.operator_index) != members.end() &&
           each.counters.size() <= graph_.operators[each.operator_index].counters.size();
  });
}

void StatusBook::take(const wire::WorkerStatus& status, base::SteadyTime now) {
  const std::uint32_t worker = status.worker.worker.value;
  memory_[worker] = status.memory_bytes;
  refusals_[worker] = status.refused_messages;
  dropped_log_lines_[worker] = status.dropped_log_lines;
  for (const wire::TaskStatus& reported : status.tasks) {
    if (!fits_plan(reported, worker)) {
      ++refused_;
      continue;
    }
    Task& task = tasks_[reported.task];
    const Sample sample = sample_of(reported, now);
    if (!task.samples.empty()) {
      const Sample& last = task.samples.back();
      if (sample.in < last.in || sample.out < last.out || sample.busy_ns < last.busy_ns) {
        ++refused_;
        continue;
      }
    }
    task.worker = worker;
    task.status = reported;
    for (wire::OperatorStatus& each : task.status.operators)
      if (each.hot_record.size() > kMaxHotRecordBytes) each.hot_record.clear();
    if (auto& disk = task.status.full_disk)
      for (std::string* text : {&disk->folder, &disk->why})
        if (text->size() > kMaxSampleTextBytes) text->resize(kMaxSampleTextBytes);
    task.samples.push_back(sample);
    while (task.samples.size() > kMaxSamples || (task.samples.size() > 2 && task.samples[1].at + kWindow <= now))
      task.samples.pop_front();
  }
  for (const wire::DeadLetterSample& letter : status.dead_letters) {
    const bool is_known = std::any_of(dead_letters_.begin(), dead_letters_.end(), [&](const auto& each) {
      return each.id == letter.id && each.operator_id == letter.operator_id && each.origin == letter.origin;
    });
    if (is_known) continue;
    dead_letters_.push_back(letter);
    wire::DeadLetterSample& kept = dead_letters_.back();
    for (std::string* text : {&kept.operator_id, &kept.reason, &kept.message, &kept.origin, &kept.record})
      if (text->size() > kMaxSampleTextBytes) text->resize(kMaxSampleTextBytes);
    if (dead_letters_.size() > kMaxDeadLetterSamples) dead_letters_.pop_front();
  }
}

bool StatusBook::leaves_chain(std::uint32_t operator_index, const dag::Chain& chain) const {
  return std::any_of(plan_.edges.begin(), plan_.edges.end(), [&](const dag::PlanEdge& edge) {
    return edge.from_chain == chain.id && graph_.edges[edge.logical_edge].from == operator_index;
  });
}

bool StatusBook::is_source(const dag::Chain& chain) const {
  return graph_.operators[chain.operators.front()].kind == OperatorKind::source;
}

StatusBook::Sample StatusBook::sample_of(const wire::TaskStatus& status, base::SteadyTime at) const {
  const dag::Chain& chain = plan_.chains[status.task.chain];
  Sample sample;
  sample.at = at;
  sample.busy_ns = status.busy_ns;
  sample.blocked_ns = status.blocked_ns;
  sample.idle_ns = status.idle_ns;
  for (const wire::OperatorStatus& each : status.operators) {
    const bool is_first = each.operator_index == chain.operators.front();
    // A source reads nothing from inside; what it brings in is what it hands on.
    if (is_first) sample.in = is_source(chain) ? each.records_out : each.records_in;
    if (leaves_chain(each.operator_index, chain)) sample.out += each.records_out;
  }
  if (!sample.latency.add_counts(status.latency_us)) sample.latency.clear();
  return sample;
}

StatusBook::Rate StatusBook::rate_of(const Task& task) {
  if (task.samples.size() < 2) return {};
  const Sample& from = task.samples.front();
  const Sample& to = task.samples.back();
  const double seconds = seconds_between(from.at, to.at);
  Rate rate{per(from.in, to.in, seconds), per(from.out, to.out, seconds)};
  const double total = static_cast<double>(to.busy_ns - from.busy_ns) +
                       static_cast<double>(std::max(to.blocked_ns, from.blocked_ns) - from.blocked_ns) +
                       static_cast<double>(std::max(to.idle_ns, from.idle_ns) - from.idle_ns);
  rate.busy = per(from.busy_ns, to.busy_ns, total);
  rate.blocked = per(from.blocked_ns, to.blocked_ns, total);
  rate.idle = per(from.idle_ns, to.idle_ns, total);
  return rate;
}

// Of the window when something was processed in it, else of the whole attempt.
void StatusBook::add_recent_latency(const Task& task, base::LatencyHistogram& into) {
  if (task.samples.empty()) return;
  const auto now = task.samples.back().latency.to_counts();
  auto before = task.samples.front().latency.to_counts();
  before.resize(std::max(before.size(), now.size()));
  std::vector<std::uint64_t> recent(now.size());
  bool any = false;
  for (std::size_t i = 0; i < now.size(); ++i) {
    recent[i] = now[i] > before[i] ? now[i] - before[i] : 0;
    any = any || recent[i] != 0;
  }
  [[maybe_unused]] const bool fits = into.add_counts(any ? recent : now);
}

void StatusBook::add_operator(const wire::OperatorStatus& status, OperatorView& view) const {
  const OperatorNode& node = graph_.operators[status.operator_index];
  view.errors += status.errors;
  view.dead_letters += status.dead_letters;
  view.late += status.late;
  view.retrying += status.retrying;
  view.letters_kept += status.letters_kept;
  if (!node.states.empty()) {
    view.state_bytes = view.state_bytes.value_or(0) + status.state_bytes;
    view.state_entries = view.state_entries.value_or(0) + status.state_entries;
  }
  for (std::size_t i = 0; i < std::min(status.counters.size(), node.counters.size()); ++i) {
    const auto same = [&](const CounterView& each) {
      return each.operator_id == node.id && each.name == node.counters[i];
    };
    const auto found = std::find_if(view.counters.begin(), view.counters.end(), same);
    if (found != view.counters.end())
      found->value += status.counters[i];
    else
      view.counters.push_back({node.id, node.counters[i], status.counters[i]});
  }
}

std::optional<StatusBook::HotKey> StatusBook::hot_key() const {
  std::optional<HotKey> hottest;
  for (const dag::Chain& chain : plan_.chains) {
    if (chain.parallelism < 2) continue;
    Rate all;
    for (const auto& [id, task] : tasks_)
      if (id.chain == chain.id) all.in += rate_of(task).in, all.busy += rate_of(task).busy;
    for (const auto& [id, task] : tasks_) {
      if (id.chain != chain.id || all.in <= 0) continue;
      const Rate rate = rate_of(task);
      for (const wire::OperatorStatus& each : task.status.operators) {
        const double share = each.hot_share * rate.in / all.in;
        const double others = (all.busy - rate.busy) / (chain.parallelism - 1);
        const bool is_hot = share >= kHotShare && rate.busy >= kHotBusy && others <= rate.busy / 2;
        if (!is_hot || (hottest && hottest->share >= share)) continue;
        hottest = {each.operator_index, id.index, std::min(share, 1.0), rate.busy, others, each.hot_record};
      }
    }
  }
  return hottest;
}

OperatorView StatusBook::describe_chain(const dag::Chain& chain) const {
  OperatorView view;
  for (const std::uint32_t index : chain.operators) view.chain.push_back(graph_.operators[index].id);
  view.id = view.chain.front();
  view.tasks = chain.parallelism;
  Rate sum;
  base::LatencyHistogram latency;
  std::uint32_t reported = 0;
  for (const dag::Placement& placement : plan_.tasks) {
    if (placement.chain != chain.id) continue;
    TaskView row{placement.index, plan_.workers[placement.worker].agent, placement.worker};
    view.where.push_back(row.agent);
    if (const auto found = tasks_.find({chain.id, placement.index}); found != tasks_.end()) {
      const Task& task = found->second;
      const Rate rate = rate_of(task);
      row.phase = task.status.phase;
      if (!is_source(chain)) row.in_per_s = rate.in;
      row.busy = rate.busy;
      row.blocked = rate.blocked;
      row.queue_bytes = task.status.queue_bytes;
      view.queue_bytes += task.status.queue_bytes;
      view.in_flight_bytes += task.status.in_flight_bytes;
      view.bytes_in += task.status.bytes_in;
      view.bytes_out += task.status.bytes_out;
      view.records_in += task.samples.back().in;
      view.records_out += task.samples.back().out;
      for (const wire::OperatorStatus& each : task.status.operators) add_operator(each, view);
      add_recent_latency(task, latency);
      sum = {sum.in + rate.in, sum.out + rate.out, sum.busy + rate.busy, sum.blocked + rate.blocked,
             sum.idle + rate.idle};
      ++reported;
    }
    view.tasks_detail.push_back(std::move(row));
  }
  sort_unique(view.where);
  if (!is_source(chain)) view.in_per_s = sum.in;
  const bool has_output = std::any_of(plan_.edges.begin(), plan_.edges.end(),
                                      [&](const dag::PlanEdge& edge) { return edge.from_chain == chain.id; });
  if (has_output) view.out_per_s = sum.out;
  if (reported != 0) {
    view.busy = sum.busy / reported;
    view.blocked = sum.blocked / reported;
    view.idle = sum.idle / reported;
  }
  if (latency.count() != 0) {
    view.p50_ms = latency.percentile(0.5) / 1000;
    view.p99_ms = latency.percentile(0.99) / 1000;
    view.p999_ms = latency.percentile(0.999) / 1000;
  }
  return view;
}

void StatusBook::describe(JobView& view) const {
  std::optional<std::int64_t> watermark;
  for (const auto& [id, task] : tasks_) {
    const std::int64_t here = task.status.watermark_ms;
    const bool says_something = here != std::numeric_limits<std::int64_t>::min() &&
                                here != std::numeric_limits<std::int64_t>::max() && here != 0;
    if (says_something && task.status.phase == "running") watermark = std::min(watermark.value_or(here), here);
  }
  view.watermark_ms = watermark;
  for (const dag::Chain& chain : plan_.chains) {
    OperatorView each = describe_chain(chain);
    if (is_source(chain)) view.records_in += each.records_in;
    if (!each.out_per_s && each.p99_ms) view.p99_ms = std::max(view.p99_ms.value_or(0), *each.p99_ms);
    view.dead_letters += each.dead_letters;
    view.late += each.late;
    view.retrying += each.retrying;
    view.letters_kept += each.letters_kept;
    if (each.state_bytes) view.state_bytes = view.state_bytes.value_or(0) + *each.state_bytes;
    view.operators.push_back(std::move(each));
  }
  view.records_in_per_s = records_in_per_s();
  view.dead_letter_samples = {dead_letters_.begin(), dead_letters_.end()};
}

double StatusBook::records_in_per_s() const {
  double sum = 0;
  for (const auto& [id, task] : tasks_)
    if (is_source(plan_.chains[id.chain])) sum += rate_of(task).in;
  return sum;
}

std::uint64_t StatusBook::uncommitted_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [id, task] : tasks_) sum += task.status.uncommitted_bytes;
  return sum;
}

std::optional<StatusBook::WaitingForDisk> StatusBook::waiting_for_disk() const {
  std::optional<WaitingForDisk> waiting;
  for (const auto& [id, task] : tasks_) {
    if (!task.status.full_disk) continue;
    if (!waiting) waiting = WaitingForDisk{task.worker, *task.status.full_disk, 0};
    ++waiting->tasks;
  }
  return waiting;
}

bool StatusBook::has_full_lane() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task.second.status.waits_for_lane; });
}

std::vector<StatusBook::TaskNow> StatusBook::tasks() const {
  std::vector<TaskNow> result;
  for (const auto& [id, task] : tasks_) result.push_back({id, task.worker, task.status});
  return result;
}

std::uint64_t StatusBook::memory_of(std::uint32_t worker) const {
  const auto found = memory_.find(worker);
  return found == memory_.end() ? 0 : found->second;
}

StatusBook::Memory StatusBook::held_by(std::uint32_t worker) const {
  Memory held{.resident = memory_of(worker)};
  for (const auto& [id, task] : tasks_) {
    if (task.worker != worker) continue;
    held.frames += task.status.queue_bytes + task.status.in_flight_bytes + task.status.overflow_bytes;
    for (const wire::OperatorStatus& each : task.status.operators) held.state += each.state_bytes;
  }
  return held;
}

std::uint64_t StatusBook::refused_by(std::uint32_t worker) const {
  const auto found = refusals_.find(worker);
  return found == refusals_.end() ? 0 : found->second;
}

std::uint64_t StatusBook::log_lines_dropped_by(std::uint32_t worker) const {
  const auto found = dropped_log_lines_.find(worker);
  return found == dropped_log_lines_.end() ? 0 : found->second;
}

}  // namespace freshet::manager
