// Reads state on a schedule that waits for nobody: how long answers take, and how old the newest is that they know.
//
// reader ADDRESS JOB USERS PER_SECOND SECONDS → one line "ASKED FAILED P50 P99 P99.9 MAX FRESH_P50 FRESH_P99
// FRESH_MAX", nanoseconds from the time at which a read was due, and of the probe's newest record.

#include <httplib.h>

#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/latency/ages.h"
#include "tests/bench/steady.h"

namespace {

using freshet::bench::Ages;
using freshet::bench::steady_ns;

constexpr unsigned kThreads = 8;
constexpr std::uint64_t kProbeEvery = 10;  // reads

struct Plan {
  std::string host;
  int port = 0;
  std::string path;
  std::uint64_t users = 0, reads = 0;
  double per_second = 0;
  std::int64_t begin_ns = 0;
};

/// What one thread has seen.
struct Seen {
  Ages latency, freshness;
  std::uint64_t failed = 0;
};

void read_some(const Plan& plan, unsigned thread, Seen& seen) {
  httplib::Client client(plan.host, plan.port);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  for (std::uint64_t number = thread; number < plan.reads; number += kThreads) {
    const auto due_ns = plan.begin_ns + static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / plan.per_second);
    if (const auto wait = due_ns - steady_ns(); wait > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(wait));
    const bool is_probe = number % kProbeEvery == 0;
    const std::uint64_t user = is_probe ? plan.users - 1 : freshet::bench::scatter(number) % (plan.users - 1);
    const auto answer = client.Get(plan.path + std::to_string(user));
    const std::int64_t now_ns = steady_ns();
    seen.latency.add(now_ns - due_ns);
    if (!answer || answer->status != 200) {
      ++seen.failed;
      continue;
    }
    if (!is_probe) continue;
    const auto body = nlohmann::json::parse(answer->body, nullptr, false);
    const nlohmann::json::json_pointer place("/entries/0/value/due_ns");
    if (body.contains(place) && body[place].is_number_integer())
      seen.freshness.add(now_ns - body[place].get<std::int64_t>());
    else
      ++seen.failed;
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 6) return 2;
  const std::string address = words[1];
  Plan plan;
  plan.host = address.substr(0, address.find(':'));
  plan.port = std::stoi(address.substr(address.find(':') + 1));
  plan.path = std::string("/v1/jobs/") + words[2] + "/state/count/";
  plan.users = std::stoull(words[3]);
  plan.per_second = std::stod(words[4]);
  plan.reads = static_cast<std::uint64_t>(plan.per_second * std::stod(words[5]));
  plan.begin_ns = steady_ns();
  std::vector<Seen> seen(kThreads);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] { read_some(plan, thread, seen[thread]); });
  for (auto& thread : threads) thread.join();
  Seen all;
  for (const auto& each : seen) {
    all.failed += each.failed;
    all.latency.add(each.latency);
    all.freshness.add(each.freshness);
  }
  std::printf("%llu %llu", static_cast<unsigned long long>(all.latency.count()),
              static_cast<unsigned long long>(all.failed));
  for (const double share : {0.5, 0.99, 0.999, 1.0})
    std::printf(" %llu", static_cast<unsigned long long>(all.latency.at(share)));
  for (const double share : {0.5, 0.99, 1.0})
    std::printf(" %llu", static_cast<unsigned long long>(all.freshness.at(share)));
  std::printf("\n");
  return 0;
}
