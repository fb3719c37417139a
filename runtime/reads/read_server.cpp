#include "runtime/reads/read_server.h"

#include <httplib.h>

#include <nlohmann/json.hpp>

namespace freshet::reads {
namespace {

constexpr std::time_t kReadTimeoutSeconds = 5;
constexpr std::time_t kKeepAliveSeconds = 1;  // a silent client holds one of few threads
constexpr std::size_t kRequestsPerConnection = 100'000;
constexpr const char* kMsgpack = "application/msgpack";

std::string caller_of(const httplib::Request& request) {
  std::string caller = request.get_header_value("X-Freshet-Caller");
  if (caller.empty()) caller = request.remote_addr;
  return caller_name(std::move(caller));  // the library has decoded %0d%0a
}

/// The same document: objects stay maps with texts as keys.
std::string to_msgpack(const std::string& text) {
  std::string packed;
  const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
  nlohmann::ordered_json::to_msgpack(parsed, packed);
  return packed;
}

void write(const ReadAnswer& answer, bool as_msgpack, httplib::Response& response) {
  response.status = answer.status;
  if (answer.retry_after_s != 0) response.set_header("Retry-After", std::to_string(answer.retry_after_s));
  if (!answer.location.empty()) response.set_header("Location", answer.location);
  if (as_msgpack)
    response.set_content(to_msgpack(answer.body), kMsgpack);
  else
    response.set_content(answer.body, "application/json");
}

}  // namespace

ReadServer::ReadServer(ReadServerOptions options, Handler handler)
    : options_(std::move(options)), handler_(std::move(handler)) {}

ReadServer::~ReadServer() { stop(); }

Status ReadServer::start() {
  server_ = std::make_unique<httplib::Server>();
  server_->new_task_queue = [threads = options_.threads] {
    return std::make_unique<httplib::ThreadPool>(threads).release();  // the server's
  };
  server_->set_payload_max_length(StateRequest::kMostBodyBytes);
  server_->set_read_timeout(kReadTimeoutSeconds);
  server_->set_write_timeout(kReadTimeoutSeconds);
  server_->set_keep_alive_timeout(kKeepAliveSeconds);
  server_->set_keep_alive_max_count(kRequestsPerConnection);
  server_->set_tcp_nodelay(true);
  // Without SO_REUSEPORT, which the library would set: a second server on the port is a mistake, not a helper.
  server_->set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
    ReadRequest asked{request.method, request.target, request.path, {}, request.body, caller_of(request)};
    for (const auto& [name, value] : request.params) asked.query.emplace(name, value);
    const bool as_msgpack = request.get_header_value("Accept").find(kMsgpack) != std::string::npos;
    const bool is_alive = asked.path == "/healthz" && asked.method == "GET";
    write(is_alive ? ReadAnswer{200, R"({"status":"ok"})", 0, {}} : handler_(asked), as_msgpack, response);
  };
  const char* const kEverything = ".*";
  server_->Get(kEverything, serve).Post(kEverything, serve);
  int port = options_.port;
  if (port == 0)
    port = server_->bind_to_any_port(options_.host);
  else if (!server_->bind_to_port(options_.host, port))
    port = -1;
  if (port <= 0) {
    server_.reset();
    return Error{"cannot listen on " + options_.host + ":" + std::to_string(options_.port) +
                 ": the port is taken, or the address is none of this machine"};
  }
  address_ = options_.host + ":" + std::to_string(port);
  ended_ = false;
  thread_ = std::thread([this] {
    server_->listen_after_bind();
    ended_ = true;
  });
  return {};
}

void ReadServer::stop() {
  if (!server_) return;
  // The library's stop() does nothing before its thread has begun to listen.
  while (!server_->is_running() && !ended_) std::this_thread::yield();
  server_->stop();
  thread_.join();
  server_.reset();
}

}  // namespace freshet::reads
