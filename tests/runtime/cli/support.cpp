#include "support.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "runtime/base/clock.h"

namespace freshet::cli::test {

namespace fs = std::filesystem;

Roles fake_roles() {
  const auto done = [](Invocation&) { return ExitCode::kDone; };  // no Handler: g++ 12 warns of copies of an empty one
  return {done, done, done, done, done};
}

FakeSurroundings::FakeSurroundings() {
  setenv("TZ", "UTC", 1);
  tzset();
  around.out = &out;
  around.err = &err;
  around.executable = FAKE_FRESHET;
  around.environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  around.now_ms = [this] { return now_ms; };
  around.steady_ms = [this] { return now_ms; };
  around.pause = [this](std::int64_t milliseconds) {
    now_ms += milliseconds;
    return pauses_until_interrupt < 0 || pauses_until_interrupt-- > 0;
  };
}

void FakeSurroundings::use_real_time() {
  around.steady_ms = [] {
    const auto since = base::SystemClock().steady().time_since_epoch();
    return static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
  };
  around.pause = [](std::int64_t milliseconds) {
    poll(nullptr, 0, static_cast<int>(milliseconds));
    return true;
  };
}

ExitCode FakeSurroundings::run(const std::string& command_line) {
  std::istringstream stream(command_line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return run_words(words);
}

ExitCode FakeSurroundings::run_words(const std::vector<std::string>& words) {
  const gflags::FlagSaver saver;
  out.str("");
  err.str("");
  return main_with(fake_roles(), words, around);
}

FakeManager::FakeManager(int port) {
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    handle(request, response);
  };
  server_.Get(".*", handler).Post(".*", handler).Put(".*", handler).Delete(".*", handler);
  port_ = port;
  if (port == 0) {
    port_ = server_.bind_to_any_port("127.0.0.1");
  } else {
    EXPECT_TRUE(server_.bind_to_port("127.0.0.1", port));
  }
  thread_ = std::thread([this] { server_.listen_after_bind(); });
  while (!server_.is_running()) std::this_thread::yield();
}

FakeManager::~FakeManager() {
  server_.stop();
  thread_.join();
}

void FakeManager::answer(const std::string& request, int status, const std::string& body) {
  const std::lock_guard lock(mutex_);
  answers_[request].push_back({status, body});
}

std::vector<FakeManager::Seen> FakeManager::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

void FakeManager::handle(const httplib::Request& request, httplib::Response& response) {
  const std::lock_guard lock(mutex_);
  seen_.push_back({request.method + " " + request.target, request.body, request.get_header_value("Authorization")});
  const auto found = answers_.find(request.method + " " + request.path);
  if (found == answers_.end()) {
    response.status = 404;
    return;
  }
  std::vector<Answer>& answers = found->second;
  response.status = answers.front().status;
  response.set_content(answers.front().body, "application/json");
  if (answers.size() > 1) answers.erase(answers.begin());
}

int closed_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(descriptor);
  return ntohs(address.sin_port);
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "freshet-cli-XXXXXX").string();
  path = mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string TemporaryFolder::touch(const std::string& name) const {
  const std::string file = path + "/" + name;
  std::ofstream(file).flush();
  return file;
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(GOLDEN_FOLDER) + "/" + name;
  if (std::getenv("FRESHET_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << "golden file " << path << "; FRESHET_UPDATE_GOLDEN=1 writes it anew";
}

}  // namespace freshet::cli::test
