#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/faults/numbers.h"

namespace freshet::faults {

/// Takes nothing while the file `gate` is there. At each flush a task leaves the newest of this in a file of its own in
/// `folder`: how many numbers it got, their sum, the bytes of their payloads, and how many payloads were not what they
/// should be.
class TallySink final : public Sink<Number> {
 public:
  TallySink(std::string folder, std::string gate) : folder_(std::move(folder)), gate_(std::move(gate)) {}

  void write(const Number& number) override {
    while (!gate_.empty() && std::filesystem::exists(gate_)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++count_;
    sum_ += number.id;
    bytes_ += number.payload.size();
    if (number.payload.find_first_not_of(payload_letter(number.id)) != std::string::npos) ++wrong_;
  }

  void flush() override {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/" + std::to_string(getpid()) + "-" + std::to_string(number_))
        << count_ << ' ' << sum_ << ' ' << bytes_ << ' ' << wrong_ << '\n';
  }

 private:
  static inline std::atomic<int> tasks_of_process_{0};
  const int number_ = tasks_of_process_++;
  const std::string folder_;
  const std::string gate_;
  std::uint64_t count_ = 0, sum_ = 0, bytes_ = 0, wrong_ = 0;
};

}  // namespace freshet::faults
