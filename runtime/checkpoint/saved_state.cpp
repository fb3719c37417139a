#include "runtime/checkpoint/saved_state.h"

#include <algorithm>
#include <functional>
#include <map>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"

namespace freshet::checkpoint {

namespace {

/// Of an entry in one task.
struct Address {
  std::string_view key{};
  std::string_view map_key{};
  auto operator<=>(const Address&) const = default;
};

/// An address that owns its bytes, found by one that does not.
struct OwnAddress {
  std::string key{};
  std::string map_key{};
  Address view() const { return {key, map_key}; }
};
struct InOrder {
  using is_transparent = void;
  static Address view(const Address& address) { return address; }
  static Address view(const OwnAddress& address) { return address.view(); }
  template <class Left, class Right>
  bool operator()(const Left& left, const Right& right) const {
    return view(left) < view(right);
  }
};

using Declaration = std::shared_ptr<const StateDeclaration>;

/// Of all entries of one task that it is given, oldest first, keeps the newest of each of the first addresses behind a
/// position. Once an address did not fit, none behind it is taken any more, also when there is room again: those given
/// up would be missing before it.
class FirstEntries {
 public:
  FirstEntries(Address after, std::size_t most_entries, std::size_t most_bytes)
      : after_(after), most_entries_(most_entries), most_bytes_(most_bytes) {}

  void take(const StateEntry& entry, const Declaration& declaration) {
    const Address address{entry.key, entry.map_key};
    if (address.key < after_.key || (given_up_ && address.key > given_up_->key)) return;
    if (!entry.erased && lives_as_one(*declaration)) note_written(entry);
    if (address <= after_ || (given_up_ && address >= given_up_->view())) return;
    auto found = kept_.find(address);
    if (found == kept_.end()) found = kept_.try_emplace({std::string(entry.key), std::string(entry.map_key)}).first;
    bytes_ += entry.value.size();
    bytes_ -= found->second.value.size();
    if (found->second.declaration == nullptr) bytes_ += entry.key.size() + entry.map_key.size();
    found->second = {std::string(entry.value), entry.written_ms, entry.erased, declaration};
    while (kept_.size() > most_entries_ || (bytes_ > most_bytes_ && kept_.size() > 1)) give_up_last();
  }

  bool empty() const { return kept_.empty(); }
  std::size_t bytes() const { return bytes_; }
  /// More stands behind what it keeps.
  bool has_more() const { return given_up_.has_value(); }

  /// Moves what it keeps behind the entries of the page.
  void move_to(StatePage& page, std::uint32_t task, std::int64_t now_ms) {
    for (auto& [address, kept] : kept_) {
      last_ = {task, address.key, address.map_key};
      if (kept.erased) continue;
      if (lives_as_one(*kept.declaration)) kept.written_ms = written_[address.key];
      if (is_over(kept, now_ms))
        ++page.expired;
      else
        page.entries.push_back({last_, std::move(kept.value), kept.written_ms, std::move(kept.declaration)});
    }
  }
  const StatePosition& last() const { return last_; }

 private:
  struct Kept {
    std::string value{};
    std::int64_t written_ms = StateEntry::kNoStamp;
    bool erased = false;
    Declaration declaration{};
  };

  /// A map lives as long as what was written into it last, which any of its entries may tell.
  static bool lives_as_one(const StateDeclaration& declaration) { return declaration.kind == "map"; }
  static bool is_over(const Kept& kept, std::int64_t now_ms) {
    const std::int64_t ttl_ms = std::max<std::int64_t>(0, kept.declaration->ttl.count());
    const bool expires = kept.declaration->ttl != Duration::max() && kept.written_ms != StateEntry::kNoStamp;
    return expires && kept.written_ms <= now_ms - ttl_ms;
  }
  void note_written(const StateEntry& entry) {
    const auto found = written_.find(entry.key);
    if (found == written_.end())
      written_.emplace(entry.key, entry.written_ms);
    else
      found->second = std::max(found->second, entry.written_ms);
  }
  void give_up_last() {
    const auto last = std::prev(kept_.end());
    bytes_ -= last->second.value.size() + last->first.key.size() + last->first.map_key.size();
    given_up_ = last->first;
    kept_.erase(last);
    written_.erase(written_.upper_bound(given_up_->key), written_.end());
  }

  const Address after_;
  const std::size_t most_entries_;
  const std::size_t most_bytes_;
  std::map<OwnAddress, Kept, InOrder> kept_;                  // those that are erased, too: they hide older ones
  std::map<std::string, std::int64_t, std::less<>> written_;  // when the map of a key was, newest
  std::size_t bytes_ = 0;
  std::optional<OwnAddress> given_up_;  // the first of all that did not fit
  StatePosition last_{};
};

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
    if (page.entries.size() >= query.most_entries || bytes >= StateQuery::kMaxPageBytes) {
      page.next = after;
      break;
    }
    FirstEntries entries({after.key, after.map_key}, query.most_entries - page.entries.size(),
                         StateQuery::kMaxPageBytes - bytes);
    if (const auto done = read_task(storage, manifest, *ref, query, entries); !done) return done.error();
    entries.move_to(page, index, query.now_ms);
    bytes += entries.bytes();
    if (entries.has_more()) page.next = entries.last();
    if (entries.has_more() || query.key) break;
  }
  return page;
}

}  // namespace freshet::checkpoint
