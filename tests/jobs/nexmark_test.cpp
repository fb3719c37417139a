// The job nexmark against the results that another engine's tests expect. The data stands beside the checkout, in
// ../shared/data; where it is absent, the tests are skipped.

#include <freshet/testing.h>
#include <gmock/gmock.h>

#include <fstream>

#include "jobs/nexmark/auction_results.h"
#include "jobs/nexmark/results.h"
#include "tests/jobs/real_data.h"
#include "tests/jobs/run_job.h"

namespace freshet::nexmark_test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

std::string data(const std::string& file) { return testing::input("nexmark-risingwave/" + file); }

using Words = std::vector<std::string>;

/// The rows of a file, as words.
std::vector<Words> expected(const std::string& file) {
  std::ifstream in(data(file));
  std::vector<Words> rows;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    if (line.empty()) continue;
    rows.emplace_back();
    for (std::string word; words >> word;) rows.back().push_back(word);
  }
  EXPECT_FALSE(rows.empty()) << file;
  return rows;
}

/// Numbers as words.
template <class... N>
Words words(N... numbers) {
  return {std::to_string(numbers)...};
}

/// 2015-07-15T00:00:22.005Z as the two words 2015-07-15 00:00:22.005.
Words time_words(Time time) {
  std::string text;
  append_time(text, time);
  return {text.substr(0, 10), text.substr(11, text.size() - 12)};
}

Words joined(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class Nexmark : public testing::OnRealData {
 protected:
  static JobHarness run(const std::string& query) {
    testing::Parameters parameters{{"bids", data("bid.csv")}, {"queries", query}};
    const auto wants = [&](const std::string& name) {
      return ("," + query + ",").find("," + name + ",") != query.npos;
    };
    if (wants("q4") || wants("q8") || wants("q102") || wants("q103")) parameters["auctions"] = data("auction.csv");
    if (wants("q8")) parameters["persons"] = data("person.csv");
    JobHarness job("nexmark", parameters);
    job.parallelism(GetParam()).finish();
    EXPECT_THAT(job.dead_letters(), SizeIs(0));
    return job;
  }
};

TEST_P(Nexmark, Query4ClosingPricesByCategory) {
  auto job = run("q4");
  std::map<std::uint64_t, double> wanted, means;
  for (const auto& row : expected("expected_q4.txt")) wanted[std::stoull(row.at(0))] = std::stod(row.at(1));
  for (const auto& one : job.output<CategoryPrice>("q4_file")) means[one.category] = one.mean;
  EXPECT_THAT(means, SizeIs(wanted.size()));
  for (const auto& [category, mean] : wanted) EXPECT_NEAR(means[category], mean, 0.005) << category;
}

TEST_P(Nexmark, Query8Newcomers) {
  auto job = run("q8");
  std::vector<Words> rows;
  for (const auto& one : job.output<Newcomer>("q8_file")) {
    std::istringstream names(one.name);
    Words row{std::to_string(one.id)};
    for (std::string name; names >> name;) row.push_back(name);
    auto time = time_words(one.joined);
    time[1] = time[1].substr(0, 8);  // without the thousandths, which are none
    rows.push_back(joined(row, time));
  }
  EXPECT_THAT(rows, UnorderedElementsAreArray(expected("expected_q8.txt")));
}

TEST_P(Nexmark, Query18LastBids) {
  auto job = run("q18");
  std::vector<Words> rows, wanted;
  for (const auto& bid : job.output<Bid>("q18_file")) {
    rows.push_back(joined(words(bid.auction, bid.bidder, bid.price), time_words(bid.time)));
  }
  // channel, address and something more stand between and behind.
  for (const auto& row : expected("expected_q18.txt"))
    wanted.push_back({row.at(0), row.at(1), row.at(2), row.at(5), row.at(6)});
  EXPECT_THAT(rows, UnorderedElementsAreArray(wanted));
}

TEST_P(Nexmark, Query102AuctionsWithAtLeastTheMeanNumberOfBids) {
  auto job = run("q102");
  std::map<std::uint64_t, std::uint64_t> wanted, bids;
  for (const auto& row : expected("expected_q102.txt")) wanted[std::stoull(row.front())] = std::stoull(row.back());
  for (const auto& one : job.output<NamedCount>("q102_file")) bids[one.auction] = one.bids;
  EXPECT_EQ(bids, wanted);
}

TEST_P(Nexmark, Query103AuctionsWithManyBids) {
  auto job = run("q103");
  std::vector<Words> rows;
  for (const auto& one : job.output<NamedCount>("q103_file")) rows.push_back({std::to_string(one.auction), one.name});
  EXPECT_THAT(rows, UnorderedElementsAreArray(expected("expected_q103.txt")));
}

TEST_P(Nexmark, Query5HotAuctions) {
  auto job = run("q5");
  std::vector<Words> rows;
  for (const auto& hot : job.output<HotAuction>("q5_file")) rows.push_back(words(hot.auction, hot.bids));
  EXPECT_THAT(rows, UnorderedElementsAreArray(expected("expected_q5.txt")));
}

TEST_P(Nexmark, Query7DearestBids) {
  auto job = run("q7");
  std::vector<Words> rows;
  for (const auto& bid : job.output<Bid>("q7_file"))
    rows.push_back(joined(words(bid.auction, bid.price, bid.bidder), time_words(bid.time)));
  EXPECT_THAT(rows, UnorderedElementsAreArray(expected("expected_q7.txt")));
}

TEST_P(Nexmark, Query15DaysByClassOfPrice) {
  auto job = run("q15");
  std::vector<Words> rows;
  for (const auto& day : job.output<Day>("q15_file"))
    rows.push_back(joined(
        {time_words(day.date)[0]},
        words(day.bids, day.low_bids, day.middle_bids, day.high_bids, day.bidders, day.low_bidders, day.middle_bidders,
              day.high_bidders, day.auctions, day.low_auctions, day.middle_auctions, day.high_auctions)));
  EXPECT_THAT(rows, UnorderedElementsAreArray(expected("expected_q15.txt")));
}

TEST_P(Nexmark, Query17AuctionsByDay) {
  auto job = run("q17");
  auto wanted = expected("expected_q17.txt");
  std::map<std::string, double> means;
  for (auto& row : wanted) {
    means[row.at(0)] = std::stod(row.at(8));
    row.erase(row.begin() + 8);
  }
  std::vector<Words> rows;
  for (const auto& one : job.output<AuctionDay>("q17_file")) {
    rows.push_back(joined({std::to_string(one.auction), time_words(one.day.start)[0]},
                          words(one.bids, one.low, one.middle, one.high, one.least, one.dearest, one.sum)));
    EXPECT_NEAR(one.mean, means[rows.back()[0]], 1e-6) << one.auction;
  }
  EXPECT_THAT(rows, UnorderedElementsAreArray(wanted));
}

TEST_P(Nexmark, AllTogetherAreTheSame) {
  auto job = run("q4,q5,q7,q8,q15,q17,q18,q102,q103");
  EXPECT_THAT(job.output<CategoryPrice>("q4_file"), SizeIs(5));
  EXPECT_THAT(job.output<Newcomer>("q8_file"), SizeIs(7));
  EXPECT_THAT(job.output<Bid>("q18_file"), SizeIs(24));
  EXPECT_THAT(job.output<NamedCount>("q102_file"), SizeIs(3));
  EXPECT_THAT(job.output<NamedCount>("q103_file"), SizeIs(1));
  EXPECT_THAT(job.output<HotAuction>("q5_file"), SizeIs(expected("expected_q5.txt").size()));
  EXPECT_THAT(job.output<Bid>("q7_file"), SizeIs(expected("expected_q7.txt").size()));
  EXPECT_THAT(job.output<Day>("q15_file"), SizeIs(1));
  EXPECT_THAT(job.output<AuctionDay>("q17_file"), SizeIs(expected("expected_q17.txt").size()));
}

TEST(NexmarkParameters, UnknownQueriesAreRefused) {
  try {
    testing::run_job("nexmark", {{"queries", "q5,q6"}});
    ADD_FAILURE() << "q6 was taken";
  } catch (const std::runtime_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("there is no query 'q6' here"));
  }
}

/// Ties stay, whatever the order.
TEST(NexmarkAggregates, KeepAllThatAreEqual) {
  MostBids most;
  const FindMostBids find_most;
  for (const auto& [auction, bids] : {std::pair{1u, 2u}, {2u, 3u}, {3u, 1u}, {4u, 3u}})
    find_most.add(most, {auction, {}, bids});
  EXPECT_EQ(most.bids, 3u);
  EXPECT_THAT(most.auctions, ::testing::ElementsAre(2, 4));
  Dearest dearest;
  for (const auto& [bidder, price] : {std::pair{1u, 0u}, {2u, 0u}, {3u, 5u}, {4u, 2u}, {5u, 5u}})
    dearest.add({1, bidder, price, {}});
  EXPECT_EQ(dearest.price, 5u);
  EXPECT_THAT(dearest.bids, ::testing::ElementsAre(Bid{1, 3, 5, {}}, Bid{1, 5, 5, {}}));
}

INSTANTIATE_TEST_SUITE_P(Parallelism, Nexmark, ::testing::Values(1, 2, 4), testing::name_of);

}  // namespace
}  // namespace freshet::nexmark_test
