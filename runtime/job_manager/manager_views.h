#pragma once

#include "runtime/job_manager/agent_registry.h"
#include "runtime/job_manager/job_table.h"
#include "runtime/job_manager/views.h"

/// What people and programs are shown, made from what is. Pure.
namespace freshet::manager {

JobView job_view(const Job& job, Moment now);
JobLine job_line(const Job& job);
/// Of its last change; there was one.
ChangeView change_view(const Job& job);
RevisionsView revisions_view(const Job& job);
SubmitAnswer submit_answer(const Job& job);
AgentView agent_view(const AgentRecord& agent, const JobTable& jobs, Moment now);

/// Attempts besides the first.
std::uint32_t restarts_of(const Job& job);

/// OK, DEGRADED or STALLED; nothing when the job is over.
std::optional<std::string> health_of(const Job& job);

/// Tasks of all jobs that an agent's slots are used for.
std::uint32_t used_slots(const std::string& agent, const JobTable& jobs);

}  // namespace freshet::manager
