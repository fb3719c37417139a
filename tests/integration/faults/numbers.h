#pragma once

#include <freshet/files.h>

namespace freshet::faults {

struct Number {
  std::uint64_t id = 0;
  std::string payload{};
  FRESHET_RECORD(id, payload)
};

/// What every number's payload is made of: a receiver can tell when a byte is wrong.
inline char payload_letter(std::uint64_t id) { return static_cast<char>('a' + id % 26); }

struct NumbersOptions {
  std::uint64_t count = 0;  ///< over all splits: 0 … count-1
  std::uint64_t splits = 1;
  std::uint64_t payload_bytes = 0;
  std::uint64_t big_bytes = 0;  ///< payload of the first number of each split
  bool one_by_one = false;      ///< rests after each number, so that each travels in a frame of its own
};

/// Counts, as fast as its records are taken.
class Numbers final : public Source<Number> {
 public:
  explicit Numbers(NumbersOptions options) : options_(options) {}

  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::uint64_t i = 0; i < options_.splits; ++i)
      splits.push_back({.partition = "numbers-" + std::to_string(i),
                        .start = i * options_.count / options_.splits,
                        .end = (i + 1) * options_.count / options_.splits});
    return splits;
  }

  Progress read(Split& split, Out<Number>& out) override {
    if (options_.one_by_one && std::exchange(rests_, !rests_)) return Progress::idle;
    while (split.position < split.end && !out.full()) {
      const std::uint64_t id = split.position++;
      Number& number = out.add();
      number.id = id;
      const bool is_big = id == split.start && options_.big_bytes != 0;
      // A new text each time: a slot that once held a big one would weigh as much for ever.
      number.payload = std::string(is_big ? options_.big_bytes : options_.payload_bytes, payload_letter(id));
      if (options_.one_by_one) break;
    }
    return split.position < split.end ? Progress::progress : Progress::done;
  }

  std::string describe(const std::string& partition, std::uint64_t position) const override {
    return partition + ", number " + std::to_string(position - 1);
  }

 private:
  const NumbersOptions options_;
  bool rests_ = false;
};

}  // namespace freshet::faults
