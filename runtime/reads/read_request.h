#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/checkpoint/saved_state.h"

/// Requests for queryable state and their answers, without HTTP. Requests may be hostile.
namespace freshet::reads {

struct ReadRequest {
  std::string method{};
  std::string target{};  ///< path and query as they came
  std::string path{};    ///< percent-decoded, as the values of the query are
  std::map<std::string, std::string> query{};
  std::string body{};
  std::string caller{};  ///< whom it counts for
  /// "job-1/3": the attempt that a router takes the asked worker to be of; empty: did not come by a router.
  std::string meant_for{};
};

struct ReadAnswer {
  int status = 200;
  std::string body{};      ///< JSON
  int retry_after_s = 0;   ///< ask again then; 0: not said
  std::string location{};  ///< of a status 307
};

/// As in ReadRequest::meant_for.
std::string attempt_name(JobId job, std::uint32_t attempt);

/// `{"error":{"code":…,"message":…,"near":[…]}}`. Texts are cut; what is no UTF-8 in them is replaced.
ReadAnswer error_answer(int status, const std::string& code, const std::string& message,
                        const std::vector<std::string>& near = {});
/// 503: the same request may be answered in a second.
ReadAnswer try_again(const std::string& code, const std::string& message);
ReadAnswer too_many(const std::string& caller);

/// GET /v1/jobs/JOB/state/OPERATOR[.STATE]/KEY?consistency=&from=&after=&limit=, or POST without the key and with a
/// body
/// `{"keys": […]}`.
struct StateRequest {
  static constexpr std::size_t kMostKeys = 256;
  static constexpr std::size_t kMostEntries = 1'000;  ///< of one key, in one answer
  static constexpr std::size_t kMostBodyBytes = 256u << 10;

  std::string job{};
  std::string address{};
  std::vector<std::string> keys{};      ///< as people write them; of a GET one, or none: all
  std::vector<std::string> key_json{};  ///< the same as they came in the body
  bool is_list = false;                 ///< POST
  bool is_live = true;
  std::optional<std::string> from{};  ///< of a map: begin at this map key
  checkpoint::StatePosition after{};
  std::size_t limit = kMostEntries;
  unsigned way = 0;  ///< of the encodings that a key may have, the first to look for; set by who was sent on
};

std::variant<StateRequest, ReadAnswer> parse_state_request(const ReadRequest& request);
/// The job in the path of such a request; empty when it is none.
std::string job_of(const std::string& path);

/// Who calls, as it may stand in a header: every byte that is no visible ASCII character is replaced, for names are as
/// hostile as all else and one with a line break would be two headers. Not longer than kMostCallerBytes.
inline constexpr std::size_t kMostCallerBytes = 128;
std::string caller_name(std::string name);

/// What comes right before an encoded key, in the order of keys.
std::string just_before(std::string encoded_key);

}  // namespace freshet::reads
