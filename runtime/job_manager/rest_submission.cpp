#include "runtime/job_manager/rest_submission.h"

#include <nlohmann/json.hpp>

#include "dag/codec.h"
#include "runtime/job_manager/base64.h"

namespace freshet::manager {
namespace {

using nlohmann::json;

/// Reads members of one object; what is not as expected becomes a problem.
class Reader {
 public:
  Reader(const json& object, std::string where, std::vector<Problem>& problems)
      : object_(object), where_(std::move(where)), problems_(problems) {}

  void text(const char* name, std::string& value, bool required = true) {
    const json* member = find(name);
    if (member == nullptr) {
      if (required) complain(name, "is missing");
    } else if (!member->is_string()) {
      complain(name, "must be text");
    } else {
      value = member->get<std::string>();
    }
  }
  template <class T>
  void number(const char* name, T& value, std::int64_t least, std::int64_t most) {
    const json* member = find(name);
    if (member == nullptr) return;
    const bool fits =
        member->is_number_integer() && !(member->is_number_unsigned() && member->get<std::uint64_t>() > INT64_MAX);
    if (!fits || member->get<std::int64_t>() < least || member->get<std::int64_t>() > most)
      return complain(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    value = static_cast<T>(member->get<std::int64_t>());
  }
  void duration(const char* name, Duration& value, std::int64_t most) {
    std::int64_t ms = value.count();
    number(name, ms, 0, most);
    value = Duration(ms);
  }
  void flag(const char* name, bool& value) {
    const json* member = find(name);
    if (member == nullptr) return;
    if (member->is_boolean())
      value = member->get<bool>();
    else
      complain(name, "must be true or false");
  }
  void texts(const char* name, std::vector<wire::NamedValue>& values) {
    const json* member = find(name);
    if (member == nullptr) return;
    if (!member->is_object()) return complain(name, "must be an object of texts");
    for (const auto& [key, value] : member->items()) {
      if (value.is_string())
        values.push_back({key, value.get<std::string>()});
      else
        complain(name, "must be an object of texts");
    }
  }
  void names(const char* name, std::vector<std::string>& values) {
    const json* member = find(name);
    if (member == nullptr) return;
    if (!member->is_array()) return complain(name, "must be a list of names");
    for (const json& value : *member) {
      if (value.is_string() && value.get_ref<const std::string&>().size() <= kMaxNameBytes)
        values.push_back(value.get<std::string>());
      else
        complain(name, "must be a list of names");
    }
  }
  /// Nullptr, and a problem, when it is no object.
  const json* object(const char* name, bool required) {
    const json* member = find(name);
    if (member != nullptr && member->is_object()) return member;
    if (member != nullptr || required) complain(name, "must be an object");
    return nullptr;
  }
  void refuse_others() {
    for (const auto& [key, value] : object_.items())
      if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
        problems_.push_back({where_ + " " + key.substr(0, 64), "is not known to this job manager", "leave it out"});
  }

 private:
  const json* find(const char* name) {
    asked_.emplace_back(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void complain(const char* name, const std::string& what) { problems_.push_back({where_ + " " + name, what, ""}); }

  const json& object_;
  const std::string where_;
  std::vector<Problem>& problems_;
  std::vector<std::string> asked_;
};

void read_options(const json& object, Submission& submission, std::vector<Problem>& problems) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  Reader options(object, "option", problems);
  // Wider than what is allowed: the validator says more about a wrong parallelism than "must be".
  options.number("parallelism", submission.default_parallelism, INT64_MIN, INT64_MAX);
  options.number("key_groups", submission.key_groups, 0, INT32_MAX);
  options.number("workers", submission.workers, 0, INT32_MAX);
  options.flag("chaining", submission.chaining);
  options.number("threads", submission.data.threads, 0, 1024);
  options.number("channel_window_bytes", submission.data.channel_window, 1 << 10, kMost);
  options.number("frame_bytes", submission.data.frame_bytes, 1 << 8, 64 << 20);
  options.duration("max_linger_ms", submission.data.max_linger, 60'000);
  options.number("max_record_bytes", submission.data.max_record_bytes, 1 << 8, 1 << 30);
  options.number("max_overflow_bytes", submission.data.max_overflow_bytes, 1 << 10, kMost);
  options.flag("force_remote", submission.data.force_remote);
  options.number("save_entries", submission.data.save_entries, 1, 1 << 20);
  options.number("state_bytes", submission.data.state_bytes, 0, std::int64_t{1} << 50);
  options.number("max_uncommitted_bytes", submission.data.max_uncommitted_bytes, 0, std::int64_t{1} << 50);
  options.number("snapshot_part_bytes", submission.data.snapshot_part_bytes, 1 << 10, kMost);
  if (object.contains("checkpoint_interval_ms"))
    options.duration("checkpoint_interval_ms", submission.checkpoint_interval.emplace(0), kMaxCheckpointTime.count());
  std::string guarantee;
  options.text("guarantee", guarantee, false);
  if (guarantee == "at-least-once" || guarantee == "at-most-once")
    submission.guarantee = guarantee == "at-most-once" ? CheckpointMode::at_most_once : CheckpointMode::at_least_once;
  else if (!guarantee.empty() && guarantee != "exactly-once")
    problems.push_back({"option guarantee", "is unknown: exactly-once, at-least-once or at-most-once", "--guarantee"});
  std::uint32_t crashes = kCrashesPerRecord;
  options.number("crashes_per_record", crashes, 0, kMaxCrashesPerRecord);
  if (object.contains("crashes_per_record")) submission.crashes_per_record = crashes;
  std::string restart;
  options.text("restart", restart, false);
  if (!restart.empty()) {
    if (const auto policy = parse_restart_policy(restart); policy)
      submission.restart = *policy;
    else
      problems.push_back({"option restart", policy.error().message, "--restart"});
  }
  options.refuse_others();
}

Refusal refused(std::vector<Problem> problems) {
  const std::string count = std::to_string(problems.size()) + (problems.size() == 1 ? " error" : " errors");
  return {Refusal::Code::validation, "refused: " + count + ", nothing was started", std::move(problems), {}};
}

Answer<json> parse_object(std::string_view body) {
  const auto only = [&](std::string what) { return refused({{"body", std::move(what), ""}}); };
  if (body.size() > kMaxSubmissionBytes) return only("is longer than 32 MiB");
  if (!json_depth_within(body, kMaxJsonDepth)) return only("is nested deeper than 16 levels");
  json parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object()) return only("is not a JSON object");
  return parsed;
}

void read_graph(const std::string& base64, LogicalGraph& graph, std::vector<Problem>& problems) {
  const std::optional<std::string> bytes = decode_base64(base64);
  if (!bytes) return problems.push_back({"member graph_base64", "is not base64", ""});
  dag::Decoded<LogicalGraph> decoded = dag::decode_graph(*bytes);
  if (!decoded)
    return problems.push_back(
        {"member graph_base64", decoded.error, "submit with the freshet of this job manager's version"});
  graph = std::move(decoded.value);
}

}  // namespace

Answer<ChangeRequest> parse_change(const std::string& action, const json& body) {
  ChangeRequest request;
  std::vector<Problem> problems;
  bool is_known = false;
  for (const auto& [name, kind] : freshet_enumerators(ChangeKind{})) {
    if (name != action) continue;
    is_known = true;
    request.kind = kind;
  }
  if (!is_known)
    return refused({{"action " + action.substr(0, 64),
                     "is unknown: cancel, pause, resume, stop, restart, rescale, upgrade or rollback", ""}});
  Reader reader(body, "member", problems);
  std::string ignored;
  reader.text("action", ignored);
  if (request.kind == ChangeKind::rescale) {
    if (body.contains("parallelism"))
      reader.number("parallelism", request.parallelism.emplace(0), INT64_MIN, INT64_MAX);
    if (body.contains("workers")) reader.number("workers", request.workers.emplace(0), 0, INT32_MAX);
    if (!request.parallelism && !request.workers)
      problems.push_back({"member parallelism", "is missing, and workers, too", "--parallelism N or --workers N"});
  }
  reader.names("drop_state", request.dropped_state);
  if (request.kind != ChangeKind::stop && request.kind != ChangeKind::restart)
    reader.duration("watch_for_ms", request.watch_for, kMaxWatch.count());
  if (request.kind == ChangeKind::restart) reader.flag("allow_duplicates", request.allow_duplicates);
  if (request.kind == ChangeKind::upgrade) {
    if (const json* submission = reader.object("submission", true)) {
      Answer<Submission> parsed = parse_submission(submission->dump());
      if (Refusal* refusal = std::get_if<Refusal>(&parsed)) return std::move(*refusal);
      request.submission = std::move(std::get<Submission>(parsed));
    }
  }
  reader.refuse_others();
  if (!problems.empty()) return refused(std::move(problems));
  return request;
}

Answer<ComparisonRequest> parse_comparison(std::string_view body) {
  std::vector<Problem> problems;
  const Answer<json> object = parse_object(body);
  if (const Refusal* refusal = std::get_if<Refusal>(&object)) return *refusal;
  ComparisonRequest request;
  Reader reader(std::get<json>(object), "member", problems);
  std::string graph_base64;
  reader.text("graph_base64", graph_base64);
  reader.number("checkpoint", request.checkpoint.value, 0, INT64_MAX);
  reader.names("drop_state", request.dropped_state);
  reader.refuse_others();
  if (problems.empty()) read_graph(graph_base64, request.graph, problems);
  if (!problems.empty()) return refused(std::move(problems));
  return request;
}

Answer<Submission> parse_submission(std::string_view body) {
  std::vector<Problem> problems;
  const Answer<json> object = parse_object(body);
  if (const Refusal* refusal = std::get_if<Refusal>(&object)) return *refusal;
  const json& parsed = std::get<json>(object);

  Submission submission;
  Reader reader(parsed, "member", problems);
  std::string graph_base64;
  reader.text("name", submission.name);
  reader.text("job", submission.job);
  reader.texts("parameters", submission.parameters);
  reader.texts("files", submission.files);
  reader.text("directory", submission.directory, false);
  reader.text("from", submission.from, false);
  reader.names("drop_state", submission.dropped_state);
  reader.text("graph_base64", graph_base64);
  if (const json* library = reader.object("library", true)) {
    Reader members(*library, "library", problems);
    members.text("name", submission.library_name, false);
    members.text("sha256", submission.library_sha256);
  }
  if (const json* options = reader.object("options", false)) read_options(*options, submission, problems);
  if (submission.job.size() > 256 || submission.library_name.size() > 256)
    problems.push_back({"member job", "and the library's name have at most 256 bytes", ""});
  if (!graph_base64.empty()) read_graph(graph_base64, submission.graph, problems);
  if (!problems.empty()) return refused(std::move(problems));
  return submission;
}

}  // namespace freshet::manager
