#include "runtime/reads/state_reads.h"

#include <freshet/text.h>

#include <algorithm>

#include "dag/did_you_mean.h"
#include "runtime/checkpoint/verify.h"
#include "runtime/reads/readable_storage.h"
#include "runtime/reads/state_answer.h"
#include "runtime/reads/state_text.h"

namespace freshet::reads {
namespace {

using checkpoint::Manifest;
using checkpoint::StatePage;

constexpr std::size_t kMostListed = 20;  // names of what there is, in a refusal
constexpr std::size_t kShownBytes = 64;  // bytes of what was asked for
constexpr int kTries = 3;                // when checkpoints are pruned faster than they are read

Refusal no_such(std::string message, std::vector<std::string> near = {}) {
  return {Refusal::Code::not_found, std::move(message), {}, std::move(near)};
}
Refusal unreadable(const Error& error) { return {Refusal::Code::failed, error.message, {}, {}}; }
Refusal asked_wrongly(std::string where, std::string message, std::string remedy = {}) {
  return {
      Refusal::Code::validation, "refused: 1 error", {{std::move(where), std::move(message), std::move(remedy)}}, {}};
}

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostListed; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text + (names.size() > kMostListed ? ", …" : "");
}
std::vector<std::string> names_near(const std::string& name, const std::vector<std::string>& names) {
  const std::string found = dag::nearest_name(name, names);
  return found.empty() ? std::vector<std::string>() : std::vector{found};
}

/// One read of one checkpoint.
class Reading {
 public:
  Reading(const StateRead& wanted, checkpoint::CheckpointStorage& storage) : wanted_(wanted), storage_(storage) {}

  std::optional<Refusal> find_manifest() {
    const auto numbers = checkpoint::list_checkpoints(storage_, wanted_.job);
    if (!numbers) return unreadable(numbers.error());
    if (wanted_.checkpoint) return load(*wanted_.checkpoint, *numbers);
    for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
      if (auto refusal = load(*number, *numbers); !refusal || refusal->code != Refusal::Code::not_found) return refusal;
    }
    return no_such("job " + wanted_.job_name + " has no complete checkpoint yet: freshet checkpoint create " +
                   wanted_.job_name);
  }
  /// The manifest that was found has been deleted since.
  bool is_gone() const {
    const auto numbers = checkpoint::list_checkpoints(storage_, wanted_.job);
    return number_.value != 0 && numbers && std::ranges::find(*numbers, number_) == numbers->end();
  }

  Answer<std::string> read() {
    if (auto refusal = find_operator()) return *std::move(refusal);
    const bool is_guessed = guess();
    const StateDeclaration guessed = state_;
    std::optional<Answer<StatePage>> page;
    if (is_guessed) {
      page = read_page();
      if (const StatePage* found = std::get_if<StatePage>(&*page); found != nullptr && !found->entries.empty()) {
        state_ = *found->entries.front().declaration;
        if (has_same_keys(state_, guessed)) return answer(*found);
      }
    }
    if (auto refusal = find_state()) return *std::move(refusal);
    if (!is_guessed || !has_same_keys(state_, guessed)) page = read_page();
    if (Refusal* refusal = std::get_if<Refusal>(&*page)) return std::move(*refusal);
    const StatePage& found = std::get<StatePage>(*page);
    const bool goes_on = wanted_.after != checkpoint::StatePosition{};
    if (!wanted_.key || goes_on || !found.entries.empty() || found.next) return answer(found);
    return no_such("state " + operator_ + "." + state_.name + " has no key " + wanted_.key->substr(0, kShownBytes) +
                   " in " + which() +
                   (found.expired == 0 ? "" : ": it has outlived its TTL of " + format_duration(state_.ttl)));
  }

 private:
  std::optional<Refusal> load(CheckpointId number, const std::vector<CheckpointId>& numbers) {
    number_ = number;
    std::vector<std::string> newest;
    for (auto each = numbers.rbegin(); each != numbers.rend() && newest.size() < kMostListed; ++each)
      newest.push_back(std::to_string(each->value));
    if (std::ranges::find(numbers, number) == numbers.end())
      return no_such("job " + wanted_.job_name + " has no checkpoint " + std::to_string(number.value) +
                     " any more, or never had" + (newest.empty() ? "" : ". There are " + names_text(newest)));
    auto manifest = checkpoint::load_manifest(storage_, wanted_.job, number);
    if (!manifest) return unreadable(manifest.error());
    if (manifest->kind != checkpoint::ManifestKind::complete)
      return no_such("checkpoint " + std::to_string(number.value) + " of job " + wanted_.job_name +
                     " never completed. There are " + names_text(newest));
    manifest_ = *std::move(manifest);
    return std::nullopt;
  }

  std::optional<Refusal> find_operator() {
    std::vector<std::string> operators;
    for (const auto& chain : manifest_.chains)
      operators.insert(operators.end(), chain.operator_ids.begin(), chain.operator_ids.end());
    operator_ = wanted_.address;
    const auto dot = wanted_.address.rfind('.');
    if (!checkpoint::chain_of(manifest_, operator_) && dot != std::string::npos) {
      operator_ = wanted_.address.substr(0, dot);
      name_ = wanted_.address.substr(dot + 1);
    }
    if (checkpoint::chain_of(manifest_, operator_)) return std::nullopt;
    return no_such(which() + " has no operator " + operator_.substr(0, kShownBytes) + ", but " + names_text(operators),
                   names_near(operator_, operators));
  }

  /// What the job declares now is mostly what it declared then, which costs no reading of files.
  bool guess() {
    const auto states = wanted_.declared.find(operator_);
    if (states == wanted_.declared.end() || (name_.empty() && states->second.size() != 1)) return false;
    for (const auto& state : states->second) {
      if (!name_.empty() && state.name != name_) continue;
      state_ = state;
      return true;
    }
    return false;
  }
  static bool has_same_keys(const StateDeclaration& left, const StateDeclaration& right) {
    return left.kind == right.kind && left.key == right.key && left.map_key == right.map_key;
  }

  std::optional<Refusal> find_state() {
    const auto states = checkpoint::saved_states(storage_, manifest_, operator_);
    return states ? choose(*states, name_) : unreadable(states.error());
  }

  /// By what is known of the state. Of a key that may be written in two ways what either of them finds.
  Answer<StatePage> read_page() {
    checkpoint::StateQuery query;
    query.operator_id = operator_;
    query.state = state_.name;
    query.is_map = !state_.map_key.kind.empty();
    query.after = wanted_.after;
    query.most_entries = wanted_.limit;
    query.now_ms = wanted_.now_ms;
    std::vector<EncodedKey> keys;
    if (wanted_.key) {
      auto parsed = parse_key(*wanted_.key, state_.key, key_fields());
      if (!parsed) return asked_wrongly("key " + wanted_.key->substr(0, kShownBytes), parsed.error().message);
      keys = *std::move(parsed);
    }
    StatePage page;
    for (std::size_t i = 0; i < std::max<std::size_t>(1, keys.size()); ++i) {
      if (wanted_.key) query.key = keys[i].bytes;
      if (wanted_.key) query.key_hash = keys[i].hash;
      auto found = checkpoint::read_state(storage_, manifest_, query);
      if (!found) return unreadable(found.error());
      found->expired += page.expired;
      page = *std::move(found);
      if (!page.entries.empty() || page.next) break;
    }
    return page;
  }

  std::optional<Refusal> choose(const std::vector<StateDeclaration>& states, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& state : states) names.push_back(state.name);
    if (states.empty()) return no_such("operator " + operator_ + " has no keyed state in " + which());
    if (name.empty() && states.size() > 1)
      return asked_wrongly("operator " + operator_, "it has the states " + names_text(names) + ": say which",
                           operator_ + "." + names.front());
    const auto found = name.empty() ? states.begin() : std::ranges::find(states, name, &StateDeclaration::name);
    if (found == states.end())
      return no_such("operator " + operator_ + " has no state " + name.substr(0, kShownBytes) + " in " + which() +
                         ", but " + names_text(names),
                     names_near(name, names));
    state_ = *found;
    return std::nullopt;
  }

  std::string which() const {
    return "checkpoint " + std::to_string(manifest_.checkpoint.value) + " of job " + wanted_.job_name;
  }
  const std::vector<std::string>& key_fields() const {
    static const std::vector<std::string> kNoFields;
    const auto found = wanted_.key_fields.find(operator_);
    return found == wanted_.key_fields.end() ? kNoFields : found->second;
  }

  Answer<std::string> answer(const StatePage& page) const {
    StateHead head{wanted_.now_ms,
                   wanted_.job_name,
                   operator_,
                   &state_,
                   false,
                   manifest_.attempt.value,
                   manifest_.checkpoint.value,
                   std::string(enumerator_name(manifest_.barrier)),
                   manifest_.created_ms};
    std::string out;
    append_head(out, head);
    out += ',';
    const Status whole =
        append_page(out, page, key_fields(), "state " + operator_ + "." + state_.name + " in " + which());
    if (!whole) return unreadable(whole.error());
    return out + "}";
  }

  const StateRead& wanted_;
  checkpoint::CheckpointStorage& storage_;
  CheckpointId number_{};  // of the manifest looked at last
  Manifest manifest_;
  std::string operator_;
  std::string name_;  // of the state, as asked for; empty: the operator's only one
  StateDeclaration state_;
};

}  // namespace

Answer<std::string> read_saved_state(const StateRead& wanted, checkpoint::CheckpointStorage& storage,
                                     const std::function<bool()>& is_to_end) {
  ReadableStorage readable(storage, is_to_end);
  for (int tries = 1;; ++tries) {
    Reading reading(wanted, readable);
    std::optional<Refusal> refusal = reading.find_manifest();
    Answer<std::string> answer = refusal ? Answer<std::string>(*std::move(refusal)) : reading.read();
    const Refusal* why = std::get_if<Refusal>(&answer);
    if (why == nullptr || why->code != Refusal::Code::failed) return answer;
    if (is_to_end()) return Refusal{Refusal::Code::timeout, "state could not be read in time: " + why->message, {}, {}};
    if (!reading.is_gone()) return answer;
    if (wanted.checkpoint || tries == kTries)
      return no_such("the checkpoint was deleted while it was read. A savepoint stays: freshet savepoint create " +
                     wanted.job_name);
  }
}

std::map<std::string, std::vector<std::string>> key_fields_of(const LogicalGraph& graph) {
  std::map<std::string, std::vector<std::string>> fields;
  for (const Edge& edge : graph.edges) {
    if (!edge.key_fields.empty() && edge.to < graph.operators.size())
      fields[graph.operators[edge.to].id] = edge.key_fields;
  }
  return fields;
}

}  // namespace freshet::reads
