#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <freshet/record.h>

/// A job's life: its states, and the one table of what may follow what. Who changes a job's state asks it first.
namespace freshet::dag {

enum class JobState : std::uint8_t {
  submitted,
  scheduling,
  deploying,
  running,
  recovering,
  pausing,
  paused,
  stopping,
  cancelling,
  finished,
  stopped,
  cancelled,
  failed,
};
FRESHET_ENUM(JobState, submitted, scheduling, deploying, running, recovering, pausing, paused, stopping, cancelling,
             finished, stopped, cancelled, failed)

struct Transition {
  JobState from;
  JobState to;
  std::string_view when;  ///< in words, for people
};

/// All legal transitions, by `from`, then `to`.
std::span<const Transition> transitions();

bool can_transition(JobState from, JobState to);

/// Nothing of the job runs, and nothing will unless somebody restarts it. Its name is free for another job.
bool is_over(JobState state);

/// What it means for a job to be in this state: one sentence.
std::string_view describe(JobState state);

}  // namespace freshet::dag
