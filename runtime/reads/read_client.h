#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/reads/read_request.h"

namespace httplib {
class Client;
}

namespace freshet::reads {

/// Asks servers of queryable state over connections that it keeps. Any thread; several at a time.
class ReadClient {
 public:
  static constexpr std::size_t kMostKept = 4;  ///< connections to one server that nobody uses
  static constexpr std::size_t kMostServers = 256;

  explicit ReadClient(Duration patience = Duration(5'000));
  ~ReadClient();
  ReadClient(const ReadClient&) = delete;
  ReadClient& operator=(const ReadClient&) = delete;

  /// `address`: HOST:PORT; `target`: path and query, encoded. Nothing: nobody answers there.
  std::optional<ReadAnswer> get(const std::string& address, const std::string& target, const std::string& caller);
  std::optional<ReadAnswer> post(const std::string& address, const std::string& target, const std::string& caller,
                                 const std::string& body);

 private:
  std::optional<ReadAnswer> send(const std::string& address, const std::string& target, const std::string& caller,
                                 const std::string* body);
  std::unique_ptr<httplib::Client> take(const std::string& address);
  void give_back(const std::string& address, std::unique_ptr<httplib::Client> client);

  const Duration patience_;
  std::mutex mutex_;  // of what follows: once a request
  std::map<std::string, std::vector<std::unique_ptr<httplib::Client>>> idle_;
};

/// HOST:PORT and the rest of "http://HOST:PORT/…"; false when it is no such address.
bool split_url(const std::string& url, std::string& address, std::string& target);

}  // namespace freshet::reads
