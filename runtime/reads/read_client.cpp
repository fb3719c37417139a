#include "runtime/reads/read_client.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>

namespace freshet::reads {
namespace {

constexpr auto kMostConnectTime = std::chrono::milliseconds(1'500);  // systems try again after one second
constexpr auto kStopAgain = std::chrono::milliseconds(10);
/// A connection that the server has closed meanwhile fails without any waiting; a server that is silent does not.
constexpr auto kAtOnce = std::chrono::milliseconds(100);

httplib::Request request_of(const ReadCall& call) {
  httplib::Request request;
  request.method = call.body == nullptr ? "GET" : "POST";
  request.path = call.target;
  request.headers = {{"X-Freshet-Caller", caller_name(call.caller)}};
  if (!call.meant_for.empty()) request.headers.emplace("X-Freshet-Attempt", call.meant_for);
  if (call.body == nullptr) return request;
  request.headers.emplace("Content-Type", "application/json");
  request.body = *call.body;
  return request;
}

ReadAnswer answer_of(const httplib::Response& response) {
  ReadAnswer answer{response.status, response.body, 0, response.get_header_value("Location")};
  const std::string wait = response.get_header_value("Retry-After");
  (void)std::from_chars(wait.data(), wait.data() + wait.size(), answer.retry_after_s);
  return answer;
}

}  // namespace

ReadClient::ReadClient() = default;
ReadClient::~ReadClient() = default;

struct ReadClient::Connection {
  std::unique_ptr<httplib::Client> client;
  bool was_kept = false;
};

ReadClient::Connection ReadClient::take(const std::string& address) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = idle_.find(address); found != idle_.end() && !found->second.empty()) {
      Connection kept{std::move(found->second.back()), true};
      found->second.pop_back();
      return kept;
    }
  }
  auto client = std::make_unique<httplib::Client>("http://" + address);
  client->set_keep_alive(true);
  client->set_tcp_nodelay(true);
  client->set_url_encode(false);
  return {std::move(client), false};
}

void ReadClient::give_back(const std::string& address, std::unique_ptr<httplib::Client> client) {
  const std::lock_guard lock(mutex_);
  // Of more servers than this any is as likely to be asked next.
  if (idle_.size() >= kMostServers && !idle_.contains(address)) idle_.erase(idle_.begin());
  auto& kept = idle_[address];
  if (kept.size() < kMostKept) kept.push_back(std::move(client));
}

void ReadClient::keep_only(const std::set<std::string>& addresses) {
  const std::lock_guard lock(mutex_);
  std::erase_if(idle_, [&](const auto& each) { return !addresses.contains(each.first); });
}

std::size_t ReadClient::idle_servers() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

bool ReadClient::begin(httplib::Client& client) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  asking_.insert(&client);
  return true;
}

void ReadClient::end(httplib::Client& client) {
  const std::lock_guard lock(mutex_);
  asking_.erase(&client);
  ended_.notify_all();
}

void ReadClient::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  // Again and again: one that is just about to connect does so after it was stopped.
  while (!asking_.empty()) {
    for (auto* client : asking_) client->stop();
    ended_.wait_for(lock, kStopAgain);
  }
}

std::optional<ReadAnswer> ReadClient::get(const std::string& address, const std::string& target,
                                          const std::string& caller) {
  return ask({.address = address, .target = target, .caller = caller});
}

std::optional<ReadAnswer> ReadClient::post(const std::string& address, const std::string& target,
                                           const std::string& caller, const std::string& body) {
  return ask({.address = address, .target = target, .caller = caller, .body = &body});
}

std::optional<ReadAnswer> ReadClient::ask(const ReadCall& call) {
  httplib::Request request = request_of(call);
  const auto deadline = clock_.steady() + call.patience;
  // The library's time-outs are of one wait each, and an answer may come in many pieces.
  request.progress = [&](std::uint64_t, std::uint64_t) { return !stopped_ && clock_.steady() < deadline; };
  for (bool may_be_stale = true; may_be_stale;) {
    const auto began = clock_.steady();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - began);
    if (left.count() <= 0) return std::nullopt;
    auto [client, was_kept] = take(call.address);
    client->set_connection_timeout(std::min(left, kMostConnectTime));
    client->set_read_timeout(left);
    client->set_write_timeout(left);
    if (!begin(*client)) return std::nullopt;
    const auto result = client->send(request);
    end(*client);
    if (result) {
      ReadAnswer answer = answer_of(*result);
      give_back(call.address, std::move(client));
      return answer;
    }
    may_be_stale = was_kept && clock_.steady() - began < std::min(left / 2, kAtOnce);
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
