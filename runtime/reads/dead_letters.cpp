#include "runtime/reads/dead_letters.h"

#include <freshet/key.h>
#include <freshet/retry_state.h>
#include <freshet/text.h>

#include <algorithm>
#include <map>

#include "runtime/checkpoint/saved_state.h"
#include "runtime/checkpoint/verify.h"
#include "runtime/reads/readable_storage.h"
#include "runtime/reads/state_text.h"

namespace freshet::reads {
namespace {

using checkpoint::Manifest;
using freshet::detail::WaitingFor;

constexpr std::size_t kMostLettersRead = 1'000'000;  // entries read together: files are read whole for each page
constexpr std::size_t kMostBytesRead = 64u << 20;    // of these
constexpr int kMostTries = 3;                        // when checkpoints are pruned faster than they are read

Refusal not_read(std::string message) { return {Refusal::Code::failed, std::move(message), {}, {}}; }

/// One that is shown, without its record.
struct LetterView {
  std::uint64_t id = 0;
  std::string operator_id{};
  std::string reason{};
  std::string message{};
  std::string origin{};
  std::uint32_t attempts = 0;
  std::int64_t at_ms = 0;
  std::optional<std::int64_t> event_time_ms{};

  template <class FreshetSelf>
  static constexpr auto freshet_fields() {
    return std::tuple{FRESHET_EACH(FRESHET_FIELD, id), Field{"operator", &FreshetSelf::operator_id},
                      FRESHET_EACH(FRESHET_FIELD, reason, message, origin, attempts, at_ms, event_time_ms)};
  }
};

std::int64_t ms_of(Time time) { return time.time_since_epoch().count(); }

/// One read of one checkpoint.
class LetterReading {
 public:
  LetterReading(const LettersRead& wanted, checkpoint::CheckpointStorage& storage)
      : wanted_(wanted), storage_(storage) {}

  /// False: the job has no complete checkpoint yet.
  Result<bool> find_manifest() {
    const auto numbers = checkpoint::list_checkpoints(storage_, wanted_.job);
    if (!numbers) return numbers.error();
    for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
      auto manifest = checkpoint::load_manifest(storage_, wanted_.job, *number);
      if (!manifest) return manifest.error();
      manifest_ = *std::move(manifest);
      if (manifest_.kind == checkpoint::ManifestKind::complete) return true;
    }
    manifest_ = {};
    return false;
  }
  bool is_gone() const {
    const auto numbers = checkpoint::list_checkpoints(storage_, wanted_.job);
    return numbers && std::ranges::find(*numbers, manifest_.checkpoint) == numbers->end();
  }

  Status read_all() {
    for (const std::string& operator_id : wanted_.operators) {
      if (!checkpoint::chain_of(manifest_, operator_id)) continue;
      if (Status read = read_operator(operator_id); !read) return read;
    }
    return {};
  }

  std::string answer() {
    std::string out = R"({"version":1,"now_ms":)" + std::to_string(wanted_.now_ms) + R"(,"job":)";
    append_json_string(out, wanted_.job_name);
    out += R"(,"checkpoint":)";
    out += manifest_.checkpoint.value == 0 ? "null" : std::to_string(manifest_.checkpoint.value);
    out += R"(,"checkpoint_ms":)" + std::to_string(manifest_.created_ms) + R"(,"kept":)" + std::to_string(kept_) +
           R"(,"behind_watermark":)" + std::to_string(behind_watermark_) + R"(,"groups":)";
    std::vector<LetterGroup> groups;
    for (auto& [key, group] : groups_) groups.push_back(std::move(group));
    std::ranges::sort(groups, [](const auto& left, const auto& right) { return left.count > right.count; });
    append_json(out, groups);
    out += R"(,"letters":[)";
    for (auto shown = shown_.rbegin(); shown != shown_.rend(); ++shown)
      out += (shown == shown_.rbegin() ? "" : ",") + shown->second;
    return out + "]}";
  }
  bool found_any() const { return kept_ != 0; }

 private:
  Status read_operator(const std::string& operator_id) {
    checkpoint::StateQuery query;
    query.operator_id = operator_id;
    query.state = std::string(freshet::detail::kLettersState);
    query.most_entries = kMostLettersRead;
    query.most_bytes = kMostBytesRead;
    query.now_ms = wanted_.now_ms;
    for (;;) {
      const auto page = checkpoint::read_state(storage_, manifest_, query);
      if (!page) return page.error();
      for (const auto& entry : page->entries)
        if (!take(operator_id, entry))
          return Error{"a dead letter of operator " + operator_id + " is not of the types it was saved with"};
      if (!page->next) return {};
      query.after = *page->next;
    }
  }

  bool take(const std::string& operator_id, const checkpoint::SavedEntry& entry) {
    std::pair<std::uint64_t, std::uint64_t> key;
    if (!decode_key(entry.position.key, key)) return false;
    const std::uint64_t id = key.second;
    ByteReader in(entry.value);
    std::uint32_t parts = 0;
    WaitingFor letter;
    const auto& fields = entry.declaration->value.fields;
    if (!in.array_header(parts) || parts != fields.size() || parts < 2 || !decode(in, letter)) return false;
    const bool is_wanted = (!wanted_.id || id == *wanted_.id) &&
                           (wanted_.reason.empty() || letter.reason == wanted_.reason) &&
                           (!wanted_.since_ms || ms_of(letter.first) >= *wanted_.since_ms);
    if (!is_wanted) return true;
    count(operator_id, id, letter);
    return show(operator_id, id, letter, in, fields);
  }

  void count(const std::string& operator_id, std::uint64_t id, const WaitingFor& letter) {
    ++kept_;
    if (wanted_.watermark_ms && letter.event_time && ms_of(*letter.event_time) < *wanted_.watermark_ms)
      ++behind_watermark_;
    const bool are_many = groups_.size() >= LettersRead::kMostGroups;
    const bool is_other = are_many && !groups_.contains({operator_id, letter.reason});
    const std::string reason = is_other ? "others" : letter.reason;
    LetterGroup& group = groups_[{operator_id, reason}];
    const std::int64_t at_ms = ms_of(letter.first);
    if (group.count++ == 0) {
      group.reason = reason;
      group.operator_id = operator_id;
      group.first_ms = at_ms;
    }
    group.first_ms = std::min(group.first_ms, at_ms);
    if (at_ms < group.last_ms) return;
    group.last_ms = at_ms;
    group.example = id;
    group.message = letter.message;
  }

  /// The newest come last, and the oldest go when they are too many.
  bool show(const std::string& operator_id, std::uint64_t id, const WaitingFor& letter, ByteReader& in,
            const std::vector<FieldSchema>& fields) {
    const std::pair place{ms_of(letter.first), id};
    if (wanted_.shown == 0 || (shown_.size() == wanted_.shown && place < shown_.begin()->first)) return true;
    LetterView view{.id = id,
                    .operator_id = operator_id,
                    .reason = letter.reason,
                    .message = letter.message,
                    .origin = letter.origin,
                    .attempts = letter.attempts,
                    .at_ms = ms_of(letter.first)};
    if (letter.event_time) view.event_time_ms = ms_of(*letter.event_time);
    std::string text = to_json(view);
    text.pop_back();
    for (std::size_t i = 1; i < fields.size(); ++i) {
      text += ",\"" + fields[i].name + "\":";
      if (!append_value_json(text, in, fields[i].type)) return false;
    }
    shown_bytes_ += text.size() + 1;
    shown_[place] = text + "}";
    while (shown_.size() > 1 && (shown_.size() > wanted_.shown || shown_bytes_ > LettersRead::kMostBytes)) {
      shown_bytes_ -= shown_.begin()->second.size();
      shown_.erase(shown_.begin());
    }
    return true;
  }

  const LettersRead& wanted_;
  checkpoint::CheckpointStorage& storage_;
  Manifest manifest_{};
  std::size_t shown_bytes_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t behind_watermark_ = 0;
  std::map<std::pair<std::string, std::string>, LetterGroup> groups_;    // by operator and reason
  std::map<std::pair<std::int64_t, std::uint64_t>, std::string> shown_;  // JSON, by time and id
};

}  // namespace

Answer<std::string> read_dead_letters(const LettersRead& wanted, checkpoint::CheckpointStorage& storage,
                                      const std::function<bool()>& is_to_end) {
  ReadableStorage readable(storage, is_to_end);
  for (int tries = 1;; ++tries) {
    LetterReading reading(wanted, readable);
    const Result<bool> is_there = reading.find_manifest();
    Status done;
    if (!is_there)
      done = is_there.error();
    else if (*is_there)
      done = reading.read_all();
    if (done && wanted.id && !reading.found_any())
      return Refusal{Refusal::Code::not_found,
                     "job " + wanted.job_name + " keeps no dead letter #" + std::to_string(*wanted.id),
                     {},
                     {}};
    if (done) return reading.answer();
    if (is_to_end())
      return Refusal{Refusal::Code::timeout, "dead letters could not be read in time: " + done.error().message, {}, {}};
    if (!reading.is_gone() || tries == kMostTries) return not_read(done.error().message);
  }
}

}  // namespace freshet::reads
