#include "runtime/job_manager/checkpoint_runner.h"

#include <algorithm>
#include <set>

#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/verify.h"
#include "runtime/job_manager/edge_audit.h"

namespace freshet::manager {

using checkpoint::Manifest;
using checkpoint::ManifestKind;

namespace {

/// Whose it is and what it is: what void manifests have, too.
Manifest head_of(const Job& job, CheckpointId id, BarrierKind kind, std::int64_t created_ms) {
  Manifest manifest;
  manifest.job = job.id();
  manifest.job_name = job.name();
  manifest.attempt = job.attempt();
  manifest.revision = job.revision().number;
  manifest.checkpoint = id;
  manifest.barrier = kind;
  manifest.created_ms = created_ms;
  manifest.key_groups = job.plan().key_groups;
  return manifest;
}

std::vector<ChainProgress> chains_of(const Job& job) {
  std::vector<ChainProgress> chains;
  const auto& operators = job.submission().graph.operators;
  for (const auto& chain : job.plan().chains)
    chains.push_back({operators.at(chain.operators.front()).id, chain.parallelism, 0});
  return chains;
}

}  // namespace

Manifest manifest_of(const Job& job, const Publish& publish, std::int64_t created_ms,
                     std::vector<checkpoint::EdgeBalance> edges) {
  Manifest manifest = head_of(job, publish.id, publish.kind, created_ms);
  const auto& operators = job.submission().graph.operators;
  for (const auto& chain : job.plan().chains) {
    checkpoint::ChainShape shape{{}, chain.parallelism};
    for (const auto node : chain.operators) shape.operator_ids.push_back(operators.at(node).id);
    manifest.chains.push_back(std::move(shape));
  }
  manifest.snapshots = publish.refs();
  for (const auto& [task, info] : publish.snapshots) {
    for (const auto& handle : info.handles) manifest.handles.push_back({handle.operator_id, task.index, handle.bytes});
  }
  manifest.edges = std::move(edges);
  return manifest;
}

void CheckpointRunner::carry_out(Job& job, Moment now, Orders& orders) {
  while (job.checkpoints().has_decisions()) {
    for (const auto& decision : job.checkpoints().take_decisions()) {
      note(job, decision, now);
      std::visit([&](const auto& each) { act(job, each, now, orders); }, decision);
    }
    job.on_checkpoints_noted(now);
  }
}

/// For whoever asks what became of it.
void CheckpointRunner::note(Job& job, const CheckpointDecision& decision, Moment now) {
  CheckpointHistory& history = job.checkpoints().history();
  std::visit(
      [&]<class Decision>(const Decision& each) {
        if constexpr (std::is_same_v<Decision, JournalId>)
          history.note(each, job.attempt(), chains_of(job), now.steady, now.wall_ms);
        else if constexpr (requires { history.note(each, now.steady); })
          history.note(each, now.steady);
        else if constexpr (requires { history.note(each); })
          history.note(each);
      },
      decision);
}

void CheckpointRunner::act(Job& job, const JournalId& decision, Moment now, Orders&) {
  ++journalled_;
  job.checkpoints().on_journalled(decision.id, journal_.record_checkpoint(job.id(), decision.id), now.steady);
}

void CheckpointRunner::act(Job& job, const Inject& decision, Moment, Orders& orders) {
  job.inject_barrier(decision.id, decision.kind, orders);
}

void CheckpointRunner::act(Job& job, const Publish& decision, Moment now, Orders&) {
  auto edges = balance_edges(job, decision);
  if (!edges) return job.checkpoints().on_unbalanced(decision.id, edges.error().message, now.steady);
  job.checkpoints().set_balance(job.attempt(), *edges);
  publish(job, {decision, now.wall_ms, std::move(*edges)}, now);
}

void CheckpointRunner::publish(Job& job, const Publication& publication, Moment now) {
  const Publish& decision = publication.decision;
  auto& checkpoints = job.checkpoints();
  const auto bytes = checkpoint::encode_manifest(manifest_of(job, decision, publication.created_ms, publication.edges));
  if (!bytes) return checkpoints.on_publish_failed(decision.id, bytes.error(), now.steady);
  const std::string name = checkpoint::manifest_name(job.id(), decision.id);
  const auto published = storage_.publish(name, *bytes);
  if (published && *published) return checkpoints.on_published(decision.id, true, now.steady);
  // There is one already, or it is not certain: what counts is what can be read.
  const auto there = storage_.get(name, checkpoint::kMaxManifestBytes);
  if (there && published) return checkpoints.on_published(decision.id, *there == *bytes, now.steady);
  const auto again = storage_.publish(name, *bytes);
  if (again && (*again || (there && *there == *bytes))) return checkpoints.on_published(decision.id, true, now.steady);
  const auto listed = checkpoint::list_checkpoints(storage_, job.id());
  const bool is_absent = listed && std::ranges::find(*listed, decision.id) == listed->end();
  if (is_absent) checkpoints.on_publish_failed(decision.id, again ? Error{} : again.error(), now.steady);
  // Else nothing is known. Should that last, its time-out fails the attempt, and recovery settles it.
  if (!is_absent) unanswered_[job.id()] = publication;
}

void CheckpointRunner::ask_again(Job& job, Moment now) {
  remove_leftovers(job);
  const auto found = unanswered_.find(job.id());
  if (found == unanswered_.end()) return;
  const Publication publication = std::move(found->second);
  unanswered_.erase(found);
  const auto* coordinator = job.checkpoints().coordinator();
  if (job.is_over() || job.deployment() == nullptr || coordinator == nullptr) return;
  const auto open = coordinator->summary().open;
  if (!open || open->id != publication.decision.id || open->state != PendingState::publishing) return;
  publish(job, publication, now);
}

void CheckpointRunner::act(Job& job, const NotifyCommit& decision, Moment, Orders& orders) {
  job.commit_checkpoint(decision.id, decision.kind, orders);
}

void CheckpointRunner::act(Job& job, const Prune& decision, Moment, Orders&) {
  leftovers_[job.id()].insert(decision.ids.begin(), decision.ids.end());
  remove_leftovers(job);
}

/// A manifest goes before its files do: while it stands, somebody may restore from it.
void CheckpointRunner::remove_leftovers(const Job& job) {
  const auto found = leftovers_.find(job.id());
  if (found == leftovers_.end()) return;
  std::erase_if(found->second,
                [&](CheckpointId id) { return storage_.remove(checkpoint::manifest_name(job.id(), id)).ok(); });
  failures_ += found->second.size();
  if (!found->second.empty()) return;
  leftovers_.erase(found);
  remove_snapshots(job);
}

/// Files that no checkpoint which is kept needs. One that is still to come may build on those of numbers above all that
/// are complete, and on what the newest of these needs.
void CheckpointRunner::remove_snapshots(const Job& job) {
  const auto& complete = job.checkpoints().complete();
  if (complete.empty()) return;
  std::set<std::string, std::less<>> kept;
  for (const KeptCheckpoint& each : complete) kept.insert(each.files.names.begin(), each.files.names.end());
  const std::string folder = checkpoint::snapshot_folder(job.id());
  const auto files = storage_.list(folder);
  if (!files) return void(++failures_);
  for (const std::string& file : *files) {
    const std::string name = folder + "/" + file;
    const auto id = checkpoint::parse_snapshot_name(name);
    if (!id || kept.contains(name) || id->checkpoint > complete.back().id) continue;
    if (!storage_.remove(name)) ++failures_;
  }
}

void CheckpointRunner::act(Job& job, const Abandon& decision, Moment now, Orders&) {
  job.note_checkpoint_given_up(decision, now);
}

void CheckpointRunner::act(Job& job, const FailAttempt& decision, Moment now, Orders& orders) {
  job.fail({Cause::Weight::root, decision.why, {}}, now, orders);
}

void CheckpointRunner::act(Job& job, const Fenced& decision, Moment now, Orders& orders) {
  job.fail({Cause::Weight::root,
            "checkpoint " + std::to_string(decision.id.value) + " was settled by another job manager",
            {}},
           now, orders);
}

void CheckpointRunner::act(Job& job, const RequestEnded& decision, Moment now, Orders& orders) {
  job.on_request_ended(decision, now, orders);
}

Status CheckpointRunner::remove_all(JobId job) {
  leftovers_.erase(job);
  for (const std::string& folder : {checkpoint::manifest_folder(job), checkpoint::snapshot_folder(job)}) {
    const auto files = storage_.list(folder);
    if (!files) return files.error();
    for (const std::string& file : *files)
      if (auto removed = storage_.remove(folder + "/" + file); !removed) return removed;
  }
  return {};
}

Status CheckpointRunner::remove_damaged(JobId job, CheckpointId id) {
  return storage_.remove(checkpoint::manifest_name(job, id));
}

Result<SettledCheckpoints> CheckpointRunner::settle(const Job& job, std::optional<CheckpointId> last) {
  if (last && last->value != 0) {
    Manifest nothing = head_of(job, *last, BarrierKind::checkpoint, 0);
    nothing.kind = ManifestKind::void_;
    const auto bytes = checkpoint::encode_manifest(nothing);
    if (!bytes) return bytes.error();
    const auto published = storage_.publish(checkpoint::manifest_name(job.id(), *last), *bytes);
    if (!published) return published.error();
  }
  const auto listed = checkpoint::list_checkpoints(storage_, job.id());
  if (!listed) return listed.error();
  SettledCheckpoints settled;
  for (const CheckpointId id : *listed) {
    const auto bytes = storage_.get(checkpoint::manifest_name(job.id(), id), checkpoint::kMaxManifestBytes);
    if (!bytes) return bytes.error();
    const auto manifest = checkpoint::decode_manifest(*bytes);
    if (!manifest) {
      settled.damage = "checkpoint " + std::to_string(id.value) + " is damaged: " + manifest.error().message;
      settled.damaged = id;
    } else if (manifest->kind == ManifestKind::complete) {
      settled.complete.push_back({id, manifest->barrier, manifest->created_ms,
                                  checkpoint::needed_files(id, manifest->snapshots), manifest->attempt,
                                  manifest->edges});
      settled.damage.clear();
    }
  }
  return settled;
}

}  // namespace freshet::manager
