#pragma once

#include "runtime/state/journal.h"
#include "tests/simulation/scheduler.h"

namespace freshet::sim {

/// Thrown through the job manager by what it calls: its process dies in that call, and nothing of it goes on.
struct ManagerDied {};

/// The job manager's journal, on a disk that may fail. Its levers are the fields.
class SimJournal final : public state::Journal {
 public:
  explicit SimJournal(Scheduler& scheduler) : scheduler_(scheduler) {}

  Status replay(const std::function<void(std::string_view)>& entry) override { return disk_.replay(entry); }
  /// May throw ManagerDied.
  Status append(std::string_view entry) override {
    if (const auto died = std::exchange(dies_, Death::no); died != Death::no) {
      if (died == Death::after) (void)disk_.append(entry);
      throw ManagerDied();
    }
    if (fails_until > scheduler_.now()) return Error{"cannot write the journal: no space left on device"};
    if (forgets_checkpoints && is_checkpoint(entry)) return {};
    return disk_.append(entry);
  }
  Status replace(const std::vector<std::string>& entries) override {
    if (fails_until > scheduler_.now()) return Error{"cannot write the journal: no space left on device"};
    return disk_.replace(entries);
  }

  enum class Death { no, before, after };
  /// The process dies around the next append: before the entry is durable, or after it.
  void die_at_next_append(Death death) { dies_ = death; }

  base::SteadyTime fails_until{};
  bool forgets_checkpoints = false;  ///< says of numbers of checkpoints that they are durable, and they are not

 private:
  /// Of the kinds of short entries it is the only one that does not end in "nothing" (see job_journal.cpp).
  /// The sixth member of an entry is there, and none before it but the version.
  static bool is_checkpoint(std::string_view entry) {
    return entry.size() > 6 && entry.substr(2, 4) == "\xc0\xc0\xc0\xc0" && entry[6] != '\xc0';
  }

  Scheduler& scheduler_;
  state::MemoryJournal disk_;
  Death dies_ = Death::no;
};

}  // namespace freshet::sim
