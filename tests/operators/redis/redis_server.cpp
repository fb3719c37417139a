#include "tests/operators/redis/redis_server.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

namespace freshet::redis::testing {
namespace {

[[noreturn]] void give_up(const std::string& what) {
  std::cerr << "redis of the test: " << what << std::endl;
  std::abort();
}

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

void append_reply(std::vector<std::string>& texts, const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_ARRAY:
      for (std::size_t i = 0; i < reply.elements; ++i) append_reply(texts, *reply.element[i]);
      break;
    case REDIS_REPLY_INTEGER:
      texts.push_back(std::to_string(reply.integer));
      break;
    case REDIS_REPLY_NIL:
      texts.emplace_back();
      break;
    default:
      texts.emplace_back(reply.str, reply.len);
  }
}

/// The program looks at the name it is called by: as redis-check-rdb, which some packages have alone, it is the server,
/// too.
std::string server_program() {
  for (const char* name : {"redis-server", "redis-check-rdb"}) {
    std::stringstream folders(std::getenv("PATH") == nullptr ? "/usr/bin" : std::getenv("PATH"));
    for (std::string folder; std::getline(folders, folder, ':');) {
      const std::string program = folder + "/" + name;
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return {};
}

/// That nobody had a moment ago.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    give_up("no port");
  close(socket);
  return ntohs(address.sin_port);
}

}  // namespace

void RedisClient::Free::operator()(redisContext* context) const { redisFree(context); }

RedisClient::RedisClient(const std::string& socket) : context_(redisConnectUnix(socket.c_str())) {
  if (context_ == nullptr || context_->err != 0) give_up("cannot connect");
}

std::vector<std::string> RedisClient::list(const std::vector<std::string>& words) const {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const auto& word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(
      redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), lengths.data())));
  if (reply == nullptr) give_up(words[0] + ": " + context_->errstr);
  std::vector<std::string> answer;
  append_reply(answer, *reply);
  return answer;
}

std::string RedisClient::call(const std::vector<std::string>& words) const {
  std::string text;
  for (const auto& line : list(words)) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::map<std::string, std::string> RedisClient::hash(const std::string& key) const {
  std::map<std::string, std::string> fields;
  const auto texts = list({"HGETALL", key});
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2)
    if (texts[i] != "@freshet") fields[texts[i]] = texts[i + 1];
  return fields;
}

std::vector<std::string> RedisClient::keys() const { return list({"KEYS", "*"}); }

RedisServer::RedisServer(Options options) : options_(std::move(options)) {
  if (options_.tcp) port_ = free_port();
  start();
}

RedisServer::~RedisServer() { kill(); }

bool RedisServer::is_installed() { return !server_program().empty(); }

void RedisServer::start() {
  const std::string program = server_program();
  std::vector<std::string> words{"redis-server",
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "--unixsocket",
                                 socket(),
                                 "--dir",
                                 directory_.path(""),
                                 "--save",
                                 "",
                                 "--logfile",
                                 directory_.path("log"),
                                 "--appendonly",
                                 options_.keeps ? "yes" : "no",
                                 "--appendfsync",
                                 "always"};
  if (!options_.password.empty()) words.insert(words.end(), {"--requirepass", options_.password});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  unlink(socket().c_str());
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(program.c_str(), arguments.data());
    _exit(127);
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(redisConnectUnix(socket().c_str()), redisFree);
    if (context != nullptr && context->err == 0) {
      const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(redisCommand(context.get(), "PING")));
      if (reply != nullptr && !std::string_view(reply->str, reply->len).starts_with("LOADING")) return;
    }
    if (waitpid(pid_, nullptr, WNOHANG) == pid_ || std::chrono::steady_clock::now() > limit)
      give_up("does not start: " + files::testing::content_of(directory_.path("log")));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void RedisServer::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void RedisServer::stand_still() const { ::kill(pid_, SIGSTOP); }

void RedisServer::go_on() const { ::kill(pid_, SIGCONT); }

}  // namespace freshet::redis::testing
