#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/result_table.h"

namespace freshet::integration {

/// Input of the doubles job that is made up: each event stands in it twice, the second time up to kMostLater lines
/// further on; and what the job must come to, counted while it is written. All events of a user are in one file.
class DoubledEvents {
 public:
  static constexpr int kFiles = 2, kUsersPerFile = 20, kEventsPerFile = 5'000, kMostLater = 400;

  explicit DoubledEvents(const std::string& folder, unsigned seed = 7) : folder_(folder) {
    std::mt19937 random(seed);
    for (int file = 0; file < kFiles; ++file) write_file(file, random);
  }
  /// For the job's parameter of that name.
  std::string input() const { return "input=" + folder_ + "/events-*.csv"; }

  /// In `output` each user's totals have grown event by event, none left out or twice, in order, up to what they must
  /// be.
  void expect_exact(const std::string& output) const {
    const ResultTable rows(output);
    std::map<std::string, Total> last;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      Total& total = last[rows.text(row, "user")];
      ASSERT_EQ(rows.number(row, "events"), total.events + 1) << "lost, doubled or out of order";
      ASSERT_EQ(rows.number(row, "disordered"), 0) << "an event that did not follow the one before";
      total = {rows.number(row, "events"), rows.number(row, "amount")};
    }
    EXPECT_EQ(last, expected_);
  }
  /// The greatest number of refunds that a revision has counted.
  static long long most_refunds(const std::string& output) {
    const ResultTable rows(output);
    long long most = 0;
    for (std::size_t row = 0; row < rows.rows(); ++row) most = std::max(most, rows.number(row, "refunds"));
    return most;
  }

 private:
  struct Total {
    long long events = 0;
    long long amount = 0;
    bool operator==(const Total&) const = default;
  };

  void write_file(int file, std::mt19937& random) {
    std::multimap<int, std::string> lines;  // by place; those of one place in the order in which they came
    for (int event = 0; event < kEventsPerFile; ++event) {
      const std::string user = "user" + std::to_string(file) + "-" + std::to_string(random() % kUsersPerFile);
      const long long amount = static_cast<long long>(random() % 200) - 50;
      Total& total = expected_[user];
      ++total.events;
      total.amount += amount;
      const std::string line = std::to_string(file) + "-" + std::to_string(event) + "," + user + "," +
                               std::to_string(total.events) + "," + std::to_string(amount) + "\n";
      lines.emplace(event, line);
      lines.emplace(event + 1 + static_cast<int>(random() % kMostLater), line);
    }
    std::ofstream out(folder_ + "/events-" + std::to_string(file) + ".csv");
    out << "id,user,number,amount\n";
    for (const auto& [place, line] : lines) out << line;
  }

  const std::string folder_;
  std::map<std::string, Total> expected_;  // by user
};

}  // namespace freshet::integration
