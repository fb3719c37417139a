#pragma once

#include <map>
#include <mutex>

#include "runtime/checkpoint/storage.h"

namespace freshet::checkpoint {

/// Keeps checkpoint files in memory. Its levers: `fail_…` makes calls fail; `files` is what is stored, to look at and
/// to damage. The levers are for times when no other thread is in a call.
class MemoryCheckpointStorage final : public CheckpointStorage {
 public:
  Status put(std::string_view name, std::string_view bytes) override {
    const auto made = publish(name, bytes);
    if (!made) return made.error();
    if (!*made) return Error{std::string(name) + " exists already"};
    return {};
  }
  Result<bool> publish(std::string_view name, std::string_view bytes) override {
    if (const auto checked = check_name(name); !checked) return checked.error();
    const std::lock_guard lock(mutex_);
    if (!fail_puts.empty()) return Error{"cannot write " + std::string(name) + ": " + fail_puts};
    const bool made = files.try_emplace(std::string(name), bytes).second;
    if (made && !fail_syncs.empty()) return Error{"cannot sync " + std::string(name) + ": " + fail_syncs};
    return made;
  }
  Result<std::string> get(std::string_view name, std::uint64_t max_bytes) override {
    if (const auto checked = check_name(name); !checked) return checked.error();
    const std::lock_guard lock(mutex_);
    const auto found = files.find(std::string(name));
    if (found == files.end()) return Error{"cannot open " + std::string(name) + ": there is no such file"};
    if (!fail_gets.empty()) return Error{"cannot read " + std::string(name) + ": " + fail_gets};
    if (found->second.size() > max_bytes)
      return Error{std::string(name) + " is longer than the " + std::to_string(max_bytes) + " bytes allowed"};
    return found->second;
  }
  Result<std::vector<std::string>> list(std::string_view folder) override {
    if (const auto checked = check_name(folder); !checked) return checked.error();
    const std::lock_guard lock(mutex_);
    const std::string start = std::string(folder) + "/";
    std::vector<std::string> names;
    for (auto at = files.lower_bound(start); at != files.end() && at->first.starts_with(start); ++at) {
      const std::string_view rest = std::string_view(at->first).substr(start.size());
      if (rest.find('/') == std::string_view::npos) names.emplace_back(rest);
    }
    if (names.size() > kMaxFolderFiles) return Error{std::string(folder) + " has too many files to be listed"};
    return names;
  }
  Status remove(std::string_view name) override {
    if (auto checked = check_name(name); !checked) return checked;
    const std::lock_guard lock(mutex_);
    if (!fail_removes.empty()) return Error{"cannot remove " + std::string(name) + ": " + fail_removes};
    files.erase(std::string(name));
    return {};
  }

  std::map<std::string, std::string> files;
  std::string fail_puts;   // why they fail; empty: they do not
  std::string fail_syncs;  // the file is there all the same
  std::string fail_gets;
  std::string fail_removes;

 private:
  std::mutex mutex_;  // calls may come from any thread
};

}  // namespace freshet::checkpoint
