#pragma once

#include <cstdint>
#include <string>

#include <freshet/record.h>

namespace freshet::manager {

/// Times and limits of a job manager. The defaults are for one that people use; tests and simulations set others.
struct ManagerOptions {
  // Who it is, for people.
  std::string address{};  ///< of REST, "127.0.0.1:7070"
  std::string version{};
  std::string abi{};
  std::string data{};  ///< its data folder
  std::uint64_t pid = 0;
  std::string checkpoints{};  ///< folder of the checkpoint storage, as workers are told

  Duration heartbeat_interval{1'000};     ///< agents are told to send one this often
  Duration silence_limit{6'000};          ///< an agent that is silent for longer is lost
  Duration worker_silence_limit{15'000};  ///< a running worker that is silent for longer is taken for dead
  Duration status_interval{500};          ///< workers are told to report this often
  Duration deployment_timeout{60'000};    ///< from the first StartWorker until all tasks run
  Duration stop_grace{10'000};            ///< a worker that was told to stop its tasks ends within
  Duration kill_grace{3'000};             ///< … or is asked by its agent to end, and after this killed
  Duration give_up_after{5'000};          ///< and when nobody says that it is gone, it is no longer waited for
  Duration adoption_timeout{10'000};      ///< a job manager that is back waits so long for workers that ran before

  std::size_t max_jobs = 1'000;       ///< that are not over
  std::size_t max_over_jobs = 1'000;  ///< kept in the list; the oldest go first
  std::size_t max_agents = 1'000;
  std::size_t max_events = 1'000;  ///< in the time line of one job; the oldest go first
};

}  // namespace freshet::manager
