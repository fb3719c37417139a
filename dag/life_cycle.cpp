#include "dag/life_cycle.h"

#include <algorithm>

namespace freshet::dag {

namespace {

using enum JobState;

constexpr Transition kTransitions[] = {
    {submitted, scheduling, "it is journalled and wants slots"},
    {submitted, cancelled, "cancelled before anything was started"},
    {submitted, failed, "it could not be stored or planned"},

    {scheduling, deploying, "every task has a slot"},
    {scheduling, cancelled, "cancelled while it waited: nothing runs"},
    {scheduling, failed, "what it is to be restored from is gone or damaged"},

    {deploying, scheduling, "slots were lost before it came up"},
    {deploying, running, "every task is restored and started"},
    {deploying, recovering, "a worker did not come up"},
    {deploying, cancelling, "cancelled while it came up"},
    {deploying, failed, "the restart strategy is used up, or a worker refused the plan"},

    {running, recovering, "a worker or an agent is lost, or user code failed"},
    {running, pausing, "the user asked to pause it"},
    {running, stopping, "the user asked to stop, rescale, upgrade or restart it"},
    {running, cancelling, "the user cancelled it"},
    {running, finished, "all input has ended, and the final checkpoint is committed"},
    {running, failed, "user code failed and the restart strategy allows no other attempt"},

    {recovering, scheduling, "what was left of the old attempt is gone; a new one wants slots"},
    {recovering, running, "a new job manager found all of its workers running and adopted them"},
    {recovering, cancelling, "cancelled while it recovered"},
    {recovering, failed, "the restart strategy is used up"},

    {pausing, running, "it could not be paused, or was resumed before it was"},
    {pausing, recovering, "a worker was lost on the way"},
    {pausing, paused, "no source reads, and what was read is in a checkpoint"},
    {pausing, cancelling, "cancelled on the way"},
    {pausing, failed, "it failed on the way and the restart strategy is used up"},

    {paused, scheduling, "resumed after its workers were given up"},
    {paused, running, "resumed"},
    {paused, recovering, "a worker was lost while it was paused"},
    {paused, stopping, "the user asked to stop it"},
    {paused, cancelling, "the user cancelled it"},

    {stopping, scheduling, "its savepoint is done, and it starts again: rescale, upgrade, rollback or restart"},
    {stopping, running, "the savepoint failed; it goes on as before"},
    {stopping, recovering, "a worker was lost before the savepoint was done"},
    {stopping, cancelling, "cancelled on the way"},
    {stopping, finished, "it was drained: all windows are closed and committed"},
    {stopping, stopped, "its savepoint is done and committed"},
    {stopping, failed, "it failed on the way and the restart strategy is used up"},

    {cancelling, cancelled, "its last worker is gone"},

    {stopped, scheduling, "the user restarted it, from its savepoint"},
    {cancelled, scheduling, "the user restarted it, from its last checkpoint"},
    {failed, scheduling, "the user restarted it, from its last good checkpoint"},
};

}  // namespace

std::span<const Transition> transitions() { return kTransitions; }

bool can_transition(JobState from, JobState to) {
  return std::any_of(std::begin(kTransitions), std::end(kTransitions),
                     [&](const Transition& transition) { return transition.from == from && transition.to == to; });
}

bool is_over(JobState state) { return state == finished || state == stopped || state == cancelled || state == failed; }

std::string_view describe(JobState state) {
  switch (state) {
    case submitted:
      return "It is accepted and validated; nothing of it runs yet.";
    case scheduling:
      return "It waits until there is a free slot for each of its tasks.";
    case deploying:
      return "Its workers start, load the library and restore their state.";
    case running:
      return "Every task runs and records flow.";
    case recovering:
      return "Something of it was lost; the rest is stopped or adopted before it goes on.";
    case pausing:
      return "Its sources stop reading, and what was read is being finished.";
    case paused:
      return "Its tasks are up and keep their state, but no source reads.";
    case stopping:
      return "It takes its savepoint and commits what it wrote, then it ends or starts anew.";
    case cancelling:
      return "Its workers are being stopped without a savepoint.";
    case finished:
      return "All of its input is processed and every result is committed.";
    case stopped:
      return "It was ended with a savepoint, from which it can be started again.";
    case cancelled:
      return "It was ended at once; its checkpoints are kept.";
    case failed:
      return "It was given up; its last good checkpoint and the cause are kept.";
  }
  return "This is no state of a job.";
}

}  // namespace freshet::dag
