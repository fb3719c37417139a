#include "tests/simulation/watch.h"

#include <algorithm>

#include "runtime/wire/frame.h"

namespace freshet::sim {

namespace {

std::string name_of(const TaskId& task) {
  return "chain " + std::to_string(task.chain) + " task " + std::to_string(task.index);
}

std::string name_of(const ChannelId& channel) {
  return "edge " + std::to_string(channel.edge) + ", " + std::to_string(channel.from) + " to " +
         std::to_string(channel.to);
}

std::string unequal(const std::string& what, std::uint64_t one, const std::string& than, std::uint64_t other) {
  return what + " " + std::to_string(one) + ", " + than + " " + std::to_string(other);
}

template <class Body>
bool read_body(std::string_view payload, Body& body) {
  ByteReader reader(payload);
  return decode(reader, body) && reader.remaining() == 0;
}

std::uint32_t worker_of(const dag::ExecutionPlan& plan, std::uint32_t chain, std::uint32_t index) {
  for (const auto& placed : plan.tasks)
    if (placed.chain == chain && placed.index == index) return placed.worker;
  return ~0u;
}

/// Such a channel's grants do not travel, even when its frames do (force_remote).
bool is_within_worker(const dag::ExecutionPlan& plan, const ChannelId& channel) {
  const auto& edge = plan.edges[channel.edge];
  return worker_of(plan, edge.from_chain, channel.from) == worker_of(plan, edge.to_chain, channel.to);
}

}  // namespace

TaskCounts counts_of(task::Task& task) {
  TaskCounts counts;
  const auto status = task.status();
  counts.records_in = status.operators.front().records_in;
  counts.frames_in = status.frames_in;
  for (const auto& edge : task.chain().edges()) {
    auto& out = counts.edges[edge->id()];
    out.records = edge->tally().sent;  // frames are closed at a barrier and at the end
    out.in_flight_bytes = edge->bytes_in_flight();
    for (std::uint32_t to = 0; to < edge->to_tasks(); ++to) out.frames.push_back(edge->highest_sequence(to));
  }
  return counts;
}

/// A frame is opened while it fits the window whole, or alone; its last record, and a control element, may exceed it.
std::uint64_t Watch::most_in_flight() const {
  constexpr std::uint64_t kControlBytes = 64;
  const auto frame = std::max<std::uint64_t>(1, std::min(limits_.data.frame_bytes, limits_.data.channel_window / 4));
  return std::max(limits_.data.channel_window, frame + wire::kFrameCost) + limits_.largest_record_bytes + kControlBytes;
}

void Watch::on_step(task::Task& task) {
  const auto most = most_in_flight();
  for (const auto& edge : task.chain().edges()) {
    for (std::uint32_t to = 0; to < edge->to_tasks(); ++to) {
      if (edge->bytes_in_flight(to) > most)
        fail(name_of(task.id()) + ", edge " + std::to_string(edge->id()) + " to " + std::to_string(to) + ": " +
             unequal("in flight", edge->bytes_in_flight(to), "allowed", most));
    }
  }
  if (task.queued_bytes() > most * task.input_channels())
    fail(name_of(task.id()) + ": " + unequal("queued", task.queued_bytes(), "allowed", most * task.input_channels()));
  // Weighing takes its time with what is there: the more there was, the later it is weighed again.
  constexpr std::uint64_t kBytesPerStep = 50'000;
  auto& rest = weigh_after_[task.id()];
  if (rest != 0) {
    --rest;
    return;
  }
  const auto overflow = task.chain().overflow_bytes();
  rest = overflow / kBytesPerStep;
  if (overflow > limits_.data.max_overflow_bytes)
    fail(name_of(task.id()) + ": " + unequal("overflow", overflow, "allowed", limits_.data.max_overflow_bytes));
}

void Watch::on_task_stopped(task::Task& task) {
  final_[task.id()] = counts_of(task);
  for (const auto& [channel, remote] : remote_) {
    for (const auto& edge : task.chain().edges())
      if (channel.edge == edge->id() && channel.from == task.id().index)
        not_yet_granted_[channel] = remote.cost - remote.grant_delivered;
  }
}

void Watch::on_attempt(Attempt attempt) {
  if (attempt <= attempt_) return;
  attempt_ = attempt;
  final_.clear();
  barriers_.clear();
  last_barrier_.clear();
  remote_.clear();
  not_yet_granted_.clear();
  is_disconnected_ = false;
}

void Watch::on_barrier(Attempt attempt, std::uint64_t checkpoint, const TaskId& task, TaskCounts counts) {
  if (attempt != attempt_) return;
  auto& last = last_barrier_[task];
  if (checkpoint <= last) fail(name_of(task) + ": " + unequal("barrier", checkpoint, "passed after barrier", last));
  last = checkpoint;
  barriers_[checkpoint][task] = std::move(counts);
}

void Watch::on_data_sent(std::string_view message) {
  wire::FrameHeader header;
  if (wire::read_header(message, header) != wire::Refusal::none) return fail("a worker sent what is no message");
  if (header.attempt != attempt_) return;
  if (header.kind == wire::MessageKind::data) {
    auto& remote = remote_[header.channel];
    ++remote.frames_sent;
    ++remote_frames_;
    remote.elements_sent += header.elements;
    remote.cost += std::uint64_t{header.length} + wire::kFrameCost;
  } else if (header.kind == wire::MessageKind::grant) {
    wire::Grants grants;
    if (!read_body(message.substr(wire::kHeaderBytes), grants)) return fail("a worker sent a malformed grant");
    for (const auto& grant : grants.grants) {
      auto& remote = remote_[grant.channel];
      if (grant.consumed_bytes < remote.grant_sent) fail(name_of(grant.channel) + ": a grant went back");
      if (grant.consumed_bytes > remote.cost) fail(name_of(grant.channel) + ": more was granted than was sent");
      remote.grant_sent = grant.consumed_bytes;
    }
  }
}

void Watch::on_data_delivered(std::string_view message) {
  wire::FrameHeader header;
  if (wire::read_header(message, header) != wire::Refusal::none) return;
  if (header.kind == wire::MessageKind::data) {
    auto& remote = remote_[header.channel];
    ++remote.frames_delivered;
    remote.elements_delivered += header.elements;
  } else if (header.kind == wire::MessageKind::grant) {
    wire::Grants grants;
    if (!read_body(message.substr(wire::kHeaderBytes), grants)) return;
    for (const auto& grant : grants.grants) remote_[grant.channel].grant_delivered = grant.consumed_bytes;
  }
}

void Watch::check_balance(const dag::ExecutionPlan& plan) {
  for (const auto& placed : plan.tasks) {
    const TaskId task{placed.chain, placed.index};
    const auto found = final_.find(task);
    if (found == final_.end()) return fail(name_of(task) + " never ran, and the job has finished");
    check_task(plan, task, found->second);
  }
  for (const auto& chain : plan.chains) check_edge(plan, chain.id);
  check_remote(plan);
  for (const auto& [checkpoint, passed] : barriers_) check_barrier(plan, checkpoint);
}

/// As many frames came as were sent to it; what it has in flight are grants that were on their way when it stopped.
void Watch::check_task(const dag::ExecutionPlan& plan, const TaskId& task, const TaskCounts& counts) {
  std::uint64_t sent = 0;
  for (const auto& edge : plan.edges) {
    if (edge.to_chain != task.chain) continue;
    for (std::uint32_t from = 0; from < plan.chains[edge.from_chain].parallelism; ++from)
      sent += final_[{edge.from_chain, from}].edges[edge.id].frames.at(task.index);
  }
  if (sent != counts.frames_in) fail(name_of(task) + ": " + unequal("frames sent", sent, "received", counts.frames_in));
  for (const auto& [edge, out] : counts.edges) {
    std::uint64_t grants_under_way = 0;
    for (const auto& [channel, bytes] : not_yet_granted_)
      if (channel.edge == edge && channel.from == task.index && !is_within_worker(plan, channel))
        grants_under_way += bytes;
    if (out.in_flight_bytes != grants_under_way)
      fail(name_of(task) + ", edge " + std::to_string(edge) + ": " +
           unequal("in flight at the end", out.in_flight_bytes, "grants under way", grants_under_way));
  }
}

void Watch::check_edge(const dag::ExecutionPlan& plan, std::uint32_t chain) {
  std::uint64_t sent = 0, received = 0;
  bool has_input = false;
  for (const auto& edge : plan.edges) {
    if (edge.to_chain != chain) continue;
    has_input = true;
    for (std::uint32_t from = 0; from < plan.chains[edge.from_chain].parallelism; ++from)
      sent += final_[{edge.from_chain, from}].edges[edge.id].records;
  }
  for (std::uint32_t to = 0; to < plan.chains[chain].parallelism; ++to) received += final_[{chain, to}].records_in;
  if (has_input && sent != received)
    fail("chain " + std::to_string(chain) + ": " + unequal("records sent", sent, "received", received));
}

void Watch::check_remote(const dag::ExecutionPlan& plan) {
  for (const auto& [channel, remote] : remote_) {
    if (remote.frames_sent != remote.frames_delivered || remote.elements_sent != remote.elements_delivered)
      fail(name_of(channel) + ": " + unequal("frames sent", remote.frames_sent, "delivered", remote.frames_delivered));
    // A connection may break, or a worker die, behind the last frame, when nobody needs the grants for it any more.
    if (!is_disconnected_ && !is_within_worker(plan, channel) && remote.grant_sent != remote.cost)
      fail(name_of(channel) + ": " + unequal("bytes sent", remote.cost, "granted", remote.grant_sent));
  }
}

/// A task that ended before the barrier came sent all it ever sent before it.
void Watch::check_barrier(const dag::ExecutionPlan& plan, std::uint64_t checkpoint) {
  auto& passed = barriers_[checkpoint];
  if (passed.size() != plan.tasks.size()) return;  // it was given up: its barrier may be anywhere
  const auto at_barrier = [&](const TaskId& task) -> TaskCounts& {
    const auto found = passed.find(task);
    return found == passed.end() ? final_[task] : found->second;
  };
  for (const auto& chain : plan.chains) {
    std::uint64_t sent = 0, received = 0, upstream_passed = 0;
    bool has_input = false;
    for (const auto& edge : plan.edges) {
      if (edge.to_chain != chain.id) continue;
      has_input = true;
      for (std::uint32_t from = 0; from < plan.chains[edge.from_chain].parallelism; ++from) {
        upstream_passed += passed.contains({edge.from_chain, from});
        sent += at_barrier({edge.from_chain, from}).edges[edge.id].records;
      }
    }
    if (!has_input || upstream_passed == 0) continue;
    for (std::uint32_t to = 0; to < chain.parallelism; ++to) {
      if (!passed.contains({chain.id, to}))
        fail(name_of(TaskId{chain.id, to}) + ": barrier " + std::to_string(checkpoint) + " never passed it");
      received += at_barrier({chain.id, to}).records_in;
    }
    if (sent != received)
      fail("chain " + std::to_string(chain.id) + ", before barrier " + std::to_string(checkpoint) + ": " +
           unequal("records sent", sent, "received", received));
  }
  complete_barriers_ += passed.size() == plan.tasks.size();
}

}  // namespace freshet::sim
