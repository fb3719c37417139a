#pragma once

#include <gflags/gflags_declare.h>

#include <vector>

#include "runtime/cli/verb.h"

// Storage of all flags of all verbs; which verb takes which stands in its Verb. One name means the same thing
// everywhere, so that two verbs can share it.
DECLARE_string(manager);
DECLARE_string(timeout);
DECLARE_bool(json);
DECLARE_bool(quiet);
DECLARE_bool(show_request);
DECLARE_bool(watch);
DECLARE_string(interval);
DECLARE_bool(operators);
DECLARE_bool(wait);
DECLARE_bool(detach);
DECLARE_bool(yes);
DECLARE_string(drop_state);
DECLARE_string(watch_for);
DECLARE_bool(allow_duplicates);
DECLARE_string(against);
DECLARE_string(from);
DECLARE_bool(dry_run);
DECLARE_bool(by_size);
DECLARE_bool(follow);
DECLARE_int32(lines);
DECLARE_string(since);
DECLARE_int32(limit);
DECLARE_int32(checkpoint);
DECLARE_string(key);
DECLARE_string(operator);
DECLARE_string(worker);
DECLARE_string(level);
DECLARE_string(grep);
DECLARE_string(reason);
DECLARE_int32(attempt);
DECLARE_string(format);
DECLARE_string(job);
DECLARE_string(name);
DECLARE_string(param);
DECLARE_string(file);
DECLARE_string(load_timeout);
DECLARE_int32(parallelism);
DECLARE_int32(workers);
DECLARE_int32(key_groups);
DECLARE_bool(in_process);
DECLARE_bool(keep);
DECLARE_string(data);
DECLARE_string(checkpoint_storage);
DECLARE_int32(agents);
DECLARE_int32(slots);
DECLARE_int32(port);
DECLARE_int32(control_port);
DECLARE_string(bind);
DECLARE_string(grace);
DECLARE_string(log_level);
DECLARE_string(orphan_after);
DECLARE_int32(read_port);
DECLARE_int32(reads_per_second);
DECLARE_string(reads);
DECLARE_bool(live);
DECLARE_string(checkpoint_interval);
DECLARE_string(max_uncommitted);
DECLARE_int32(crashes_per_record);
DECLARE_string(state_memory);
DECLARE_string(guarantee);
DECLARE_string(restart);
DECLARE_string(library);
DECLARE_string(job_name);
DECLARE_string(crash_file);

namespace freshet::cli {

/// --manager --timeout --json --quiet --show-request: every verb that talks to the job manager.
std::vector<Flag> manager_flags();
/// --job --param --file --load-timeout: every verb that loads a library.
std::vector<Flag> library_flags();
/// --parallelism --workers … : what `submit` and `run` send as options.
std::vector<Flag> option_flags();

/// The lists one after the other.
std::vector<Flag> joined(std::vector<std::vector<Flag>> lists);

/// Value of a duration flag that the parser has checked.
std::int64_t checked_duration_ms(const std::string& value);

}  // namespace freshet::cli
