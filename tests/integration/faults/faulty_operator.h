#pragma once

#include <cstdlib>
#include <stdexcept>

#include <freshet/files.h>

namespace freshet::faults {

struct Item {
  std::uint64_t id = 0;
  std::string key{};
  std::int64_t value = 0;  ///< negative: poison
  FRESHET_RECORD(id, key, value)
};

struct Half {
  std::uint64_t id = 0;
  std::uint64_t part = 0;
  std::int64_t running = 0;  ///< sum of the key's values so far
  std::uint64_t calls = 0;   ///< of the operator for this id so far
  FRESHET_RECORD(id, part, running, calls)
};

enum class Fault : std::uint8_t { exception, crash, abort };
FRESHET_ENUM(Fault, exception, crash, abort)

/// Changes its state, emits one half of its result and a note beside it, trips over poison, then emits the other half.
class FaultyOperator final : public KeyedOperator<std::string, Item, Half> {
 public:
  explicit FaultyOperator(Fault fault) : fault_(fault) {}

  void process(const Item& item, Out<Half>& out) override {
    std::int64_t& running = sum.get();
    running += item.value;
    const std::uint64_t calls = ++ids[item.id];
    out.emit({item.id, 1, running, calls});
    notes.emit(item);
    if (item.value < 0) trip(item);
    out.emit({item.id, 2, running, calls});
  }

  ValueState<std::int64_t> sum{this, "sum"};
  MapState<std::uint64_t, std::uint64_t> ids{this, "ids"};
  SideOutput<Item> notes{this, "notes"};

 private:
  void trip(const Item& item) const {
    if (fault_ == Fault::exception) throw std::out_of_range("item " + std::to_string(item.id) + " is poison");
    if (fault_ == Fault::abort) std::abort();
    volatile std::uint64_t* volatile nowhere = nullptr;
    *nowhere = item.id;
  }
  const Fault fault_;
};

/// What is left of a key: how many halves came out, the newest running sum.
struct KeyTotals {
  std::uint64_t halves = 0;
  std::int64_t running = 0;
  std::uint64_t most_calls = 0;  ///< of the operator for one id
  FRESHET_RECORD(halves, running, most_calls)
};

}  // namespace freshet::faults
