#include <poll.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "dag/counted.h"
#include "runtime/cli/audit_text.h"
#include "runtime/cli/cluster.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/job_text.h"
#include "runtime/cli/json_fields.h"
#include "runtime/cli/processes/embedded_cluster.h"
#include "runtime/cli/processes/processes.h"
#include "runtime/cli/submission.h"
#include "runtime/cli/verb_support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t kFirstLookMs = 20;
constexpr std::int64_t kProgressMs = 1'000;
constexpr int kMostRuns = 10'000;

/// --data, or the first free run-N below the data folder; made here, so that two runs never take the same.
Result<std::string> make_run_folder(const Invocation& invocation) {
  std::error_code error;
  if (invocation.was_given("data")) {
    fs::create_directories(FLAGS_data, error);
    if (error) return Failure{ExitCode::kFailed, "--data " + FLAGS_data + ": " + error.message()};
    return fs::absolute(FLAGS_data).string();
  }
  auto parent = data_folder("", invocation.around.environment);
  if (!parent) return parent.failure();
  fs::create_directories(*parent, error);
  for (int number = 1; number <= kMostRuns && !error; ++number) {
    const std::string folder = *parent + "/run-" + std::to_string(number);
    if (fs::create_directory(folder, error)) return folder;
  }
  return Failure{ExitCode::kFailed, *parent + ": no folder can be made for this run: " +
                                        (error ? error.message() : "there are too many; remove old run-* folders")};
}

/// One run: an engine of its own around one job, from submission to the end, with progress on the screen.
class Run {
 public:
  Run(Invocation& invocation, ManagerClient client, std::string data)
      : invocation_(invocation), around_(invocation.around), client_(std::move(client)), data_(std::move(data)) {}

  ExitCode submit_and_follow(const LibraryFile& library, const json& request, const std::string& address) {
    begin_ms_ = around_.steady_ms();
    const auto accepted = send_submission(client_, library, request);
    if (!accepted) return report(around_, accepted.failure());
    id_ = text_or(accepted->body, "id", "");
    name_ = text_or(accepted->body, "name", id_);
    address_ = address;
    return follow();
  }

 private:
  ExitCode follow() {
    std::int64_t wait_ms = kFirstLookMs;
    for (;;) {
      const bool go_on = around_.pause(wait_ms);
      if (!go_on && !cancelling_) {
        if (const auto asked = client_.post(job_path(id_) + "/actions", {{"action", "cancel"}}); !asked)
          return report(around_, asked.failure());
        cancelling_ = true;
        *around_.err << "stopping " << name_ << " (again Ctrl-C: at once)\n";
      }
      if (!go_on) ::poll(nullptr, 0, static_cast<int>(kFirstLookMs));  // pause() waits no more after Ctrl-C
      const auto answer = client_.get(job_path(id_));
      if (!answer) return report(around_, answer.failure());
      status_ = answer->body;
      const std::string state = text_or(status_, "state", "");
      if (is_over(state)) return ended(state);
      if (state == "Paused") return paused();
      if (state == "Running") show_progress();
      wait_ms = running_shown_ ? kProgressMs / 5 : kFirstLookMs;
    }
  }

  void show_progress() {
    if (FLAGS_json || FLAGS_quiet) return;
    const std::int64_t now = around_.steady_ms();
    if (!running_shown_) {
      running_shown_ = true;
      *around_.out << name_ << "  RUNNING   " << dag::counted(list(status_, "workers").size(), "worker") << ", "
                   << dag::counted(static_cast<std::uint64_t>(integer_or(status_, "tasks", 0)), "task") << ", up in "
                   << duration(static_cast<double>(now - begin_ms_)) << "   http://" << address_ << "   "
                   << below_home(data_, around_.environment) << "\n"
                   << std::flush;
      shown_ms_ = now;
      return;
    }
    if (now - shown_ms_ < kProgressMs) return;
    shown_ms_ = now;
    *around_.out << around_.terminal.rewind(lines_shown_) << progress_line(now) << "\n" << std::flush;
    lines_shown_ = 1;
  }

  std::string progress_line(std::int64_t now) const {
    const std::int64_t seconds = (now - begin_ms_) / 1000;
    std::string line = "  " + std::to_string(seconds / 60) + ":" + (seconds % 60 < 10 ? "0" : "") +
                       std::to_string(seconds % 60) + "   in " +
                       compact(static_cast<double>(integer_or(status_, "records_in", 0))) + "   " +
                       compact_rate(number_or(status_, "records_in_per_s", 0)) + "/s";
    if (member(status_, "p99_ms").is_number()) line += "   p99 " + latency(number_or(status_, "p99_ms", 0));
    const json& checkpoint = member(status_, "last_checkpoint");
    if (member(checkpoint, "number").is_number())
      line += "   checkpoint " + grouped(integer_or(checkpoint, "number", 0)) + ": " +
              latency(number_or(checkpoint, "took_ms", 0)) + ", " + bytes(number_or(checkpoint, "bytes", 0));
    line += "   dead letters " + grouped(integer_or(status_, "dead_letters", 0));
    if (const auto waiting = integer_or(status_, "retrying", 0); waiting != 0)
      line += "   retrying " + grouped(waiting);
    return line + "   late " + grouped(integer_or(status_, "late", 0)) + "   restarts " +
           grouped(integer_or(status_, "restarts", 0));
  }

  ExitCode ended(const std::string& state) {
    if (const auto audit = client_.get(job_path(id_) + "/audit"); audit) audit_ = audit->body;
    if (FLAGS_json)
      print_json(invocation_, status_);
    else if (!FLAGS_quiet)
      *around_.out << summary(state);
    if (state == "Failed") {
      StatusTextOptions options;
      options.now_ms = around_.now_ms();
      std::string text = name_ + " FAILED: " + text_or(status_, "reason", "no reason given");
      for (const auto& problem : list(status_, "problems")) text += "\n" + problem_text(problem, around_.terminal);
      *around_.err << text << "\nlogs: " << below_home(data_, around_.environment) << "\n";
      return ExitCode::kJobFailed;
    }
    return state == "Cancelled" ? ExitCode::kInterrupted : ExitCode::kDone;
  }

  std::string summary(const std::string& state) const {
    std::string head = state;
    for (char& c : head) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::string text = head + "  " + grouped(integer_or(status_, "records_in", 0)) + " events in " +
                       duration(static_cast<double>(around_.steady_ms() - begin_ms_)) + "   dead letters " +
                       grouped(integer_or(status_, "dead_letters", 0)) + "   late " +
                       grouped(integer_or(status_, "late", 0)) + "   restarts " +
                       grouped(integer_or(status_, "restarts", 0));
    if (const std::string edges = audit_summary(audit_); !edges.empty()) text += "   audit: " + edges;
    text += "\n";
    for (const auto& letter : list(status_, "dead_letter_samples")) {
      text += "  dead letter  " + text_or(letter, "operator_id", "?") + ": " + text_or(letter, "reason", "") + ": " +
              text_or(letter, "message", "") + "   " + text_or(letter, "origin", "") + "\n";
    }
    return text;
  }

  /// The dead-letter brake: nobody would ever let this job go on.
  ExitCode paused() {
    std::string text = name_ + " PAUSED";
    for (const auto& problem : list(status_, "problems")) text += "\n" + problem_text(problem, around_.terminal);
    *around_.err << text << "\nThe run ends here; nothing of its output is kept as finished.\n";
    static_cast<void>(client_.post(job_path(id_) + "/actions", {{"action", "cancel"}}));
    return ExitCode::kJobFailed;
  }

  Invocation& invocation_;
  Surroundings& around_;
  ManagerClient client_;
  const std::string data_;
  std::string id_;
  std::string name_;
  std::string address_;
  json status_;
  json audit_ = json::object();
  std::int64_t begin_ms_ = 0;
  std::int64_t shown_ms_ = 0;
  std::size_t lines_shown_ = 0;
  bool running_shown_ = false;
  bool cancelling_ = false;
};

}  // namespace

ExitCode run_job(Invocation& invocation) {
  const auto& around = invocation.around;
  const std::string& path = invocation.arguments[0];
  if (!invocation.was_given("parallelism")) FLAGS_parallelism = FLAGS_workers;
  invocation.given.push_back("parallelism");
  auto inspection = inspect_chosen_job(invocation, path);
  if (!inspection) return report(around, inspection.failure());
  if (const auto errors = errors_of(invocation, *inspection, path)) return report(around, *errors);
  say_warnings(invocation, *inspection);
  auto library = read_library(path);
  if (!library) return report(around, library.failure());
  json options = options_of(invocation);
  options["workers"] = FLAGS_workers;
  auto request = make_request(invocation, *inspection, *library, options);
  if (!request) return report(around, request.failure());
  if (FLAGS_in_process) return run_in_process(invocation, text_or(*request, "job", ""));
  auto data = make_run_folder(invocation);
  if (!data) return report(around, data.failure());

  ExitCode code = ExitCode::kFailed;
  {
    auto cluster = EmbeddedCluster::start(*data, FLAGS_agents, FLAGS_log_level);
    if (!cluster) return report(around, cluster.failure());
    auto address = parse_manager_address((*cluster)->address(), "run");
    if (!address) return report(around, address.failure());
    ManagerClient::Options client;
    client.address = *address;
    client.steady_ms = around.steady_ms;
    code = Run(invocation, ManagerClient(client), *data).submit_and_follow(*library, *request, (*cluster)->address());
  }
  const bool keep = FLAGS_keep || invocation.was_given("data") || code == ExitCode::kJobFailed;
  std::error_code ignored;  // what is left over harms nobody
  if (!keep) fs::remove_all(*data, ignored);
  return code;
}

}  // namespace freshet::cli
