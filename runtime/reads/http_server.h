#pragma once

#include <httplib.h>

#include <mutex>
#include <set>

#include "runtime/base/clock.h"

namespace freshet::reads {

/// The HTTP library's server with limits that it lacks: on connections that wait for a thread, beyond which new ones
/// are closed; on the time of a request (SocketStream); on how long its end takes, for end() shuts all connections.
class HttpServer final : public httplib::Server {
 public:
  static constexpr std::size_t kMostWaiting = 64;  ///< connections for which no thread has time yet
  static constexpr std::size_t kRequestsPerConnection = 100;
  static constexpr Duration kKeepAlive{1'000};  ///< a silent client holds one of few threads

  explicit HttpServer(std::size_t threads);

  /// From a handler: the answer is the last of its connection, whose next bytes need not be a request.
  static void close_after_this(httplib::Response& response);
  /// Once it is bound. The library lets 5 connections wait to be accepted, beyond which they take a second.
  void widen_backlog() { (void)::listen(svr_sock_, static_cast<int>(kMostWaiting)); }
  /// Cuts whoever is being served. Any thread. stop() comes after it.
  void end();

 private:
  class Pool;
  bool process_and_close_socket(socket_t socket) override;
  void serve(socket_t socket);

  const base::SystemClock clock_;
  std::mutex mutex_;  // of what follows: twice a connection
  std::set<socket_t> open_;
  bool is_ending_ = false;
};

}  // namespace freshet::reads
