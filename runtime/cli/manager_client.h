#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "runtime/cli/manager_address.h"
#include "runtime/cli/result.h"

namespace freshet::cli {

/// An answer of the job manager with a status of 2xx.
struct Response {
  int status = 0;
  nlohmann::json body;  // null when there was none
  std::string text{};   // the body as it came
};

/// The job manager's REST interface as a verb sees it: one request at a time, each with a time-out, answers limited in
/// size, everything that is not a good answer turned into the failure the user reads. Keeps no connection. Used by the
/// thread that runs the verb.
class ManagerClient {
 public:
  /// Larger answers are refused: 64 MiB are far more than any list of the job manager.
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20;
  /// A job manager that runs accepts at once; waiting longer only delays the message.
  static constexpr std::int64_t kConnectTimeoutMs = 3'000;

  struct Options {
    ManagerAddress address;
    std::int64_t timeout_ms = 30'000;  // for one whole answer
    std::string token;                 // sent as "Authorization: Bearer …" when not empty
    std::ostream* show_on = nullptr;   // print requests there instead of sending them
    std::size_t max_answer_bytes = kMaxAnswerBytes;
    std::function<std::int64_t()> steady_ms;
  };

  explicit ManagerClient(Options options) : options_(std::move(options)) {}

  /// `path` begins with '/' and is encoded already (see path_segment()).
  Result<Response> get(const std::string& path);
  Result<Response> post(const std::string& path, const nlohmann::json& body);
  Result<Response> remove(const std::string& path);
  /// Sends bytes as they are.
  Result<Response> put(const std::string& path, const std::string& bytes);
  /// Whether the resource exists.
  Result<bool> exists(const std::string& path);

  /// Requests are only printed; every method then fails with kDone and no message.
  bool only_shows() const { return options_.show_on != nullptr; }
  std::string address() const { return options_.address.text(); }

 private:
  struct Outgoing {
    const char* method;
    std::string path;
    std::string body = {};
    const char* content_type = "";
  };

  Result<Response> send(const Outgoing& outgoing);
  void show(const Outgoing& outgoing);
  Failure unreachable(const std::string& what) const;

  const Options options_;
};

/// Percent-encodes one segment of a path or one value of a query.
std::string path_segment(const std::string& text);

}  // namespace freshet::cli
