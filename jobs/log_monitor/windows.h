#pragma once

#include "jobs/log_monitor/hit.h"

/// What hits come to in windows of event time.

/// Of one host. That each host is one of these makes it cheap to count hosts: none needs to know of all others.
struct HostTraffic {
  std::string site{}, host{};
  freshet::Window window{};
  std::uint64_t hits = 0, bytes = 0, client_errors = 0, server_errors = 0;
  FRESHET_RECORD(site, host, window, hits, bytes, client_errors, server_errors)
};

/// Of a site.
struct Traffic {
  std::string site{};
  freshet::Window window{};
  std::uint64_t hits = 0, bytes = 0, client_errors = 0, server_errors = 0, hosts = 0;
  bool operator==(const Traffic&) const = default;
  FRESHET_RECORD(site, window, hits, bytes, client_errors, server_errors, hosts)
};

/// Of a path, or of a host.
struct NameHits {
  std::string site{}, name{};
  freshet::Window window{};
  std::uint64_t hits = 0;
  FRESHET_RECORD(site, name, window, hits)
};

/// One of the paths, or hosts, with most hits in a window.
struct WindowPlace {
  std::string site{};
  freshet::Window window{};
  std::uint32_t rank = 0;
  std::string name{};
  std::uint64_t hits = 0;
  bool operator==(const WindowPlace&) const = default;
  FRESHET_RECORD(site, window, rank, name, hits)

  static WindowPlace of(const freshet::Ranked<NameHits>& place) {
    return {place.record.site, place.record.window, place.rank, place.record.name, place.record.hits};
  }
};
