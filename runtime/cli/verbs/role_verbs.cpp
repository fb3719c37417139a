#include "runtime/cli/flags.h"
#include "runtime/cli/verbs/verbs.h"

namespace freshet::cli {
namespace {

const Flag kDataFlag{.name = "data", .value_name = "DIR"};
const Flag kStorageFlag{.name = "checkpoint-storage", .value_name = "DIR"};
const Flag kOrphanFlag{.name = "orphan-after", .form = ValueForm::kDuration, .value_name = "TIME"};
const Flag kReadRateFlag{
    .name = "reads-per-second", .form = ValueForm::kInteger, .value_name = "N", .least = 0, .most = 1'000'000'000};
const Flag kBindFlag{.name = "bind", .value_name = "ADDRESS"};
const Flag kLogLevelFlag{
    .name = "log-level", .form = ValueForm::kChoice, .choices = {"trace", "debug", "info", "warn", "error"}};

Verb run_verb() {
  Verb verb;
  verb.name = "run";
  verb.group = "try";
  verb.summary = "run a job here, with an engine of its own";
  verb.usage = "LIB|DAG [--workers N] [--param KEY=VALUE]… [--in-process] [--keep]";
  verb.help =
      "Starts job manager, agent and workers for this one job, on free ports and with a data folder of their own,\n"
      "so that several run side by side. Ends with the job: exit code 9 if it failed. Ctrl-C stops it cleanly (130),\n"
      "a second one at once. --in-process keeps everything in one process, for a debugger.";
  verb.examples = {"freshet run build/jobs/libshop.so --workers 2 --param input='in/*.csv'",
                   "freshet run jobs/hot_items/hot_items.yaml --keep", "freshet run libshop.so --in-process"};
  verb.flags = joined({{{.name = "name", .value_name = "NAME"}},
                       library_flags(),
                       option_flags(),
                       {{.name = "in-process", .form = ValueForm::kSwitch},
                        {.name = "keep", .form = ValueForm::kSwitch},
                        kDataFlag,
                        kLogLevelFlag,
                        {.name = "json", .form = ValueForm::kSwitch},
                        {.name = "quiet", .form = ValueForm::kSwitch}}});
  verb.positional = {"LIB|DAG"};
  verb.least_arguments = verb.most_arguments = 1;
  return verb;
}

Verb job_manager_verb() {
  Verb verb;
  verb.name = "job-manager";
  verb.group = "cluster";
  verb.summary = "the job manager process, in the foreground";
  verb.usage = "[--data DIR] [--checkpoint-storage DIR] [--port P] [--control-port P] [--bind ADDRESS]";
  verb.help =
      "Serves REST for people and scripts on --port, and agents and workers on --control-port. Workers end when it\n"
      "is away for the --orphan-after of their agent. Back with the same --data it knows all jobs and takes over what\n"
      "runs. Checkpoints are kept in --checkpoint-storage, a folder that all machines reach under this path and that\n"
      "no other cluster uses; it is remembered in --data.";
  verb.examples = {"freshet job-manager --data /var/lib/freshet --checkpoint-storage /mnt/shared/freshet --port 7070",
                   "freshet job-manager --log-level debug"};
  verb.flags = {kDataFlag,
                kStorageFlag,
                {.name = "port", .form = ValueForm::kInteger, .value_name = "P", .least = 0, .most = 65535},
                {.name = "control-port", .form = ValueForm::kInteger, .value_name = "P", .least = 0, .most = 65535},
                kBindFlag,
                kLogLevelFlag};
  return verb;
}

Verb agent_verb() {
  Verb verb;
  verb.name = "agent";
  verb.group = "cluster";
  verb.summary = "the agent process of a machine, in the foreground";
  verb.usage = "--manager HOST:PORT [--name NAME] [--slots N] [--data DIR] [--read-port P] [--orphan-after TIME]";
  verb.help =
      "Starts, watches and stops workers for the job manager whose control address is --manager (port 7071).\n"
      "Serves the queryable state of all jobs of the cluster over HTTP, on --read-port, also while the job manager is\n"
      "away: GET /v1/jobs/JOB/state/OPERATOR[.STATE]/KEY. The address stands in the file reads of its data folder.";
  verb.examples = {"freshet agent --manager shop-1:7071",
                   "freshet agent --manager shop-1:7071 --name shop-2 --slots 16"};
  verb.flags = {{.name = "manager", .value_name = "HOST:PORT"},
                {.name = "name", .value_name = "NAME"},
                {.name = "slots", .form = ValueForm::kInteger, .value_name = "N", .least = 1, .most = 4096},
                kDataFlag,
                kBindFlag,
                {.name = "read-port", .form = ValueForm::kInteger, .value_name = "P", .least = 0, .most = 65535},
                kReadRateFlag,
                kOrphanFlag,
                kLogLevelFlag};
  return verb;
}

Verb worker_verb() {
  Verb verb;
  verb.name = "worker";
  verb.summary = "the worker process of one job; agents start it";
  verb.usage = "--manager HOST:PORT --job N --attempt N --worker N --library FILE --data DIR";
  verb.help = "Runs tasks of one attempt of one job. Agents start workers; by hand it is of use under a debugger only.";
  verb.examples = {
      "freshet worker --manager 127.0.0.1:7071 --job 1 --attempt 1 --worker 0 --library libshop.so --data /tmp/w0",
      "freshet worker --manager 127.0.0.1:7071 --job 1 --attempt 2 --worker 3 --library libshop.so --data /tmp/w3 "
      "--log-level debug"};
  verb.flags = {{.name = "manager", .value_name = "HOST:PORT"},
                {.name = "job", .value_name = "N"},
                {.name = "attempt", .form = ValueForm::kInteger, .value_name = "N", .least = 1},
                {.name = "worker", .value_name = "N"},
                {.name = "library", .value_name = "FILE"},
                {.name = "job-name", .value_name = "NAME"},
                {.name = "crash-file", .value_name = "FILE"},
                kDataFlag,
                kOrphanFlag,
                kReadRateFlag,
                kLogLevelFlag};
  return verb;
}

Verb inspect_library_verb() {
  Verb verb;
  verb.name = "inspect-library";
  verb.summary = "load a library and write what is in it as JSON";
  verb.usage = "LIB [--job NAME] [--param KEY=VALUE]… [--file KEY=PATH]…";
  verb.help = "The child process of describe, validate, plan, submit and run.";
  verb.examples = {"freshet inspect-library libshop.so",
                   "freshet inspect-library libshop.so --job shop --param hot=20"};
  verb.flags = joined({library_flags(), option_flags()});
  verb.positional = {"LIB"};
  verb.least_arguments = verb.most_arguments = 1;
  return verb;
}

}  // namespace

std::vector<Verb> role_verbs(const Roles& roles) {
  std::vector<Verb> verbs;
  const auto add = [&](Verb verb, const Handler& handler) {
    if (!handler) return;
    verb.handler = handler;
    verbs.push_back(std::move(verb));
  };
  add(run_verb(), roles.run);
  add(job_manager_verb(), roles.job_manager);
  add(agent_verb(), roles.agent);
  add(worker_verb(), roles.worker);
  add(inspect_library_verb(), roles.inspect_library);
  return verbs;
}

}  // namespace freshet::cli
