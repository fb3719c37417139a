#include "runtime/checkpoint/manifest.h"

#include <algorithm>
#include <charconv>

#include <freshet/codec.h>
#include "runtime/checkpoint/file_bytes.h"
#include "runtime/checkpoint/snapshot_file.h"
#include "runtime/checkpoint/storage.h"

namespace freshet::checkpoint {

namespace {

constexpr std::size_t kHeaderBytes = 16;

std::string task_text(const TaskId& task) {
  return "task " + std::to_string(task.chain) + "." + std::to_string(task.index);
}

Status check_snapshots(const Manifest& manifest) {
  std::vector<TaskId> tasks;
  tasks.reserve(manifest.snapshots.size());
  for (const SnapshotRef& snapshot : manifest.snapshots) {
    const TaskId& task = snapshot.task;
    if (task.chain >= manifest.chains.size() || task.index >= manifest.chains[task.chain].parallelism)
      return Error{task_text(task) + " is of no chain"};
    if (snapshot.name.empty() && !snapshot.ended) return Error{task_text(task) + " has no snapshot file"};
    if (snapshot.earlier.size() > kMaxEarlierFiles || (snapshot.name.empty() && !snapshot.earlier.empty()))
      return Error{task_text(task) + " builds on too many files, or has none of its own"};
    for (const auto& file : snapshot.files())
      if (auto checked = check_name(file.name); !checked) return checked;
    tasks.push_back(task);
  }
  std::sort(tasks.begin(), tasks.end());
  const auto twice = std::adjacent_find(tasks.begin(), tasks.end());
  if (twice != tasks.end()) return Error{task_text(*twice) + " has two snapshots"};
  return {};
}

/// What must hold in a manifest, whatever wrote it.
Status check_manifest(const Manifest& manifest) {
  if (manifest.kind == ManifestKind::void_ &&
      !(manifest.snapshots.empty() && manifest.handles.empty() && manifest.edges.empty()))
    return Error{"it is void and yet has snapshots, handles or edges"};
  if (manifest.edges.size() > kMaxManifestEdges)
    return Error{"it has more than " + std::to_string(kMaxManifestEdges) + " edges"};
  std::uint64_t tasks = 0;
  for (const ChainShape& chain : manifest.chains) {
    tasks += chain.parallelism;
    if (tasks > kMaxManifestTasks) return Error{"it has more than " + std::to_string(kMaxManifestTasks) + " tasks"};
  }
  return check_snapshots(manifest);
}

Error damaged(std::size_t at, const std::string& what) {
  return Error{"manifest damaged at byte " + std::to_string(at) + ": " + what};
}

}  // namespace

NeededFiles needed_files(CheckpointId checkpoint, const std::vector<SnapshotRef>& snapshots) {
  NeededFiles needed;
  for (const SnapshotRef& snapshot : snapshots) {
    for (auto& file : snapshot.files()) {
      const auto id = parse_snapshot_name(file.name);
      needed.bytes += file.bytes;
      if (id && id->checkpoint == checkpoint) needed.new_bytes += file.bytes;
      needed.names.push_back(std::move(file.name));
    }
  }
  return needed;
}

std::string manifest_folder(JobId job) { return "job-" + std::to_string(job.value) + "/manifests"; }

std::string manifest_name(JobId job, CheckpointId checkpoint) {
  return manifest_folder(job) + "/c" + std::to_string(checkpoint.value);
}

Result<CheckpointId> parse_manifest_file_name(std::string_view file_name) {
  CheckpointId id;
  const char* const end = file_name.data() + file_name.size();
  if (file_name.starts_with('c') && std::from_chars(file_name.data() + 1, end, id.value).ptr == end &&
      file_name.substr(1) == std::to_string(id.value))
    return id;
  return Error{"'" + std::string(file_name) + "' is no file name of a manifest"};
}

Result<std::string> encode_manifest(const Manifest& manifest) {
  if (const auto checked = check_manifest(manifest); !checked)
    return Error{"this is no manifest: " + checked.error().message};
  ByteBuffer body;
  encode(body, manifest);
  if (body.size() > kMaxManifestBytes - kHeaderBytes - kChecksumBytes)
    return Error{"the manifest would be longer than " + std::to_string(kMaxManifestBytes) + " bytes"};
  std::string bytes;
  bytes.reserve(kHeaderBytes + body.size() + kChecksumBytes);
  append_number(bytes, kManifestMagic);
  append_number(bytes, kManifestVersion);
  bytes.append(kReservedBytes, '\0');
  append_number(bytes, std::uint64_t{body.size()});
  bytes.append(body.view());
  append_number(bytes, checksum_of(bytes));
  return bytes;
}

Result<Manifest> decode_manifest(std::string_view bytes) {
  ByteReader in(bytes);
  std::uint32_t magic = 0;
  std::uint8_t version = 0;
  std::string_view reserved;
  std::uint64_t length = 0;
  std::string_view body;
  std::uint64_t checksum = 0;
  if (bytes.size() > kMaxManifestBytes) return damaged(0, "it is longer than any manifest");
  if (!in.big_endian(magic) || !in.byte(version) || !in.bytes(kReservedBytes, reserved) || !in.big_endian(length))
    return damaged(bytes.size(), "it ends in its header");
  if (magic != kManifestMagic) return damaged(0, "this is no manifest");
  if (version != kManifestVersion)
    return damaged(4, "version " + std::to_string(version) + ", known is " + std::to_string(kManifestVersion));
  if (reserved != std::string_view("\0\0\0", kReservedBytes)) return damaged(5, "the reserved bytes are not 0");
  if (!in.bytes(length, body) || !in.big_endian(checksum) || in.remaining() != 0)
    return damaged(8, "the length is not that of the file");
  if (checksum != checksum_of(bytes.substr(0, bytes.size() - kChecksumBytes)))
    return damaged(kHeaderBytes, "the checksum is wrong");
  Manifest manifest;
  if (!decode_all(body, manifest)) return damaged(kHeaderBytes, "the body is no manifest in msgpack");
  if (const auto checked = check_manifest(manifest); !checked) return damaged(kHeaderBytes, checked.error().message);
  return manifest;
}

}  // namespace freshet::checkpoint
