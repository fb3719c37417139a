#include "tests/integration/command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/integration/freshet_program.h"
#include "tests/integration/process_table.h"

namespace freshet::integration {

namespace fs = std::filesystem;

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

void redirect(int descriptor, const std::string& file, int flags) {
  const int opened = open(file.c_str(), flags, 0644);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  close(opened);
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::string made = (fs::temp_directory_path() / "freshet-test-XXXXXX").string();
  if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("no scratch folder");
  path_ = made;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what is left in the system's folder for such things harms nobody
  fs::remove_all(path_, ignored);
}

std::string part_of(const fs::path& folder, std::uint32_t task) {
  std::string number = std::to_string(task);
  number.insert(0, 5 - number.size(), '0');
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.path().filename().string().find("-" + number + "-") == 13) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::string content;
  for (const auto& file : files) content += content_of(file);
  return content;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

pid_t Freshet::start(const std::vector<std::string>& words, const std::string& name) const {
  std::vector<std::string> arguments{FRESHET_EXECUTABLE};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<std::string> variables{"HOME=" + home_.path().string(), "XDG_STATE_HOME=" + state_folder(),
                                     "PATH=/usr/bin:/bin"};
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
  auto argument_pointers = pointers_to(arguments);
  auto variable_pointers = pointers_to(variables);
  const std::string out = home_ / (name + ".out");
  const std::string err = home_ / (name + ".err");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child > 0) return child;
  redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
  redirect(STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC);
  redirect(STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC);
  if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) _exit(126);
  execve(argument_pointers[0], argument_pointers.data(), variable_pointers.data());
  _exit(127);
}

Answer Freshet::wait(pid_t child, const std::string& name) const {
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("not a child of this test");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content_of(home_ / (name + ".out")),
          content_of(home_ / (name + ".err"))};
}

Answer Freshet::run(const std::vector<std::string>& words) const { return wait(start(words, "run"), "run"); }

RunningCluster::RunningCluster(Freshet& freshet, int agents) : freshet_(freshet), data_(freshet.home() / "cluster") {
  // It takes two ports side by side; others are tried when one of them is not free.
  for (int attempt = 0; attempt < 20 && started_.exit_code != 0; ++attempt) {
    port_ = std::to_string(free_port());
    started_ = freshet.run({"cluster", "start", "--agents", std::to_string(agents), "--port", port_, "--data", data_});
  }
  freshet.environment["FRESHET_MANAGER"] = "127.0.0.1:" + port_;
}

RunningCluster::~RunningCluster() { static_cast<void>(freshet_.run({"cluster", "stop", "--data", data_})); }

std::vector<std::string> RunningCluster::workers() const {
  std::vector<std::string> workers;
  for (const pid_t pid : processes_with(data_))
    if (std::string line = command_line(pid); line.find(" worker ") != std::string::npos) workers.push_back(line);
  return workers;
}

}  // namespace freshet::integration
