#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/reads/read_request.h"

namespace httplib {
class Client;
}

namespace freshet::reads {

/// One request to one server.
struct ReadCall {
  std::string address{};  ///< HOST:PORT
  std::string target{};   ///< path and query, encoded
  std::string caller{};
  const std::string* body = nullptr;  ///< of a POST; null: GET
  std::string meant_for{};            ///< ReadRequest::meant_for of the server; empty: any
  Duration patience{5'000};           ///< for the whole of it, also when it is tried twice
};

/// Asks servers of queryable state over connections that it keeps. Any thread; several at a time.
class ReadClient {
 public:
  static constexpr std::size_t kMostKept = 4;      ///< connections to one server that nobody uses
  static constexpr std::size_t kMostServers = 32;  ///< to which it keeps connections

  ReadClient();
  ~ReadClient();
  ReadClient(const ReadClient&) = delete;
  ReadClient& operator=(const ReadClient&) = delete;

  /// Nothing: nobody answers there, or not in time.
  std::optional<ReadAnswer> ask(const ReadCall& call);
  std::optional<ReadAnswer> get(const std::string& address, const std::string& target, const std::string& caller);
  std::optional<ReadAnswer> post(const std::string& address, const std::string& target, const std::string& caller,
                                 const std::string& body);
  /// Lets go what it keeps of connections to others than these.
  void keep_only(const std::set<std::string>& addresses);
  /// From now on nobody is asked, and who waits for an answer gets none. Waits until the last of them does not wait any
  /// more: as long as it takes to connect, at most.
  void stop();
  bool is_stopped() const { return stopped_; }
  /// To which it keeps connections.
  std::size_t idle_servers() const;

 private:
  struct Connection;
  Connection take(const std::string& address);
  void give_back(const std::string& address, std::unique_ptr<httplib::Client> client);
  bool begin(httplib::Client& client);
  void end(httplib::Client& client);

  const base::SystemClock clock_;
  std::atomic<bool> stopped_{false};
  mutable std::mutex mutex_;  // of what follows: a few times a request
  std::map<std::string, std::vector<std::unique_ptr<httplib::Client>>> idle_;
  std::set<httplib::Client*> asking_;
  std::condition_variable ended_;
};

/// HOST:PORT and the rest of "http://HOST:PORT/…"; false when it is no such address.
bool split_url(const std::string& url, std::string& address, std::string& target);

}  // namespace freshet::reads
