#pragma once

#include <map>
#include <memory>
#include <set>

#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/storage.h"
#include "tests/simulation/scheduler.h"

/// The checkpoint storage of a simulation: what checkpoint/file_storage.h promises of a disk, on virtual time, and no
/// more than that.
namespace freshet::sim {

class SimStorage;

/// What the storage says to who watches it.
struct StorageEvents {
  std::function<void(const std::string& what)> wrong;
  std::function<void(const checkpoint::Manifest& manifest)> on_published;  ///< complete and durable
  std::function<void(Attempt attempt, CheckpointId checkpoint, std::size_t stored)> on_stored;  ///< snapshots of it
};

/// The files, and what may happen to them. They are shared by all processes, each of which has its SimStorage. Watches
/// at every change that each complete manifest can be restored: its files are there, sound and synced.
class SimDisk {
 public:
  SimDisk(Scheduler& scheduler, base::Random random, StorageEvents events)
      : scheduler_(scheduler), random_(random), events_(std::move(events)) {}

  /// There is no room for a while: nothing can be written.
  void fill_up(Nanoseconds duration) { full_until_ = std::max(full_until_, scheduler_.now() + duration); }
  bool is_full() const { return scheduler_.now() < full_until_; }
  /// Of all calls so many fail, each in some way that the disk may.
  void set_error_share(double share) { error_share_ = share; }
  std::uint64_t errors() const { return errors_; }
  std::uint64_t lost() const { return lost_; }  ///< files that a crash took

 private:
  friend class SimStorage;
  struct File {
    std::string bytes{};
    const SimStorage* writer = nullptr;
    base::SteadyTime synced_at{};  ///< max: its sync failed, and only another publication can mend that
  };
  enum class Trouble { none, nothing_there, not_synced };
  Trouble draw_trouble(bool may_leave_it);
  void check_new(const std::string& name, const File& file);
  void announce(const File& file);
  void check_manifest(const checkpoint::Manifest& manifest);
  void crash(const SimStorage& writer);

  Scheduler& scheduler_;
  base::Random random_;
  const StorageEvents events_;
  std::map<std::string, File> files_;
  std::map<CheckpointId, std::set<std::string>> needed_;  ///< files of each complete manifest that is there
  std::map<CheckpointId, Attempt> cut_by_;                ///< whose snapshots a checkpoint has
  std::map<CheckpointId, std::size_t> stored_;
  base::SteadyTime full_until_{};
  double error_share_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t lost_ = 0;
};

/// The disk as one process sees it. Calls take time, which is told with take_spent().
class SimStorage final : public checkpoint::CheckpointStorage {
 public:
  /// `most`: how long a call takes.
  SimStorage(SimDisk& disk, Nanoseconds most) : disk_(disk), most_(most) {}

  Status put(std::string_view name, std::string_view bytes) override;
  Result<bool> publish(std::string_view name, std::string_view bytes) override;
  Result<std::string> get(std::string_view name, std::uint64_t max_bytes) override;
  Result<std::vector<std::string>> list(std::string_view folder) override;
  Status remove(std::string_view name) override;

  Nanoseconds spent() const { return spent_; }
  /// How long the calls since the last time took.
  Nanoseconds take_spent() { return std::exchange(spent_, Nanoseconds(0)); }
  /// The process is gone: what it was about to make durable is there or not.
  void crash() { disk_.crash(*this); }

 private:
  void spend();

  SimDisk& disk_;
  const Nanoseconds most_;
  Nanoseconds spent_{0};
};

}  // namespace freshet::sim
