#include "runtime/worker/read_service.h"

#include <freshet/key.h>
#include <freshet/text.h>

#include <algorithm>

#include "dag/did_you_mean.h"
#include "runtime/reads/state_answer.h"
#include "runtime/reads/state_reads.h"
#include "runtime/reads/state_text.h"
#include "runtime/worker/task_factory.h"

namespace freshet::worker {

namespace {

using reads::error_answer;
using reads::ReadAnswer;
using reads::StateRequest;
using reads::try_again;
using Outcome = LiveResult::Outcome;

constexpr std::size_t kShown = 64;                  // bytes of what was asked for
constexpr std::size_t kMostBytesOfList = 8u << 20;  // of the values of all keys of a list together, about
constexpr std::size_t kLeastBytesOfKey = 8u << 10;

std::string shown(const std::string& text) { return text.substr(0, kShown); }

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}
std::vector<std::string> names_near(const std::string& name, const std::vector<std::string>& names) {
  const std::string found = dag::nearest_name(name, names);
  return found.empty() ? std::vector<std::string>() : std::vector{found};
}

std::string encoded(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~')
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

/// One of a few places, when there was one left.
class Place {
 public:
  Place(std::atomic<int>& taken, int most) : taken_(taken), is_there_(taken.fetch_add(1) < most) {}
  ~Place() { --taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool is_there() const { return is_there_; }

 private:
  std::atomic<int>& taken_;
  const bool is_there_;
};

/// What a request needs to know of the worker.
struct Surroundings {
  LiveReads& reads;
  std::atomic<int>& committed_reads;  ///< under way, of all requests together
  const std::string& job_name;
  const base::Clock& clock;
};

/// One request, on one of the server's threads.
class Read {
 public:
  Read(const StateRequest& wanted, const Surroundings& around)
      : wanted_(wanted),
        reads_(around.reads),
        committed_reads_(around.committed_reads),
        job_(around.reads.job()),
        job_name_(around.job_name),
        clock_(around.clock),
        now_ms_(around.clock.wall_us() / 1'000),
        cursor_(std::make_shared<const std::string>(wanted.after.map_key)) {}

  ReadAnswer answer(Duration patience) {
    if (wanted_.job != job_name_ && wanted_.job != "job-" + std::to_string(job_.self.job.value))
      return error_answer(404, "no_such_job", "this worker runs job " + job_name_ + ", and not " + shown(wanted_.job));
    if (auto refused = find_state()) return *std::move(refused);
    if (!wanted_.is_live) return committed(patience);
    if (wanted_.from)
      if (auto refused = begin_at(*wanted_.from)) return *std::move(refused);
    return wanted_.is_list ? list(patience) : one(patience);
  }

 private:
  std::optional<ReadAnswer> find_state() {
    std::string name;
    const OperatorNode* node = find_operator(wanted_.address);
    if (const auto dot = wanted_.address.rfind('.'); node == nullptr && dot != std::string::npos) {
      node = find_operator(wanted_.address.substr(0, dot));
      name = wanted_.address.substr(dot + 1);
    }
    if (node == nullptr) {
      std::vector<std::string> names;
      for (const auto& each : job_.graph->operators)
        if (!each.states.empty()) names.push_back(each.id);
      return error_answer(
          404, "no_such_operator",
          "job " + job_name_ + " has no operator " + shown(wanted_.address) + "; with state: " + names_text(names),
          names_near(wanted_.address, names));
    }
    std::vector<std::string> names;
    for (const auto& state : node->states) names.push_back(state.name);
    if (name.empty() && names.size() > 1)
      return error_answer(400, "bad_request",
                          "operator " + node->id + " has the states " + names_text(names) + ": say which, such as " +
                              node->id + "." + names.front());
    const auto found =
        name.empty() ? node->states.begin() : std::ranges::find(node->states, name, &StateDeclaration::name);
    if (found == node->states.end())
      return error_answer(404, "no_such_state",
                          "operator " + node->id + " has no state " + shown(name) +
                              (names.empty() ? " and no other" : ", but " + names_text(names)),
                          names_near(name, names));
    if (!found->queryable)
      return error_answer(403, "not_queryable",
                          "state " + node->id + "." + found->name +
                              " is not declared queryable. Say .queryable() of the step, or {.queryable = true} of the "
                              "state; or read what the newest checkpoint holds: freshet state get");
    if (wanted_.is_live && found->kind == "set")
      return error_answer(400, "bad_request",
                          "state " + node->id + "." + found->name +
                              " is a set, which is not found by a key alone while the job runs: read it as of a "
                              "checkpoint, consistency=committed");
    operator_ = node->id;
    state_ = std::make_shared<const StateDeclaration>(*found);
    const auto index = static_cast<std::uint32_t>(node - job_.graph->operators.data());
    for (const auto& chain : job_.plan->chains)
      if (std::ranges::find(chain.operators, index) != chain.operators.end()) chain_ = &chain;
    if (chain_ == nullptr) return error_answer(500, "failed", "operator " + operator_ + " is in no chain of the plan");
    key_fields_ = reads::key_fields_of(*job_.graph)[operator_];
    return std::nullopt;
  }
  const OperatorNode* find_operator(const std::string& id) const {
    const auto found = std::ranges::find(job_.graph->operators, id, &OperatorNode::id);
    return found == job_.graph->operators.end() ? nullptr : &*found;
  }

  std::optional<ReadAnswer> begin_at(const std::string& map_key) {
    if (state_->map_key.kind.empty())
      return error_answer(400, "bad_request", "from is for maps; state " + which() + " is a " + state_->kind);
    const auto parsed = reads::parse_key(map_key, state_->map_key, {});
    if (!parsed) return error_answer(400, "bad_key", "from " + shown(map_key) + ": " + parsed.error().message);
    if (parsed->size() > 1)
      return error_answer(400, "bad_key",
                          "from " + shown(map_key) +
                              ": it is not known whether the map's keys are signed, and so not where it would begin");
    after_ = std::make_shared<const std::string>(reads::just_before(parsed->front().bytes));
    return std::nullopt;
  }

  /// As its newest complete checkpoint holds it, read by this worker itself.
  ReadAnswer committed(Duration patience) const {
    if (job_.storage == nullptr)
      return error_answer(404, "no_checkpoints", "job " + job_name_ + " makes no checkpoints");
    const Place place(committed_reads_, ReadService::kMostCommittedReads);
    if (!place.is_there()) {
      ReadAnswer busy = error_answer(
          429, "busy",
          "this worker reads checkpoints for " + std::to_string(ReadService::kMostCommittedReads) + " others already");
      busy.retry_after_s = 1;
      return busy;
    }
    reads::StateRead read;
    read.job = job_.self.job;
    read.job_name = job_name_;
    read.address = operator_ + "." + state_->name;
    read.key_fields[operator_] = key_fields_;
    read.declared[operator_] = {*state_};
    if (!wanted_.keys.empty()) read.key = wanted_.keys.front();
    read.after = wanted_.after;
    read.limit = wanted_.limit;
    read.now_ms = now_ms_;
    const auto until = clock_.steady() + kCommittedPatience * patience;
    const auto found =
        reads::read_saved_state(read, *job_.storage, [&] { return job_.is_over || clock_.steady() > until; });
    if (const auto* text = std::get_if<std::string>(&found)) return {200, *text, 0, {}};
    const auto& refusal = std::get<reads::Refusal>(found);
    const std::string where = refusal.problems.empty() ? "" : refusal.problems[0].where + " ";
    const std::string what = refusal.problems.empty() ? refusal.message : where + refusal.problems[0].message;
    switch (refusal.code) {
      case reads::Refusal::Code::not_found:
        return error_answer(404, "no_such_key", what, refusal.near);
      case reads::Refusal::Code::validation:
        return error_answer(400, "bad_key", what);
      case reads::Refusal::Code::timeout:
        return try_again("timeout", what);
      default:
        return error_answer(500, "failed", what);
    }
  }

  ReadAnswer one(Duration patience) {
    const auto keys = reads::parse_key(wanted_.keys.front(), state_->key, key_fields_);
    if (!keys) return error_answer(400, "bad_key", "key " + shown(wanted_.keys.front()) + ": " + keys.error().message);
    for (std::size_t way = wanted_.way; way < keys->size(); ++way) {
      const std::uint32_t index = task_index_of((*keys)[way]);
      task::Task* task = reads_.task_of(chain_->id, index);
      if (task == nullptr) return send_on(index, way);
      auto results = reads_.read({query_of((*keys)[way], *task, 1)}, patience, now_ms_);
      const LiveResult& result = results.front();
      if (result.outcome == Outcome::found) return whole(result);
      if (result.outcome != Outcome::missing) return unanswered(result);
    }
    return error_answer(404, "no_such_key", "state " + which() + " has no key " + shown(wanted_.keys.front()));
  }

  ReadAnswer whole(const LiveResult& result) const {
    std::string out = head() + ',';
    const Status done = reads::append_page(out, result.page, key_fields_, "state " + which());
    if (!done) return error_answer(500, "failed", done.error().message);
    return {200, out + '}', 0, {}};
  }

  ReadAnswer unanswered(const LiveResult& result) const {
    switch (result.outcome) {
      case Outcome::too_large:
        return error_answer(413, "too_large",
                            "more than " + std::to_string(LiveReads::kMostEntriesOfKey) +
                                " entries stand under this key: read them as of a checkpoint, consistency=committed");
      case Outcome::busy:
        return try_again("busy", "too many reads wait for this key's task already");
      case Outcome::timeout:
        return try_again("timeout", "this key's task did not answer in time: it is busy, or stuck in user code");
      case Outcome::over:
        return try_again("restarting", "the job is restarting or ending");
      default:
        return error_answer(500, "failed", result.why);
    }
  }

  std::string address_of_worker(std::uint32_t index) const {
    const auto found = job_.peers.find(worker_of(*job_.plan, chain_->id, index));
    return found == job_.peers.end() ? std::string() : found->second;
  }
  ReadAnswer send_on(std::uint32_t index, std::size_t way) const {
    const std::string address = address_of_worker(index);
    if (address.empty()) return try_again("moving", "the worker that has this key does not serve state");
    // The same in the body, where an HTTP library cannot decode what it should leave alone.
    ReadAnswer answer{
        307,
        R"({"error":{"code":"moved","message":"another worker has this key"},)" + moved_part(index, way) + '}',
        0,
        {}};
    answer.location = "http://" + address + "/v1/jobs/" + encoded(wanted_.job) + "/state/" + encoded(wanted_.address) +
                      "/" + encoded(wanted_.keys.front()) + "?limit=" + std::to_string(wanted_.limit) +
                      "&way=" + std::to_string(way);
    if (wanted_.from) answer.location += "&from=" + encoded(*wanted_.from);
    if (wanted_.after != checkpoint::StatePosition{}) answer.location += "&after=" + reads::to_cursor(wanted_.after);
    return answer;
  }

  /// Of each key what became of it, in the order in which they were asked for.
  ReadAnswer list(Duration patience) {
    std::vector<std::string> parts(wanted_.keys.size());
    std::vector<std::vector<reads::EncodedKey>> ways(parts.size());
    std::vector<std::size_t> next(parts.size(), wanted_.way);
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      auto keys = reads::parse_key(wanted_.keys[i], state_->key, key_fields_);
      if (!keys) return error_answer(400, "bad_key", "key " + shown(wanted_.keys[i]) + ": " + keys.error().message);
      ways[i] = *std::move(keys);
      open.push_back(i);
    }
    while (!open.empty()) {
      std::vector<LiveQuery> queries;
      std::vector<std::size_t> asked;
      for (const std::size_t i : open) {
        if (next[i] >= ways[i].size()) {
          parts[i] = R"("found":false)";
          continue;
        }
        const std::uint32_t index = task_index_of(ways[i][next[i]]);
        task::Task* task = reads_.task_of(chain_->id, index);
        if (task == nullptr) {
          parts[i] = moved_part(index, next[i]);
          continue;
        }
        queries.push_back(query_of(ways[i][next[i]], *task, parts.size()));
        asked.push_back(i);
      }
      open.clear();
      const auto results = reads_.read(std::move(queries), patience, now_ms_);
      for (std::size_t at = 0; at < asked.size(); ++at) {
        if (results[at].outcome != Outcome::missing) {
          parts[asked[at]] = part_of(results[at]);
        } else {
          ++next[asked[at]];
          open.push_back(asked[at]);
        }
      }
    }
    return joined(parts);
  }
  std::string moved_part(std::uint32_t index, std::size_t way) const {
    const std::string address = address_of_worker(index);
    if (address.empty()) return R"("unavailable":"moving")";
    std::string part = R"("moved":)";
    append_json_string(part, "http://" + address);
    return part + R"(,"way":)" + std::to_string(way);
  }
  std::string part_of(const LiveResult& result) const {
    if (result.outcome == Outcome::found) {
      std::string part = R"("found":true,)";
      if (reads::append_page(part, result.page, key_fields_, "state " + which())) return part;
      return R"("unavailable":"failed")";
    }
    switch (result.outcome) {
      case Outcome::too_large:
        return R"("unavailable":"too_large")";
      case Outcome::busy:
        return R"("unavailable":"busy")";
      case Outcome::timeout:
        return R"("unavailable":"timeout")";
      case Outcome::over:
        return R"("unavailable":"restarting")";
      default:
        return R"("unavailable":"failed")";
    }
  }
  ReadAnswer joined(const std::vector<std::string>& parts) const {
    std::string out = head() + R"(,"keys":[)";
    for (std::size_t i = 0; i < parts.size(); ++i) {
      out += (i == 0 ? R"({"key":)" : R"(,{"key":)") + wanted_.key_json[i] + ',' + parts[i] + '}';
      if (out.size() > reads::kMostStateJsonBytes)
        return error_answer(413, "too_large", "the answer would be too long: ask for fewer keys");
    }
    return {200, out + "]}", 0, {}};
  }

  std::uint32_t task_index_of(const reads::EncodedKey& key) const {
    const auto group = key_group_of(key.hash, job_.plan->key_groups);
    return task_of_key_group(group, job_.plan->key_groups, chain_->parallelism);
  }
  LiveQuery query_of(const reads::EncodedKey& key, task::Task& task, std::size_t keys) const {
    LiveQuery query{&task, operator_, state_, key.bytes, key.hash, after_, wanted_.limit};
    if (wanted_.after.key == key.bytes && !cursor_->empty()) query.after = cursor_;
    if (keys > 1) query.most_bytes = std::max(kLeastBytesOfKey, kMostBytesOfList / keys);
    return query;
  }
  std::string which() const { return operator_ + "." + state_->name; }
  std::string head() const {
    std::string out;
    reads::append_head(out, {.now_ms = now_ms_,
                             .job = job_name_,
                             .operator_id = operator_,
                             .state = state_.get(),
                             .is_live = true,
                             .attempt = job_.self.attempt.value,
                             .checkpoint = job_.checkpoint});
    return out;
  }

  static constexpr int kCommittedPatience = 2;  // files are read; an agent waits 5 s for all it does

  const StateRequest& wanted_;
  LiveReads& reads_;
  std::atomic<int>& committed_reads_;
  const LiveJob& job_;
  const std::string& job_name_;
  const base::Clock& clock_;
  const std::int64_t now_ms_;

  std::string operator_;
  std::shared_ptr<const StateDeclaration> state_;
  const dag::Chain* chain_ = nullptr;
  std::vector<std::string> key_fields_;
  std::shared_ptr<const std::string> after_;   // encoded map key; null: from the first
  std::shared_ptr<const std::string> cursor_;  // that of the request, for the key that it is of
};

}  // namespace

ReadService::ReadService(Options options, const base::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      limits_({.per_second = options_.reads_per_second}, clock),
      server_({.host = options_.host}, [this](const reads::ReadRequest& request) { return handle(request); }) {}

Result<std::string> ReadService::open() {
  if (const auto started = server_.start(); !started) return started.error();
  return server_.address();
}

void ReadService::serve(std::shared_ptr<const LiveJob> job) {
  const std::lock_guard lock(mutex_);
  reads_ = std::make_shared<LiveReads>(std::move(job));
}

ReadAnswer ReadService::handle(const reads::ReadRequest& request) {
  auto parsed = reads::parse_state_request(request);
  const auto* wanted = std::get_if<StateRequest>(&parsed);
  const std::size_t keys = wanted == nullptr ? 1 : std::max<std::size_t>(1, wanted->keys.size());
  if (!limits_.take(request.caller, keys)) return reads::too_many(request.caller);
  if (wanted == nullptr) return std::get<ReadAnswer>(std::move(parsed));
  std::shared_ptr<LiveReads> live;
  {
    const std::lock_guard lock(mutex_);
    live = reads_;
  }
  if (live == nullptr || live->job().is_over) return try_again("restarting", "the job is starting, or ending");
  const auto& self = live->job().self;
  if (!request.meant_for.empty() && request.meant_for != reads::attempt_name(self.job, self.attempt.value))
    return try_again("moving", "this worker is of another attempt, or of another job");
  return Read(*wanted, {*live, committed_reads_, options_.job_name, clock_}).answer(options_.patience);
}

}  // namespace freshet::worker
