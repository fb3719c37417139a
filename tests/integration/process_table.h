#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

/// What /proc says about the processes of an engine.
namespace freshet::integration {

/// Living processes (no zombies) whose command line holds `text`: the data folder of an engine names all of its own.
std::vector<pid_t> processes_with(const std::string& text);

bool is_alive(pid_t pid);
std::string command_line(pid_t pid);

/// Inodes of the TCP sockets that these processes listen on.
std::set<std::string> listening_sockets(const std::vector<pid_t>& pids);
/// Those of `sockets` that are still listened on, by whomever.
std::set<std::string> still_listening(const std::set<std::string>& sockets);
/// TCP ports that a process listens on.
std::vector<int> listening_ports(pid_t pid);

/// Every file below `folder` that is neither a finished part file nor marked as being in progress.
std::vector<std::string> unmarked_files(const std::string& folder);

}  // namespace freshet::integration
