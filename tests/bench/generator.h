#pragma once

#include <fstream>
#include <string>

#include <freshet/operator.h>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/steady.h"

namespace freshet::bench {

/// Makes records as fast as they are taken; writes down in a file `start` of the folder of reports when it began. Told
/// to stay, it waits behind the last for more.
template <class T>
class Generator final : public Source<T> {
 public:
  Generator(std::uint64_t records, Keys keys, std::string report, bool stays)
      : records_(records), keys_(std::move(keys)), report_(std::move(report)), stays_(stays) {}

  std::vector<Split> discover() override { return {{"generator", 0, records_, 0}}; }
  Progress read(Split& split, Out<T>& out) override {
    if (split.position == 0) std::ofstream(report_ + "/start") << steady_ns() << '\n';
    while (!out.full() && split.position < split.end) {
      ++split.position;
      fill(out.add(), split.position - 1, keys_);
    }
    if (split.position < split.end) return Progress::progress;
    return stays_ ? Progress::idle : Progress::done;
  }

 private:
  const std::uint64_t records_;
  const Keys keys_;
  const std::string report_;
  const bool stays_;
};

}  // namespace freshet::bench
