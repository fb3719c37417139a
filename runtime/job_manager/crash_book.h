#pragma once

#include <string>
#include <vector>

#include "runtime/wire/control.h"

namespace freshet::manager {

/// What is remembered of the crashes on the records of one place at one operator. Journalled.
struct CrashedPlace {
  std::string operator_id{};
  wire::RecordPlace place{};
  std::uint32_t crashes = 0;  ///< attempts that ended so
  Attempt last{};             ///< the newest of them
  std::string reason{};       ///< of the newest: "crash SIGSEGV"
  std::string origin{};       ///< in words: "in/events.csv, line 918"
  bool set_aside = false;     ///< no attempt from the next on processes them
  std::int64_t time_ms = 0;   ///< of the newest crash
  bool operator==(const CrashedPlace&) const = default;
  FRESHET_RECORD(operator_id, place, crashes, last, reason, origin, set_aside, time_ms)
};

/// Counts, over the attempts of a job, how often its process crashed on which records, and says which are set aside.
///
/// What is set aside stays so for the life of the job under one library: every attempt, whichever checkpoint it goes on
/// from, has to do the same with the record, or its dead letter would be lost or come out beside its results. Pure;
/// owned by its job.
class CrashBook {
 public:
  /// Places at which less crashed than it takes; the one that crashed longest ago is forgotten.
  static constexpr std::size_t kMaxCounted = 100;
  /// Beyond these the job fails as often as it crashes, and its restart strategy decides.
  static constexpr std::size_t kMaxSetAside = 50;
  /// Of a partition's name, or an operator's; a longer one is not counted.
  static constexpr std::size_t kMaxTextBytes = 4u << 10;

  /// `crashes`: it takes so many to set a record aside; 0: none ever is.
  explicit CrashBook(std::uint32_t crashes) : limit_(crashes) {}
  /// Holds from the next crash on.
  void set_limit(std::uint32_t crashes) { limit_ = crashes; }

  /// One crash; `crash.crashes` and `.set_aside` are found out here. `may_set_aside`: the operator's error policy.
  /// Answers what is known of the place now; nullptr when that attempt has been counted there, or the place has no
  /// name.
  const CrashedPlace* note(CrashedPlace crash, bool may_set_aside);
  /// As the journal remembers it.
  void restore(const std::vector<CrashedPlace>& places) { places_ = places; }
  /// Another library may process what this one could not.
  void clear();

  std::uint32_t limit() const { return limit_; }
  /// The one that crashed last comes last.
  const std::vector<CrashedPlace>& places() const { return places_; }
  std::size_t count_set_aside() const;
  /// What the workers are told.
  std::vector<wire::SetAside> set_aside() const;
  /// What has to be made durable before another attempt begins.
  const std::vector<CrashedPlace>& not_journalled() const { return not_journalled_; }
  void on_journalled() { not_journalled_.clear(); }

 private:
  std::uint32_t limit_;
  std::vector<CrashedPlace> places_;
  std::vector<CrashedPlace> not_journalled_;
};

/// Puts the newest word about a place in the stead of older ones, and forgets what is too much.
void remember(std::vector<CrashedPlace>& places, CrashedPlace place);

}  // namespace freshet::manager
