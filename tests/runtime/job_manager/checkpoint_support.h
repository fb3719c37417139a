#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/job_manager/checkpoint_coordinator.h"

/// Decisions about checkpoints as lines that tests compare, and a coordinator on a stage.
namespace freshet::manager {

inline std::string kind_text(CheckpointId id, BarrierKind kind) {
  const char* letter = kind == BarrierKind::checkpoint ? "c" : kind == BarrierKind::savepoint ? "s" : "f";
  return letter + std::to_string(id.value);
}

inline std::string line(const JournalId& each) { return "journal " + kind_text(each.id, each.kind); }
inline std::string line(const Inject& each) { return "inject " + kind_text(each.id, each.kind); }
inline std::string line(const Publish& each) {
  std::string text = "publish " + kind_text(each.id, each.kind) + ":";
  for (const TaskSnapshot& one : each.snapshots) text += " " + task_text(one.task) + "=" + one.info.name;
  return text;
}
inline std::string line(const NotifyCommit& each) { return "commit " + kind_text(each.id, each.kind); }
inline std::string line(const Prune& each) {
  std::string text = "prune";
  for (const CheckpointId id : each.ids) text += " " + std::to_string(id.value);
  return text;
}
inline std::string line(const Abandon& each) {
  return "abandon " + kind_text(each.id, each.kind) + (each.was_injected ? " everywhere: " : ": ") + each.why;
}
inline std::string line(const FailAttempt& each) { return "fail: " + each.why; }
inline std::string line(const Fenced& each) { return "fenced " + std::to_string(each.id.value); }
inline std::string line(const RequestEnded& each) {
  return "request " + std::to_string(each.request.value) + " " +
         (each.why.empty() ? "made " + std::to_string(each.id.value) : "failed: " + each.why);
}

using Lines = std::vector<std::string>;

inline Lines lines(const CheckpointDecisions& decisions) {
  Lines texts;
  for (const CheckpointDecision& each : decisions)
    texts.push_back(std::visit([](const auto& decision) { return line(decision); }, each));
  return texts;
}

inline constexpr TaskId kSource{0, 0};
inline constexpr TaskId kLeft{1, 0};
inline constexpr TaskId kRight{1, 1};

inline CheckpointPolicy every(Duration interval) {
  CheckpointPolicy policy;
  policy.interval = interval;
  policy.timeout = Duration(60'000);
  return policy;
}

/// A coordinator of three tasks, and who carries out what it decides, as far as a test wants that.
class Stage {
 public:
  explicit Stage(const CheckpointPolicy& policy) : coordinator(policy) {}

  Stage& start(const CheckpointStart& with = {CheckpointId{1}, {kSource, kLeft, kRight}, {}, {}}) {
    coordinator.start(with, now);
    return *this;
  }
  Lines take() { return lines(std::exchange(out, {})); }
  Lines at(base::SteadyTime when) {
    now = when;
    coordinator.on_time(now, out);
    return take();
  }
  Lines after(Duration time) { return at(now + time); }
  Lines request(BarrierKind kind) {
    const auto id = coordinator.request(kind, now, out);
    EXPECT_TRUE(id.ok()) << id.error().message;
    return take();
  }
  std::string refusal(BarrierKind kind) {
    const auto id = coordinator.request(kind, now, out);
    EXPECT_TRUE(out.empty());
    return id.ok() ? "none" : id.error().message;
  }
  Lines journalled(std::uint64_t id) {
    EXPECT_TRUE(coordinator.on_journalled({id}, now, out));
    return take();
  }
  bool acknowledge(std::uint64_t id, TaskId task, const SnapshotInfo& info) {
    return coordinator.on_acknowledged({{id}, task, info}, now, out);
  }
  bool acknowledge(std::uint64_t id, TaskId task, bool ended = false) {
    return acknowledge(id, task, {task_text(task) + "@" + std::to_string(id), 10, 7, ended, {}});
  }
  bool decline(std::uint64_t id, TaskId task) { return coordinator.on_declined({{id}, task, {"bad disk"}}, now, out); }
  Lines declined(std::uint64_t id) {
    EXPECT_TRUE(decline(id, kLeft));
    return take();
  }
  Lines published(std::uint64_t id, bool made = true) {
    EXPECT_TRUE(coordinator.on_published({id}, made, now, out));
    return take();
  }
  /// From its JournalId on, all goes well.
  Lines completes(std::uint64_t id) {
    journalled(id);
    for (const TaskId task : {kSource, kLeft, kRight}) acknowledge(id, task);
    take();
    return published(id);
  }
  /// From its JournalId on, a task declines.
  Lines fails(std::uint64_t id) {
    journalled(id);
    return declined(id);
  }

  CheckpointCoordinator coordinator;
  base::SteadyTime now{std::chrono::hours(1)};
  CheckpointDecisions out;
};

}  // namespace freshet::manager
