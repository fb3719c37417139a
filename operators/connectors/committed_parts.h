#pragma once

#include <memory>
#include <string>
#include <vector>

#include <freshet/file_sink.h>

#include "operators/connectors/part_names.h"
#include "operators/connectors/pending_file.h"

namespace freshet::files {

/// What prepare() asks to have committed, in msgpack. Frozen: a job may be restored by a later version.
struct PendingHandle {
  std::uint32_t version = 1;
  std::string pending{};    ///< ".pending/RUN/a1-t00000-1.csv", in the sink's folder
  std::string committed{};  ///< "part-00000001-00000-RUN.csv", in the sink's folder
  FRESHET_RECORD(version, pending, committed)
};

/// The files of one task of a sink that commits; see open_parts. What a crash leaves, whenever it comes:
///   - a pending file that no complete checkpoint holds: the next attempt removes it, and its rows come again;
///   - one that the newest complete checkpoint holds, here or under its final name already: the next attempt moves it.
/// No step waits for the disk: files are synced by the work that prepare() gives away, and so is the folder after the
/// moves of earlier commits: before a checkpoint that no longer holds them is complete. At the end nothing follows, so
/// commits wait.
class CommittedParts final : public PartOutput {
 public:
  /// Files closed and not committed: one for each checkpoint in a row that is not completed.
  static constexpr std::size_t kMostPrepared = 256;

  CommittedParts(const std::string& folder, RowFormat format, const SinkContext& context, std::string header);
  /// Removes the file at hand, which nobody knows; and the pending folders when they are empty.
  ~CommittedParts() override;

  void append(std::string_view rows) override;
  void end() override { ended_ = true; }
  void prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) override;
  void commit(std::uint64_t checkpoint) override;
  void recover(const std::vector<std::string>& handles) override;
  std::uint64_t uncommitted_bytes() const override;

 private:
  struct Prepared {
    std::uint64_t checkpoint = 0;
    std::string pending{};                // name in pending_folder_
    std::string committed{};              // name in folder_
    std::shared_ptr<PendingFile> file{};  // shared with the work of before_done
  };

  [[noreturn]] void fail(const std::string& what) const;
  void check(const Status& status) const;
  void begin_file();
  PendingHandle parse(const std::string& handle) const;
  void remove_left_by_earlier_attempts() const;

  // Set once in the constructor.
  const std::string folder_;
  const std::string pending_folder_;
  const std::string extension_;
  const std::string header_;
  const SinkContext context_;

  std::uint64_t files_ = 0;               // begun by this attempt
  std::shared_ptr<PendingFile> current_;  // null: no row since the last barrier
  std::vector<Prepared> prepared_;        // by checkpoint
  bool broken_ = false;                   // rows were lost: this attempt must not prepare any more
  bool ended_ = false;
  bool moved_ = false;  // something, since the folder was opened: the last moves may not be durable
};

}  // namespace freshet::files
