#pragma once

#include <freshet/redis_sink.h>

namespace freshet::redis {

/// Server::address, taken apart.
struct Endpoint {
  std::string host{};  ///< name or address; empty with a path
  int port = 0;
  std::string path{};  ///< of a unix socket
};
Result<Endpoint> parse_endpoint(std::string_view address);

/// From the environment or the file that the server's settings name; empty when they name none. At most 512 bytes.
Result<std::string> read_password(const Server& server);

}  // namespace freshet::redis
