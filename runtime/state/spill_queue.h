#pragma once

#include <freshet/spill.h>

#include <cstdint>
#include <string>

namespace freshet::state {

/// A queue of blocks in a file that has no name, so that it goes with the process. The file comes with the first block
/// and is emptied when all have been read.
class SpillQueue final : public SpillStore::Queue {
 public:
  /// `folder`: where the file is made; it must be there.
  explicit SpillQueue(std::string folder) : folder_(std::move(folder)) {}
  ~SpillQueue() override;
  SpillQueue(const SpillQueue&) = delete;
  SpillQueue& operator=(const SpillQueue&) = delete;

  bool push(std::string_view block) override;
  bool pop(std::string& block) override;
  void clear() override;

 private:
  bool open();
  [[noreturn]] void fail(int error) const;

  const std::string folder_;
  int file_ = -1;
  std::uint64_t begin_ = 0;  // of the oldest block
  std::uint64_t end_ = 0;
};

}  // namespace freshet::state
