#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "tests/integration/result_table.h"

namespace freshet::integration {

/// Input of the user_behavior job that is made up, and what the job must come to, counted while it is written.
class UserEvents {
 public:
  /// Writes `files` files of `lines` events of `users` users below `folder`.
  UserEvents(const std::string& folder, int files, int lines, int users) : folder_(folder) {
    for (int file = 0; file < files; ++file) {
      std::ofstream out(folder_ + "/events-" + std::to_string(file) + ".csv");
      out << "id,user,item,category,action,time,amount\n";
      for (int line = 0; line < lines; ++line) {
        const std::string user = "user" + std::to_string((line * 7LL + file) % users);
        out << file << '-' << line << ',' << user << ",item" << line % 11 << ",1,view," << 1'700'000'000 + line
            << ",0\n";
        ++expected_[user];
      }
    }
  }
  /// For the job's parameter of that name.
  std::string input() const { return "input=" + folder_ + "/events-*.csv"; }
  /// How many events each user has.
  const std::map<std::string, long long>& by_user() const { return expected_; }
  /// The totals that were committed below `output` end as they must, and none goes back.
  void expect_exact(const std::string& output) const {
    const ResultTable users(output + "/users");
    std::map<std::string, long long> last;
    for (std::size_t row = 0; row < users.rows(); ++row) {
      long long& events = last[users.text(row, "user")];
      ASSERT_GT(users.number(row, "events"), events) << "an update that is no news, or goes back";
      events = users.number(row, "events");
    }
    EXPECT_EQ(last, expected_);
  }

 private:
  const std::string folder_;
  std::map<std::string, long long> expected_;  // events by user
};

}  // namespace freshet::integration
