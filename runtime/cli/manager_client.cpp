#include "runtime/cli/manager_client.h"

#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <ostream>

#include "runtime/cli/error_body.h"
#include "runtime/cli/format.h"

namespace freshet::cli {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::string reason_of(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "does not answer";
    case httplib::Error::ConnectionTimeout:
      return "does not answer (no connection)";
    default:
      return "broke off the connection";
  }
}

/// Keeps SIGPIPE from this thread while a request is sent: a job manager that goes away is an error to report, while a
/// reader of our own output that goes away must still end the process.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_only_);
    sigaddset(&pipe_only_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    constexpr timespec kAtOnce{0, 0};
    while (sigtimedwait(&pipe_only_, nullptr, &kAtOnce) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_only_{};
  sigset_t before_{};
};

}  // namespace

std::string path_segment(const std::string& text) {
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c)) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return result;
}

Result<Response> ManagerClient::get(const std::string& path) { return send({"GET", path}); }

Result<Response> ManagerClient::post(const std::string& path, const nlohmann::json& body) {
  // What a user typed need not be UTF-8; it goes out with replacement characters, not with an exception.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return send({"POST", path, body.dump(-1, ' ', false, kReplace), "application/json"});
}

Result<Response> ManagerClient::remove(const std::string& path) { return send({"DELETE", path}); }

Result<Response> ManagerClient::put(const std::string& path, const std::string& bytes) {
  return send({"PUT", path, bytes, "application/octet-stream"});
}

Result<bool> ManagerClient::exists(const std::string& path) {
  auto response = send({"HEAD", path});
  if (response) return true;
  if (response.failure().code == ExitCode::kNotFound) return false;
  return response.failure();
}

void ManagerClient::show(const Outgoing& outgoing) {
  *options_.show_on << outgoing.method << " http://" << address() << outgoing.path << "\n";
  const bool text = std::string_view(outgoing.content_type) == "application/json";
  if (text) *options_.show_on << outgoing.body << "\n";
  if (!text && !outgoing.body.empty())
    *options_.show_on << "(" << bytes(static_cast<double>(outgoing.body.size())) << ")\n";
}

Failure ManagerClient::unreachable(const std::string& what) const {
  const std::string& source = options_.address.source;
  const std::string from = source == "default" ? "" : " (address from " + source + ")";
  return {ExitCode::kUnreachable,
          "job manager " + address() + " " + what + from + ". Its jobs end with it · start it: freshet cluster start"};
}

Result<Response> ManagerClient::send(const Outgoing& outgoing) {
  if (only_shows()) {
    show(outgoing);
    return Failure{ExitCode::kDone, ""};
  }
  httplib::Client client(options_.address.host, options_.address.port);
  client.set_connection_timeout(std::chrono::milliseconds(std::min(options_.timeout_ms, kConnectTimeoutMs)));
  client.set_read_timeout(std::chrono::milliseconds(options_.timeout_ms));
  client.set_write_timeout(std::chrono::milliseconds(options_.timeout_ms));
  client.set_url_encode(false);

  const std::int64_t deadline_ms = options_.steady_ms() + options_.timeout_ms;
  bool too_large = false;
  bool too_slow = false;
  std::string answer;
  httplib::Request request;
  request.method = outgoing.method;
  request.path = outgoing.path;
  request.body = outgoing.body;
  if (*outgoing.content_type != '\0') request.set_header("Content-Type", outgoing.content_type);
  if (!options_.token.empty()) request.set_header("Authorization", "Bearer " + options_.token);
  request.content_receiver = [&](const char* data, std::size_t length, std::uint64_t, std::uint64_t) {
    too_large = answer.size() + length > options_.max_answer_bytes;
    // The client's own time-out is per read; an answer that trickles would never end.
    too_slow = options_.steady_ms() >= deadline_ms;
    if (!too_large && !too_slow) answer.append(data, length);
    return !too_large && !too_slow;
  };
  const NoSigpipe no_sigpipe;
  const httplib::Result result = client.send(request);
  if (too_large) {
    return Failure{ExitCode::kFailed, "the answer of job manager " + address() + " is larger than " +
                                          bytes(static_cast<double>(options_.max_answer_bytes)) +
                                          " and was not read. Ask for less (--lines, a filter)"};
  }
  if (!result) {
    too_slow = too_slow || (result.error() == httplib::Error::Read && options_.steady_ms() >= deadline_ms);
    if (!too_slow) return unreachable(reason_of(result.error()));
    return Failure{ExitCode::kTimeout, "job manager " + address() + " has not answered within " +
                                           duration(static_cast<double>(options_.timeout_ms)) +
                                           "; what was asked for may still happen. Longer: --timeout"};
  }
  Response response{result->status, nullptr, {}};
  if (!answer.empty()) response.body = nlohmann::json::parse(answer, nullptr, false);
  if (result->status < 200 || result->status > 299) return failure_of(result->status, response.body);
  if (!answer.empty() && !response.body.is_object()) {
    return Failure{ExitCode::kFailed,
                   address() + " answered something that is not a JSON object. Is it a job manager?"};
  }
  response.text = std::move(answer);
  return response;
}

}  // namespace freshet::cli
