#pragma once

#include <string>

#include "jobs/nexmark/auction.h"
#include "jobs/nexmark/bid.h"

/// The queries, each a piece of the job; `output` is the folder of the results.
namespace nexmark {

inline constexpr freshet::Duration kDay = std::chrono::hours(24);

using Bids = freshet::Stream<Bid>;
using Auctions = freshet::Stream<Auction>;
using Persons = freshet::Stream<Person>;

void add_q5(const Bids& bids, const std::string& output);
void add_q7(const Bids& bids, const std::string& output);
void add_days(const Bids& bids, const std::string& output, bool q15, bool q17);
void add_q18(const Bids& bids, const std::string& output);

void add_q4(const Auctions& auctions, const Bids& bids, freshet::Duration longest_auction, const std::string& output);
void add_q8(const Persons& persons, const Auctions& auctions, const std::string& output);
void add_often(const Auctions& auctions, const Bids& bids, const std::string& output, bool q102, bool q103);

}  // namespace nexmark
