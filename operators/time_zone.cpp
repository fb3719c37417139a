#include <freshet/time_zone.h>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cctype>

namespace freshet::detail {

namespace {

/// Abseil reads the rules of the system's tz database, those of all years to come included.
class RulesOfZone final : public TimeZone {
 public:
  explicit RulesOfZone(const absl::TimeZone& zone) : zone_(zone) {}

  Stretch piece_at(std::int64_t time_ms, Duration size, Duration offset) const override {
    const std::int64_t size_s = size / std::chrono::seconds(1), offset_s = offset / std::chrono::seconds(1);
    const absl::CivilSecond shown = zone_.At(absl::FromUnixMillis(time_ms)).cs;
    const std::int64_t since = shown - kOrigin - offset_s;
    std::int64_t number = since / size_s - (since % size_s < 0 ? 1 : 0);
    // Clocks that were set back have shown later times before.
    std::int64_t end = start_of(number + 1, size_s, offset_s);
    while (end <= time_ms) end = start_of(++number + 1, size_s, offset_s);
    std::int64_t start = start_of(number, size_s, offset_s);
    while (start > time_ms) {
      end = start;
      start = start_of(--number, size_s, offset_s);
    }
    return {start, end - 1};
  }

 private:
  static constexpr absl::CivilSecond kOrigin{1970, 1, 1, 0, 0, 0};

  /// When the clocks first show it, ms; when they skip it, the moment in which they do.
  std::int64_t start_of(std::int64_t number, std::int64_t size_s, std::int64_t offset_s) const {
    const auto when = zone_.At(kOrigin + number * size_s + offset_s);
    return absl::ToUnixMillis(when.kind == absl::TimeZone::TimeInfo::SKIPPED ? when.trans : when.pre);
  }

  const absl::TimeZone zone_;
};

/// A name is a path below the folder of the database, and nothing else; `localtime` is another zone on each machine.
bool may_be_name(const std::string& name) {
  const auto is_part_of_name = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
  };
  return !name.empty() && name.front() != '/' && name != "localtime" &&
         std::all_of(name.begin(), name.end(), is_part_of_name);
}

}  // namespace

std::shared_ptr<const TimeZone> TimeZone::find(const std::string& name) {
  absl::TimeZone zone;
  if (!may_be_name(name) || !absl::LoadTimeZone(name, &zone)) return nullptr;
  return std::make_shared<RulesOfZone>(zone);
}

}  // namespace freshet::detail
