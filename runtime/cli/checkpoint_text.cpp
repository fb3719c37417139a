#include "runtime/cli/checkpoint_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include "runtime/cli/format.h"
#include "runtime/cli/job_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/table.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kTodayMs = 12LL * 3600 * 1000;
constexpr std::size_t kShownMissing = 8;
constexpr std::size_t kShownDamages = 20;

std::string capitals(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string painted(const std::string& state, const std::string& text, const Terminal& terminal) {
  const Paint paint = state == "done" ? Paint::kGood : state == "failed" ? Paint::kBad : Paint::kWarning;
  return terminal.paint(paint, text);
}

/// The date only where the time alone could be of another day.
std::string when_text(const json& line, std::int64_t now_ms) {
  const auto when = integer_of(line, "when_ms");
  if (!when || *when == 0) return "-";
  return now_ms - *when < kTodayMs ? clock_time(*when) : date_time(*when);
}

std::string kind_text(const json& line) {
  const std::string kind = text_or(line, "kind", "checkpoint");
  return kind == "final_checkpoint" ? "final checkpoint" : kind;
}

std::string size_text(const json& line, const char* of = "bytes") {
  const auto size = number_of(line, of);
  return size && *size > 0 ? bytes(*size) : "-";
}

std::string tasks_text(const json& line) {
  const auto tasks = integer_of(line, "tasks");
  if (!tasks) return "-";
  return std::to_string(integer_or(line, "acknowledged", 0)) + "/" + std::to_string(*tasks);
}

std::string kept_text(const json& line, std::optional<std::int64_t> restore_point) {
  if (!flag_or(line, "retained", false)) return "-";
  if (!flag_or(line, "restorable", false)) return "damaged";
  return restore_point && restore_point == integer_of(line, "number") ? "restore point" : "yes";
}

/// "    label    text", the continuation lines indented under the text.
std::string labelled(const std::string& label, const std::string& text) {
  std::string head = label;
  head.resize(12, ' ');
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += head + text.substr(begin, end - begin) + "\n";
    head.assign(12, ' ');
    begin = end + 1;
  }
  return result;
}

std::string barrier_text(const json& chains) {
  std::string text;
  for (const json& chain : chains) text += (text.empty() ? "" : "   ") + chain_name(chain) + " " + tasks_text(chain);
  return text;
}

std::string missing_text(const json& chains) {
  std::string text;
  std::int64_t missing = 0;
  std::size_t shown = 0;
  for (const json& chain : chains) {
    missing += std::max<std::int64_t>(0, integer_or(chain, "tasks", 0) - integer_or(chain, "acknowledged", 0));
    for (const json& task : list(chain, "missing")) {
      if (!task.is_number_unsigned() || shown == kShownMissing) continue;
      ++shown;
      text += (text.empty() ? "" : ", ") + text_or(chain, "id", "?") + "[" + std::to_string(task.get<std::uint64_t>()) +
              "]";
    }
  }
  const std::int64_t more = missing - static_cast<std::int64_t>(shown);
  return text.empty() || more <= 0 ? text : text + " and " + std::to_string(more) + " more";
}

/// What each chain saved.
std::string snapshot_table(const json& checkpoint, const Terminal& terminal) {
  struct Saved {
    std::uint64_t files = 0;
    double bytes = 0;
    double largest = 0;
  };
  std::map<std::string, Saved> saved;
  for (const json& snapshot : list(checkpoint, "snapshots")) {
    Saved& chain = saved[text_or(snapshot, "chain", "?")];
    const double size = number_or(snapshot, "bytes", 0);
    chain.files += static_cast<std::uint64_t>(integer_or(snapshot, "files", 0));
    chain.bytes += size;
    chain.largest = std::max(chain.largest, size);
  }
  if (saved.empty()) return {};
  constexpr auto kRight = Align::kRight;
  Table table({{"CHAIN"}, {"FILES", kRight}, {"SIZE", kRight}, {"LARGEST", kRight}});
  for (const json& chain : list(checkpoint, "chains")) {
    const Saved& sum = saved[text_or(chain, "id", "?")];
    table.add({chain_name(chain), std::to_string(sum.files), bytes(sum.bytes), bytes(sum.largest)});
  }
  return table.render(terminal);
}

std::string sinks_text(const json& checkpoint) {
  std::string text;
  for (const json& sink : list(checkpoint, "sinks"))
    text += (text.empty() ? "" : "   ") + text_or(sink, "operator", "?") + " " +
            grouped(integer_or(sink, "handles", 0)) + " to commit";
  return text;
}

std::string try_text(const json& checkpoint) {
  const json& line = member(checkpoint, "checkpoint");
  const std::string job = shell_word(text_or(checkpoint, "job", "JOB"));
  const std::string number = std::to_string(integer_or(line, "number", 0));
  const std::string state = text_or(line, "state", "");
  if (state == "open") return "freshet checkpoint show " + job + " " + number + " --watch";
  if (state == "failed") return "freshet logs " + job + " --level warn\nfreshet checkpoint create " + job;
  if (!flag_or(line, "retained", false)) return "freshet checkpoint list " + job;
  return "freshet checkpoint verify " + job + " " + number;
}

}  // namespace

std::string checkpoint_name(const json& line) {
  return kind_text(line) + " " + std::to_string(integer_or(line, "number", 0));
}

std::string checkpoint_list_text(const json& all, std::int64_t now_ms, const Terminal& terminal) {
  now_ms = integer_or(all, "now_ms", now_ms);
  const std::string job = shell_word(text_or(all, "job", "JOB"));
  const auto restore_point = integer_of(all, "restore_point");
  constexpr auto kRight = Align::kRight;
  Table table({{"N"},
               {"KIND"},
               {"STATE"},
               {"WHEN"},
               {"TOOK", kRight},
               {"TASKS", kRight},
               {"SIZE", kRight},
               {"NEW", kRight},
               {"KEPT"},
               {"WHY"}});
  std::string last_why;
  for (const json& line : list(all, "checkpoints")) {
    const std::string state = text_or(line, "state", "?");
    const auto took = number_of(line, "took_ms");
    const std::string why = text_or(line, "why", "");
    table.add({std::to_string(integer_or(line, "number", 0)), kind_text(line), painted(state, state, terminal),
               when_text(line, now_ms), took ? latency(*took) : "-", tasks_text(line), size_text(line),
               size_text(line, "new_bytes"), kept_text(line, restore_point),
               !why.empty() && why == last_why ? "the same" : why});
    last_why = why;
  }
  if (table.empty()) return "none        make one: freshet checkpoint create " + job + "\n";
  return table.render(terminal);
}

std::string checkpoint_headline(const json& line, std::int64_t now_ms, const Terminal& terminal) {
  const std::string state = text_or(line, "state", "?");
  std::string text = checkpoint_name(line) + "  " + painted(state, capitals(state), terminal) + "   ";
  text += (state == "open" ? "since " : "") + when_text(line, now_ms);
  if (const auto took = number_of(line, "took_ms")) text += ", took " + latency(*took);
  if (size_text(line) != "-") text += ", " + size_text(line);
  if (state == "open") text += ", " + tasks_text(line) + " tasks";
  if (state == "done" && !flag_or(line, "retained", false)) text += "   deleted: newer ones have come";
  return text;
}

std::string checkpoint_text(const json& checkpoint, std::int64_t now_ms, const Terminal& terminal) {
  now_ms = integer_or(checkpoint, "now_ms", now_ms);
  const json& line = member(checkpoint, "checkpoint");
  std::string head = checkpoint_headline(line, now_ms, terminal);
  if (const auto attempt = integer_or(checkpoint, "attempt", 0); attempt > 0)
    head += "   attempt " + std::to_string(attempt);
  if (const auto revision = integer_or(checkpoint, "revision", 0); revision > 0)
    head += ", revision " + std::to_string(revision);
  const json& chains = list(checkpoint, "chains");
  std::string text = trimmed(head, terminal.width()) + "\n";
  text += labelled("why", text_or(line, "why", ""));
  text += labelled("barrier", barrier_text(chains));
  text += labelled(text_or(line, "state", "") == "open" ? "waiting" : "missing", missing_text(chains));
  text += labelled("sinks", sinks_text(checkpoint));
  text += labelled("try", try_text(checkpoint));
  return text + snapshot_table(checkpoint, terminal);
}

std::string verification_text(const json& operation, const std::string& job, std::int64_t took_ms,
                              const Terminal& terminal) {
  const std::string name = "checkpoint " + std::to_string(integer_or(operation, "checkpoint", 0));
  const std::string read = grouped(integer_or(operation, "files", 0)) + " files, " +
                           bytes(number_or(operation, "bytes", 0)) + ", read in " +
                           latency(static_cast<double>(took_ms));
  const json& damages = list(operation, "damages");
  if (damages.empty()) return name + " is " + terminal.paint(Paint::kGood, "sound") + "   " + read + "\n";
  const std::int64_t all = static_cast<std::int64_t>(damages.size()) + integer_or(operation, "more_damages", 0);
  std::string text = name + " is " + terminal.paint(Paint::kBad, "damaged") + ": " + grouped(all) +
                     (all == 1 ? " damage" : " damages") + "   " + read + "\n";
  for (std::size_t i = 0; i < std::min(damages.size(), kShownDamages); ++i)
    text += "  " + text_or(damages[i], "file", "?") + "   " + text_or(damages[i], "what", "") + "\n";
  if (all > static_cast<std::int64_t>(kShownDamages)) text += "  and more: --json lists them\n";
  text += labelled("effect", "the job cannot go on from it");
  return text + labelled("try", "freshet checkpoint create " + shell_word(job) + "\nfreshet checkpoint list " +
                                    shell_word(job));
}

}  // namespace freshet::cli
