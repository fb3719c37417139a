#include "tests/simulation/sim_storage.h"

#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/verify.h"
#include "tests/simulation/setting.h"

namespace freshet::sim {

using checkpoint::Manifest;

namespace {

Error disk_error(std::string_view what, std::string_view name, bool is_full = false) {
  const char* const why = is_full ? "no space left on device" : "input/output error";
  return Error{"cannot " + std::string(what) + " " + std::string(name) + ": " + why, is_full};
}

}  // namespace

SimDisk::Trouble SimDisk::draw_trouble(bool may_leave_it) {
  const bool is_full = full_until_ > scheduler_.now();
  if (!is_full && (error_share_ == 0 || !random_.chance(error_share_))) return Trouble::none;
  ++errors_;
  return !is_full && may_leave_it && random_.chance(0.5) ? Trouble::not_synced : Trouble::nothing_there;
}

/// A file has come into being: what does that say about checkpoints?
void SimDisk::check_new(const std::string& name, const File& file) {
  if (const auto id = checkpoint::parse_snapshot_name(name)) {
    const auto [cut, is_first] = cut_by_.try_emplace(id->checkpoint, id->attempt);
    if (!is_first && cut->second != id->attempt)
      events_.wrong("checkpoint " + std::to_string(id->checkpoint.value) + " has two cuts: of attempts " +
                    std::to_string(cut->second.value) + " and " + std::to_string(id->attempt.value));
    return events_.on_stored(id->attempt, id->checkpoint, ++stored_[id->checkpoint]);
  }
  const auto manifest = checkpoint::decode_manifest(file.bytes);
  if (!manifest) return events_.wrong(name + ": " + manifest.error().message);
  if (manifest->kind == checkpoint::ManifestKind::complete) check_manifest(*manifest);
}

void SimDisk::check_manifest(const Manifest& manifest) {
  auto& needed = needed_[manifest.checkpoint];
  for (const auto& ref : manifest.snapshots) {
    for (const auto& part : ref.files()) {
      needed.insert(part.name);
      const auto file = files_.find(part.name);
      if (file == files_.end() || file->second.synced_at > scheduler_.now())
        return events_.wrong(part.name + " is not durable, and a manifest that names it is published");
    }
  }
  SimDisk quiet(scheduler_, random_, {});
  SimStorage reader(quiet, Nanoseconds(0));
  std::swap(quiet.files_, files_);
  const auto damages = checkpoint::verify_checkpoint(reader, manifest);
  std::swap(quiet.files_, files_);
  if (!damages.empty()) events_.wrong(damages[0].file + ": " + damages[0].what);
}

/// It is durable from now on.
void SimDisk::announce(const File& file) {
  const auto manifest = checkpoint::decode_manifest(file.bytes);
  if (manifest && manifest->kind == checkpoint::ManifestKind::complete) events_.on_published(*manifest);
}

void SimDisk::crash(const SimStorage& writer) {
  for (auto at = files_.begin(); at != files_.end();) {
    auto& file = at->second;
    const bool is_open = file.writer == &writer && file.synced_at > scheduler_.now();
    if (!is_open || random_.chance(0.5)) {
      if (is_open) file.synced_at = scheduler_.now(), announce(file);
      ++at;
      continue;
    }
    ++lost_;
    if (const auto id = checkpoint::parse_snapshot_name(at->first)) --stored_[id->checkpoint];
    if (const auto manifest = checkpoint::decode_manifest(file.bytes)) needed_.erase(manifest->checkpoint);
    at = files_.erase(at);
  }
}

void SimStorage::spend() {
  spent_ += Nanoseconds(
      static_cast<std::int64_t>(log_uniform(disk_.random_, 1e4, std::max(2e4, static_cast<double>(most_.count())))));
}

Status SimStorage::put(std::string_view name, std::string_view bytes) {
  if (const auto checked = checkpoint::check_name(name); !checked) return checked.error();
  spend();
  if (disk_.files_.contains(std::string(name))) return Error{std::string(name) + " exists already"};
  if (disk_.draw_trouble(false) != SimDisk::Trouble::none) return disk_error("write", name, disk_.is_full());
  const auto made =
      disk_.files_.emplace(name, SimDisk::File{std::string(bytes), this, disk_.scheduler_.now() + spent_});
  disk_.check_new(made.first->first, made.first->second);
  return {};
}

Result<bool> SimStorage::publish(std::string_view name, std::string_view bytes) {
  if (const auto checked = checkpoint::check_name(name); !checked) return checked.error();
  spend();
  const auto trouble = disk_.draw_trouble(true);
  if (trouble == SimDisk::Trouble::nothing_there) return disk_error("write", name, disk_.is_full());
  const auto [at, made] =
      disk_.files_.try_emplace(std::string(name), SimDisk::File{std::string(bytes), this, base::SteadyTime::max()});
  if (made) disk_.check_new(at->first, at->second);
  if (trouble == SimDisk::Trouble::not_synced) return disk_error("sync the folder of", name);
  const bool is_new = at->second.synced_at > disk_.scheduler_.now();
  at->second.synced_at = std::min(at->second.synced_at, disk_.scheduler_.now());
  if (is_new) disk_.announce(at->second);
  return made;
}

Result<std::string> SimStorage::get(std::string_view name, std::uint64_t max_bytes) {
  if (const auto checked = checkpoint::check_name(name); !checked) return checked.error();
  spend();
  const auto found = disk_.files_.find(std::string(name));
  if (found == disk_.files_.end()) return Error{"cannot open " + std::string(name) + ": there is no such file"};
  if (disk_.error_share_ != 0 && disk_.random_.chance(disk_.error_share_)) return disk_error("read", name);
  if (found->second.bytes.size() > max_bytes)
    return Error{std::string(name) + " is longer than the " + std::to_string(max_bytes) + " bytes allowed"};
  return found->second.bytes;
}

Result<std::vector<std::string>> SimStorage::list(std::string_view folder) {
  if (const auto checked = checkpoint::check_name(folder); !checked) return checked.error();
  spend();
  if (disk_.error_share_ != 0 && disk_.random_.chance(disk_.error_share_)) return disk_error("list", folder);
  const std::string start = std::string(folder) + "/";
  std::vector<std::string> names;
  for (auto at = disk_.files_.lower_bound(start); at != disk_.files_.end() && at->first.starts_with(start); ++at) {
    const std::string_view rest = std::string_view(at->first).substr(start.size());
    if (rest.find('/') == std::string_view::npos) names.emplace_back(rest);
  }
  return names;
}

Status SimStorage::remove(std::string_view name) {
  if (auto checked = checkpoint::check_name(name); !checked) return checked;
  spend();
  const auto found = disk_.files_.find(std::string(name));
  if (found == disk_.files_.end()) return {};
  if (const auto manifest = checkpoint::decode_manifest(found->second.bytes)) disk_.needed_.erase(manifest->checkpoint);
  for (const auto& [id, files] : disk_.needed_)
    if (files.contains(std::string(name)))
      disk_.events_.wrong(std::string(name) + " is removed, and checkpoint " + std::to_string(id.value) + " needs it");
  disk_.files_.erase(found);
  return {};
}

}  // namespace freshet::sim
