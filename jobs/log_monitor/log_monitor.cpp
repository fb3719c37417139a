#include <freshet/files.h>

#include <array>
#include <set>
#include <sstream>
#include <utility>

#include "jobs/log_monitor/alerts.h"
#include "jobs/log_monitor/hit.h"
#include "jobs/log_monitor/totals.h"
#include "jobs/log_monitor/windows.h"

using namespace freshet;

namespace {

constexpr std::int64_t kMostPlaces = 10'000;
constexpr std::uint16_t kNotFound = 404;

/// Which results are wanted, and where they go.
class Results {
 public:
  explicit Results(Job& job)
      : folder_(job.param("output", "out/log_monitor", "folder of the results")),
        listed_(job.param("outputs",
                          "totals,status,traffic,traffic_long,top_paths,top_hosts,window_paths,window_hosts,not_found,"
                          "alerts",
                          "results that are wanted, by comma; also: late")) {
    std::istringstream names(listed_);
    for (std::string name; std::getline(names, name, ',');) {
      if (std::find(kNames.begin(), kNames.end(), name) == kNames.end())
        job.add_problem({"parameter outputs", "there is no result '" + name + "'",
                         "name some of totals, status, traffic, traffic_long, top_paths, top_hosts, window_paths, "
                         "window_hosts, not_found, alerts, late"});
      wanted_.insert(name);
    }
    if (wanted_.empty()) job.add_problem({"parameter outputs", "no result is wanted", "name one at least"});
    if (wants("late") && !wants("traffic"))
      job.add_problem({"parameter outputs", "late is what came too late for traffic, which is not wanted",
                       "name traffic, too, or leave late out"});
  }
  bool wants(const std::string& name) const { return wanted_.count(name) > 0; }
  files::FileSink csv(const std::string& name) const { return files::csv(folder_ + "/" + name); }
  files::FileSink jsonl(const std::string& name) const { return files::jsonl(folder_ + "/" + name); }

 private:
  static constexpr std::array kNames = {"totals",    "status",    "traffic",      "traffic_long",
                                        "top_paths", "top_hosts", "window_paths", "window_hosts",
                                        "not_found", "alerts",    "late"};
  const std::string folder_;
  const std::string listed_;
  std::set<std::string> wanted_;
};

/// How it is counted: the job's parameters.
struct Options {
  explicit Options(Job& job)
      : window(job.param("window", 1min, "time over which traffic is counted")),
        long_window(job.param("long_window", 1h, "time over which traffic_long is counted")),
        top(job.param("top", std::int64_t{10}, "paths and hosts that are named, those with most hits")),
        top_window(job.param("top_window", 1h, "time over which window_paths and window_hosts are found")),
        not_found(job.param("not_found", std::int64_t{5}, "hosts with so many answers 404 are named")),
        alert_within(job.param("alert_within", 10min, "an alert when a host has as many within this time")) {
    if (top < 1 || top > kMostPlaces)
      job.add_problem({"parameter top", "is " + std::to_string(top), "name 1 to " + std::to_string(kMostPlaces)});
    top = std::clamp<std::int64_t>(top, 1, kMostPlaces);  // said once
    if (not_found < 1) job.add_problem({"parameter not_found", "is " + std::to_string(not_found), "give 1 or more"});
    if (alert_within < 0ms)
      job.add_problem({"parameter alert_within", "is negative", "give 0 (at the same moment) or more"});
    const auto interval = job.param("emit", 0ms, "how often results that changed go out; 0: once, at the end");
    emit = interval > 0ms ? every(interval) : at_end();
  }
  Duration window, long_window;
  std::int64_t top;
  Duration top_window;
  std::int64_t not_found;
  Duration alert_within;
  Emission emit{};
};

void one_hit(const Hit& hit, Out<Totals>& out) {
  Totals& one = out.add();
  one.site = hit.site;
  one.hits = 1;
  one.bytes = hit.bytes;
  one.client_errors = is_client_error(hit) ? 1 : 0;
  one.server_errors = is_server_error(hit) ? 1 : 0;
  one.hosts = one.paths = 0;
  one.first = one.last = hit.time;
}

// Distinct hosts and paths are counted where each is known: its first hit adds one to the site's.
void add_totals(const Stream<Hit>& hits, const Stream<Hit>& paths, const Results& results, const Options& options) {
  const auto new_hosts =
      hits.key_by(&Hit::site, &Hit::host).process("new_hosts", [](Seen& seen, const Hit& hit, Out<Totals>& out) {
        if (!std::exchange(seen.before, true)) out.emit({.site = hit.site, .hosts = 1});
      });
  const auto new_paths =
      paths.key_by(&Hit::site, &Hit::path).process("new_paths", [](Seen& seen, const Hit& hit, Out<Totals>& out) {
        if (!std::exchange(seen.before, true)) out.emit({.site = hit.site, .paths = 1});
      });
  hits.flat_map("one_hit", one_hit)
      .merge(new_hosts, new_paths)
      .key_by(&Totals::site)
      .reduce("totals", [](Totals& total, const Totals& more) noexcept { total.add(more); })
      .queryable()
      .emit(options.emit)
      .sink("totals_file", results.csv("totals"));
}

void add_status(const Stream<Hit>& hits, const Results& results, const Options& options) {
  hits.flat_map("one_status",
                [](const Hit& hit, Out<StatusTotals>& out) {
                  StatusTotals& one = out.add();
                  one.site = hit.site;
                  one.status = hit.status;
                  one.hits = 1;
                  one.bytes = hit.bytes;
                })
      .key_by(&StatusTotals::site, &StatusTotals::status)
      .reduce("status",
              [](StatusTotals& total, const StatusTotals& more) noexcept {
                total.hits += more.hits;
                total.bytes += more.bytes;
              })
      .queryable()
      .emit(options.emit)
      .sink("status_file", results.csv("status"));
}

// Hits, errors and distinct hosts per window: counted for each host, then added up for the site. A latency would not
// be: its quantiles are those of all hits of a site, so it is a step of its own beside these.
void add_traffic(const Stream<Hit>& hits, const Results& results, const std::string& name, Duration window) {
  const auto by_host = hits.key_by(&Hit::site, &Hit::host)
                           .window(tumbling(window))
                           .aggregate<HostTraffic>("host_" + name, count().as(&HostTraffic::hits),
                                                   sum(&Hit::bytes).as(&HostTraffic::bytes),
                                                   count_if(is_client_error).as(&HostTraffic::client_errors),
                                                   count_if(is_server_error).as(&HostTraffic::server_errors));
  by_host.key_by(&HostTraffic::site)
      .window(same_window())
      .aggregate<Traffic>(name, sum(&HostTraffic::hits).as(&Traffic::hits),
                          sum(&HostTraffic::bytes).as(&Traffic::bytes),
                          sum(&HostTraffic::client_errors).as(&Traffic::client_errors),
                          sum(&HostTraffic::server_errors).as(&Traffic::server_errors), count().as(&Traffic::hosts))
      .sink(name + "_file", results.jsonl(name));
  if (name == "traffic" && results.wants("late")) by_host.late().sink("late_file", results.csv("late"));
}

// The names, paths or hosts, with most hits in the whole log.
void add_top(const Stream<Hit>& hits, std::string Hit::*field, const Results& results, const std::string& name,
             const Options& options) {
  hits.flat_map("one_of_" + name,
                [field](const Hit& hit, Out<NameTotals>& out) {
                  NameTotals& one = out.add();
                  one.site = hit.site;
                  one.name = hit.*field;
                  one.hits = 1;
                })
      .key_by(&NameTotals::site, &NameTotals::name)
      .reduce("hits_of_" + name, [](NameTotals& total, const NameTotals& more) noexcept { total.hits += more.hits; })
      .emit(options.emit)
      .key_by(&NameTotals::site)
      .fold(name, [most = static_cast<std::size_t>(options.top)](Ranking& ranking,
                                                                 const NameTotals& total) { ranking.put(total, most); })
      .queryable()
      .emit(options.emit)
      .flat_map("rows_of_" + name,
                [](const Ranking& ranking, Out<Place>& out) {
                  for (const Place& place : ranking.places) out.emit(place);
                })
      .sink(name + "_file", results.csv(name));
}

// The same for each window.
void add_window_top(const Stream<Hit>& hits, std::string Hit::*field, const Results& results, const std::string& name,
                    const Options& options) {
  hits.key_by(&Hit::site, field)
      .window(tumbling(options.top_window))
      .aggregate<NameHits>("hits_of_" + name, count().as(&NameHits::hits))
      .key_by(&NameHits::site)
      .window(same_window())
      .top(name, options.top, largest(&NameHits::hits), smallest(&NameHits::name))
      .map("rows_of_" + name, WindowPlace::of)
      .sink(name + "_file", results.jsonl(name));
}

// Hosts that often ask for what is not there: in the whole log, and within a time.
void add_not_found(const Stream<Hit>& hits, const Results& results, const Options& options) {
  const auto least = static_cast<std::uint64_t>(options.not_found);
  const auto by_host = hits.filter("not_found_only", equals(&Hit::status, kNotFound))
                           .flat_map("one_not_found",
                                     [](const Hit& hit, Out<NotFound>& out) {
                                       NotFound& one = out.add();
                                       one.site = hit.site;
                                       one.host = hit.host;
                                       one.answers = 1;
                                       one.first = one.last = hit.time;
                                     })
                           .key_by(&NotFound::site, &NotFound::host);
  if (results.wants("not_found"))
    by_host
        .reduce("not_found",
                [](NotFound& total, const NotFound& more) noexcept {
                  total.answers += more.answers;
                  total.first = std::min(total.first, more.first);
                  total.last = std::max(total.last, more.last);
                })
        .queryable()
        .emit(options.emit)
        .filter("repeated", [least](const NotFound& total) { return total.answers >= least; })
        .sink("not_found_file", results.csv("not_found"));
  if (results.wants("alerts"))
    by_host.repeated("alerts", options.not_found, options.alert_within)
        .process<AlertOfHost>("alert_of_host")
        .sink("alerts_file", results.csv("alerts"));
}

}  // namespace

FRESHET_JOB(log_monitor, "Hits, errors, visitors and what is asked for most, from access logs of web servers")
{
  const auto input =
      files::input<Hit>(job, "input", "jobs/log_monitor/sample.log", "access logs (globs, folders), plain or gzip",
                        {.required = {"host", "path", "status", "time"}});
  const Results results(job);
  const auto disorder = job.param("max_disorder", 1min, "how much later than its successors a line may come");
  const auto earliest = job.param("earliest", Time(std::chrono::sys_days{std::chrono::year{1990} / 1 / 1}),
                                  "a line of before this time is malformed");
  const auto each_line =
      job.param("watermark_each_line", false, "makes what is late independent of how lines are taken together; slow");
  const Options options(job);

  const auto hits =
      job.source("hits", files::read<Hit>(input))
          .event_time(&Hit::time, {.max_disorder = disorder, .earliest = earliest, .each_record = each_line});
  const auto is_wanted = [&](auto... names) { return (results.wants(names) || ...); };

  // What sends no request has no path.
  const auto paths = is_wanted("totals", "top_paths", "window_paths")
                         ? hits.filter("with_path", [](const Hit& hit) { return !hit.path.empty(); })
                         : hits;
  if (is_wanted("totals")) add_totals(hits, paths, results, options);
  if (is_wanted("status")) add_status(hits, results, options);
  if (is_wanted("traffic")) add_traffic(hits, results, "traffic", options.window);
  if (is_wanted("traffic_long")) add_traffic(hits, results, "traffic_long", options.long_window);
  if (is_wanted("top_paths")) add_top(paths, &Hit::path, results, "top_paths", options);
  if (is_wanted("top_hosts")) add_top(hits, &Hit::host, results, "top_hosts", options);
  if (is_wanted("window_paths")) add_window_top(paths, &Hit::path, results, "window_paths", options);
  if (is_wanted("window_hosts")) add_window_top(hits, &Hit::host, results, "window_hosts", options);
  if (is_wanted("not_found", "alerts")) add_not_found(hits, results, options);

  job.dead_letters().sink("dead_letters_file", results.csv("dead_letters"));
}
