#include "runtime/checkpoint/state_inventory.h"

#include <algorithm>
#include <map>

#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"

namespace freshet::checkpoint {

namespace {

class SavedStateReader {
 public:
  explicit SavedStateReader(const Manifest& manifest) {
    for (const auto& chain : manifest.chains)
      for (const auto& id : chain.operator_ids)
        if (by_id_.emplace(id, operators_.size()).second) operators_.push_back({id, false, {}});
  }

  Status read(CheckpointStorage& storage, const wire::StoredFile& file) {
    const auto bytes = storage.get(file.name, std::min(file.bytes, kMaxSnapshotBytes));
    if (!bytes) return bytes.error();
    const auto id = parse_snapshot_name(file.name);
    if (!id) return id.error();
    auto reader = SnapshotReader::open(*bytes, *id);
    if (!reader) return reader.error();
    if (checksum_of(*bytes) != file.checksum) return Error{"it is sound, but not the file that the manifest means"};
    SnapshotReader::Section section;
    while (reader->next_section(section)) {
      const auto found = by_id_.find(section.operator_id);
      if (found == by_id_.end()) continue;  // nobody takes it back
      if (section.kind == "splits") operators_[found->second].is_source = true;
      if (section.kind != "state") continue;
      if (const auto done = read_state(operators_[found->second], section, *reader); !done) return done;
    }
    return {};
  }

  std::vector<SavedOperator> take() { return std::move(operators_); }

 private:
  Status read_state(SavedOperator& saved, const SnapshotReader::Section& section, SnapshotReader& reader) {
    const auto what = [&] { return "state " + std::string(section.name) + " of operator " + saved.id; };
    std::string_view record;
    StateDeclaration declaration;
    if (!reader.next_record(record) || !decode_all(record, declaration))
      return Error{"the declaration of " + what() + " is malformed"};
    declaration.name = section.name;  // by which it is taken back
    SavedState* state = find_or_add(saved, declaration);
    if (state == nullptr) return Error{"it holds more than " + std::to_string(kMaxSavedStates) + " states"};
    while (reader.next_record(record)) {
      ++state->entries;
      state->bytes += record.size();
    }
    return {};
  }

  SavedState* find_or_add(SavedOperator& saved, const StateDeclaration& declaration) {
    const auto known = std::find_if(saved.states.begin(), saved.states.end(),
                                    [&](const auto& each) { return each.declaration == declaration; });
    if (known != saved.states.end()) return &*known;
    if (states_ == kMaxSavedStates) return nullptr;
    ++states_;
    return &saved.states.emplace_back(SavedState{declaration, 0, 0});
  }

  std::vector<SavedOperator> operators_;
  std::map<std::string, std::size_t, std::less<>> by_id_;  // index into operators_
  std::size_t states_ = 0;
};

}  // namespace

Result<std::vector<SavedOperator>> read_state_inventory(CheckpointStorage& storage, const Manifest& manifest) {
  if (manifest.kind != ManifestKind::complete) return Error{"it never completed"};
  SavedStateReader reader(manifest);
  for (const auto& ref : manifest.snapshots) {
    for (const auto& file : ref.files())
      if (const auto done = reader.read(storage, file); !done) return Error{file.name + ": " + done.error().message};
  }
  return reader.take();
}

}  // namespace freshet::checkpoint
