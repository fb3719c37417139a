#pragma once

#include <vector>

#include "runtime/cli/roles.h"
#include "runtime/cli/verb.h"

/// One function per verb; make_verbs() puts them together.
namespace freshet::cli {

Verb list_verb();
Verb status_verb();
Verb cancel_verb();
Verb stop_verb();
Verb restart_verb();
Verb pause_verb();
Verb resume_verb();
Verb delete_verb();
Verb rescale_verb();
Verb upgrade_verb();
Verb rollback_verb();
Verb revisions_verb();
Verb logs_verb();
Verb audit_verb();
Verb events_verb();
Verb plan_verb();
Verb describe_verb();
Verb validate_verb();
Verb submit_verb();
Verb cluster_start_verb();
Verb cluster_stop_verb();
Verb cluster_status_verb();
Verb version_verb();
Verb help_verb(const Roles& roles);

/// checkpoint create|list|show|verify, savepoint create|list|verify|delete.
std::vector<Verb> checkpoint_verbs();

/// state get|scan.
std::vector<Verb> state_verbs();

/// dead-letters list|show|replay|drop.
std::vector<Verb> dead_letter_verbs();

/// run, job-manager, agent, worker, inspect-library: those that have a handler.
std::vector<Verb> role_verbs(const Roles& roles);

}  // namespace freshet::cli
