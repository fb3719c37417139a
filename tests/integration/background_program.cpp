#include "tests/integration/background_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/integration/eventually.h"

namespace freshet::integration {

BackgroundProgram::BackgroundProgram(const std::vector<std::string>& arguments, std::string output)
    : output_(std::move(output)) {
  std::vector<std::string> words{FRESHET_EXECUTABLE};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  const int file = open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  setsid();
  execv(pointers[0], pointers.data());
  _exit(127);
}

BackgroundProgram::~BackgroundProgram() {
  constexpr std::chrono::seconds kGrace{10};
  if (has_ended()) return;
  signal(SIGINT);
  if (wait(kGrace)) return;
  signal(SIGKILL);
  wait(kGrace);
}

void BackgroundProgram::signal(int number) const {
  if (!code_) kill(pid_, number);
}

std::string BackgroundProgram::output() const {
  std::ostringstream text;
  text << std::ifstream(output_, std::ios::binary).rdbuf();
  return text.str();
}

bool BackgroundProgram::has_ended() {
  int status = 0;
  if (!code_ && waitpid(pid_, &status, WNOHANG) == pid_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return code_.has_value();
}

std::optional<int> BackgroundProgram::wait(std::chrono::seconds limit) {
  eventually(limit, [this] { return has_ended(); });
  return code_;
}

}  // namespace freshet::integration
