#include "operators/redis/pipeline.h"

#include <algorithm>

namespace freshet::redis {
namespace {

constexpr Duration kFirstPause = 10ms;
constexpr Duration kLongestPause = 250ms;

/// What a user does about an error that Redis answers; by a word in it, since older servers wrap what a script meets.
std::string remedy_of(std::string_view error) {
  constexpr std::pair<std::string_view, std::string_view> kRemedies[] = {
      {"WRONGTYPE", "something else than a hash has this name: delete it, or set another prefix"},
      {"VERSION", "somebody else wrote the field @freshet: delete the hash, or set another prefix"},
      {"OOM", "give Redis more memory, or less to keep"},
      {"READONLY", "this is a replica: name the primary"},
      {"MISCONF", "Redis cannot save to its disk: see its log"},
      {"NOPERM", "allow the user evalsha, script, hget, hset and hdel on these keys"},
      {"NOAUTH", "say where the password is: password_variable, password_file"},
      {"MOVED", "Redis Cluster is not supported: name a single server"},
  };
  for (const auto& [word, remedy] : kRemedies)
    if (error.find(word) != std::string_view::npos) return std::string(remedy);
  return "see the log of Redis";
}

bool passes_by_itself(std::string_view error) {
  for (const std::string_view word : {"NOSCRIPT", "LOADING", "BUSY ", "MASTERDOWN"})
    if (error.starts_with(word)) return true;
  return false;
}

/// For a message: bytes that are no plain characters as '?', cut.
std::string shown(std::string_view key) {
  constexpr std::size_t kMaxShown = 80;
  std::string text(key.substr(0, kMaxShown));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text + (key.size() > kMaxShown ? "…" : "");
}

}  // namespace

Pipeline::Pipeline(Server server, std::string_view script)
    : server_(std::move(server)), script_(script), connection_(server_) {}

Status Pipeline::open() {
  settle(0);
  return status();
}

void Pipeline::append(std::string_view command, std::string_view key) {
  if (!broken_.empty()) return;
  const std::size_t begin = bytes_.size();
  bytes_ += command;
  commands_.push_back({begin, begin + static_cast<std::size_t>(key.data() - command.data()), key.size()});
  if (bytes_.size() > kMaxBytes) settle(0);
}

Status Pipeline::send() {
  settle(kMaxUnacknowledged);
  return status();
}

Status Pipeline::flush() {
  settle(0);
  return status();
}

void Pipeline::close() {
  connection_.close();
  bytes_.clear();
  commands_.clear();
  first_ = sent_ = 0;
}

void Pipeline::settle(std::size_t most_unacknowledged) {
  if (!broken_.empty()) return;
  const Deadline deadline(server_.timeout);
  std::string first;  // what went wrong first is the cause; what did at last says what to do
  for (Duration pause(0);; pause = std::clamp(pause * 2, kFirstPause, kLongestPause)) {
    auto failure = connect_if_needed(deadline);
    if (!failure) failure = exchange(most_unacknowledged, deadline);
    if (!failure) return;
    connection_.close();
    if (!failure->may_pass || deadline.left() == Duration(0)) {
      broken_ = first.empty() || first == failure->what ? failure->what : first + "; then: " + failure->what;
      close();
      return;
    }
    if (first.empty()) first = failure->what;
    deadline.pause(pause);
  }
}

std::optional<Failure> Pipeline::connect_if_needed(const Deadline& deadline) {
  if (connection_.is_open()) return {};
  sent_ = first_ == commands_.size() ? bytes_.size() : commands_[first_].begin;
  return connection_.open(script_, deadline);
}

std::optional<Failure> Pipeline::exchange(std::size_t most_unacknowledged, const Deadline& deadline) {
  auto failure = connection_.send(bytes_, sent_, deadline);
  while (!failure && unacknowledged() != 0) {
    if (unacknowledged() > most_unacknowledged) {
      failure = connection_.receive(deadline);
    } else {
      bool arrived = false;
      failure = connection_.receive_if_there(arrived);
      if (!failure && !arrived) break;
    }
    if (!failure) failure = judge(connection_.reply());
  }
  forget_acknowledged();
  return failure;
}

std::optional<Failure> Pipeline::judge(const Reply& reply) {
  const Command& command = commands_[first_];
  if (reply.kind == Reply::Kind::integer && (reply.integer == 0 || reply.integer == 1)) {
    ++first_;
    return {};
  }
  const std::string key = shown(std::string_view(bytes_).substr(command.key, command.key_length));
  if (reply.kind == Reply::Kind::integer && reply.integer == -1)
    return Failure{false, "key " + key + " was written by a later attempt of this job, which has taken over"};
  if (reply.kind != Reply::Kind::error)
    return Failure{false, "does not answer as the script does; mend parameter " + server_.name};
  return Failure{passes_by_itself(reply.text),
                 "refuses to write key " + key + ": " + reply.text + "; " + remedy_of(reply.text)};
}

/// Moving what is left costs less than was acknowledged.
void Pipeline::forget_acknowledged() {
  if (first_ < commands_.size() / 2 || first_ == 0) return;
  const std::size_t gone = first_ == commands_.size() ? bytes_.size() : commands_[first_].begin;
  bytes_.erase(0, gone);
  commands_.erase(commands_.begin(), commands_.begin() + static_cast<std::ptrdiff_t>(first_));
  for (auto& command : commands_) {
    command.begin -= gone;
    command.key -= gone;
  }
  sent_ -= gone;
  first_ = 0;
}

Status Pipeline::status() const {
  if (broken_.empty()) return {};
  return Error{"Redis at " + server_.address + " (a step waits at most " + format_duration(server_.timeout) +
               "): " + broken_};
}

}  // namespace freshet::redis
