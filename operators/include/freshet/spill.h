#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace freshet {

/// State that was given to a spill store cannot be had back. It fails the task, whatever its error policy: no record is
/// to blame, and the newest checkpoint has the state.
struct StateLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where the tables of one task keep entries that do not fit into memory. An entry is in its table or here, never in
/// both. Empty when the task begins, gone when it ends: what survives a crash is the checkpoint. The task's thread
/// only; all of it may wait for a disk, and throws std::runtime_error when that fails.
class SpillStore {
 public:
  /// Entries as they were when the walk began, in the order of their addresses.
  class Walk {
   public:
    virtual ~Walk() = default;
    /// The next one; the views are good until the next call. False: there is none.
    virtual bool next(std::string_view& address, std::string_view& entry) = 0;
  };

  virtual ~SpillStore() = default;
  /// Nothing stands under `address` yet. It is there from flush() on.
  virtual void put(std::string_view address, std::string_view entry) = 0;
  virtual void flush() = 0;
  /// Takes an entry out. False: there is none of that address.
  virtual bool take(std::string_view address, std::string& entry) = 0;
  /// Those whose addresses begin with `prefix`.
  virtual std::unique_ptr<Walk> walk(std::string_view prefix) = 0;
};

}  // namespace freshet
