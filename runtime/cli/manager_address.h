#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/cli/result.h"

namespace freshet::cli {

/// Where the job manager's REST interface is, and who said so.
struct ManagerAddress {
  std::string host = "127.0.0.1";
  int port = 7070;
  std::string source = "default";  // "--manager", "FRESHET_MANAGER", the config file's path

  /// "127.0.0.1:7070", "[::1]:7070"
  std::string text() const;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// "host:port", "host", "[::1]:7070", with or without "http://". kUsage says what is wrong; `source` names where it
/// stood.
Result<ManagerAddress> parse_manager_address(const std::string& text, const std::string& source);

/// `flag` if not empty, else FRESHET_MANAGER, else `manager=` of the config file, else the default.
Result<ManagerAddress> find_manager_address(const std::string& flag, const Environment& environment);

/// $XDG_CONFIG_HOME/freshet/config or ~/.config/freshet/config.
std::string config_file_path(const Environment& environment);

/// Value of `key` in a file of lines `key=value` (# begins a comment). Nothing when the file or the key is missing; a
/// line of another form is refused with its number.
Result<std::optional<std::string>> read_config(const std::string& path, const std::string& key);

}  // namespace freshet::cli
