#include "runtime/job_manager/cause.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <freshet/text.h>

namespace freshet::manager {
namespace {

constexpr const char* kNoRestart = "the job failed; other jobs are not touched";

ProblemView problem(ProblemKind kind, std::string what, std::string where) {
  ProblemView view;
  view.kind = enumerator_name(kind);
  view.what = std::move(what);
  view.where = std::move(where);
  return view;
}

std::string worker_on(std::uint32_t worker, const std::string& agent) {
  return "worker " + std::to_string(worker) + " on " + agent;
}

std::string record_at_hand(const wire::RecordTrace& trace) {
  std::string text;
  if (!trace.origin.empty()) text += "record at " + trace.origin;
  if (!trace.record.empty()) text += (text.empty() ? "record " : ": ") + trace.record;
  return text;
}

bool is_out_of_memory(const wire::WorkerEnded& ended) { return ended.by == wire::EndedBy::out_of_memory; }

std::string how_it_ended(const wire::WorkerEnded& ended) {
  if (is_out_of_memory(ended))
    return std::string(ended.memory.certain ? "" : "probably ") + "killed by the kernel: out of memory";
  const std::string by = ended.by == wire::EndedBy::agent            ? " when its agent asked it to end"
                         : ended.by == wire::EndedBy::agent_by_force ? " of its agent: it did not end when asked to"
                         : ended.signal == SIGKILL                   ? ", which Freshet did not send"
                                                                     : "";
  if (ended.signal != 0) return signal_name(ended.signal) + by;
  // The agent's own words, "could not be started: …", say all there is.
  if (ended.exit_code < 0) return ended.message;
  return "it exited with code " + std::to_string(ended.exit_code) + by;
}

std::string memory_cause(const wire::MemoryKill& kill, const std::string& agent, const StatusBook::Memory& held) {
  const std::string count = "oom_kill +" + std::to_string(kill.kills);
  std::string text;
  if (!kill.certain)
    text = "memory was short on the machine of " + agent + " (/proc/vmstat " + count +
           ", which counts the kills of all its processes)";
  else if (kill.limit == 0)
    text = "memory was short on the machine of " + agent + " (memory.events " + count + ")";
  else
    text = "the agent and its workers reached their limit of " + rounded_bytes(kill.limit) + " (memory.events " +
           count + ")";
  if (held.resident == 0) return text;
  const std::uint64_t known = held.state + held.frames;
  text += ". It last held " + rounded_bytes(held.resident) + ", of which Freshet knows " + rounded_bytes(known) +
          " (state " + rounded_bytes(held.state) + ", frames " + rounded_bytes(held.frames) + ")";
  if (held.resident > known)
    text += "; " + rounded_bytes(held.resident - known) + " are outside of that: user code, libraries, allocator";
  return text;
}

}  // namespace

ProblemView shortened(ProblemView problem) {
  for (std::string* text : {&problem.what, &problem.where, &problem.cause, &problem.effect})
    if (text->size() > kMaxCauseBytes) text->resize(kMaxCauseBytes);
  // A command that is cut is another command.
  std::erase_if(problem.commands, [](const std::string& command) { return command.size() > kMaxCauseBytes; });
  return problem;
}

Cause shortened(Cause cause) {
  if (cause.reason.size() > kMaxCauseBytes) cause.reason.resize(kMaxCauseBytes);
  if (cause.problem) cause.problem = shortened(std::move(*cause.problem));
  return cause;
}

std::string signal_name(int number) {
  const char* abbreviation = ::sigabbrev_np(number);
  return abbreviation != nullptr ? std::string("SIG") + abbreviation : "signal " + std::to_string(number);
}

Cause worker_ended_cause(const wire::WorkerEnded& ended, const std::string& agent, const std::string& job,
                         const StatusBook::Memory& held) {
  const std::string where = worker_on(ended.worker.worker.value, agent);
  std::string what = how_it_ended(ended);
  std::string detail = ended.exit_code < 0 && ended.signal == 0 ? "" : ended.message;
  if (ended.crash) {
    if (!ended.crash->operator_id.empty()) what += " in " + ended.crash->operator_id;
    const std::string record = record_at_hand(*ended.crash);
    if (!record.empty()) detail = record + (detail.empty() ? "" : "\n" + detail);
  }
  Cause cause;
  cause.reason = where + ": " + what;
  if (ended.crash && !ended.crash->origin.empty()) cause.reason += " at " + ended.crash->origin;
  if (ended.crash && !ended.crash->record.empty()) cause.reason += ", record " + ended.crash->record;
  cause.problem = problem(is_out_of_memory(ended) ? ProblemKind::WORKER_OOM : ProblemKind::WORKER_CRASHED, what, where);
  cause.problem->cause = is_out_of_memory(ended) ? memory_cause(ended.memory, agent, held) : detail;
  cause.problem->effect = kNoRestart;
  cause.problem->commands = {"freshet logs " + job + " --worker " + std::to_string(ended.worker.worker.value)};
  if (is_out_of_memory(ended))
    cause.problem->commands.insert(cause.problem->commands.begin(), "freshet status " + job + " --operators");
  return cause;
}

void add_crashes(Cause& cause, const CrashedPlace& place, std::uint32_t limit, bool may_set_aside) {
  if (!cause.problem) return;
  std::string text = std::to_string(place.crashes) + (place.crashes == 1 ? " crash" : " crashes") + " on this record; ";
  if (place.set_aside)
    text += "it is set aside";
  else if (!may_set_aside)
    text += "operator " + place.operator_id + " sets nothing aside: its author can say so, on_error(dead_letter())";
  else if (limit == 0)
    text += "none is set aside, --crashes-per-record 0";
  else if (place.crashes < limit)
    text += "it is set aside after " + std::to_string(limit);
  else
    text += std::to_string(CrashBook::kMaxSetAside) + " are set aside already, which is the limit";
  std::string& detail = cause.problem->cause;
  detail = text + (detail.empty() ? "" : "\n" + detail);
}

ProblemView poison_problem(const CrashedPlace& place, const std::string& job) {
  const std::string origin = place.origin.empty() ? place.place.partition : place.origin;
  ProblemView view = problem(ProblemKind::POISON,
                             "the record at " + origin + " is set aside after " + std::to_string(place.crashes) +
                                 (place.crashes == 1 ? " crash" : " crashes"),
                             place.operator_id);
  view.cause = place.reason + "; it is a dead letter of that operator now";
  view.effect = "the job goes on without it";
  view.commands = {"freshet logs " + job + " --operator " + place.operator_id};
  return view;
}

Cause task_failed_cause(const wire::TaskFailed& failed, const std::string& agent, const std::string& job) {
  const std::string& op = failed.record.operator_id;
  const std::string where = op.empty() ? worker_on(failed.worker.worker.value, agent) : "operator " + op;
  Cause cause;
  cause.reason = where + ": " + failed.reason;
  if (!failed.message.empty()) cause.reason += ": " + failed.message;
  if (!failed.record.origin.empty()) cause.reason += " at " + failed.record.origin;
  const bool is_channel = failed.reason.starts_with("channel") || failed.reason.starts_with("connection");
  if (is_channel) cause.weight = Cause::Weight::consequence;
  if (is_channel || op.empty()) return cause;
  cause.problem =
      problem(ProblemKind::POISON, failed.reason + (failed.message.empty() ? "" : ": " + failed.message), op);
  cause.problem->cause = record_at_hand(failed.record);
  cause.problem->effect = kNoRestart;
  cause.problem->commands = {"freshet logs " + job + " --operator " + op};
  return cause;
}

Cause damaged_cause(const std::string& damage, CheckpointId checkpoint, const std::string& job) {
  Cause cause;
  cause.reason = damage +
                 "; what it held may have been committed. To go on from the one before, with those results once more: "
                 "freshet restart " +
                 job + " --allow-duplicates";
  cause.is_final = true;
  cause.damaged = checkpoint;
  return cause;
}

Cause agent_lost_cause(const std::string& agent, const std::string& why, const std::string& job) {
  Cause cause;
  cause.reason = "agent " + agent + " " + why;
  cause.problem = problem(ProblemKind::AGENT_LOST, why + "; its workers of this job are given up", agent);
  cause.problem->effect = kNoRestart;
  cause.problem->commands = {"freshet cluster status", "freshet logs " + job};
  return cause;
}

Cause prepare_cause(const std::vector<Problem>& problems, std::uint32_t worker, const std::string& agent) {
  Cause cause;
  cause.reason = worker_on(worker, agent) + " refused its plan";
  for (const Problem& each : problems) {
    cause.reason += "; " + each.where + (each.where.empty() ? "" : ": ") + each.message;
    if (!each.remedy.empty()) cause.reason += " (" + each.remedy + ")";
  }
  return cause;
}

Cause fingerprint_cause(std::uint32_t worker, const std::string& agent) {
  return {Cause::Weight::root,
          worker_on(worker, agent) +
              " built another graph than was submitted: its build function reads something besides its parameters",
          std::nullopt, true};
}

Cause too_many_splits_cause(std::size_t found, std::size_t limit) {
  return {Cause::Weight::root,
          "its sources found " + std::to_string(found) + " splits; at most " + std::to_string(limit) +
              " can be dealt out: fewer, larger files, or a narrower pattern",
          std::nullopt, true};
}

Cause not_adopted_cause(std::uint32_t worker, const std::string& agent) {
  return {Cause::Weight::root, worker_on(worker, agent) + " was gone when the job manager was started anew",
          std::nullopt};
}

Cause deployment_timeout_cause(Duration limit, const std::string& waiting_for) {
  return {Cause::Weight::consequence, "not up within " + format_duration(limit) + ": waited for " + waiting_for,
          std::nullopt};
}

Cause silent_worker_cause(std::uint32_t worker, const std::string& agent, Duration limit, const std::string& job) {
  Cause cause;
  cause.reason = worker_on(worker, agent) + ": silent for " + format_duration(limit);
  cause.problem =
      problem(ProblemKind::WORKER_CRASHED, "silent for " + format_duration(limit), worker_on(worker, agent));
  cause.problem->effect = kNoRestart;
  cause.problem->commands = {"freshet logs " + job + " --worker " + std::to_string(worker)};
  return cause;
}

ProblemView flood_problem(const wire::BrakePulled& brake, const std::string& job) {
  const double share = std::isfinite(brake.share) ? std::clamp(brake.share, 0.0, 1.0) : 0.0;
  ProblemView view = problem(
      ProblemKind::DEAD_LETTER_FLOOD,
      std::to_string(std::lround(share * 100)) + " % of the records of " + brake.operator_id + ": " + brake.example,
      brake.operator_id);
  view.cause = brake.example;
  view.effect = "PAUSED" + (brake.origin.empty() ? std::string() : " at " + brake.origin);
  view.commands = {"freshet logs " + job + " --operator " + brake.operator_id, "freshet resume " + job,
                   "freshet cancel " + job};
  return view;
}

ProblemView hot_key_problem(const StatusBook::HotKey& hot, const std::string& operator_id, const std::string& key,
                            const std::string& job) {
  const auto percent = [](double share) { return std::to_string(std::lround(share * 100)) + " %"; };
  ProblemView view = problem(ProblemKind::HOT_KEY,
                             operator_id + ": " + (key.empty() ? "one key" : "key " + key) + " carries " +
                                 percent(hot.share) + " of the records; its task " + std::to_string(hot.task) + " is " +
                                 percent(hot.busy) + " busy, the others " + percent(hot.others),
                             operator_id);
  view.cause = "all records of a key go to one task; sums of windows are added up before, what a fold does cannot be";
  view.effect = "other keys of that task wait behind it";
  view.commands = {"freshet status " + job + " --operators"};
  return view;
}

ProblemView no_slots_problem(const std::string& text) {
  ProblemView view = problem(ProblemKind::NO_SLOTS, text, "");
  view.effect = "the job waits, and goes on by itself when there are enough";
  view.commands = {"freshet cluster status"};
  return view;
}

ProblemView checkpoint_failing_problem(const CheckpointHistory& history, std::uint32_t left, const std::string& job) {
  const std::uint32_t count = history.failures_in_a_row();
  const std::string number = history.newest_failed() ? std::to_string(history.newest_failed()->id.value) : "";
  std::string what = std::to_string(count) + " checkpoints failed in a row";
  if (left != 0) what += "; the attempt fails after " + std::to_string(left) + " more";
  ProblemView view = problem(ProblemKind::CHECKPOINT_FAILING, what, "");
  if (history.newest_failed()) view.cause = "checkpoint " + number + ": " + history.newest_failed()->why;
  view.commands = {"freshet checkpoint list " + job};
  if (!number.empty()) view.commands.push_back("freshet checkpoint show " + job + " " + number);
  return view;
}

ProblemView uncommitted_problem(std::uint64_t bytes, std::uint64_t limit, const std::string& job) {
  ProblemView view = problem(ProblemKind::CHECKPOINT_SLOW,
                             rounded_bytes(bytes) + " of results wait for a checkpoint, more than " +
                                 rounded_bytes(limit) + " (--max-uncommitted)",
                             "");
  view.cause = "sinks write more between two checkpoints than may wait on their disks";
  view.effect = "sources are held until the checkpoint that was asked for is complete";
  view.commands = {"freshet checkpoint list " + job};
  return view;
}

ProblemView state_disk_full_problem(const wire::FullDisk& disk, const std::string& agent, std::uint32_t tasks,
                                    std::size_t of, const std::string& job) {
  ProblemView view = problem(ProblemKind::DISK_FULL,
                             rounded_bytes(disk.free_bytes) + " free; " + std::to_string(tasks) + " of " +
                                 std::to_string(of) + " tasks wait: their state fits neither into memory nor there",
                             agent + " " + disk.folder);
  view.cause = disk.why;
  view.effect = "they take nothing in, and go on by themselves when there is room; nothing is lost";
  view.commands = {"freshet savepoint list " + job + " --by-size", "freshet cluster status"};
  return view;
}

ProblemView journal_full_problem(const std::string& why, const std::string& folder) {
  ProblemView view = problem(ProblemKind::DISK_FULL, "the job manager cannot write its journal", folder);
  view.cause = why;
  view.effect =
      "what runs goes on, without checkpoints; no job is submitted, changed or started again until there is room";
  view.commands = {"freshet cluster status"};
  return view;
}

std::string rounded_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024; ++unit) value /= 1024;
  const auto tenths = static_cast<std::int64_t>(std::lround(value * 10));
  const bool is_whole = unit == 0 || tenths >= 100;
  return std::to_string(is_whole ? (tenths + 5) / 10 : tenths / 10) +
         (is_whole ? "" : "." + std::to_string(tenths % 10)) + " " + kUnits[unit];
}

std::string rounded_duration(Duration value) {
  const std::int64_t ms = value.count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  const std::int64_t tenths = (ms + 50) / 100;
  if (tenths < 100) return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  if (ms < 120'000) return std::to_string((ms + 500) / 1'000) + " s";
  if (ms < 7'200'000) return std::to_string((ms + 30'000) / 60'000) + " min";
  return std::to_string((ms + 1'800'000) / 3'600'000) + " h";
}

}  // namespace freshet::manager
