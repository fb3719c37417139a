#include "runtime/reads/http_server.h"

#include <memory>

#include "runtime/reads/socket_stream.h"

namespace freshet::reads {
namespace {

/// The library tells neither its queue which socket waits, nor its handlers on which they are; all happens on one
/// thread.
thread_local bool is_refused = false;
thread_local bool is_last = false;

}  // namespace

/// The library's pool puts no limit on what waits.
class HttpServer::Pool final : public httplib::TaskQueue {
 public:
  explicit Pool(std::size_t threads) : pool_(threads) {}

  void enqueue(std::function<void()> serve) override {
    if (waiting_.fetch_add(1) >= kMostWaiting) {
      --waiting_;
      is_refused = true;
      serve();  // closes at once
      is_refused = false;
      return;
    }
    pool_.enqueue([this, serve = std::move(serve)] {
      --waiting_;
      serve();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::atomic<std::size_t> waiting_{0};
  httplib::ThreadPool pool_;
};

HttpServer::HttpServer(std::size_t threads) {
  new_task_queue = [threads] { return std::make_unique<Pool>(threads).release(); };  // the library's
}

void HttpServer::close_after_this(httplib::Response& response) {
  is_last = true;
  response.set_header("Connection", "close");
}

void HttpServer::end() {
  const std::lock_guard lock(mutex_);
  is_ending_ = true;
  for (const socket_t socket : open_) ::shutdown(socket, SHUT_RDWR);
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  bool is_served = false;
  if (!is_refused) {
    const std::lock_guard lock(mutex_);
    is_served = !is_ending_ && open_.insert(socket).second;
  }
  if (is_served) {
    serve(socket);
    const std::lock_guard lock(mutex_);
    open_.erase(socket);  // before another connection may have the number
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return is_served;
}

void HttpServer::serve(socket_t socket) {
  SocketStream stream(socket, clock_);
  // Of parts of answers nobody has need, and many parts of one would be many times its size.
  const auto ignore_ranges = [](httplib::Request& request) { request.ranges.clear(); };
  is_last = false;
  for (std::size_t left = kRequestsPerConnection; left != 0 && !is_last; --left) {
    if (!stream.begin_request(kKeepAlive)) return;
    bool is_closed = false;
    if (!process_request(stream, left == 1, is_closed, ignore_ranges) || is_closed || stream.is_broken()) break;
  }
  stream.drain();
}

}  // namespace freshet::reads
