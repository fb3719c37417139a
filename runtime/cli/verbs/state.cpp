#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/parser.h"
#include "runtime/cli/read_address.h"
#include "runtime/cli/verb_support.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kPage = 1'000;           // entries in one answer
constexpr std::int64_t kMostOfOneKey = 10'000;  // entries of one map
constexpr int kMostScanned = 100'000;
constexpr std::size_t kMostKeyBytes = 900;  // the job manager takes paths of 1,024 bytes

/// Keeps the fields of records in their order.
using Entries = nlohmann::ordered_json;

Entries part_of(const Entries& entry, const char* name) {
  const auto found = entry.find(name);
  return found == entry.end() ? Entries() : *found;
}

/// Compact, as one line; what is no UTF-8 is replaced. What could steer a terminal is escaped, as far as JSON leaves
/// it.
std::string line_of(const Entries& value) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  bool is_second = false;  // of U+0080 to U+009F
  for (const char each : value.dump(-1, ' ', false, json::error_handler_t::replace)) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte == 0x7f || (is_second && byte < 0xa0)) {
      if (is_second) line.pop_back();
      line.append("\\u00") += {kHex[byte >> 4], kHex[byte & 0xf]};
    } else {
      line += each;
    }
    is_second = byte == 0xc2;
  }
  return line + "\n";
}

/// Says on stderr which state was shown: of when it is, and what was left out.
void say_of_when(const Invocation& invocation, const json& answer, std::size_t shown) {
  if (FLAGS_quiet || FLAGS_json || !answer.is_object()) return;
  const auto& around = invocation.around;
  const std::int64_t now_ms = integer_or(answer, "now_ms", around.now_ms());
  const std::int64_t age_ms = std::max<std::int64_t>(0, now_ms - integer_or(answer, "checkpoint_ms", now_ms));
  const std::int64_t expired = integer_or(answer, "expired", 0);
  std::string text = text_or(answer, "operator", "?") + "." + text_or(answer, "state", "?");
  if (text_or(answer, "consistency", "") == "live")
    text += " as it is now, in attempt " + std::to_string(integer_or(answer, "attempt", 0));
  else
    text += " as of " + text_or(answer, "checkpoint_kind", "checkpoint") + " " +
            std::to_string(integer_or(answer, "checkpoint", 0)) + ", " + duration(static_cast<double>(age_ms)) + " old";
  if (expired > 0) text += "; " + grouped(expired) + " that have outlived their TTL are not shown";
  if (!member(answer, "next").is_null())
    text += "; there are more than these " + grouped(static_cast<std::int64_t>(shown));
  *around.err << text << std::endl;
}

/// Gets pages of one checkpoint until `most` entries are there or no more are. `take` gets the entries of each.
/// Answers the last page, with what all have left out.
Result<json> get_pages(const Invocation& invocation, const std::string& path, std::int64_t most,
                       const std::function<void(Entries entries)>& take) {
  auto client = FLAGS_live ? connect_reads(invocation) : connect(invocation);
  if (!client) return client.failure();
  std::int64_t checkpoint = FLAGS_checkpoint;
  std::int64_t expired = 0;
  std::string cursor;
  for (;;) {
    std::string query = "?limit=" + std::to_string(std::min(most, kPage));
    if (checkpoint > 0) query += "&checkpoint=" + std::to_string(checkpoint);
    if (!cursor.empty()) query += "&after=" + path_segment(cursor);
    auto answer = client->get(path + query);
    if (!answer) return answer.failure();
    json& page = answer->body;
    if (!FLAGS_live) checkpoint = integer_or(page, "checkpoint", checkpoint);
    expired += integer_or(page, "expired", 0);
    Entries entries = part_of(Entries::parse(answer->text, nullptr, false), "entries");
    if (!entries.is_array()) entries = Entries::array();
    most -= static_cast<std::int64_t>(entries.size());
    take(std::move(entries));
    page["expired"] = expired;
    page.erase("entries");
    const std::string next = text_or(page, "next", "");
    if (next.empty() || next == cursor || most <= 0) return std::move(page);
    cursor = next;
    if (!invocation.around.pause(0)) return Failure{ExitCode::kInterrupted, ""};
  }
}

std::string state_path(const Invocation& invocation) {
  return job_path(invocation.arguments[0]) + "/state/" + path_segment(invocation.arguments[1]);
}

/// A map: an object where its keys are plain and differ as texts, else a list of key and value.
Entries map_of(const Entries& entries) {
  Entries object = Entries::object(), pairs = Entries::array();
  for (const Entries& entry : entries) {
    const Entries key = part_of(entry, "map_key");
    pairs.push_back({{"key", key}, {"value", part_of(entry, "value")}});
    if (!key.is_structured()) object[key.is_string() ? key.get<std::string>() : key.dump()] = part_of(entry, "value");
  }
  return object.size() == pairs.size() ? object : pairs;
}

ExitCode get_state(Invocation& invocation) {
  const auto& around = invocation.around;
  const bool has_flag = invocation.was_given("key");
  if (has_flag == (invocation.arguments.size() > 2))
    return report(around, {ExitCode::kUsage, "freshet state get: expected one key, as KEY or as --key KEY\n" +
                                                 usage_line(invocation.verb)});
  if (FLAGS_live && FLAGS_checkpoint > 0)
    return report(around, {ExitCode::kUsage, "freshet state get: --live and --checkpoint exclude each other"});
  const std::string key = has_flag ? FLAGS_key : invocation.arguments[2];
  if (key.size() > kMostKeyBytes)
    return report(around, {ExitCode::kUsage, "freshet state get: a key of more than " + std::to_string(kMostKeyBytes) +
                                                 " bytes cannot be asked for"});
  Entries entries = Entries::array();
  auto last = get_pages(invocation, state_path(invocation) + "/" + path_segment(key), kMostOfOneKey, [&](Entries page) {
    for (Entries& entry : page) entries.push_back(std::move(entry));
  });
  if (!last) return report(around, last.failure());
  const std::size_t shown = entries.size();
  if (FLAGS_json) {
    (*last)["entries"] = json(entries);
    print_json(invocation, *last);
  } else if (!entries.empty() && entries.front().contains("map_key")) {
    print(invocation, line_of(map_of(entries)));
  } else if (!entries.empty()) {
    print(invocation, line_of(part_of(entries.front(), "value")));
  }
  say_of_when(invocation, *last, shown);
  return ExitCode::kDone;
}

ExitCode scan_state(Invocation& invocation) {
  Entries all = Entries::array();
  std::size_t shown = 0;
  auto last = get_pages(invocation, state_path(invocation), FLAGS_limit, [&](Entries page) {
    shown += page.size();
    for (Entries& entry : page) {
      if (FLAGS_json) {
        all.push_back(std::move(entry));
      } else {
        entry.erase("written_ms");
        print(invocation, line_of(entry));
      }
    }
  });
  if (!last) return report(invocation.around, last.failure());
  if (FLAGS_json) {
    (*last)["entries"] = json(all);
    print_json(invocation, *last);
  }
  say_of_when(invocation, *last, shown);
  return ExitCode::kDone;
}

Verb verb_of(const char* sub_verb, const char* summary, Handler handler) {
  Verb verb;
  verb.name = "state";
  verb.sub_verb = sub_verb;
  verb.group = "data";
  verb.summary = summary;
  verb.positional = {"JOB", "OPERATOR[.STATE]", "KEY"};
  verb.handler = std::move(handler);
  return verb;
}

const Flag kCheckpoint{.name = "checkpoint", .form = ValueForm::kInteger, .value_name = "N", .least = 1};

Verb get_verb() {
  Verb verb = verb_of("get", "what an operator remembers of one key", get_state);
  verb.usage = "JOB OPERATOR[.STATE] KEY [--live | --checkpoint N]";
  verb.least_arguments = 2;
  verb.most_arguments = 3;
  verb.help =
      "Prints the value of a key as JSON; of a map all of its entries. The state is that of the newest complete\n"
      "checkpoint or of --checkpoint, which is said on stderr: what came since is not in it. The job need not run.\n"
      "With --live it is what the job knows now, asked of an agent, which needs no job manager for it; the state has\n"
      "to be declared queryable. Agents are found through the job manager, else in the data folder; --reads names "
      "one.\n"
      "KEY is a number, a name or a text; of several fields a JSON object or array.\n"
      "REST: GET /v1/jobs/JOB/state/OPERATOR[.STATE]/KEY";
  verb.examples = {"freshet state get shop totals 77", "freshet state get shop sessions.open 77 --checkpoint 1609",
                   "freshet state get shop item_views --key '{\"category\":7,\"item\":42}'",
                   "freshet state get shop item_views --key '[7,42]' --json",
                   "freshet state get shop totals 77 --live"};
  verb.flags = joined({{{.name = "key", .value_name = "KEY"},
                        kCheckpoint,
                        {.name = "live", .form = ValueForm::kSwitch},
                        {.name = "reads", .value_name = "HOST:PORT"},
                        {.name = "data", .value_name = "DIR"}},
                       manager_flags()});
  return verb;
}

Verb scan_verb() {
  Verb verb = verb_of("scan", "what an operator remembers, key by key", scan_state);
  verb.usage = "JOB OPERATOR[.STATE] [-n N] [--checkpoint N]";
  verb.positional = {"JOB", "OPERATOR[.STATE]"};
  verb.least_arguments = verb.most_arguments = 2;
  verb.help =
      "Prints one JSON object a line for each entry: key, map_key of a map, value. In the order of tasks, of keys in\n"
      "each, of map keys in each; the same for one checkpoint at all times. The state is that of the newest complete\n"
      "checkpoint or of --checkpoint, which is said on stderr. Checkpoints go while a job runs: for a long scan make "
      "a\n"
      "savepoint first. The job manager reads the files of a task once for every 1,000 entries.\n"
      "REST: GET /v1/jobs/JOB/state/OPERATOR[.STATE]";
  verb.examples = {"freshet state scan shop totals", "freshet state scan shop totals -n 5000 --checkpoint 1609",
                   "freshet state scan shop item_views --json"};
  verb.flags = joined({{{.name = "limit",
                         .form = ValueForm::kInteger,
                         .alias = 'n',
                         .value_name = "N",
                         .least = 1,
                         .most = kMostScanned},
                        kCheckpoint},
                       manager_flags()});
  return verb;
}

}  // namespace

std::vector<Verb> state_verbs() { return {get_verb(), scan_verb()}; }

}  // namespace freshet::cli
