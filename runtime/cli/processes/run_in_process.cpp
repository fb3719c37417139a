#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "dag/counted.h"
#include "runtime/base/process.h"
#include "runtime/cli/flags.h"
#include "runtime/cli/format.h"
#include "runtime/cli/processes/job_values.h"
#include "runtime/cli/processes/processes.h"
#include "runtime/cli/verb_support.h"
#include "runtime/worker/job_library.h"
#include "runtime/worker/local_engine.h"

namespace freshet::cli {
namespace {

/// Steps between two looks for Ctrl-C, when the job has that much to do.
constexpr std::uint64_t kSteps = 10'000;
/// How long a job with nothing to do rests: its sources are asked again, and its emissions become due.
constexpr std::int64_t kRestMs = 1;

/// One job in this thread: a breakpoint holds all of it, and a crash has its stack here.
class LocalRun {
 public:
  LocalRun(Invocation& invocation, std::string name, const Job& job)
      : around_(invocation.around),
        invocation_(invocation),
        name_(std::move(name)),
        engine_(job, {.parallelism = FLAGS_parallelism,
                      .key_groups = static_cast<std::uint32_t>(FLAGS_key_groups),
                      .clock = &clock_}) {}

  ExitCode run() {
    if (!engine_.problems().empty()) return failed(dag::to_text(engine_.problems().front()));
    say("RUNNING   in process " + std::to_string(base::own_pid()) + ", " +
        dag::counted(engine_.tasks().size(), "task"));
    begin_ms_ = around_.steady_ms();
    try {
      engine_.start();
    } catch (...) {
      const FailedRecord why = detail::describe_current_exception();
      return failed(why.reason + " while looking for input or making resources: " + why.message);
    }
    while (!engine_.run(kSteps)) {
      if (engine_.failure()) return failed(text_of(*engine_.failure()));
      if (engine_.brake_pulled()) return paused();
      if (!around_.pause(kRestMs)) return ended("CANCELLED", ExitCode::kInterrupted);
    }
    return ended("FINISHED", ExitCode::kDone);
  }

 private:
  void say(const std::string& text) const {
    if (!FLAGS_json) print(invocation_, name_ + "  " + text + "\n");
  }

  static std::string text_of(const task::TaskFailure& failure) {
    return "operator " + failure.operator_id + ": " + failure.reason + ": " + failure.what() +
           (failure.origin.empty() ? "" : "; at " + failure.origin) +
           (failure.record.empty() ? "" : "; record " + failure.record);
  }

  ExitCode failed(const std::string& why) {
    static_cast<void>(ended("FAILED", ExitCode::kJobFailed));
    *around_.err << name_ << " FAILED: " << why << std::endl;
    return ExitCode::kJobFailed;
  }

  ExitCode paused() {
    const auto& last = engine_.dead_letters().back();
    return failed("too many records were set aside, the last by operator " + last.operator_id + ": " + last.reason +
                  ": " + last.message + "; at " + last.origin);
  }

  /// The job is over, one way or the other.
  ExitCode ended(const std::string& state, ExitCode code) {
    engine_.close();
    std::uint64_t records_in = 0;
    for (task::Task* task : engine_.tasks()) {
      if (task->chain().source() != nullptr) records_in += task->status().operators.at(0).records_out;
    }
    const auto letters = engine_.dead_letters().size();
    if (FLAGS_json) {
      const std::string word = state.substr(0, 1) + lower(state.substr(1));
      print_json(invocation_,
                 {{"name", name_}, {"state", word}, {"records_in", records_in}, {"dead_letters", letters}});
      return code;
    }
    std::string text = state + "  " + grouped(static_cast<std::int64_t>(records_in)) + " events in " +
                       duration(static_cast<double>(around_.steady_ms() - begin_ms_)) + "   dead letters " +
                       grouped(static_cast<std::int64_t>(letters)) + "\n";
    constexpr std::size_t kMostShown = 10;
    for (std::size_t i = 0; i < std::min(letters, kMostShown); ++i) {
      const auto& letter = engine_.dead_letters()[i];
      text += "  dead letter  " + letter.operator_id + ": " + letter.reason + ": " + letter.message + "   " +
              letter.origin + "\n";
    }
    print(invocation_, text);
    return code;
  }

  static std::string lower(std::string word) {
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return word;
  }

  Surroundings& around_;
  Invocation& invocation_;
  const std::string name_;
  const base::SystemClock clock_;
  worker::LocalEngine engine_;
  std::int64_t begin_ms_ = 0;
};

}  // namespace

ExitCode run_in_process(Invocation& invocation, const std::string& job_name) {
  const auto& around = invocation.around;
  Problem unusable;
  const auto path = std::filesystem::absolute(invocation.arguments[0]).string();
  const auto library = worker::JobLibrary::load(path, unusable);
  if (!library) return report(around, {ExitCode::kRefused, dag::to_text(unusable)});
  const auto registered = library->find(job_name);
  if (!registered) return report(around, {ExitCode::kRefused, registered.error().message});
  const auto job = worker::build_job(**registered, job_values(invocation));
  if (!job) return report(around, {ExitCode::kRefused, job.error().message});
  return LocalRun(invocation, FLAGS_name.empty() ? job_name : FLAGS_name, **job).run();
}

}  // namespace freshet::cli
