#include "tests/runtime/job_manager/fake_cluster.h"

#include <freshet/snapshot.h>
#include <gtest/gtest.h>

#include <csignal>

#include "dag/codec.h"
#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"

namespace freshet::manager {

FakeCluster::FakeCluster(ManagerOptions options) : options_(std::move(options)) {
  EXPECT_TRUE(libraries.put(base::sha256_hex(library), library).ok());
  restart_manager();
}

void FakeCluster::restart_manager() {
  manager = std::make_unique<JobManager>(options_, clock, *this, journal, libraries, checkpoints);
  ASSERT_TRUE(manager->recover().ok());
}

void FakeCluster::add_agent(const std::string& name, std::uint32_t slots, std::uint64_t pid) {
  agents[name] = {name, "host-" + name, slots, pid, "0.1", {}};
  silent.erase(name);
  for (const auto& [key, agent] : processes)
    if (agent == name) agents[name].workers.push_back(key);
  say("agent " + name, agents[name]);
}

void FakeCluster::say(const std::string& peer, wire::ControlBody body) {
  wire.push_back({peer, {manager->term(), std::move(body)}});
}

void FakeCluster::end_worker(const WorkerKey& key, int code, int signal, std::optional<wire::RecordTrace> crash) {
  const auto process = processes.find(key);
  if (process == processes.end()) return;
  const std::string agent = process->second;
  processes.erase(process);
  running.erase(key);
  if (!silent.contains(agent))
    say("agent " + agent, wire::WorkerEnded{key, code, signal, "last words", std::move(crash)});
}

void FakeCluster::finish_all(JobId id) {
  for (const WorkerKey& key : std::set<WorkerKey>(running))
    if (key.job == id) from_worker(key, wire::TasksFinished{key});
}

void FakeCluster::deliver() {
  while (!wire.empty()) {
    Waiting next = std::move(wire.front());
    wire.pop_front();
    delivered.push_back(next);
    manager->on_message(next.peer, next.message);
  }
}

void FakeCluster::run_for(std::chrono::milliseconds time) {
  for (; time.count() > 0; time -= std::chrono::milliseconds(100)) {
    clock.advance(std::chrono::milliseconds(100));
    for (const auto& [name, hello] : agents) {
      if (silent.contains(name)) continue;
      wire::AgentHeartbeat beat{name, 10, 1, 2, 3, {}};
      for (const auto& [key, agent] : processes)
        if (agent == name) beat.workers.push_back(key);
      say("agent " + name, std::move(beat));
    }
    for (const WorkerKey& key : running)
      if (!deaf.contains(key)) from_worker(key, status_of(key));
    deliver();
    manager->on_tick();
    deliver();
  }
}

wire::WorkerStatus FakeCluster::status_of(const WorkerKey& key) {
  wire::WorkerStatus status{key, {}, 0, 0, {}, held.contains(key)};
  for (const dag::Placement& task : prepared.at(key).plan.tasks) {
    const auto waiting = uncommitted.find({task.chain, task.index});
    if (task.worker != key.worker.value || waiting == uncommitted.end()) continue;
    status.tasks.emplace_back().task = waiting->first;
    status.tasks.back().uncommitted_bytes = waiting->second;
  }
  return status;
}

void FakeCluster::send(const std::string& peer, const wire::ControlMessage& message) {
  from_manager.emplace_back(peer, message);
  const bool is_agent = peer.starts_with("agent ");
  if (is_agent && silent.contains(peer.substr(6))) return;
  std::visit([&](const auto& body) { act(is_agent ? peer.substr(6) : peer, body); }, message.body);
}

void FakeCluster::act(const std::string& agent, const wire::StartWorker& start) {
  if (!processes.emplace(start.worker, agent).second) return;
  say("agent " + agent, wire::WorkerStarted{start.worker, 100 + start.worker.worker.value});
  if (!never_say_hello.contains(start.worker))
    from_worker(start.worker,
                wire::WorkerHello{start.worker, 100 + start.worker.worker.value, "tcp://" + to_string(start.worker)});
}

void FakeCluster::act(const std::string&, const wire::ChangeLetters& change) {
  if (!letters_changed) return;
  wire::LettersChanged answer = *letters_changed;
  answer.worker = change.worker;
  answer.number = change.number;
  from_worker(change.worker, answer);
}

void FakeCluster::act(const std::string&, const wire::StopWorker& stop) {
  if (!deaf_to_stop.contains(stop.worker)) end_worker(stop.worker, 0, SIGTERM);
}

void FakeCluster::act(const std::string&, const wire::PrepareWorker& prepare) {
  if (deaf.contains(prepare.worker)) return;
  prepared.emplace(prepare.worker, prepare);
  wire::WorkerPrepared answer{prepare.worker, prepare.plan.fingerprint + (wrong_fingerprint ? 1 : 0), {}, {}};
  if (const auto problem = find_problem.find(prepare.worker); problem != find_problem.end())
    answer.problems.push_back(problem->second);
  if (says_damaged) answer.problems.push_back({"job shop", "checkpoint 2: a byte is wrong", ""});
  answer.is_damaged = says_damaged;
  if (serves_reads) answer.reads = "reads of " + to_string(prepare.worker);
  answer.splits.push_back({0, {{"in/a.csv", 0, 10}, {"in/b.csv", 0, 20}, {"in/b.csv", 20, 40}}});
  answer.splits[0].splits.resize(answer.splits[0].splits.size() + extra_splits);
  from_worker(prepare.worker, answer);
}

void FakeCluster::act(const std::string&, const wire::StartTasks& start) {
  if (deaf.contains(start.worker)) return;
  running.insert(start.worker);
  from_worker(start.worker, wire::WorkerRunning{start.worker});
}

void FakeCluster::act(const std::string&, const wire::StopTasks& stop) {
  if (!deaf.contains(stop.worker) && !deaf_to_stop.contains(stop.worker)) end_worker(stop.worker, 0, 0);
}

void FakeCluster::act(const std::string&, const wire::InjectBarrier& barrier) {
  if (!saves) return;
  // As if the barrier reached the tasks of all workers at once.
  for (const WorkerKey& key : running) {
    if (key.job != barrier.worker.job || key.attempt != barrier.worker.attempt || deaf.contains(key)) continue;
    for (const dag::Placement& task : prepared.at(key).plan.tasks) {
      if (task.worker != key.worker.value) continue;
      const TaskId saved{task.chain, task.index};
      wire::SnapshotInfo snapshot = snapshot_of(key, saved, barrier.checkpoint);
      if (const auto counted = tallies.find(saved); counted != tallies.end()) snapshot.tallies = counted->second;
      from_worker(key, wire::SnapshotStored{key, saved, barrier.checkpoint, snapshot});
    }
  }
}

wire::SnapshotInfo FakeCluster::snapshot_of(const WorkerKey& key, TaskId task, CheckpointId checkpoint) {
  if (!saves_files) return {"snapshot-" + std::to_string(checkpoint.value), 10, 7, false, {}};
  const checkpoint::SnapshotId id{key.job, key.attempt, checkpoint, task};
  checkpoint::SnapshotWriter writer(id);
  writer.begin_section("state", "totals", "counts");
  ByteBuffer record;
  encode(record, StateDeclaration{"counts", "value", schema_of<std::string>(), {}, schema_of<std::uint64_t>()});
  writer.put(record.view());
  ByteBuffer item, count;
  encode_key(item, std::string("a/b"));
  encode(count, checkpoint.value);
  record.clear();
  append_state_entry(record, {.key_hash = key_hash(std::string("a/b")), .key = item.view(), .value = count.view()});
  writer.put(record.view());
  const std::string bytes = writer.finish();
  EXPECT_TRUE(checkpoints.publish(checkpoint::snapshot_name(id), bytes)) << "a worker may be asked twice";
  return {checkpoint::snapshot_name(id), bytes.size(), checkpoint::checksum_of(bytes), false, {}};
}

void FakeCluster::act(const std::string&, const wire::PauseSources& pause) {
  if (deaf.contains(pause.worker)) return;
  if (pause.paused)
    held.insert(pause.worker);
  else
    held.erase(pause.worker);
}

void FakeCluster::act(const std::string&, const wire::EndStream& end) {
  if (!deaf.contains(end.worker)) from_worker(end.worker, wire::TasksFinished{end.worker});
}

void FakeCluster::end_data(JobId id) {
  for (const WorkerKey& key : std::set<WorkerKey>(running))
    if (key.job == id) from_worker(key, wire::DataEnded{key});
}

JobId FakeCluster::submit_with_checkpoints(const std::string& name, const RestartPolicy& restart) {
  Submission wanted = submission(name);
  wanted.checkpoint_interval = Duration(1000);
  wanted.restart = restart;
  const auto answer = manager->submit(std::move(wanted));
  EXPECT_TRUE(std::holds_alternative<SubmitAnswer>(answer));
  return std::prev(manager->table().all().end())->first;
}

Submission FakeCluster::submission(const std::string& name, std::uint32_t parallelism, std::uint32_t workers) {
  Submission submission;
  submission.name = name;
  submission.job = "shop";
  submission.library_name = "libshop.so";
  submission.library_sha256 = base::sha256_hex(library);
  submission.default_parallelism = parallelism;
  submission.workers = workers;
  submission.checkpoint_interval = Duration(0);
  submission.restart.kind = RestartKind::none;
  const Schema record = schema_of<wire::NamedValue>();
  OperatorNode events, totals;
  events.id = "events";
  events.kind = OperatorKind::source;
  events.inputs = 0;
  events.outputs = {{"out", record}};
  totals.id = "totals";
  totals.kind = OperatorKind::sink;
  totals.input_records = {record};
  totals.counters = {"seen"};
  Edge edge;
  edge.from = 0;
  edge.to = 1;
  edge.grouping = Grouping::fields;
  edge.key_fields = {"name"};
  edge.record = record;
  submission.graph.job = "shop";
  submission.graph.operators = {events, totals};
  submission.graph.edges = {edge};
  return submission;
}

JobId FakeCluster::submit(const std::string& name, std::uint32_t parallelism, std::uint32_t workers) {
  const Answer<SubmitAnswer> answer = manager->submit(submission(name, parallelism, workers));
  if (const Refusal* refusal = std::get_if<Refusal>(&answer)) {
    ADD_FAILURE() << refusal->message
                  << (refusal->problems.empty()
                          ? ""
                          : ": " + refusal->problems[0].where + " " + refusal->problems[0].message);
    return {};
  }
  return manager->table().all().rbegin()->first;
}

std::uint32_t FakeCluster::used(const std::string& agent) const {
  for (const AgentView& view : manager->cluster().agents)
    if (view.id == agent) return view.used;
  return 0;
}

std::string base64_of(const LogicalGraph& graph) {
  ByteBuffer encoded;
  dag::encode_graph(encoded, graph);
  const std::string_view bytes = encoded.view();
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = (bits << 8) | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kDigits[(bits >> (18 - 6 * k)) & 63];
  }
  return text;
}

}  // namespace freshet::manager
