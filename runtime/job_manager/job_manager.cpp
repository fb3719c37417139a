#include "runtime/job_manager/job_manager.h"

#include <algorithm>

#include "dag/placement.h"
#include "runtime/base/check.h"
#include "runtime/job_manager/manager_views.h"

namespace freshet::manager {
namespace {

constexpr auto kLongestWait = std::chrono::seconds(1);
/// The journal is rewritten after so many numbers of checkpoints.
constexpr std::uint64_t kMaxCheckpointEntries = 10'000;
constexpr Duration kStorageRetry{1'000};

/// Names a job among all jobs of all clusters, as far as chance allows.
std::string run_name(const Submission& submission, JobId id, Term term, std::int64_t now_ms, std::uint64_t pid) {
  std::string text = submission.name + " " + submission.library_sha256;
  for (const std::uint64_t number : {id.value, term.value, static_cast<std::uint64_t>(now_ms), pid})
    text += " " + std::to_string(number);
  return base::sha256_hex(text).substr(0, 12);
}

}  // namespace

JobManager::JobManager(ManagerOptions options, base::Clock& clock, transport::ControlOutbox& outbox,
                       state::Journal& journal, LibraryStore& libraries, checkpoint::CheckpointStorage& checkpoints)
    : options_(std::move(options)),
      clock_(clock),
      outbox_(outbox),
      journal_(journal),
      storage_(checkpoints),
      runner_(journal_, checkpoints),
      libraries_(libraries),
      started_(clock.steady()),
      agents_({options_.max_agents, options_.silence_limit}),
      jobs_(options_.max_over_jobs) {}

Moment JobManager::now() const { return {clock_.steady(), clock_.wall_us() / 1000}; }

Status JobManager::recover() {
  CHECK(term_.value == 0, "a job manager recovers once");
  Result<History> history = journal_.replay();
  if (!history) return history.error();
  history->term.value += 1;
  for (auto& [id, remembered] : history->jobs) {
    for (JobRevision& revision : remembered.revisions) revision.plan = admit(revision.submission).plan;
    const JobRevision& current = remembered.revisions.back();
    auto job = std::make_unique<Job>(id, current.submission, current.plan, options_, remembered.submitted_ms);
    job->restore_revisions(remembered.revisions);
    job->checkpoints().restore(remembered.checkpoint);
    job->crashes().restore(remembered.crashes);
    if (remembered.end) {
      job->restore(remembered.attempt, *remembered.end);
    } else {
      (void)settle_checkpoints(*job);  // when it cannot be done now, it is tried again
      job->adopt(remembered.attempt, remembered.plan, now());
      Orders later;  // nobody is there yet; said again to whoever comes
      job->restore_wish(remembered.wish, now(), later);
      end_not_journalled_.insert(id);
    }
    jobs_.add(std::move(job));
  }
  slots_changed_ = true;
  jobs_.prune();
  std::erase_if(history->jobs, [&](const auto& each) { return jobs_.find(each.first) == nullptr; });
  std::erase_if(end_not_journalled_, [&](JobId id) { return jobs_.find(id) == nullptr; });
  if (const Status written = journal_.compact(*history); !written) return written;
  term_ = history->term;
  next_job_ = history->next_job;
  return {};
}

/// Again and again, while the storage does not answer.
void JobManager::settle_all_checkpoints() {
  if (clock_.steady() < next_settling_) return;
  next_settling_ = clock_.steady() + kStorageRetry;
  for (const auto& [id, job] : jobs_.all()) {
    with(*job, [&](Orders&) { runner_.ask_again(*job, now()); });
    if (job->is_over() || !job->checkpoints().unsettled() || job->state() == dag::JobState::scheduling) continue;
    with(*job, [&](Orders&) {
      if (settle_checkpoints(*job)) job->on_checkpoints_settled(now());
    });
  }
}

template <class Act>
void JobManager::with(Job& job, Act act) {
  Orders orders;
  act(orders);
  runner_.carry_out(job, now(), orders);
  send_all(orders);
}

// ---- messages
// --------------------------------------------------------------------------------------------------------

void JobManager::send(const std::string& peer, wire::ControlBody body) { outbox_.send(peer, {term_, std::move(body)}); }

void JobManager::send_all(const Orders& orders) {
  for (const Order& order : orders) {
    if (order.to == Order::To::worker) {
      send(order.address, order.body);
    } else if (const AgentRecord* agent = agents_.find(order.address); agent != nullptr) {
      send(agent->peer, order.body);
    }
  }
}

void JobManager::on_message(const std::string& peer, const wire::ControlMessage& message) {
  CHECK(term_.value != 0, "a job manager recovers before it is spoken to");
  // A newer job manager is about; what it leads is none of ours.
  if (message.term > term_) {
    ++dropped_;
    return;
  }
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { on_body(peer, body); }) {
          on_body(peer, body);
        } else if constexpr (requires { body.worker; }) {
          on_worker_message(peer, body.worker, message.body);
        } else {
          ++dropped_;
        }
      },
      message.body);
  settle();
}

void JobManager::on_body(const std::string& peer, const wire::AgentHello& hello) {
  const AgentRegistry::Hello answer = agents_.on_hello(peer, hello, clock_.steady());
  if (answer == AgentRegistry::Hello::refused) {
    ++dropped_;
    return;
  }
  welcome(peer);
  if (!hello.reads.empty()) send(peer, wire::ReadPlaces{read_places()});
  if (answer == AgentRegistry::Hello::replaced) lose_agent(hello.agent, "was started anew", hello.workers);
  stop_strangers(peer, hello.workers);
  for (const auto& [id, job] : jobs_.all())
    with(*job, [&](Orders& orders) { job->on_agent_hello(hello.agent, hello.workers, now(), orders); });
  slots_changed_ = true;
}

void JobManager::on_body(const std::string& peer, const wire::AgentHeartbeat& beat) {
  switch (agents_.on_heartbeat(peer, beat, clock_.steady())) {
    case AgentRegistry::Beat::unknown:
      // It greets a job manager whose term is new to it.
      ++dropped_;
      return welcome(peer);
    case AgentRegistry::Beat::back:
      slots_changed_ = true;
      break;
    case AgentRegistry::Beat::known:
      break;
  }
  stop_strangers(peer, beat.workers);
}

void JobManager::welcome(const std::string& peer) {
  send(peer, wire::AgentWelcome{options_.heartbeat_interval, options_.silence_limit});
}

bool JobManager::is_living(const WorkerKey& worker) const {
  const Job* job = jobs_.find(worker.job);
  if (job == nullptr || job->is_over() || job->deployment() == nullptr) return false;
  const DeployedWorker* found = job->deployment()->find(worker);
  return found != nullptr && found->phase != WorkerPhase::ended;
}

// What runs of jobs, attempts or workers that are over: from before a loss, or from an older job manager.
void JobManager::stop_strangers(const std::string& peer, const std::vector<WorkerKey>& workers) {
  for (const WorkerKey& worker : workers)
    if (!is_living(worker)) send(peer, wire::StopWorker{worker, options_.kill_grace});
}

void JobManager::on_body(const std::string& peer, const wire::LibraryRequest& request) {
  const std::optional<std::uint64_t> size = libraries_.size_of(request.sha256);
  if (size && request.offset >= *size) {
    ++dropped_;
    return;
  }
  wire::LibraryChunk chunk{request.sha256, request.offset, size.value_or(0), {}};
  if (size) {
    Result<std::string> bytes = libraries_.read(request.sha256, request.offset, wire::kLibraryChunkBytes);
    if (bytes)
      chunk.bytes = std::move(*bytes);
    else
      chunk.total = 0;
  }
  send(peer, std::move(chunk));
}

void JobManager::on_worker_message(const std::string& peer, const WorkerKey& worker, const wire::ControlBody& body) {
  const auto* ended = std::get_if<wire::WorkerEnded>(&body);
  if (!is_living(worker)) {
    if (Job* job = jobs_.find(worker.job); ended != nullptr && job != nullptr && !job->is_over()) {
      job->note_crash(*ended, now());
      (void)journal_crashes(*job);
    }
    ++dropped_;
    const bool runs =
        std::holds_alternative<wire::WorkerHello>(body) || std::holds_alternative<wire::WorkerStatus>(body);
    if (runs) send(peer, wire::StopTasks{worker, false});
    return;
  }
  Job& job = *jobs_.find(worker.job);
  with(job, [&](Orders& orders) {
    if (!job.on_message(peer, body, now(), orders)) ++dropped_;
  });
  if (ended == nullptr) return;
  (void)journal_crashes(job);  // at the latest before the next attempt
  slots_changed_ = true;
}

Status JobManager::journal_crashes(Job& job) {
  for (const CrashedPlace& crash : job.crashes().not_journalled())
    if (Status durable = journal_.record_crash(job.id(), crash); !durable) return ++journal_failures_, durable;
  job.crashes().on_journalled();
  return {};
}

void JobManager::lose_agent(const std::string& agent, const std::string& why,
                            const std::vector<WorkerKey>& taken_over) {
  for (const auto& [id, job] : jobs_.all())
    with(*job, [&](Orders& orders) { job->on_agent_lost(agent, why, taken_over, now(), orders); });
  slots_changed_ = true;
}

base::SteadyTime JobManager::on_tick() {
  for (const std::string& agent : agents_.on_tick(clock_.steady()))
    lose_agent(agent, "silent for " + std::to_string(options_.silence_limit.count()) + " ms");
  settle_all_checkpoints();
  for (const auto& [id, job] : jobs_.all()) with(*job, [&](Orders& orders) { job->on_tick(now(), orders); });
  settle();
  base::SteadyTime next = agents_.next_deadline(clock_.steady() + kLongestWait);
  for (const auto& [id, job] : jobs_.all()) next = job->next_deadline(next);
  return next;
}

// What follows from whatever has just happened: ends are journalled, and slots that are free go to who waits.
void JobManager::settle() {
  bool any_ended = false;
  for (auto at = end_not_journalled_.begin(); at != end_not_journalled_.end();) {
    const Job* job = jobs_.find(*at);
    if (job == nullptr) {  // over for long, and no longer in the list
      at = end_not_journalled_.erase(at);
      continue;
    }
    if (!job->is_over()) {
      ++at;
      continue;
    }
    // Until it is durable, a restart finds the job not over, and would start it again: it is tried until it is.
    if (clock_.steady() < next_end_entry_) {
      ++at;
      continue;
    }
    any_ended = true;
    if (journal_.record_end(*at, job->end())) {
      at = end_not_journalled_.erase(at);
      continue;
    }
    ++journal_failures_;
    next_end_entry_ = clock_.steady() + kStorageRetry;
    ++at;
  }
  if (any_ended) forget_old_jobs();
  const bool any_due = std::ranges::any_of(jobs_.all(), [&](const auto& each) {
    return each.second->state() == dag::JobState::scheduling && each.second->restart_is_due(now());
  });
  if (any_ended || slots_changed_ || any_due) schedule();
  if (runner_.journalled() - compacted_at_ > kMaxCheckpointEntries) compact_journal();
  note_journal();
  tell_read_places();
}

// Jobs show it as long as it cannot be written; whether it can be again has to be tried.
void JobManager::note_journal() {
  if (!journal_.failure().empty() && next_journal_try_ <= clock_.steady()) {
    if (!journal_failure_.empty()) (void)journal_.record_term(term_, next_job_);
    next_journal_try_ = clock_.steady() + kStorageRetry;
  }
  if (journal_.failure().empty() != journal_failure_.empty())
    for (const auto& [id, job] : jobs_.all()) job->note_journal(journal_.failure(), now());
  journal_failure_ = journal_.failure();
}

Refusal JobManager::not_journalled(const std::string& what) const {
  return {Refusal::Code::no_room,
          what + ": " + journal_.failure() + "; what runs goes on. Give " + options_.data + " room, and ask again",
          {},
          {}};
}

// Keeps the journal in proportion to the list: rewritten once it holds as many forgotten jobs as the list may have.
void JobManager::forget_old_jobs() {
  const std::size_t before = jobs_.all().size();
  jobs_.prune();
  forgotten_ += before - jobs_.all().size();
  if (forgotten_ > options_.max_over_jobs) compact_journal();
}

void JobManager::compact_journal() {
  History history{term_, next_job_, {}};
  for (const auto& [id, job] : jobs_.all()) {
    RememberedJob& remembered = history.jobs[id];
    remembered = {job->revisions(),
                  job->submitted_ms(),
                  job->attempt(),
                  job->plan(),
                  job->checkpoints().last(),
                  job->wish(),
                  {},
                  job->crashes().places()};
    if (job->is_over()) remembered.end = job->end();
  }
  compacted_at_ = runner_.journalled();
  if (journal_.compact(history))
    forgotten_ = 0;
  else
    ++journal_failures_;
}

// ---- slots
// -----------------------------------------------------------------------------------------------------------

void JobManager::schedule() {
  slots_changed_ = false;
  for (const auto& [id, job] : jobs_.all()) {
    if (job->wants_slots(now())) schedule(*job);
  }
}

void JobManager::schedule(Job& job) {
  if (const Status settled = settle_checkpoints(job); !settled)
    return job.postpone("its checkpoints cannot be looked at: " + settled.error().message, kStorageRetry, now());
  if (const std::string& damage = job.checkpoints().damage(); !damage.empty()) {
    Orders none;
    return job.fail(damaged_cause(damage, job.checkpoints().damaged(), job.name()), now(), none);
  }
  std::vector<dag::AgentSlots> free;
  for (const auto& [name, agent] : agents_.all()) {
    const std::uint32_t used = used_slots(name, jobs_);
    if (!agent.is_lost && used < agent.hello.slots) free.push_back({name, agent.hello.slots - used});
  }
  dag::PlacementResult placed = dag::place(job.revision().plan, free, {job.submission().workers});
  if (!placed.is_placed()) return job.wait_for_slots(dag::to_text(placed, free), now());

  Orders orders;
  const Attempt attempt{job.attempt().value + 1};
  const std::optional<std::uint64_t> library = libraries_.size_of(job.submission().library_sha256);
  job.begin_revision();
  const Status revision = job.has_new_revision() ? journal_.record_revision(job.id(), job.revision()) : Status();
  if (revision) job.on_revision_journalled();
  const Status crashes = journal_crashes(job);
  if (!crashes) {
    job.postpone("its crashes cannot be journalled: " + crashes.error().message, kStorageRetry, now());
  } else if (!revision) {
    job.postpone("its revision cannot be journalled: " + revision.error().message, kStorageRetry, now());
  } else if (!library) {
    job.fail({Cause::Weight::root, "its library is no longer stored; submit it again", {}}, now(), orders);
  } else if (const Status durable = journal_.record_attempt(job.id(), attempt, placed.plan); !durable) {
    job.postpone("its next attempt cannot be journalled: " + durable.error().message, kStorageRetry, now());
  } else {
    job.deploy(attempt, std::move(placed.plan), *library, now(), orders);
  }
  send_all(orders);
}

// ---- requests
// --------------------------------------------------------------------------------------------------------

std::vector<Problem> JobManager::check(const Submission& submission) const {
  std::vector<Problem> problems;
  if (const Job* other = jobs_.active(submission.name))
    problems.push_back({"name " + submission.name,
                        "is taken by " + other->id_text() + ", which is " + state_text(other->state()),
                        "give another with --name, or: freshet cancel " + submission.name});
  if (base::is_sha256(submission.library_sha256) && !libraries_.size_of(submission.library_sha256))
    problems.push_back({"library", "sha256:" + submission.library_sha256 + " is not stored",
                        "PUT /v1/libraries/" + submission.library_sha256 + " comes first"});
  return problems;
}

Answer<SubmitAnswer> JobManager::submit(Submission submission) {
  CHECK(term_.value != 0, "a job manager recovers before it is asked");
  if (jobs_.active_count() >= options_.max_jobs)
    return Refusal{Refusal::Code::failed,
                   std::to_string(options_.max_jobs) + " jobs are not over; cancel one first: freshet list",
                   {},
                   {}};
  std::vector<Problem> problems = find_beginning(submission);
  Admission admission = admit(submission);
  const std::vector<Problem> unfit = check(submission);
  problems.insert(problems.end(), unfit.begin(), unfit.end());
  problems.insert(problems.end(), admission.problems.begin(), admission.problems.end());
  if (!problems.empty()) {
    const std::string count = std::to_string(problems.size()) + (problems.size() == 1 ? " error" : " errors");
    return Refusal{Refusal::Code::validation, "refused: " + count + ", nothing was started", std::move(problems), {}};
  }
  const JobId id{next_job_++};
  submission.run = run_name(submission, id, term_, now().wall_ms, options_.pid);
  const RememberedJob remembered{{{Revision{1}, submission, {}, now().wall_ms, "submitted", {}}}, now().wall_ms};
  if (!journal_.record_submitted(id, remembered)) return not_journalled("not accepted");
  Job& job = jobs_.add(
      std::make_unique<Job>(id, std::move(submission), std::move(admission.plan), options_, remembered.submitted_ms));
  end_not_journalled_.insert(id);
  schedule(job);
  SubmitAnswer answer = submit_answer(job);
  settle();
  return answer;
}

Answer<const Job*> JobManager::find_job(const std::string& text) const {
  JobTable::Found found = jobs_.find(text);
  if (found.job == nullptr) return no_such_job(text, std::move(found.near));
  return found.job;
}

Answer<std::string> JobManager::act_on(const std::string& text, const std::function<Status(Job&, Orders&)>& act) {
  JobTable::Found found = jobs_.find(text);
  if (found.job == nullptr) return no_such_job(text, std::move(found.near));
  const std::string id = found.job->id_text();
  Status done;
  with(*found.job, [&](Orders& orders) { done = act(*found.job, orders); });
  if (!done) return Refusal{Refusal::Code::bad_state, done.error().message, {}, {}};
  slots_changed_ = true;
  settle();
  return id;
}

Answer<std::string> JobManager::cancel(const std::string& text) {
  return act_on(text, [&](Job& job, Orders& orders) {
    // Should this fail, it is cancelled all the same, but for a job manager that is started anew before it is gone.
    if (!job.is_over() && !journal_.record_wish(job.id(), {job.wish().paused, true})) ++journal_failures_;
    return job.cancel(now(), orders);
  });
}

Answer<std::string> JobManager::pause(const std::string& text, bool paused) {
  return act_on(text, [&](Job& job, Orders& orders) -> Status {
    if (Status done = paused ? job.pause(now(), orders) : job.resume(now(), orders); !done) return done;
    if (!journal_.record_wish(job.id(), job.wish())) ++journal_failures_;
    return {};
  });
}

Answer<JobView> JobManager::job(const std::string& text) const {
  JobTable::Found found = jobs_.find(text);
  if (found.job == nullptr) return no_such_job(text, std::move(found.near));
  return job_view(*found.job, now());
}

JobListView JobManager::jobs() const {
  JobListView view{1, now().wall_ms, {}};
  for (const auto& [id, job] : jobs_.all()) view.jobs.push_back(job_line(*job));
  return view;
}

ClusterView JobManager::cluster() const {
  ClusterView view;
  const auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - started_);
  view.manager = {options_.address, options_.pid, options_.version,    uptime.count(),
                  options_.data,    term_.value,  options_.checkpoints};
  for (const auto& [name, agent] : agents_.all()) view.agents.push_back(agent_view(agent, jobs_, now()));
  return view;
}

}  // namespace freshet::manager
