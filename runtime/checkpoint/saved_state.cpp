#include "runtime/checkpoint/saved_state.h"

#include <algorithm>
#include <functional>
#include <map>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/first_entries.h"
#include "runtime/checkpoint/snapshot_file.h"

namespace freshet::checkpoint {

namespace {

using TakeSection = std::function<Status(const SnapshotReader::Section&, SnapshotReader&)>;

/// Calls `take` for each list of states of the operator in a file of the task.
Status read_file(CheckpointStorage& storage, const Manifest& manifest, TaskId task, const wire::StoredFile& file,
                 std::string_view operator_id, const TakeSection& take) {
  const auto refuse = [&](const std::string& what) { return Error{file.name + ": " + what}; };
  const auto id = parse_snapshot_name(file.name);
  if (!id) return id.error();
  if (id->job != manifest.job || id->task != task) return refuse("it is none of this task's files");
  const auto bytes = storage.get(file.name, std::min(file.bytes, kMaxSnapshotBytes));
  if (!bytes) return bytes.error();
  auto reader = SnapshotReader::open(*bytes, *id);
  if (!reader) return refuse(reader.error().message);
  if (checksum_of(*bytes) != file.checksum) return refuse("it is sound, but not the file that the manifest means");
  SnapshotReader::Section section;
  while (reader->next_section(section)) {
    if (section.kind != "state" || section.operator_id != operator_id) continue;
    if (const auto taken = take(section, *reader); !taken)
      return refuse("state " + std::string(section.name) + ": " + taken.error().message);
  }
  return {};
}

Result<StateDeclaration> read_declaration(SnapshotReader& reader) {
  std::string_view record;
  StateDeclaration declaration;
  if (!reader.next_record(record) || !decode_all(record, declaration)) return Error{"its declaration is malformed"};
  return declaration;
}

/// Gives `entries` what a file holds of the state.
Status read_entries(CheckpointStorage& storage, const Manifest& manifest, TaskId task, const wire::StoredFile& file,
                    const StateQuery& query, FirstEntries& entries) {
  Declaration last;
  return read_file(storage, manifest, task, file, query.operator_id, [&](const auto& section, auto& reader) -> Status {
    if (section.name != query.state) return {};
    auto declaration = read_declaration(reader);
    if (!declaration) return declaration.error();
    if (last == nullptr || *last != *declaration) last = std::make_shared<const StateDeclaration>(*declaration);
    std::string_view record;
    while (reader.next_record(record)) {
      StateEntry entry;
      if (!read_state_entry(record, entry)) return Error{"an entry is malformed"};
      if (!query.key || entry.key == *query.key) entries.take(entry, last);
    }
    return {};
  });
}

Status read_task(CheckpointStorage& storage, const Manifest& manifest, const SnapshotRef& ref, const StateQuery& query,
                 FirstEntries& entries) {
  auto files = ref.files();
  const bool newest_tells = query.key && !query.is_map;
  if (newest_tells) std::reverse(files.begin(), files.end());
  for (const auto& file : files) {
    if (const auto done = read_entries(storage, manifest, ref.task, file, query, entries); !done) return done;
    if (newest_tells && !entries.empty()) break;
  }
  return {};
}

/// The snapshots of a chain, by task.
std::map<std::uint32_t, const SnapshotRef*> snapshots_of(const Manifest& manifest, std::uint32_t chain) {
  std::map<std::uint32_t, const SnapshotRef*> found;
  for (const auto& ref : manifest.snapshots) {
    if (ref.task.chain == chain && !ref.name.empty()) found[ref.task.index] = &ref;
  }
  return found;
}

/// Those of a task's files that were written for the newest checkpoint it was saved in.
std::vector<wire::StoredFile> newest_files(const SnapshotRef& ref) {
  const auto newest = parse_snapshot_name(ref.name);
  auto files = ref.files();
  std::erase_if(files, [&](const auto& file) {
    const auto id = parse_snapshot_name(file.name);
    return !id || !newest || id->checkpoint != newest->checkpoint;
  });
  return files;
}
std::uint64_t bytes_of(const std::vector<wire::StoredFile>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) bytes += file.bytes;
  return bytes;
}

}  // namespace

std::optional<std::uint32_t> chain_of(const Manifest& manifest, std::string_view operator_id) {
  for (std::uint32_t chain = 0; chain < manifest.chains.size(); ++chain) {
    const auto& ids = manifest.chains[chain].operator_ids;
    if (std::find(ids.begin(), ids.end(), operator_id) != ids.end()) return chain;
  }
  return std::nullopt;
}

Result<std::vector<StateDeclaration>> saved_states(CheckpointStorage& storage, const Manifest& manifest,
                                                   std::string_view operator_id) {
  std::vector<StateDeclaration> states;
  const auto chain = chain_of(manifest, operator_id);
  if (!chain) return states;
  // Every task declares every state in every checkpoint.
  TaskId task;
  std::vector<wire::StoredFile> smallest;
  for (const auto& [index, ref] : snapshots_of(manifest, *chain)) {
    auto files = newest_files(*ref);
    if (!smallest.empty() && bytes_of(smallest) <= bytes_of(files)) continue;
    task = ref->task;
    smallest = std::move(files);
  }
  for (const auto& file : smallest) {
    const auto take = [&](const auto& section, auto& reader) -> Status {
      const auto is_it = [&](const auto& known) { return known.name == section.name; };
      if (std::any_of(states.begin(), states.end(), is_it)) return {};
      auto declaration = read_declaration(reader);
      if (!declaration) return declaration.error();
      states.push_back(*std::move(declaration));
      states.back().name = section.name;
      return {};
    };
    if (const auto done = read_file(storage, manifest, task, file, operator_id, take); !done) return done.error();
  }
  return states;
}

Result<StatePage> read_state(CheckpointStorage& storage, const Manifest& manifest, const StateQuery& query) {
  StatePage page;
  const auto chain = chain_of(manifest, query.operator_id);
  if (!chain || manifest.key_groups == 0 || query.most_entries == 0) return page;
  const auto snapshots = snapshots_of(manifest, *chain);
  StatePosition after = query.after;
  auto next = snapshots.lower_bound(after.task);
  if (query.key) {
    const auto group = key_group_of(query.key_hash, manifest.key_groups);
    next = snapshots.find(task_of_key_group(group, manifest.key_groups, manifest.chains[*chain].parallelism));
  }
  std::size_t bytes = 0;
  for (; next != snapshots.end(); ++next) {
    const auto& [index, ref] = *next;
    if (index != after.task) after = {index, {}, {}};
    if (page.entries.size() >= query.most_entries || bytes >= query.most_bytes) {
      page.next = after;
      break;
    }
    FirstEntries entries({after.key, after.map_key}, query.most_entries - page.entries.size(),
                         query.most_bytes - bytes);
    if (const auto done = read_task(storage, manifest, *ref, query, entries); !done) return done.error();
    entries.move_to(page, index, query.now_ms);
    bytes += entries.bytes();
    if (entries.has_more()) page.next = entries.last();
    if (entries.has_more() || query.key) break;
  }
  return page;
}

}  // namespace freshet::checkpoint
