#pragma once

#include <algorithm>

#include "jobs/log_monitor/hit.h"

/// What hits come to over the whole log. Each is also what one hit adds to it.

/// All of a site.
struct Totals {
  std::string site{};
  std::uint64_t hits = 0, bytes = 0, client_errors = 0, server_errors = 0;
  std::uint64_t hosts = 0, paths = 0;  // distinct
  freshet::Time first{}, last{};       // of the hits
  bool operator==(const Totals&) const = default;
  FRESHET_RECORD(site, hits, bytes, client_errors, server_errors, hosts, paths, first, last)

  void add(const Totals& more) noexcept {
    if (more.hits > 0) {
      first = hits == 0 ? more.first : std::min(first, more.first);
      last = hits == 0 ? more.last : std::max(last, more.last);
    }
    hits += more.hits;
    bytes += more.bytes;
    client_errors += more.client_errors;
    server_errors += more.server_errors;
    hosts += more.hosts;
    paths += more.paths;
  }
};

/// Of the answers with one status code.
struct StatusTotals {
  std::string site{};
  std::uint16_t status = 0;
  std::uint64_t hits = 0, bytes = 0;
  bool operator==(const StatusTotals&) const = default;
  FRESHET_RECORD(site, status, hits, bytes)
};

/// Of a path, or of a host.
struct NameTotals {
  std::string site{}, name{};
  std::uint64_t hits = 0;
  FRESHET_RECORD(site, name, hits)
};

/// Answers 404 to a host.
struct NotFound {
  std::string site{}, host{};
  std::uint64_t answers = 0;
  freshet::Time first{}, last{};
  bool operator==(const NotFound&) const = default;
  FRESHET_RECORD(site, host, answers, first, last)
};

/// One of the paths, or hosts, of a site that have most hits.
struct Place {
  std::uint32_t rank = 0;
  std::string name{};
  std::uint64_t hits = 0;
  bool operator==(const Place&) const = default;
  FRESHET_RECORD(rank, name, hits)
};

/// The names of a site that have most hits; among equals the smaller name first. Whoever is put in comes again whenever
/// it has more, so nothing need be kept of the others.
struct Ranking {
  std::vector<Place> places{};
  FRESHET_RECORD(places)

  void put(const NameTotals& name, std::size_t most) {
    const auto is_before = [&](const Place& place) {
      return place.hits != name.hits ? place.hits > name.hits : place.name <= name.name;
    };
    if (places.size() == most && is_before(places.back())) return;
    std::erase_if(places, [&](const Place& place) { return place.name == name.name; });
    if (places.size() == most) places.pop_back();
    const auto at = std::partition_point(places.begin(), places.end(), is_before);
    places.insert(at, {0, name.name, name.hits});
    for (std::uint32_t rank = 0; rank < places.size(); ++rank) places[rank].rank = rank + 1;
  }
};

/// Whether this is not the first hit of its host, or path.
struct Seen {
  bool before = false;
  FRESHET_RECORD(before)
};
