#include "runtime/cli/processes/job_values.h"

#include <filesystem>

namespace freshet::cli {

std::vector<dag::GivenValue> given_values(const Invocation& invocation, const char* flag) {
  std::vector<dag::GivenValue> given;
  for (const std::string& word : invocation.values(flag)) {
    const std::size_t equals = word.find('=');
    given.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  return given;
}

std::map<std::string, std::string> job_values(const Invocation& invocation) {
  std::map<std::string, std::string> values;
  for (const auto& given : given_values(invocation, "param")) values[given.name] = given.text;
  for (const auto& given : given_values(invocation, "file"))
    values[given.name] = std::filesystem::absolute(given.text).lexically_normal().string();
  return values;
}

}  // namespace freshet::cli
