#include "runtime/cli/verb_support.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

#include "runtime/cli/flags.h"

namespace freshet::cli {

ExitCode report(const Surroundings& around, const Failure& failure) {
  if (!failure.message.empty()) *around.err << failure.message << std::endl;
  return failure.code;
}

void print(const Invocation& invocation, const std::string& text) {
  if (!FLAGS_quiet) *invocation.around.out << text << std::flush;
}

void print_json(const Invocation& invocation, nlohmann::json body) {
  if (body.is_object() && !body.contains("version")) body["version"] = 1;
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  *invocation.around.out << body.dump(-1, ' ', false, kReplace) << std::endl;
}

Result<ManagerClient> connect(const Invocation& invocation) {
  const auto& around = invocation.around;
  auto address = find_manager_address(FLAGS_manager, around.environment);
  if (!address) return address.failure();
  ManagerClient::Options options;
  options.address = *address;
  options.timeout_ms = checked_duration_ms(FLAGS_timeout);
  options.token = around.environment("FRESHET_TOKEN").value_or("");
  options.show_on = FLAGS_show_request ? around.out : nullptr;
  options.steady_ms = around.steady_ms;
  return ManagerClient(std::move(options));
}

std::string shell_word(const std::string& text) {
  const bool plain =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@+") ==
      std::string::npos;
  if (plain && !text.empty()) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += indent + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return result;
}

std::string job_path(const std::string& job) { return "/v1/jobs/" + path_segment(job); }

bool is_over(const std::string& state) {
  return state == "Finished" || state == "Stopped" || state == "Cancelled" || state == "Failed";
}

}  // namespace freshet::cli
