#include "runtime/cli/manager_address.h"

#include <charconv>
#include <fstream>

namespace freshet::cli {
namespace {

constexpr std::string_view kScheme = "http://";

std::string stripped(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<int> port_of(const std::string& text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || port < 1 || port > 65535) return std::nullopt;
  return port;
}

}  // namespace

std::string ManagerAddress::text() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ManagerAddress> parse_manager_address(const std::string& text, const std::string& source) {
  const Failure failure{ExitCode::kUsage, source + " '" + text + "': expected HOST:PORT such as 127.0.0.1:7070"};
  std::string rest = stripped(text);
  if (rest.starts_with(kScheme)) rest.erase(0, kScheme.size());
  if (rest.ends_with('/')) rest.pop_back();
  ManagerAddress address;
  address.source = source;
  const bool bracketed = rest.starts_with('[');
  const std::size_t host_end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed && host_end == std::string::npos) return failure;
  address.host = bracketed ? rest.substr(1, host_end - 1) : rest.substr(0, host_end);
  std::string behind = host_end == std::string::npos ? "" : rest.substr(host_end + (bracketed ? 1 : 0));
  if (!behind.empty()) {
    const auto port = behind[0] == ':' ? port_of(behind.substr(1)) : std::nullopt;
    if (!port) return failure;
    address.port = *port;
  }
  if (address.host.empty() || address.host.find_first_of(" /@?#%\\\"'\r\n\t") != std::string::npos) return failure;
  return address;
}

std::string config_file_path(const Environment& environment) {
  if (const auto config_home = environment("XDG_CONFIG_HOME")) return *config_home + "/freshet/config";
  if (const auto home = environment("HOME")) return *home + "/.config/freshet/config";
  return {};
}

Result<std::optional<std::string>> read_config(const std::string& path, const std::string& key) {
  std::optional<std::string> found;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line = stripped(line);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Failure{ExitCode::kUsage,
                     path + ":" + std::to_string(number) + ": expected key=value, found '" + line + "'"};
    }
    if (stripped(line.substr(0, equals)) == key) found = stripped(line.substr(equals + 1));
  }
  return found;
}

Result<ManagerAddress> find_manager_address(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return parse_manager_address(flag, "--manager");
  if (const auto variable = environment("FRESHET_MANAGER")) return parse_manager_address(*variable, "FRESHET_MANAGER");
  const std::string path = config_file_path(environment);
  if (path.empty()) return ManagerAddress{};
  auto configured = read_config(path, "manager");
  if (!configured) return configured.failure();
  if (!configured->has_value()) return ManagerAddress{};
  return parse_manager_address(**configured, path + ": manager");
}

}  // namespace freshet::cli
