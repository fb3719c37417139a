#pragma once

#include <fstream>
#include <string>

#include <freshet/sinks.h>

#include "tests/bench/steady.h"

/// How benchmarks that count by key end.
namespace freshet::bench {

struct Count {
  std::uint64_t records = 0;
  FRESHET_RECORD(records)
};

/// Gets the count of each key at the end: its first record says that everything has been counted; or counts all along,
/// and the last record says so. Adds a line to the file `end` in the folder of reports: when that was, all records,
/// keys. An attempt that was stopped says nothing.
class Tally final : public Sink<Count> {
 public:
  explicit Tally(std::string report, bool last_says_so = false)
      : report_(std::move(report)), last_says_so_(last_says_so) {}
  void write(const Count& count) override {
    if (keys_++ == 0 || last_says_so_) end_ns_ = steady_ns();
    records_ += count.records;
  }
  void close() override {
    if (keys_ == 0) return;
    const std::string line =
        std::to_string(end_ns_) + ' ' + std::to_string(records_) + ' ' + std::to_string(keys_) + '\n';
    std::ofstream(report_ + "/end", std::ios::app) << line;
  }

 private:
  const std::string report_;
  const bool last_says_so_;
  std::int64_t end_ns_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t keys_ = 0;
};

}  // namespace freshet::bench
