// The command line as users have it, with roles that only pretend: a job manager that serves /healthz and the list of
// agents which have left a file in its data folder, agents that leave that file, libraries whose name says how loading
// ends.
#include <httplib.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/cli/flags.h"
#include "runtime/cli/roles.h"

namespace freshet::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path cluster_folder() { return fs::path(FLAGS_data).parent_path(); }

// The command line catches SIGTERM for its verbs; daemons end by it.
void end_by_signal() { signal(SIGTERM, SIG_DFL); }

ExitCode serve(Invocation&) {
  end_by_signal();
  // An empty file of this name beside the data folder makes the start fail: the test's lever.
  if (fs::exists(cluster_folder() / "manager-must-fail")) {
    std::cerr << "cannot listen: the port is on fire" << std::endl;
    return ExitCode::kFailed;
  }
  httplib::Server server;
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(R"({"status":"ok"})", "application/json");
  });
  server.Get("/v1/cluster", [](const httplib::Request&, httplib::Response& response) {
    json agents = json::array();
    for (int number = 1; number <= 9; ++number) {
      const std::string name = "local-" + std::to_string(number);
      std::int64_t pid = 0;
      if (!(std::ifstream(cluster_folder() / (name + ".registered")) >> pid)) continue;
      agents.push_back({{"id", name}, {"state", "ready"}, {"slots", 4}, {"used", 0}, {"pid", pid}});
    }
    response.set_content(json{{"version", 1}, {"manager", {{"pid", getpid()}}}, {"agents", agents}}.dump(),
                         "application/json");
  });
  return server.listen("127.0.0.1", FLAGS_port) ? ExitCode::kDone : ExitCode::kFailed;
}

ExitCode attend(Invocation&) {
  end_by_signal();
  if (FLAGS_slots == 13) signal(SIGTERM, SIG_IGN);  // the lever for an agent that must be killed
  std::ofstream(FLAGS_data + ".registered") << getpid() << std::endl;
  for (;;) pause();
}

ExitCode inspect(Invocation& invocation) {
  const std::string name = fs::path(invocation.arguments[0]).stem().string();
  if (name == "crash") {
    std::cerr << "about to follow a null pointer" << std::endl;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  if (name == "hang") {
    for (;;) pause();
  }
  if (name == "garbage") std::cout << "hello from a static object\n";
  if (name == "missing_symbol") {
    std::cerr << "undefined symbol: frobnicate\n";
    return ExitCode::kFailed;
  }
  if (name == "garbage" || name == "silent") return ExitCode::kDone;
  json parameter{{"name", "input"}, {"type", "text"},     {"required", true},
                 {"help", "files"}, {"default", nullptr}, {"secret", false}};
  json secret{{"name", "token"},      {"type", "text"}, {"required", false},
              {"default", "hunter2"}, {"secret", true}, {"help", ""}};
  json inspection{{"abi", "test"},
                  {"fingerprint", "f00d"},
                  {"graph_base64", "Z3JhcGg="},
                  {"jobs", {{{"name", "shop"}, {"help", "counts"}, {"parameters", {parameter, secret}}}}},
                  {"errors", json::array()},
                  {"graph",
                   {{"operators",
                     {{{"id", "events"}, {"kind", "source"}, {"parallelism", 4}},
                      {{"id", "dedupe"}, {"kind", "process"}, {"parallelism", 4}},
                      {{"id", "file"}, {"kind", "csv"}, {"parallelism", 4}, {"guarantee", "at-least-once"}}}},
                    {"edges", {{{"from", "events"}, {"to", "dedupe"}, {"grouping", "fields user"}}}}}}};
  for (const std::string& value : invocation.values("param")) {
    if (!value.starts_with("hto=")) continue;
    inspection["errors"].push_back({{"where", "parameter hto"},
                                    {"message", "unknown. Did you mean hot?"},
                                    {"remedy", "freshet describe libshop.so"}});
  }
  std::cout << inspection.dump() << std::endl;
  return ExitCode::kDone;
}

}  // namespace
}  // namespace freshet::cli

int main(int argc, char** argv) {
  freshet::cli::Roles roles;
  roles.job_manager = freshet::cli::serve;
  roles.agent = freshet::cli::attend;
  roles.inspect_library = freshet::cli::inspect;
  return freshet::cli::main_with(roles, argc, argv);
}
