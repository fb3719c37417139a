#include "runtime/reads/read_client.h"

#include <httplib.h>

#include <charconv>

namespace freshet::reads {
namespace {

constexpr std::time_t kConnectSeconds = 1;

/// A connection that was kept may have been closed by the server in that moment.
bool may_be_stale(httplib::Error error) { return error == httplib::Error::Read || error == httplib::Error::Write; }

ReadAnswer answer_of(const httplib::Response& response) {
  ReadAnswer answer{response.status, response.body, 0, response.get_header_value("Location")};
  const std::string wait = response.get_header_value("Retry-After");
  (void)std::from_chars(wait.data(), wait.data() + wait.size(), answer.retry_after_s);
  return answer;
}

}  // namespace

ReadClient::ReadClient(Duration patience) : patience_(patience) {}
ReadClient::~ReadClient() = default;

std::unique_ptr<httplib::Client> ReadClient::take(const std::string& address) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = idle_.find(address); found != idle_.end() && !found->second.empty()) {
      auto client = std::move(found->second.back());
      found->second.pop_back();
      return client;
    }
  }
  auto client = std::make_unique<httplib::Client>("http://" + address);
  client->set_keep_alive(true);
  client->set_tcp_nodelay(true);
  client->set_url_encode(false);
  client->set_connection_timeout(kConnectSeconds);
  client->set_read_timeout(std::chrono::duration_cast<std::chrono::milliseconds>(patience_));
  client->set_write_timeout(std::chrono::duration_cast<std::chrono::milliseconds>(patience_));
  return client;
}

void ReadClient::give_back(const std::string& address, std::unique_ptr<httplib::Client> client) {
  const std::lock_guard lock(mutex_);
  // Workers come and go, each with a port of its own.
  if (idle_.size() >= kMostServers && !idle_.contains(address)) idle_.clear();
  auto& kept = idle_[address];
  if (kept.size() < kMostKept) kept.push_back(std::move(client));
}

std::optional<ReadAnswer> ReadClient::get(const std::string& address, const std::string& target,
                                          const std::string& caller) {
  return send(address, target, caller, nullptr);
}

std::optional<ReadAnswer> ReadClient::post(const std::string& address, const std::string& target,
                                           const std::string& caller, const std::string& body) {
  return send(address, target, caller, &body);
}

std::optional<ReadAnswer> ReadClient::send(const std::string& address, const std::string& target,
                                           const std::string& caller, const std::string* body) {
  const httplib::Headers headers{{"X-Freshet-Caller", caller_name(caller)}};
  for (int tries = 1; tries <= 2; ++tries) {
    auto client = take(address);
    const auto result =
        body == nullptr ? client->Get(target, headers) : client->Post(target, headers, *body, "application/json");
    if (result) {
      ReadAnswer answer = answer_of(*result);
      give_back(address, std::move(client));
      return answer;
    }
    if (!may_be_stale(result.error())) return std::nullopt;
  }
  return std::nullopt;
}

bool split_url(const std::string& url, std::string& address, std::string& target) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return false;
  const auto slash = url.find('/', kScheme.size());
  address = url.substr(kScheme.size(), slash == std::string::npos ? slash : slash - kScheme.size());
  target = slash == std::string::npos ? "/" : url.substr(slash);
  return !address.empty();
}

}  // namespace freshet::reads
