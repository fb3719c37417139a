#pragma once

#include <fstream>
#include <string>

#include <freshet/operator.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/steady.h"

namespace freshet::bench {

/// Makes records as fast as they are taken, in one split or in several; writes down in a file `start` of the folder of
/// reports when it began. Told to stay, it waits behind the last for more.
template <class T>
class Generator final : public Source<T> {
 public:
  Generator(std::uint64_t records, Keys keys, std::string report, bool stays, std::uint64_t splits = 1)
      : records_(records), keys_(std::move(keys)), report_(std::move(report)), stays_(stays), splits_(splits) {}

  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::uint64_t i = 0; i < splits_; ++i)
      splits.push_back({.partition = "generator " + std::to_string(i),
                        .start = records_ * i / splits_,
                        .end = records_ * (i + 1) / splits_,
                        .position = records_ * i / splits_});
    return splits;
  }
  Progress read(Split& split, Out<T>& out) override {
    if (split.position == 0) std::ofstream(report_ + "/start") << steady_ns() << '\n';
    while (!out.full() && split.position < split.end) {
      ++split.position;
      T& record = out.add();
      fill(record, split.position - 1, keys_);
      if constexpr (requires { set_time(record, split.position); }) set_time(record, split.position - split.start);
    }
    if (split.position < split.end) return Progress::progress;
    return stays_ ? Progress::idle : Progress::done;
  }

 private:
  const std::uint64_t records_;
  const Keys keys_;
  const std::string report_;
  const bool stays_;
  const std::uint64_t splits_;
};

}  // namespace freshet::bench
