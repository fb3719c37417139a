#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace freshet::integration {

inline constexpr std::uint64_t kMiB = 1u << 20;

/// A job manager as its REST interface shows it.
class EngineView {
 public:
  /// `address`: HOST:PORT.
  explicit EngineView(std::string address) : address_(std::move(address)) {}

  const std::string& address() const { return address_; }
  /// Empty objects when nobody answers.
  nlohmann::json job(const std::string& name) const { return get("/v1/jobs/" + name); }
  nlohmann::json cluster() const { return get("/v1/cluster"); }
  std::string state_of(const std::string& job) const;
  /// Until the job is in `state` or over; true when it is in `state`.
  bool wait_for(const std::string& job, const std::string& state) const;
  /// Of the workers that have not ended.
  std::vector<pid_t> worker_pids(const std::string& job) const;
  /// Sum over all samples of a metric; 0 when there are none.
  double metric(const std::string& name) const;
  /// Answers the status code.
  int post(const std::string& path, const nlohmann::json& body) const;
  /// An empty object when nobody answers.
  nlohmann::json get(const std::string& path) const;

 private:
  std::string address_;
};

/// A run in the background says where it serves: "http://127.0.0.1:40213" in its output; empty when it does not yet.
std::string address_in(const std::string& output);

}  // namespace freshet::integration
