#pragma once

#include "jobs/nexmark/bid.h"

/// What the queries about auctions and people answer, and what they come to on the way there.

/// A bid at an auction.
struct Offer {
  std::uint64_t auction = 0, category = 0, price = 0;
  bool in_time = false;
  FRESHET_RECORD(auction, category, price, in_time)
};

struct ClosingPrice {
  std::uint64_t auction = 0, category = 0, price = 0;
  FRESHET_RECORD(auction, category, price)
};

/// Query 4: what the auctions of a category end at.
struct CategoryPrice {
  std::uint64_t category = 0, auctions = 0, sum = 0;
  double mean = 0;
  FRESHET_RECORD(category, auctions, sum, mean)
};

/// Query 8: who opened an auction as soon as they had joined.
struct Newcomer {
  std::uint64_t id = 0;
  std::string name{};
  freshet::Time joined{};  ///< start of the window
  FRESHET_RECORD(id, name, joined)
};

/// The bids of an auction on a day.
struct AuctionCount {
  std::uint64_t auction = 0;
  freshet::Window day{};
  std::uint64_t bids = 0;
  FRESHET_RECORD(auction, day, bids)
};

/// Bids of a day, and auctions that had some; also what one of these adds to it.
struct DayTotals {
  freshet::Time date{};
  freshet::Window day{};
  std::uint64_t bids = 0, auctions = 0;
  FRESHET_RECORD(date, day, bids, auctions)

  static DayTotals of(const AuctionCount& one) { return {one.day.start, one.day, one.bids, 1}; }
};

/// Queries 102 and 103: an auction with many bids.
struct NamedCount {
  std::uint64_t auction = 0;
  std::string name{};
  std::uint64_t bids = 0;
  FRESHET_RECORD(auction, name, bids)
};
