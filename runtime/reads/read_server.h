#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <freshet/result.h>

#include "runtime/reads/read_request.h"

namespace freshet::reads {

class HttpServer;

struct ReadServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;  ///< 0: a free one
  std::size_t threads = 16;
};

/// Serves a function from request to answer over HTTP, as JSON, or msgpack where it is accepted. The function is called
/// on the server's threads, several at a time, and may wait a little. Who calls is what the header X-Freshet-Caller
/// says, else the address. Life: start(), then stop() or the destructor, which cut connections and wait for the
/// function.
class ReadServer {
 public:
  using Handler = std::function<ReadAnswer(const ReadRequest&)>;

  ReadServer(ReadServerOptions options, Handler handler);
  ~ReadServer();
  ReadServer(const ReadServer&) = delete;
  ReadServer& operator=(const ReadServer&) = delete;

  Status start();
  void stop();
  /// "127.0.0.1:40213"; once started.
  const std::string& address() const { return address_; }

 private:
  const ReadServerOptions options_;
  const Handler handler_;
  std::unique_ptr<HttpServer> server_;
  std::string address_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace freshet::reads
