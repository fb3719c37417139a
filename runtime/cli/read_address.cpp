#include "runtime/cli/read_address.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/cli/cluster.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kProbeMs = 2'000;

ManagerClient client_of(const Invocation& invocation, ManagerAddress address, std::int64_t timeout_ms) {
  ManagerClient::Options options;
  options.address = std::move(address);
  options.timeout_ms = timeout_ms;
  options.show_on = FLAGS_show_request ? invocation.around.out : nullptr;
  options.steady_ms = invocation.around.steady_ms;
  return ManagerClient(std::move(options));
}

/// As the job manager knows them; a Failure when it does not answer.
Result<std::vector<std::string>> told_addresses(const Invocation& invocation) {
  auto manager = connect(invocation);
  if (!manager) return manager.failure();
  auto cluster = manager->get("/v1/cluster");
  if (!cluster) return cluster.failure();
  std::vector<std::string> addresses;
  for (const auto& agent : list(cluster->body, "agents")) {
    const std::string reads = text_or(agent, "reads", "");
    if (!reads.empty() && text_or(agent, "state", "") == "ready") addresses.push_back(reads);
  }
  return addresses;
}

/// Each agent of this machine writes its own into its folder.
std::vector<std::string> addresses_here(const Invocation& invocation) {
  std::vector<std::string> addresses;
  const auto data = data_folder(FLAGS_data, invocation.around.environment);
  if (!data) return addresses;
  std::error_code error;
  for (fs::directory_iterator folder(*data, error), end; !error && folder != end; folder.increment(error)) {
    std::string address;
    if (std::ifstream(folder->path() / "reads") >> address) addresses.push_back(address);
  }
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

}  // namespace

Result<ManagerClient> connect_reads(const Invocation& invocation) {
  const std::int64_t timeout_ms = checked_duration_ms(FLAGS_timeout);
  if (!FLAGS_reads.empty()) {
    auto address = parse_manager_address(FLAGS_reads, "--reads");
    if (!address) return address.failure();
    return client_of(invocation, *address, timeout_ms);
  }
  if (FLAGS_show_request) return connect(invocation);
  auto addresses = told_addresses(invocation);
  if (!addresses && addresses.failure().code != ExitCode::kUnreachable) return addresses.failure();
  for (const std::string& text : addresses ? *addresses : addresses_here(invocation)) {
    auto address = parse_manager_address(text, "an agent");
    if (address && client_of(invocation, *address, std::min(kProbeMs, timeout_ms)).get("/healthz"))
      return client_of(invocation, *address, timeout_ms);
  }
  return Failure{ExitCode::kUnreachable,
                 std::string(addresses ? "no agent of the cluster serves state"
                                       : "neither the job manager answers nor an agent of this machine") +
                     ". Which one does: --reads HOST:PORT; its address stands in the file reads of its data folder"};
}

}  // namespace freshet::cli
