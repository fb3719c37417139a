#pragma once

#include <freshet/spill.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace freshet::test {

/// A spill store in memory that ends the process when its rules are broken: an address is put once before it is taken.
/// Its lever: `is_full`.
class MemorySpill : public SpillStore {
 public:
  void put(std::string_view address, std::string_view entry) override {
    if (entries.contains(std::string(address)) || !new_.emplace(address, entry).second) std::abort();
  }
  bool flush() override {
    is_in_trouble_ = is_full;
    if (is_full) {
      new_.clear();
      return false;
    }
    puts += new_.size();
    entries.merge(new_);
    return true;
  }
  const SpillTrouble* trouble() const override { return is_in_trouble_ ? &trouble_ : nullptr; }
  bool take(std::string_view address, std::string& entry) override {
    const auto found = entries.find(std::string(address));
    if (found == entries.end()) return false;
    entry = std::move(found->second);
    entries.erase(found);
    ++takes;
    return true;
  }
  std::unique_ptr<Walk> walk(std::string_view prefix, std::string_view after) override {
    ++walks;
    auto all = std::make_unique<All>();
    for (const auto& [address, entry] : entries)
      if (address.starts_with(prefix) && address > after) all->entries.emplace_back(address, entry);
    return all;
  }

  /// Has no room while the store is full.
  std::unique_ptr<Queue> open_queue() override { return std::make_unique<Blocks>(*this); }

  std::map<std::string, std::string> entries;
  std::uint64_t puts = 0;
  std::uint64_t takes = 0;
  std::uint64_t walks = 0;
  bool is_full = false;

 private:
  struct All final : Walk {
    bool next(std::string_view& address, std::string_view& entry) override {
      if (at == entries.size()) return false;
      address = entries[at].first;
      entry = entries[at++].second;
      return true;
    }
    std::vector<std::pair<std::string, std::string>> entries;
    std::size_t at = 0;
  };

  struct Blocks final : Queue {
    explicit Blocks(const MemorySpill& in) : store(in) {}
    bool push(std::string_view block) override {
      if (store.is_full) return false;
      blocks.emplace_back(block);
      return true;
    }
    bool pop(std::string& block) override {
      if (blocks.empty()) return false;
      block = std::move(blocks.front());
      blocks.pop_front();
      return true;
    }
    void clear() override { blocks.clear(); }
    const MemorySpill& store;
    std::deque<std::string> blocks;
  };

  const SpillTrouble trouble_{"/memory", 0, "No space left on device"};
  bool is_in_trouble_ = false;
  std::map<std::string, std::string> new_;  // put, not there before flush()
};

}  // namespace freshet::test
