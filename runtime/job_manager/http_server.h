#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <freshet/result.h>
#include "runtime/job_manager/rest_api.h"

namespace httplib {
class Server;
}

namespace freshet::manager {

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 0;  ///< 0: a free one
  /// How long a request waits for the owner's thread before it is answered 503.
  Duration answer_timeout{5'000};
  /// How long an answer that waits for disks may take.
  Duration later_timeout{25'000};
};

/// Serves a function from request to response over HTTP.
///
/// Its threads only speak HTTP: every request is posted to the owner's thread through `post`, and its handler waits for
/// the answer; what is left to do for it (RestResponse::later) they do themselves. Life: start(), then stop() (or the
/// destructor) on the owner's thread, after which nothing is posted any more. What was posted and not yet run may still
/// run afterwards: it does not touch the server.
class HttpServer {
 public:
  using Handler = std::function<RestResponse(const RestRequest&)>;
  using Post = std::function<void(std::function<void()>)>;
  static constexpr std::size_t kThreads = 4;
  static constexpr int kMostLater = 2;  ///< answers that wait for disks at one time; the other threads stay free
  static constexpr std::size_t kMaxBodyBytes = 512u << 20;  ///< the largest library

  /// `handler` runs on the owner's thread; it must outlive everything that is posted.
  HttpServer(HttpOptions options, Handler handler, Post post);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and begins to answer; the error says why the address cannot be had.
  Status start();
  void stop();
  /// The port that it listens on.
  int port() const { return port_; }

 private:
  RestResponse answer(RestRequest request);
  RestResponse answer_later(const RestResponse& begun);

  const HttpOptions options_;
  const Handler handler_;
  const Post post_;
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;  // requests give up waiting: their answer would never come
  std::atomic<bool> ended_ = false;     // the serving thread is about to end
  std::atomic<int> later_ = 0;          // answers that wait for disks
  int port_ = 0;
};

}  // namespace freshet::manager
