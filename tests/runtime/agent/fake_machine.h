#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/agent/agent.h"
#include "runtime/base/sha256.h"

namespace freshet::agent {

/// Keeps what an agent sends to its manager.
class RecordedManager final : public transport::ManagerOutbox {
 public:
  void send(const wire::ControlMessage& message) override { sent.push_back(message); }

  /// The bodies of type T sent so far, in order.
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& message : sent)
      if (const T* body = std::get_if<T>(&message.body)) found.push_back(*body);
    return found;
  }

  std::vector<wire::ControlMessage> sent;
};

/// Processes that only stand in a list. Levers: `refuse` makes starts fail; `left` is what the next one leaves behind.
class FakeLauncher final : public WorkerLauncher {
 public:
  Result<std::uint64_t> start(const WorkerSpec& spec) override {
    if (!refuse.empty()) return Error{refuse};
    started.push_back(spec);
    alive.insert(spec.worker);
    return std::uint64_t{1000 + started.size()};
  }
  std::vector<Survivor> take_over() override { return survivors; }
  void terminate(const WorkerKey& worker) override { terminated.push_back(worker); }
  void kill(const WorkerKey& worker) override { killed.push_back(worker); }
  Leftovers leftovers(const WorkerKey&) override { return left; }

  std::string refuse;
  Leftovers left;
  std::vector<Survivor> survivors;
  std::vector<WorkerSpec> started;
  std::set<WorkerKey> alive;
  std::vector<WorkerKey> terminated;
  std::vector<WorkerKey> killed;
};

/// Libraries in memory, verified like the real ones.
class FakeLibraryCache final : public LibraryCache {
 public:
  std::optional<std::string> path_of(const std::string& sha256) override {
    if (!whole.contains(sha256)) return std::nullopt;
    return "cache/" + sha256;
  }
  Status append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) override {
    if (offset == 0) parts[sha256].clear();
    parts[sha256] += bytes;
    return {};
  }
  Result<std::string> finish(const std::string& sha256) override {
    if (base::sha256_hex(parts[sha256]) != sha256) return Error{"arrived damaged"};
    whole.insert(sha256);
    return "cache/" + sha256;
  }

  std::set<std::string> whole;
  std::map<std::string, std::string> parts;
};

class FakeGauge final : public MachineGauge {
 public:
  MachineReading read() override { return reading; }
  std::optional<MemoryKills> memory_kills() override { return kills; }
  std::optional<MemoryKills> kills{{.of_agent = true, .count = 5, .limit = 1u << 30}};
  MachineReading reading{12.5, 100, 200, 300};
};

}  // namespace freshet::agent
