#include "tests/integration/engine_view.h"

#include <httplib.h>

#include <sstream>

#include "tests/integration/eventually.h"

namespace freshet::integration {

using nlohmann::json;

namespace {

bool is_over(const std::string& state) {
  return state == "Finished" || state == "Failed" || state == "Cancelled" || state == "Stopped";
}

}  // namespace

json EngineView::get(const std::string& path) const {
  const auto answer = httplib::Client("http://" + address_).Get(path.c_str());
  if (!answer || answer->status != 200) return json::object();
  return json::parse(answer->body, nullptr, false);
}

std::string EngineView::state_of(const std::string& job_name) const { return job(job_name).value("state", ""); }

bool EngineView::wait_for(const std::string& job_name, const std::string& state) const {
  std::string now;
  return eventually(kPatience,
                    [&] {
                      now = state_of(job_name);
                      return now == state || is_over(now);
                    }) &&
         now == state;
}

std::vector<pid_t> EngineView::worker_pids(const std::string& job_name) const {
  std::vector<pid_t> pids;
  const auto status = job(job_name);
  for (const auto& worker : status.value("workers", json::array()))
    // 0: it has not said who it is. A signal to 0 would go to the test itself.
    if (const auto pid = worker["pid"].get<pid_t>(); worker["phase"] != "ended" && pid > 0) pids.push_back(pid);
  return pids;
}

double EngineView::metric(const std::string& name) const {
  const auto answer = httplib::Client("http://" + address_).Get("/metrics");
  double sum = 0;
  if (!answer) return sum;
  std::istringstream lines(answer->body);
  for (std::string line; std::getline(lines, line);) {
    const bool is_it =
        line.starts_with(name) && line.size() > name.size() && (line[name.size()] == '{' || line[name.size()] == ' ');
    if (is_it) sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

int EngineView::post(const std::string& path, const json& body) const {
  const auto answer = httplib::Client("http://" + address_).Post(path.c_str(), body.dump(), "application/json");
  return answer ? answer->status : 0;
}

std::string address_in(const std::string& output) {
  constexpr std::string_view kScheme = "http://";
  const std::size_t at = output.find(kScheme);
  if (at == std::string::npos) return {};
  const std::size_t end = output.find_first_of(" \n", at);
  return end == std::string::npos ? "" : output.substr(at + kScheme.size(), end - at - kScheme.size());
}

}  // namespace freshet::integration
