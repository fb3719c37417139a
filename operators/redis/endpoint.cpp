#include "operators/redis/endpoint.h"

#include <sys/un.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

namespace freshet::redis {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxHostBytes = 255;
constexpr std::size_t kMaxPasswordBytes = 512;
constexpr std::uint32_t kMaxDatabase = 65535;
constexpr std::size_t kMaxPrefixBytes = kMaxKeyBytes / 2;
constexpr Duration kShortestTimeout = 10ms;
constexpr Duration kLongestTimeout = 60s;

Error cannot_read_password(const Server& server, const std::string& what) {
  return Error{what + "; mend it, or parameter " + server.name + ".password_" +
               (server.password_file.empty() ? "variable" : "file")};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view address) {
  Endpoint endpoint;
  if (address.substr(0, kUnix.size()) == kUnix) {
    endpoint.path = address.substr(kUnix.size());
    if (endpoint.path.empty()) return Error{"unix: without a path"};
    if (endpoint.path.size() > kMaxPathBytes)
      return Error{"the path of a socket has at most " + std::to_string(kMaxPathBytes) + " bytes"};
    return endpoint;
  }
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return Error{"no port"};
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > kMaxHostBytes || (!bracketed && host.find(':') != std::string_view::npos))
    return Error{"'" + std::string(host.substr(0, kMaxHostBytes)) + "' is no host"};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port < 1 || endpoint.port > 65535)
    return Error{"'" + std::string(port.substr(0, kMaxHostBytes)) + "' is no port"};
  endpoint.host = host;
  return endpoint;
}

std::vector<Flaw> check_server(const Server& server) {
  std::vector<Flaw> flaws;
  if (const auto endpoint = parse_endpoint(server.address); !endpoint)
    flaws.push_back({"", endpoint.error().message, "write HOST:PORT, [IPV6]:PORT or unix:PATH"});
  if (server.database > kMaxDatabase)
    flaws.push_back({"database", "there is no database " + std::to_string(server.database), "use 0 to 65535"});
  if (server.prefix.size() > kMaxPrefixBytes)
    flaws.push_back({"prefix", "longer than " + std::to_string(kMaxPrefixBytes) + " bytes", "use a shorter one"});
  if (server.timeout < kShortestTimeout || server.timeout > kLongestTimeout)
    flaws.push_back({"timeout", format_duration(server.timeout) + " is out of range", "use 10ms to 1min"});
  if (!server.password_variable.empty() && !server.password_file.empty())
    flaws.push_back({"password_file", "the password is in a variable and in a file", "leave one of them away"});
  if (!server.user.empty() && server.password_variable.empty() && server.password_file.empty())
    flaws.push_back(
        {"user", "a user without a password", "say where the password is: password_variable, password_file"});
  return flaws;
}

Result<std::string> read_password(const Server& server) {
  std::string password;
  if (!server.password_variable.empty()) {
    const char* value = std::getenv(server.password_variable.c_str());
    if (value == nullptr)
      return cannot_read_password(server, "environment variable " + server.password_variable + " is not set");
    password = value;
  } else if (!server.password_file.empty()) {
    std::ifstream file(server.password_file, std::ios::binary);
    char first[kMaxPasswordBytes + 2] = {};
    file.read(first, sizeof first);
    if (file.bad() || file.gcount() == 0)
      return cannot_read_password(server, "file " + server.password_file + " is not there, or empty");
    password.assign(first, static_cast<std::size_t>(file.gcount()));
    password.erase(std::min(password.find_first_of("\r\n"), password.size()));
  } else {
    return password;
  }
  if (password.empty() || password.size() > kMaxPasswordBytes)
    return cannot_read_password(
        server, "the password has " + std::string(password.empty() ? "no" : "more than 512") + " bytes");
  return password;
}

}  // namespace freshet::redis
