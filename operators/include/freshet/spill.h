#pragma once

#include <cstdint>
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

/// Why a spill store takes nothing at the moment.
struct SpillTrouble {
  std::string folder{};
  std::uint64_t free_bytes = 0;  ///< there, when it was last tried
  std::string why{};             ///< "No space left on device"
};

/// Where the tables of one task keep entries that do not fit into memory. An entry is in its table or here, never in
/// both. Empty when the task begins, gone when it ends: what survives a crash is the checkpoint. The task's thread
/// only; all of it may wait for a disk. A disk that is full is no failure: nothing can be put until it has room again,
/// and what is there can be taken all the while. Any other failure throws std::runtime_error.
class SpillStore {
 public:
  /// Entries as they were when the walk began, in the order of their addresses.
  class Walk {
   public:
    virtual ~Walk() = default;
    /// The next one; the views are good until the next call. False: there is none.
    virtual bool next(std::string_view& address, std::string_view& entry) = 0;
  };

  /// Blocks of bytes that wait to be read once, first in, first out; gone with the object, which the store outlives.
  class Queue {
   public:
    virtual ~Queue() = default;
    /// False: there is no room, and nothing was added.
    [[nodiscard]] virtual bool push(std::string_view block) = 0;
    /// Takes the oldest. False: there is none. Throws std::runtime_error when it cannot be read.
    virtual bool pop(std::string& block) = 0;
    virtual void clear() = 0;
  };

  virtual ~SpillStore() = default;
  /// Nothing stands under `address` yet. It is there when flush() has said true.
  virtual void put(std::string_view address, std::string_view entry) = 0;
  /// False: there is no room, see trouble(); nothing of what was put since the last flush() is there, or comes later.
  [[nodiscard]] virtual bool flush() = 0;
  /// Null while there is room, as far as the last try tells.
  virtual const SpillTrouble* trouble() const = 0;
  /// Takes an entry out. False: there is none of that address.
  virtual bool take(std::string_view address, std::string& entry) = 0;
  /// Those whose addresses begin with `prefix`, as far as they come after the address `after`; it may be empty.
  virtual std::unique_ptr<Walk> walk(std::string_view prefix, std::string_view after) = 0;
  virtual std::unique_ptr<Queue> open_queue() = 0;
};

}  // namespace freshet
