#include <freshet/redis_lookup.h>

#include <algorithm>

#include "operators/redis/command.h"
#include "operators/redis/connection.h"

namespace freshet::redis {

namespace {

constexpr Duration kPause = 10ms;
constexpr std::size_t kMaxErrorBytes = 512;

/// Errors of one key, which come again however often it is asked for.
bool is_of_the_key(std::string_view error) { return error.starts_with("WRONGTYPE") || error.starts_with("NOPERM"); }

}  // namespace

class TextReader::Impl {
 public:
  Impl(Server server, KeyPattern pattern)
      : server_(std::move(server)), pattern_(std::move(pattern)), connection_(server_, kMaxTextBytes) {}

  void begin() {
    asked_.clear();
    commands_.clear();
    first_ = 0;
  }
  void ask(std::string_view key) {
    parts_.resize(1);
    parts_[0] = key;
    key_ = server_.prefix;
    pattern_.append_key(key_, parts_);
    if (answers_.size() == asked_.size()) answers_.emplace_back();
    Answer& answer = answers_[asked_.size()];
    answer.kind = key_.size() > kMaxKeyBytes ? Answer::Kind::refused : Answer::Kind::none;
    if (answer.kind == Answer::Kind::refused)
      answer.text = "key of " + std::to_string(key_.size()) + " bytes, and Redis is given at most " +
                    std::to_string(kMaxKeyBytes);
    asked_.push_back(commands_.size());
    if (answer.kind == Answer::Kind::refused) return;
    append_length(commands_, '*', 2);
    append_argument(commands_, "GET");
    append_argument(commands_, key_);
  }
  void fetch() {
    skip_refused();
    if (first_ == asked_.size() || (rest_ && rest_->left() != Duration(0))) return;
    const Deadline deadline(server_.timeout);
    for (;;) {
      auto failure = exchange(deadline);
      if (!failure) return;
      connection_.close();
      failure_ = failure->what;
      if (!failure->may_pass || deadline.left() == Duration(0)) break;
      deadline.pause(kPause);
    }
    rest_.emplace(server_.timeout);
  }
  const std::string* found(std::size_t i) const {
    const Answer& answer = answers_[i];
    switch (answer.kind) {
      case Answer::Kind::text:
        return &answer.text;
      case Answer::Kind::nothing:
        return nullptr;
      case Answer::Kind::refused:
        throw RejectRecord(answer.text, "refused by redis");
      case Answer::Kind::none:
        break;
    }
    throw TryAgain("Redis at " + server_.address + " (a step waits at most " + format_duration(server_.timeout) +
                   "): " + failure_);
  }

 private:
  struct Answer {
    enum class Kind { none, text, nothing, refused };
    Kind kind = Kind::none;
    std::string text{};  // of an error, too
  };

  std::optional<Failure> exchange(const Deadline& deadline) {
    if (!connection_.is_open())
      if (auto failure = connection_.open("", deadline)) return failure;
    std::size_t sent = asked_[first_];
    auto failure = connection_.send(commands_, sent, deadline);
    while (!failure && first_ != asked_.size()) {
      failure = connection_.receive(deadline);
      if (!failure) failure = take(connection_.reply());
    }
    return failure;
  }
  /// The answer to the first that has none.
  std::optional<Failure> take(const Reply& reply) {
    Answer& answer = answers_[first_];
    if (reply.kind == Reply::Kind::integer)
      return Failure{false, "does not answer as Redis does; mend parameter " + server_.name};
    if (reply.kind == Reply::Kind::error && !is_of_the_key(reply.text))
      return Failure{true, "does not answer: " + reply.text.substr(0, kMaxErrorBytes)};
    answer.text.assign(reply.text, 0, reply.kind == Reply::Kind::error ? kMaxErrorBytes : std::string::npos);
    answer.kind = reply.kind == Reply::Kind::nil     ? Answer::Kind::nothing
                  : reply.kind == Reply::Kind::error ? Answer::Kind::refused
                                                     : Answer::Kind::text;
    if (reply.is_cut) {
      answer.kind = Answer::Kind::refused;
      answer.text = "a text of more than " + std::to_string(kMaxTextBytes) + " bytes";
    }
    ++first_;
    skip_refused();
    return {};
  }
  void skip_refused() {
    while (first_ < asked_.size() && answers_[first_].kind == Answer::Kind::refused) ++first_;
  }

  const Server server_;
  const KeyPattern pattern_;
  Connection connection_;
  std::string commands_;
  std::vector<std::size_t> asked_;  // where each one's command begins
  std::vector<Answer> answers_;     // as many or more; texts keep their memory
  std::size_t first_ = 0;           // without an answer
  std::string failure_ = "was not asked yet";
  std::optional<Deadline> rest_;
  std::string key_;
  std::vector<std::string> parts_;
};

TextReader::TextReader(Server server, KeyPattern pattern)
    : impl_(std::make_unique<Impl>(std::move(server), std::move(pattern))) {}
TextReader::~TextReader() = default;
void TextReader::begin() { impl_->begin(); }
void TextReader::ask(std::string_view key) { impl_->ask(key); }
void TextReader::fetch() { impl_->fetch(); }
const std::string* TextReader::found(std::size_t i) const { return impl_->found(i); }

}  // namespace freshet::redis
