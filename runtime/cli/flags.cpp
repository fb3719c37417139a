#include "runtime/cli/flags.h"

#include <gflags/gflags.h>

#include "runtime/cli/quantity.h"

DEFINE_string(manager, "", "job manager's REST address; default: FRESHET_MANAGER, config file, 127.0.0.1:7070");
DEFINE_string(timeout, "30s", "give up waiting for an answer after this time");
DEFINE_bool(json, false, "one JSON object in raw units: bytes, ms, epoch ms");
DEFINE_bool(quiet, false, "print errors only");
DEFINE_bool(show_request, false, "print the REST request instead of sending it");
DEFINE_bool(watch, false, "repeat until Ctrl-C; without a terminal one line per change");
DEFINE_string(interval, "1s", "time between two looks of --watch or --follow");
DEFINE_bool(operators, false, "list every operator, chained ones too");
DEFINE_bool(wait, false, "wait until the job is over; exit 9 if it failed");
DEFINE_bool(detach, false, "do not wait for the result");
DEFINE_string(drop_state, "", "give up the saved state of this operator; may be repeated");
DEFINE_bool(allow_duplicates, false,
            "give up the damaged checkpoint that the job failed for; its results come once more");
DEFINE_string(watch_for, "60s", "watch it for this time once it runs, and go back should it fail");
DEFINE_string(against, "", "job whose saved state it is to go on from: its newest checkpoint, or JOB@N");
DEFINE_string(from, "", "savepoint of another job to begin from: its newest, or N");
DEFINE_bool(dry_run, false, "show what would be done, change nothing");
DEFINE_bool(yes, false, "do it without asking, although it cannot be undone");
DEFINE_bool(by_size, false, "the largest first");
DEFINE_bool(follow, false, "go on with new lines until Ctrl-C");
DEFINE_int32(lines, 100, "newest lines to begin with");
DEFINE_string(since, "", "only what happened within this time, up to now");
DEFINE_int32(limit, 100, "entries at most");
DEFINE_int32(checkpoint, 0, "as this checkpoint or savepoint holds it; default: the newest that is complete");
DEFINE_string(key, "", "the key, of several fields: as a JSON object or array");
DEFINE_string(operator, "", "only of this operator");
DEFINE_string(reason, "", "only of this reason, as lists show it");
DEFINE_string(worker, "", "only this worker");
DEFINE_string(level, "", "this level and above");
DEFINE_string(grep, "", "only lines that contain this text");
DEFINE_int32(attempt, 0, "only this attempt of the job");
DEFINE_string(format, "text", "text, dot (for Graphviz) or json");
DEFINE_string(job, "", "which job of the library, when it has several");
DEFINE_string(name, "", "name of the job, or of the agent");
DEFINE_string(param, "", "parameter of the job; may be repeated");
DEFINE_string(file, "", "file to attach to the job under a name; may be repeated");
DEFINE_string(load_timeout, "10s", "time in which the library must load and describe its job");
DEFINE_int32(parallelism, 1, "tasks per operator that does not say otherwise");
DEFINE_int32(workers, 1, "worker processes");
DEFINE_int32(key_groups, 128, "key groups; fixed when the job first starts");
DEFINE_string(max_uncommitted, "8GiB",
              "results that may wait for a checkpoint; beyond, sources are held until it is complete");
DEFINE_string(state_memory, "", "memory that state may take in each worker, more goes to disk; default: no limit");
DEFINE_string(guarantee, "exactly-once",
              "what results promise after a failure: exactly-once; at-least-once, without waiting for barriers; "
              "at-most-once, without checkpoints");
DEFINE_string(checkpoint_interval, "", "time between checkpoints, 0 for none; default: as the job says");
DEFINE_string(
    restart, "",
    "when it fails: none, 'fixed N DELAY', 'exponential FIRST LONGEST', 'rate N WITHIN'; default: rate 5 1min");
DEFINE_int32(crashes_per_record, 3,
             "crashes on one record before it becomes a dead letter, where its operator sets aside; 0: never");
DEFINE_bool(in_process, false, "run everything in this process, for a debugger");
DEFINE_bool(keep, false, "keep the data folder of the run");
DEFINE_string(data, "", "data folder; default: $XDG_STATE_HOME/freshet or ~/.local/state/freshet");
DEFINE_string(
    checkpoint_storage, "",
    "folder of the checkpoints, which job manager and workers reach; default: as before, else in the data folder");
DEFINE_int32(agents, 1, "agents on this machine");
DEFINE_int32(slots, 8, "tasks that an agent takes");
DEFINE_int32(port, 7070, "REST port of the job manager");
DEFINE_int32(control_port, 0, "port for agents and workers; default: the REST port and 1");
DEFINE_string(bind, "127.0.0.1", "address to listen on; another than loopback needs authentication");
DEFINE_string(grace, "10s", "time to end by itself before it is killed");
DEFINE_string(log_level, "info", "trace, debug, info, warn or error");
DEFINE_string(orphan_after, "2min", "a worker without job manager ends by itself after this time");
DEFINE_int32(read_port, 0, "port where an agent serves queryable state; 0: as before, else a free one");
DEFINE_int32(reads_per_second, 5000, "keys of queryable state that one caller may ask for; 0: no limit");
DEFINE_string(reads, "", "address of an agent that serves queryable state; default: found by itself");
DEFINE_bool(live, false,
            "as it is now, not as a checkpoint holds it: of a job that runs, when it is declared queryable");
DEFINE_string(library, "", "the job's library");
DEFINE_string(job_name, "", "the job's name, for people who look at the process list");
DEFINE_string(crash_file, "", "where to write which record was in work when the process crashed");

namespace freshet::cli {

std::vector<Flag> manager_flags() {
  return {{.name = "manager", .value_name = "HOST:PORT"},
          {.name = "timeout", .form = ValueForm::kDuration, .value_name = "TIME"},
          {.name = "json", .form = ValueForm::kSwitch},
          {.name = "quiet", .form = ValueForm::kSwitch},
          {.name = "show-request", .form = ValueForm::kSwitch}};
}

std::vector<Flag> library_flags() {
  return {{.name = "job", .value_name = "NAME"},
          {.name = "param", .form = ValueForm::kKeyValue, .value_name = "KEY=VALUE", .repeated = true},
          {.name = "file", .form = ValueForm::kKeyValue, .value_name = "KEY=PATH", .repeated = true},
          {.name = "load-timeout", .form = ValueForm::kDuration, .value_name = "TIME"}};
}

std::vector<Flag> option_flags() {
  return {{.name = "checkpoint-interval", .form = ValueForm::kDuration, .value_name = "TIME"},
          {.name = "guarantee",
           .form = ValueForm::kChoice,
           .value_name = "MODE",
           .choices = {"exactly-once", "at-least-once", "at-most-once"}},
          {.name = "restart", .form = ValueForm::kText, .value_name = "STRATEGY"},
          {.name = "crashes-per-record", .form = ValueForm::kInteger, .value_name = "N", .least = 0, .most = 1000},
          {.name = "parallelism", .form = ValueForm::kInteger, .value_name = "N"},
          {.name = "workers", .form = ValueForm::kInteger, .value_name = "N", .least = 1},
          {.name = "key-groups", .form = ValueForm::kInteger, .value_name = "N"},
          {.name = "state-memory", .form = ValueForm::kSize, .value_name = "SIZE"},
          {.name = "max-uncommitted", .form = ValueForm::kSize, .value_name = "SIZE"}};
}

std::vector<Flag> joined(std::vector<std::vector<Flag>> lists) {
  std::vector<Flag> result;
  for (std::vector<Flag>& list : lists) result.insert(result.end(), list.begin(), list.end());
  return result;
}

std::int64_t checked_duration_ms(const std::string& value) { return parse_duration_ms(value).value(); }

}  // namespace freshet::cli
