// The user_behavior job on real data that nobody of this project wrote, against results that were computed outside of
// it. The data stands beside the checkout, in ../shared/data; where it is absent, the tests are skipped.

#include <gmock/gmock.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "tests/integration/freshet_program.h"
#include "tests/integration/result_table.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using files::testing::TestDirectory;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Parameters = std::vector<std::string>;

const Parameters kTaobao = {"input.columns=user=1,item=2,category=3,action=4,time=5",
                            "input.values=action:pv=view,action:fav=favorite,action:buy=order", "input.time=s",
                            "recent=5"};
const Parameters kRetail = {
    "input.columns=id=InvoiceNo,user=CustomerID,item=StockCode,action=InvoiceNo,time=InvoiceDate,amount=UnitPrice,"
    "quantity=Quantity",
    "input.values=action:C*=cancel,action:*=order", "recent=5"};
const Parameters kNasa = {"input.columns=user=host,item=url,action=response",
                          "input.values=action:200=view,action:304=click,action:302=other,action:404=cancel",
                          "input.time=s", "earliest=1990-01-01", "recent=5"};
const Parameters kMovies = {
    "input.columns=user=user_id:token,item=item_id:token,action=rating:float,amount=rating:float,time=timestamp:float",
    "input.values=action:*=rate", "input.time=s", "earliest=1990-01-01", "recent=5"};

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines(1);
  const gzFile file = gzopen(path.c_str(), "rb");
  for (int c = gzgetc(file); c != -1; c = gzgetc(file)) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += static_cast<char>(c);
  }
  gzclose(file);
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

/// Where events stand in the whole input, from 1: over all files in order, headers not counted.
class Sequence {
 public:
  Sequence(const std::vector<std::string>& files, bool header) {
    long long before = 0;
    for (const auto& file : files) {
      before -= header ? 1 : 0;
      before_[file] = before;
      before += static_cast<long long>(lines_of(file).size());
    }
  }
  long long of(const ResultTable& table, std::size_t row) const {
    return before_.at(table.text(row, "file")) + table.number(row, "line");
  }

 private:
  std::map<std::string, long long> before_{};
};

/// The numbers of each user's recent events, in the order of the rows.
std::map<std::string, std::vector<long long>> recent_by_user(const ResultTable& recent, const Sequence& sequence) {
  std::map<std::string, std::vector<long long>> numbers;
  for (std::size_t row = 0; row < recent.rows(); ++row)
    numbers[recent.text(row, "user")].push_back(sequence.of(recent, row));
  return numbers;
}

long long sum_of(const std::map<std::string, std::vector<long long>>& lists) {
  long long sum = 0;
  for (const auto& [user, numbers] : lists)
    for (const auto number : numbers) sum += number;
  return sum;
}

class UserBehaviorData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(FRESHET_TEST_DATA))
      GTEST_SKIP() << "the data sets are not there: " << FRESHET_TEST_DATA << " is no folder";
  }
  static std::string data(const std::string& name) { return std::string(FRESHET_TEST_DATA) + "/" + name; }
  static std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().string().ends_with(ending)) files.push_back(fs::path(entry.path()).lexically_normal().string());
    std::sort(files.begin(), files.end());
    return files;
  }
  static std::vector<std::string> with_parameters(std::vector<std::string> arguments, const Parameters& parameters) {
    for (const auto& parameter : parameters) {
      arguments.push_back("--param");
      arguments.push_back(parameter);
    }
    return arguments;
  }
  /// Runs the job on `input` with workers and as many tasks per operator; false, and a failure, when it did not finish.
  void run(const std::string& input, Parameters parameters, int workers = 1) {
    fs::remove_all(output(""));
    parameters.push_back("input=" + input);
    parameters.push_back("output=" + output(""));
    const auto number = std::to_string(workers);
    const auto ended =
        run_freshet(with_parameters({"run", FRESHET_USER_BEHAVIOR, "--workers", number, "--parallelism", number,
                                     "--data", directory_.path("engine-" + std::to_string(++runs_))},
                                    parameters));
    ASSERT_EQ(ended.exit_code, 0) << ended.output;
  }
  std::string output(const std::string& result) const { return directory_.path("out") + "/" + result; }
  ResultTable result(const std::string& name) const { return ResultTable(output(name)); }

  TestDirectory directory_{};
  int runs_ = 0;
};

TEST_F(UserBehaviorData, ShopClicks) {
  const auto file = files_in(data("taobao-sorted"), ".csv.gz").front();
  ASSERT_NO_FATAL_FAILURE(run(file, kTaobao));
  EXPECT_THAT(result("totals").by("action", "events"),
              UnorderedElementsAre(Pair("view", 85773), Pair("cart", 5292), Pair("favorite", 2959), Pair("order", 2144),
                                   Pair("all", 96168)));
  EXPECT_THAT(result("totals").by("action", "users"),
              UnorderedElementsAre(Pair("view", 53865), Pair("cart", 4899), Pair("favorite", 2660), Pair("order", 2071),
                                   Pair("all", 58732)));
  EXPECT_EQ(result("users").rows(), 58732u);
  EXPECT_EQ(result("items").rows(), 75384u);
  EXPECT_THAT(result("items").top(10, "item", "views"),
              ElementsAre(Pair("2338453", 61), Pair("812879", 35), Pair("3845720", 26), Pair("3034696", 24),
                          Pair("259923", 22), Pair("3783464", 22), Pair("138964", 21), Pair("279675", 21),
                          Pair("2331370", 21), Pair("3244134", 21)));
  const auto recent = recent_by_user(result("recent"), Sequence({file}, false));
  EXPECT_EQ(result("recent").rows(), 93969u);
  EXPECT_EQ(sum_of(recent), 4552893429);
  EXPECT_THAT(recent.at("258029"), ElementsAre(89686, 88725, 84541, 80343, 80068));
  EXPECT_EQ(result("dead_letters").rows(), 1u);
  EXPECT_THAT(result("dead_letters").text(0, "origin"), ::testing::EndsWith(", line 96169"));
}

TEST_F(UserBehaviorData, Invoices) {
  const auto files = files_in(data("online-retail-h1"), ".csv.gz");
  ASSERT_NO_FATAL_FAILURE(run(data("online-retail-h1/*.csv.gz"), kRetail));
  EXPECT_THAT(result("totals").by("action", "events"),
              UnorderedElementsAre(Pair("order", 205246), Pair("cancel", 3783), Pair("all", 209029)));
  EXPECT_THAT(result("totals").by("action", "users"),
              UnorderedElementsAre(Pair("order", 2718), Pair("cancel", 890), Pair("all", 2767)));
  EXPECT_EQ(result("users").rows(), 2767u);
  EXPECT_EQ(result("items").rows(), 3514u);
  EXPECT_THAT(result("items").top(10, "item", "quantity"),
              ElementsAre(Pair("84077", 28129), Pair("21212", 19992), Pair("85099B", 19193), Pair("22197", 18705),
                          Pair("85123A", 18501), Pair("84879", 13917), Pair("21977", 13294), Pair("22616", 13231),
                          Pair("15036", 12504), Pair("22492", 11616)));
  EXPECT_THAT(result("users").top(5, "user", "revenue_mills"),
              ElementsAre(Pair("14646.0", 110668120), Pair("18102.0", 64483900), Pair("17450.0", 54602440),
                          Pair("12415.0", 50290200), Pair("14156.0", 41345980)));
  const auto recent = recent_by_user(result("recent"), Sequence(files, true));
  EXPECT_EQ(result("recent").rows(), 13181u);
  EXPECT_EQ(sum_of(recent), 1828211736);
  EXPECT_THAT(recent.at("17841.0"), ElementsAre(208396, 208395, 208394, 208393, 208392));
  EXPECT_EQ(result("dead_letters").rows(), 0u);
}

TEST_F(UserBehaviorData, WebLog) {
  const auto file = files_in(data("nasa-jul95"), ".tsv.gz").front();
  ASSERT_NO_FATAL_FAILURE(run(file, kNasa));
  EXPECT_THAT(result("totals").by("action", "events"),
              UnorderedElementsAre(Pair("view", 9012), Pair("click", 531), Pair("other", 408), Pair("cancel", 48),
                                   Pair("all", 9999)));
  EXPECT_EQ(result("totals").by("action", "users").at("all"), 936);
  EXPECT_THAT(result("items").top(10, "item", "events"),
              ElementsAre(Pair("/images/NASA-logosmall.gif", 639), Pair("/images/KSC-logosmall.gif", 546),
                          Pair("/shuttle/countdown/count.gif", 421), Pair("/shuttle/countdown/", 418),
                          Pair("/shuttle/missions/sts-71/sts-71-patch-small.gif", 243),
                          Pair("/shuttle/missions/sts-71/images/images.html", 234),
                          Pair("/images/USA-logosmall.gif", 221), Pair("/images/MOSAIC-logosmall.gif", 220),
                          Pair("/images/WORLD-logosmall.gif", 219), Pair("/images/launch-logo.gif", 218)));
  EXPECT_EQ(result("items").rows(), 1165u);
  EXPECT_EQ(result("recent").rows(), 3977u);
  EXPECT_EQ(sum_of(recent_by_user(result("recent"), Sequence({file}, true))), 20634818);
  EXPECT_EQ(result("dead_letters").rows(), 0u);
}

TEST_F(UserBehaviorData, RatingsInNoOrderOfTime) {
  const auto file = files_in(data("ml-100k"), ".tsv.gz").front();
  ASSERT_NO_FATAL_FAILURE(run(file, kMovies));
  EXPECT_THAT(result("totals").by("action", "events"), UnorderedElementsAre(Pair("rate", 100000), Pair("all", 100000)));
  EXPECT_THAT(result("totals").by("action", "users"), UnorderedElementsAre(Pair("rate", 943), Pair("all", 943)));
  EXPECT_THAT(result("items").top(10, "item", "rates"),
              ElementsAre(Pair("50", 583), Pair("258", 509), Pair("100", 508), Pair("181", 507), Pair("294", 485),
                          Pair("286", 481), Pair("288", 478), Pair("1", 452), Pair("300", 431), Pair("121", 429)));
  const auto recent = recent_by_user(result("recent"), Sequence({file}, true));
  EXPECT_EQ(result("recent").rows(), 4715u);
  EXPECT_EQ(sum_of(recent), 252768258);
  EXPECT_THAT(recent.at("405"), ElementsAre(76287, 47919, 36120, 29972, 20674));
  EXPECT_EQ(result("dead_letters").rows(), 0u);
}

/// The shop clicks in one file, and the same cut into four.
class UserBehaviorDataCut : public UserBehaviorData {
 protected:
  void cut() {
    const auto whole = files_in(data("taobao-sorted"), ".csv.gz").front();
    const auto lines = lines_of(whole);
    const std::size_t share = lines.size() / 4 + 1;
    for (std::size_t from = 0; from < lines.size(); from += share) {
      std::string text;
      for (std::size_t i = from; i < std::min(from + share, lines.size()); ++i) text += lines[i] + '\n';
      pieces_.push_back(directory_.write("in/piece-" + std::to_string(from / share) + ".csv", text));
    }
    ASSERT_NO_FATAL_FAILURE(run(whole, kTaobao));
    expected_ = all_results(Sequence({whole}, false));
  }
  /// Everything that must not depend on how the input is cut and the work dealt out.
  std::map<std::string, std::vector<std::string>> all_results(const Sequence& sequence) const {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto* name : {"users", "items", "totals"}) all[name] = result(name).sorted_rows(result(name).columns());
    for (const auto& [user, numbers] : recent_by_user(result("recent"), sequence)) {
      std::string line = user;
      for (const auto number : numbers) line += " " + std::to_string(number);
      all["recent"].push_back(line);
    }
    all["dead letters"] = result("dead_letters").sorted_rows({"reason", "message", "operator_id"});
    return all;
  }
  void expect_the_same() const {
    const auto results = all_results(Sequence(pieces_, false));
    for (const auto& [name, rows] : expected_) EXPECT_TRUE(results.at(name) == rows) << name << " differ";
  }
  std::string input() const { return directory_.path("in/*.csv"); }

  std::vector<std::string> pieces_{};
  std::map<std::string, std::vector<std::string>> expected_{};
};

TEST_F(UserBehaviorDataCut, OneTwoAndThreeWorkersGiveTheSame) {
  ASSERT_NO_FATAL_FAILURE(cut());
  for (const int workers : {1, 2, 3}) {
    SCOPED_TRACE(std::to_string(workers) + " workers");
    ASSERT_NO_FATAL_FAILURE(run(input(), kTaobao, workers));
    expect_the_same();
  }
}

TEST_F(UserBehaviorDataCut, TwoAgentsGiveTheSame) {
  ASSERT_NO_FATAL_FAILURE(cut());
  fs::remove_all(output(""));
  const int port = free_port();
  const std::string cluster = directory_.path("cluster");
  const auto started =
      run_freshet({"cluster", "start", "--agents", "2", "--slots", "16", "--port", std::to_string(port),
                   "--control-port", std::to_string(free_port()), "--data", cluster});
  ASSERT_EQ(started.exit_code, 0) << started.output;
  auto parameters = kTaobao;
  parameters.push_back("input=" + input());
  parameters.push_back("output=" + output(""));
  const auto submitted =
      run_freshet(with_parameters({"submit", FRESHET_USER_BEHAVIOR, "--manager", "127.0.0.1:" + std::to_string(port),
                                   "--workers", "2", "--parallelism", "3", "--wait"},
                                  parameters));
  const auto stopped = run_freshet({"cluster", "stop", "--data", cluster});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  EXPECT_EQ(stopped.exit_code, 0) << stopped.output;
  expect_the_same();
}

}  // namespace
}  // namespace freshet::integration
