#pragma once

#include <map>

#include <freshet/stage.h>

#include "runtime/task/waiting_records.h"

namespace freshet::task {

/// Which dead letters somebody speaks of, and what is to become of them.
struct LetterOrder {
  std::string operator_id{};         ///< empty: of all operators
  std::string reason{};              ///< empty: whatever made them fail
  std::vector<std::uint64_t> ids{};  ///< empty: whichever
  bool replays = true;               ///< else they are dropped
};

/// Of a letter's id: a running number, which grows also when tasks are dealt out anew. Above it stands what no other
/// task has.
inline constexpr int kLetterBits = 40;

/// An order on its way through the operators of one task.
struct LetterWork {
  LetterOrder order{};
  bool has_begun = false;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> left{};  ///< operator and id, the next last
  std::uint64_t changed = 0;
  bool is_refused = false;  ///< the task has nothing more to give: what it replayed would go nowhere
};

/// The dead letters of one operator that are kept, so that they can be listed and replayed: the newest, by number and
/// by bytes. State like any other: saved at each checkpoint, moved with the keys of the records, given to the spill
/// store when memory is short. Takes some hundred bytes of memory for each, wherever it is. One thread, the task's.
class KeptLetters final : public WaitingRecords {
 public:
  /// Of all of them together, about, as they are saved.
  static constexpr std::size_t kMostBytes = 64u << 20;

  /// `most`: at least 1.
  KeptLetters(std::uint64_t most, std::shared_ptr<const freshet::detail::RecordCodec> codec);

  StateDeclaration declaration() const override;
  /// Keeps a record that became `letter`, and lets the oldest go where they are too many.
  void keep(const freshet::detail::BatchView& view, std::size_t i, const DeadLetter& letter);
  /// Ids of those that the order may speak of, the newest first.
  std::vector<std::uint64_t> chosen(const LetterOrder& order);
  /// The order may mean one of them: by their ids, not by their reasons, so that nothing is looked up.
  bool may_have(const LetterOrder& order) const;
  /// Takes one out. Nothing: it is not there any more, or not of that reason.
  std::optional<WaitingRecord> take(std::uint64_t id, const LetterOrder& order);

  std::size_t bytes() const override { return WaitingRecords::bytes() + places_.size() * kPlaceBytes; }
  bool restore(const StateEntry& entry) override;

 private:
  struct Place {
    std::uint64_t hash = 0;
    std::size_t bytes = 0;
  };
  /// Ids by age.
  struct Older {
    bool operator()(std::uint64_t left, std::uint64_t right) const {
      constexpr std::uint64_t kLow = (std::uint64_t{1} << kLetterBits) - 1;
      return std::pair(left & kLow, left) < std::pair(right & kLow, right);
    }
  };
  static constexpr std::size_t kPlaceBytes = 72;  // a node of the map

  void know_places();
  void forget_oldest();

  const std::uint64_t most_;
  std::map<std::uint64_t, Place, Older> places_;  // by id
  std::size_t kept_bytes_ = 0;                    // about
  bool knows_places_ = true;                      // false: something came back since
};

}  // namespace freshet::task
