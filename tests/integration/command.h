#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace freshet::integration {

/// A folder that is gone when its owner is.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string content_of(const std::filesystem::path& file);
/// All that one task has committed into a sink's folder, file after file; headers stay.
std::string part_of(const std::filesystem::path& folder, std::uint32_t task);

struct Answer {
  int exit_code = -1;  ///< 128 and the signal, when one ended it
  std::string out{};
  std::string err{};
};

/// The freshet executable of this build as a user meets it: no terminal, an empty standard input, results and messages
/// apart, and a home of its own in a scratch folder, so that nothing of the machine's is read or written.
class Freshet {
 public:
  /// Runs `freshet WORDS…` to its end.
  Answer run(const std::vector<std::string>& words) const;
  /// Starts it and answers at once; to be ended with wait().
  pid_t start(const std::vector<std::string>& words, const std::string& name) const;
  /// Its end; `name` is that of start().
  Answer wait(pid_t child, const std::string& name) const;
  /// What it has written so far.
  std::string out_so_far(const std::string& name) const { return content_of(home_ / (name + ".out")); }

  std::map<std::string, std::string> environment{};  ///< beside HOME and XDG_STATE_HOME
  uid_t user = 0;                                    ///< when not 0: runs as this one
  /// Where data folders of runs and clusters are made.
  std::string state_folder() const { return home_ / "state"; }
  const ScratchFolder& home() const { return home_; }

 private:
  ScratchFolder home_;
};

/// `freshet cluster start` on free ports, under a data folder of its own; stopped when it goes out of scope. Sets
/// FRESHET_MANAGER of the command line it is started with.
class RunningCluster {
 public:
  RunningCluster(Freshet& freshet, int agents);
  ~RunningCluster();
  RunningCluster(const RunningCluster&) = delete;
  RunningCluster& operator=(const RunningCluster&) = delete;

  const Answer& started() const { return started_; }
  const std::string& data() const { return data_; }
  const std::string& port() const { return port_; }
  /// Command lines of its workers.
  std::vector<std::string> workers() const;

 private:
  const Freshet& freshet_;
  const std::string data_;
  std::string port_;
  Answer started_;
};

}  // namespace freshet::integration
