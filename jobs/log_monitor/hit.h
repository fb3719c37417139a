#pragma once

#include <freshet/freshet.h>

/// What a web server answered to whom.
struct Hit {
  std::string site = "all";  // results are counted for each apart; one for all, unless a column is named for it
  std::string host{};        // who asked
  std::string path{};        // with its query; empty when nothing was asked for
  std::uint16_t status = 0;
  std::uint64_t bytes = 0;
  freshet::Time time{};
  FRESHET_RECORD(site, host, path, status, bytes, time)
};

/// noexcept: windows of what they count are summed up before they are sent.
inline bool is_client_error(const Hit& hit) noexcept { return hit.status >= 400 && hit.status < 500; }
inline bool is_server_error(const Hit& hit) noexcept { return hit.status >= 500; }
