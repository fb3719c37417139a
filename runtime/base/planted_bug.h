#pragma once

#include <cstdint>

/// Errors that a test puts into the engine to see whether the simulator finds them. Only tests/simulation compiles
/// files with FRESHET_PLANTED_BUGS; everywhere else nothing is planted, and nothing is left of the question.
namespace freshet::plant {

enum class Bug : std::uint8_t {
  none,
  drop_frame,       ///< a task loses a frame that its worker has believed
  skip_alignment,   ///< a barrier passes a task when the first of its channels has delivered it
  commit_early,     ///< sinks commit when their snapshot is stored
  stale_commit,     ///< sinks of an attempt that is told to stop commit all they have
  forget_key,       ///< an entry of a state is not saved
  forget_evicted,   ///< an entry that changed and then went to disk is not saved
  save_late,        ///< a state is saved as it is a while after the barrier
  forget_timer,     ///< a timer is not taken back
  forget_waiting,   ///< a record that waits to be tried again is not taken back
  forget_replayed,  ///< a dead letter that is replayed is dropped
  forget_unsent,    ///< a key whose change has not been emitted is not taken back
  forget_splits,    ///< a source does not take back how far it had read
  forget_handle,    ///< a handle is not told to the job manager
};

#ifdef FRESHET_PLANTED_BUGS
inline namespace armed {
inline Bug bug = Bug::none;
inline std::uint64_t occasions = 0;
/// Whether that one is planted.
inline bool is(Bug asked) { return bug == asked; }
/// The same, at each `every`-th occasion.
inline bool is_due(Bug asked, std::uint64_t every) { return bug == asked && ++occasions % every == 0; }
}  // namespace armed
#else
inline namespace harmless {
constexpr bool is(Bug) { return false; }
constexpr bool is_due(Bug, std::uint64_t) { return false; }
}  // namespace harmless
#endif

}  // namespace freshet::plant
