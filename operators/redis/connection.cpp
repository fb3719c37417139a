#include "operators/redis/connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "operators/redis/command.h"

namespace freshet::redis {
namespace {

constexpr std::size_t kMaxReplyBytes = 64 << 10;  // of an answer beside its text, and what follows it
constexpr std::size_t kScriptNameDigits = 40;

bool is_script_name(std::string_view text) {
  return text.size() == kScriptNameDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

void Connection::Free::operator()(redisContext* context) const { redisFree(context); }

/// How hiredis hands over what it has read: straight into the connection's reply, nothing is allocated for it. An array
/// gets no object, and hiredis then gives up.
struct Connection::Functions {
  static Reply& reply_of(const redisReadTask* task) { return static_cast<Connection*>(task->privdata)->reply_; }
  static void* text(const redisReadTask* task, char* bytes, std::size_t length) {
    Reply& reply = reply_of(task);
    reply.kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::error : Reply::Kind::text;
    const std::size_t most = static_cast<Connection*>(task->privdata)->max_text_bytes_;
    reply.text.assign(bytes, std::min(length, most));
    reply.is_cut = length > most;
    return &reply;
  }
  static void* array(const redisReadTask*, int) { return nullptr; }
  static void* integer(const redisReadTask* task, long long value) {
    Reply& reply = reply_of(task);
    reply.kind = Reply::Kind::integer;
    reply.integer = value;
    return &reply;
  }
  static void* nil(const redisReadTask* task) {
    Reply& reply = reply_of(task);
    reply.kind = Reply::Kind::nil;
    return &reply;
  }
  static void nothing(void*) {}
  static inline redisReplyObjectFunctions table{&text, &array, &integer, &nil, &nothing};
};

Connection::Connection(Server server, std::size_t max_text_bytes)
    : server_(std::move(server)), max_text_bytes_(max_text_bytes) {}

Connection::~Connection() = default;

std::optional<Failure> Connection::connect(const Endpoint& endpoint, const Deadline& deadline) {
  const Duration left = std::max(deadline.left(), Duration(1));
  const timeval limit{left.count() / 1000, left.count() % 1000 * 1000};
  context_.reset(endpoint.path.empty() ? redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, limit)
                                       : redisConnectUnixWithTimeout(endpoint.path.c_str(), limit));
  if (context_ == nullptr) return Failure{false, "no memory for a connection"};
  if (context_->err != 0) {
    Failure failure{
        true, std::string("cannot connect: ") + context_->errstr + "; start it, or mend parameter " + server_.name};
    context_.reset();
    return failure;
  }
  // From here on nothing waits but Deadline.
  context_->flags &= ~REDIS_BLOCK;
  fcntl(context_->fd, F_SETFL, fcntl(context_->fd, F_GETFL) | O_NONBLOCK);
  fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  if (endpoint.path.empty()) redisEnableKeepAlive(context_.get());
  context_->reader->fn = &Functions::table;
  context_->reader->privdata = this;
  return {};
}

std::optional<Failure> Connection::open(std::string_view script, const Deadline& deadline) {
  const auto endpoint = parse_endpoint(server_.address);
  if (!endpoint) return Failure{false, endpoint.error().message};
  const auto password = read_password(server_);
  if (!password) return Failure{false, password.error().message};
  auto failure = connect(*endpoint, deadline);
  if (!failure && !password->empty())
    failure =
        ask("refuses the password",
            server_.user.empty() ? command_of({"AUTH", *password}) : command_of({"AUTH", server_.user, *password}),
            deadline);
  if (!failure && server_.database != 0)
    failure = ask("has no database " + std::to_string(server_.database),
                  command_of({"SELECT", std::to_string(server_.database)}), deadline);
  if (!failure && !script.empty()) failure = load(script, deadline);
  if (failure) close();
  return failure;
}

std::optional<Failure> Connection::load(std::string_view script, const Deadline& deadline) {
  if (auto failure = ask("does not load the script", command_of({"SCRIPT", "LOAD", script}), deadline)) return failure;
  if (!is_script_name(reply_.text))
    return Failure{false, "does not answer as Redis does; mend parameter " + server_.name};
  script_name_ = reply_.text;
  return {};
}

std::optional<Failure> Connection::ask(const std::string& what, std::string_view command, const Deadline& deadline) {
  std::size_t sent = 0;
  auto failure = send(command, sent, deadline);
  if (!failure) failure = receive(deadline);
  if (failure) return failure;
  if (reply_.kind == Reply::Kind::text) return {};
  if (reply_.kind != Reply::Kind::error) return Failure{false, what + ": the answer is no text"};
  const std::string& error = reply_.text;
  if (error.starts_with("LOADING") || error.starts_with("BUSY ") || error.starts_with("MASTERDOWN"))
    return Failure{true, what + " yet: " + error};
  const bool needs_password = error.starts_with("NOAUTH");
  return Failure{false, (needs_password ? "wants a password" : what) + ": " + error + "; mend parameters " +
                            server_.name + ".*" + (needs_password ? " (password_variable, password_file)" : "")};
}

std::optional<Failure> Connection::send(std::string_view bytes, std::size_t& sent, const Deadline& deadline) {
  while (sent < bytes.size()) {
    // MSG_NOSIGNAL: a server that has gone must not end the process, as hiredis' own write would.
    const auto count = ::send(context_->fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!deadline.wait_for(context_->fd, POLLOUT)) return Failure{true, "takes no more"};
    } else if (errno != EINTR) {
      return Failure{true, std::string("the connection is lost: ") + std::strerror(errno)};
    }
  }
  return {};
}

std::optional<Failure> Connection::receive(const Deadline& deadline) {
  for (;;) {
    bool complete = false;
    if (auto failure = take_reply(complete); failure || complete) return failure;
    if (!deadline.wait_for(context_->fd, POLLIN)) return Failure{true, "does not answer"};
    if (auto failure = read_some()) return failure;
  }
}

std::optional<Failure> Connection::receive_if_there(bool& arrived) {
  arrived = false;
  if (auto failure = take_reply(arrived); failure || arrived) return failure;
  if (auto failure = read_some()) return failure;
  return take_reply(arrived);
}

std::optional<Failure> Connection::read_some() {
  if (redisBufferRead(context_.get()) == REDIS_OK) return {};
  return Failure{true, std::string("the connection is lost: ") + context_->errstr};
}

std::optional<Failure> Connection::take_reply(bool& complete) {
  void* reply = nullptr;
  auto& reader = *context_->reader;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK ||
      reader.len - reader.pos > kMaxReplyBytes + max_text_bytes_)
    return Failure{false, "does not answer as Redis does; mend parameter " + server_.name};
  complete = reply != nullptr;
  return {};
}

}  // namespace freshet::redis
