#include "tests/integration/test_cluster.h"

#include <httplib.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace freshet::integration {

using nlohmann::json;

namespace {

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

std::vector<std::string> parameters(const std::vector<std::string>& assignments) {
  std::vector<std::string> words;
  for (const auto& assignment : assignments) {
    words.emplace_back("--param");
    words.push_back(assignment);
  }
  return words;
}

TestCluster::TestCluster(std::string data, int agents, const std::vector<std::string>& flags)
    : data_(std::move(data)),
      port_(free_port()),
      control_port_(free_port()),
      start_(joined(
          {"cluster", "start", "--agents", std::to_string(agents), "--slots", "256", "--port", std::to_string(port_),
           "--control-port", std::to_string(control_port_), "--data", data_, "--timeout", "60s"},
          flags)),
      view_("127.0.0.1:" + std::to_string(port_)) {
  const auto started = run_freshet(start_);
  if (started.exit_code != 0) throw std::runtime_error(started.output);
  const json cluster = view_.cluster();
  manager_pid_ = cluster["manager"]["pid"].get<pid_t>();
  for (const auto& agent : cluster["agents"]) agent_pids_.push_back(agent["pid"].get<pid_t>());
}

TestCluster::~TestCluster() { stop(); }

Ended TestCluster::stop() { return run_freshet({"cluster", "stop", "--data", data_, "--grace", "10s"}); }

Ended TestCluster::verb(std::vector<std::string> arguments) const {
  return run_freshet(joined(std::move(arguments), {"--manager", view_.address()}));
}

Ended TestCluster::submit(const std::string& library, const std::string& job,
                          const std::vector<std::string>& arguments) const {
  return verb(joined({"submit", library, "--job", job, "--workers", "2", "--timeout", "60s"}, arguments));
}

int TestCluster::submit_with_options(const std::string& library, const std::string& job,
                                     const std::vector<std::string>& arguments, const json& options) const {
  const auto shown =
      run_freshet(joined({"submit", library, "--job", job, "--workers", "2", "--dry-run", "--json"}, arguments));
  json request = json::parse(shown.output, nullptr, false);
  if (!request.is_object()) throw std::runtime_error(shown.output);
  request = request["request"];
  request["options"].update(options);
  std::ostringstream bytes;
  bytes << std::ifstream(library, std::ios::binary).rdbuf();
  httplib::Client client("http://" + view_.address());
  const std::string path = "/v1/libraries/" + request["library"]["sha256"].get<std::string>();
  const auto stored = client.Put(path.c_str(), bytes.str(), "application/octet-stream");
  if (!stored || stored->status / 100 != 2) throw std::runtime_error("the library was not stored");
  return view_.post("/v1/jobs", request);
}

}  // namespace freshet::integration
