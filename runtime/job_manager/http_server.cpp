#include "runtime/job_manager/http_server.h"

#include <httplib.h>

#include <future>

#include "runtime/base/clock.h"

namespace freshet::manager {
namespace {

constexpr std::time_t kReadTimeoutSeconds = 10;
constexpr Duration kLookAround{20};           // how long a waiting request may delay the stop
constexpr std::time_t kKeepAliveSeconds = 2;  // a silent client holds one of few threads

/// Counts itself as long as it lives.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace

HttpServer::HttpServer(HttpOptions options, Handler handler, Post post)
    : options_(std::move(options)), handler_(std::move(handler)), post_(std::move(post)) {}

HttpServer::~HttpServer() { stop(); }

RestResponse HttpServer::answer_later(const RestResponse& begun) {
  const Counted counted(later_);
  if (later_ > kMostLater)
    return error_response(503, "failed", "the job manager reads files for others already; try again in a moment");
  const base::SystemClock clock;
  const auto until = clock.steady() + options_.later_timeout;
  return begun.later([&] { return stopping_ || clock.steady() > until; });
}

RestResponse HttpServer::answer(RestRequest request) {
  // Shared with the posted closure: a handler that has given up waiting leaves it behind.
  auto promise = std::make_shared<std::promise<RestResponse>>();
  std::future<RestResponse> response = promise->get_future();
  post_([promise, handler = handler_, asked = std::move(request)] { promise->set_value(handler(asked)); });
  for (Duration waited{}; waited < options_.answer_timeout && !stopping_; waited += kLookAround)
    if (response.wait_for(kLookAround) == std::future_status::ready) {
      RestResponse answered = response.get();
      return answered.later ? answer_later(answered) : answered;
    }
  return error_response(503, "timeout",
                        "the job manager is busy and did not answer in time; what was asked may still happen");
}

Status HttpServer::start() {
  server_ = std::make_unique<httplib::Server>();
  server_->new_task_queue = [] { return std::make_unique<httplib::ThreadPool>(kThreads).release(); };  // the server's
  server_->set_payload_max_length(kMaxBodyBytes);
  server_->set_read_timeout(kReadTimeoutSeconds);
  server_->set_write_timeout(kReadTimeoutSeconds);
  server_->set_keep_alive_timeout(kKeepAliveSeconds);
  server_->set_tcp_nodelay(true);
  // Without SO_REUSEPORT, which the library would set: a second server on the port is a mistake, not a helper.
  server_->set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
    RestRequest asked{request.method, request.path, {}, request.body};
    for (const auto& [name, value] : request.params) asked.query.emplace(name, value);
    const RestResponse answered = answer(std::move(asked));
    response.status = answered.status;
    response.set_content(answered.body, answered.content_type.c_str());
  };
  const char* const kEverything = ".*";
  server_->Get(kEverything, serve).Post(kEverything, serve).Put(kEverything, serve).Delete(kEverything, serve);
  server_->Patch(kEverything, serve);

  if (options_.port == 0)
    port_ = server_->bind_to_any_port(options_.host);
  else
    port_ = server_->bind_to_port(options_.host, options_.port) ? options_.port : -1;
  if (port_ <= 0) {
    server_.reset();
    return Error{"cannot listen on " + options_.host + ":" + std::to_string(options_.port) +
                 ": the port is taken, or the address is none of this machine. Another: --port"};
  }
  stopping_ = false;
  ended_ = false;
  thread_ = std::thread([this] {
    server_->listen_after_bind();
    ended_ = true;
  });
  return {};
}

void HttpServer::stop() {
  if (!server_) return;
  stopping_ = true;
  // The library's stop() does nothing before its thread has begun to listen.
  while (!server_->is_running() && !ended_) std::this_thread::yield();
  server_->stop();
  thread_.join();
  server_.reset();
}

}  // namespace freshet::manager
