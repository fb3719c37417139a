#include "runtime/job_manager/crash_book.h"

#include <algorithm>

namespace freshet::manager {

void remember(std::vector<CrashedPlace>& places, CrashedPlace place) {
  std::erase_if(places, [&](const CrashedPlace& each) {
    return each.operator_id == place.operator_id && each.place == place.place;
  });
  places.push_back(std::move(place));
  const auto is_counted = [](const CrashedPlace& each) { return !each.set_aside; };
  if (static_cast<std::size_t>(std::ranges::count_if(places, is_counted)) > CrashBook::kMaxCounted)
    places.erase(std::ranges::find_if(places, is_counted));
}

const CrashedPlace* CrashBook::note(CrashedPlace crash, bool may_set_aside) {
  const std::string_view texts[] = {crash.operator_id, crash.place.source, crash.place.partition};
  const auto is_name = [](std::string_view text) { return !text.empty() && text.size() <= kMaxTextBytes; };
  if (!std::ranges::all_of(texts, is_name)) return nullptr;
  const auto known = std::ranges::find_if(places_, [&](const CrashedPlace& each) {
    return each.operator_id == crash.operator_id && each.place == crash.place;
  });
  crash.crashes = 1;
  crash.set_aside = false;
  if (known != places_.end()) {
    if (crash.last <= known->last) return nullptr;
    crash.crashes = known->crashes + 1;
    crash.set_aside = known->set_aside;
  }
  if (crash.origin.size() > kMaxTextBytes) crash.origin.resize(kMaxTextBytes);
  if (may_set_aside && limit_ != 0 && crash.crashes >= limit_ && count_set_aside() < kMaxSetAside)
    crash.set_aside = true;
  not_journalled_.push_back(crash);
  remember(places_, std::move(crash));
  return &places_.back();
}

void CrashBook::clear() {
  places_.clear();
  not_journalled_.clear();
}

std::size_t CrashBook::count_set_aside() const {
  return static_cast<std::size_t>(std::ranges::count_if(places_, &CrashedPlace::set_aside));
}

std::vector<wire::SetAside> CrashBook::set_aside() const {
  std::vector<wire::SetAside> records;
  for (const CrashedPlace& each : places_)
    if (each.set_aside) records.push_back({each.operator_id, each.place, each.reason, each.crashes});
  return records;
}

}  // namespace freshet::manager
