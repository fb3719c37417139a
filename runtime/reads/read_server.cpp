#include "runtime/reads/read_server.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/reads/http_server.h"

namespace freshet::reads {
namespace {

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

/// Of a body that is to be read, how long it says it is; nothing: not at all, or in no way that is understood.
std::optional<std::uint64_t> length_of(const httplib::Request& request) {
  const std::string text = request.get_header_value("Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (request.get_header_value_count("Content-Length") != 1 || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return length;
}

/// Before a byte of the body is read: the library would read one of any length, to throw it away, and would take the
/// body of a GET for the next request.
std::optional<ReadAnswer> refuse_body(const httplib::Request& request) {
  const bool is_get = request.method == "GET";
  if (!is_get && request.method != "POST")
    return error_answer(405, "not_allowed", "GET one key, or POST a list of keys");
  if (request.has_header("Transfer-Encoding") || request.has_header("Content-Encoding"))
    return error_answer(400, "bad_request", "send the body as it is: neither compressed nor in chunks");
  if (is_get && !request.has_header("Content-Length")) return std::nullopt;
  const auto length = length_of(request);
  if (!length) return error_answer(400, "bad_request", "how long the body is has to be said by one Content-Length");
  if (is_get && *length != 0) return error_answer(400, "bad_request", "a GET has no body");
  if (*length > StateRequest::kMostBodyBytes)
    return error_answer(413, "too_large",
                        "the body is longer than " + std::to_string(StateRequest::kMostBodyBytes) + " bytes");
  return std::nullopt;
}

/// What the library itself refuses, which says so by the status only.
ReadAnswer refusal_of_library(int status) {
  if (status == 413) return error_answer(413, "too_large", "the body is too long");
  if (status == 414) return error_answer(414, "too_large", "the address is too long");
  if (status >= 500) return error_answer(500, "failed", "the request could not be served");
  return error_answer(status, "bad_request", "this is no HTTP request as it is understood here");
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
  server_ = std::make_unique<HttpServer>(options_.threads);
  server_->set_payload_max_length(StateRequest::kMostBodyBytes);
  server_->set_tcp_nodelay(true);
  // Without SO_REUSEPORT, which the library would set: a second server on the port is a mistake, not a helper.
  server_->set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  using Handled = httplib::Server::HandlerResponse;
  server_->set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    const auto refused = refuse_body(request);
    if (!refused) return Handled::Unhandled;
    write(*refused, false, response);
    HttpServer::close_after_this(response);
    return Handled::Handled;
  });
  server_->set_error_handler(
      httplib::Server::HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
        if (!response.body.empty()) return Handled::Unhandled;
        write(refusal_of_library(response.status), false, response);
        HttpServer::close_after_this(response);
        return Handled::Handled;
      }));
  const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
    ReadRequest asked{request.method,
                      request.target,
                      request.path,
                      {},
                      request.body,
                      caller_of(request),
                      request.get_header_value("X-Freshet-Attempt")};
    for (const auto& [name, value] : request.params) asked.query.emplace(name, value);
    const bool as_msgpack = request.get_header_value("Accept").find(kMsgpack) != std::string::npos;
    const bool is_alive = asked.path == "/healthz" && asked.method == "GET";
    try {
      write(is_alive ? ReadAnswer{200, R"({"status":"ok"})", 0, {}} : handler_(asked), as_msgpack, response);
    } catch (const std::exception& error) {
      write(error_answer(500, "failed", error.what()), as_msgpack, response);
    } catch (...) {
      write(error_answer(500, "failed", "for no reason that it tells"), as_msgpack, response);
    }
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
  server_->widen_backlog();
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
  server_->end();
  server_->stop();
  thread_.join();
  server_.reset();
}

}  // namespace freshet::reads
