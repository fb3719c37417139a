#pragma once

#include "jobs/nexmark/bid.h"

/// What the queries answer, and what they come to on the way there.

/// Query 17: the bids of an auction on a day.
struct AuctionDay {
  std::uint64_t auction = 0;
  freshet::Window day{};
  std::uint64_t bids = 0, low = 0, middle = 0, high = 0;
  std::uint64_t least = 0, dearest = 0;
  double mean = 0;
  std::uint64_t sum = 0;
  FRESHET_RECORD(auction, day, bids, low, middle, high, least, dearest, mean, sum)
};

/// The bids of one who bids on a day.
struct BidderDay {
  std::uint64_t bidder = 0;
  freshet::Window day{};
  std::uint64_t low = 0, middle = 0, high = 0;
  FRESHET_RECORD(bidder, day, low, middle, high)
};

/// Query 15: bids, who bids, and auctions of a day; in all and by class of price. Also what one auction, or one who
/// bids, adds to it: each is in one part, so none needs to know of all others.
struct Day {
  freshet::Time date{};
  freshet::Window day{};
  std::uint64_t bids = 0, low_bids = 0, middle_bids = 0, high_bids = 0;
  std::uint64_t bidders = 0, low_bidders = 0, middle_bidders = 0, high_bidders = 0;
  std::uint64_t auctions = 0, low_auctions = 0, middle_auctions = 0, high_auctions = 0;
  FRESHET_RECORD(date, day, bids, low_bids, middle_bids, high_bids, bidders, low_bidders, middle_bidders, high_bidders,
                 auctions, low_auctions, middle_auctions, high_auctions)

  static Day of(const AuctionDay& one) {
    Day day{.date = one.day.start, .day = one.day, .auctions = 1};
    day.bids = one.bids;
    day.low_bids = one.low;
    day.middle_bids = one.middle;
    day.high_bids = one.high;
    day.low_auctions = one.low > 0 ? 1 : 0;
    day.middle_auctions = one.middle > 0 ? 1 : 0;
    day.high_auctions = one.high > 0 ? 1 : 0;
    return day;
  }
  static Day of_bidder(const BidderDay& one) {
    Day day{.date = one.day.start, .day = one.day, .bidders = 1};
    day.low_bidders = one.low > 0 ? 1 : 0;
    day.middle_bidders = one.middle > 0 ? 1 : 0;
    day.high_bidders = one.high > 0 ? 1 : 0;
    return day;
  }
};

/// The bids of an auction in a window.
struct AuctionBids {
  std::uint64_t auction = 0;
  freshet::Window window{};
  std::uint64_t bids = 0;
  FRESHET_RECORD(auction, window, bids)
};

/// The auctions with most bids: all that have as many.
struct MostBids {
  std::uint64_t bids = 0;
  std::vector<std::uint64_t> auctions{};
  FRESHET_RECORD(bids, auctions)
};

/// An aggregate: the auctions with most bids of a window.
struct FindMostBids {
  using Input = AuctionBids;
  using State = MostBids;
  void add(MostBids& most, const AuctionBids& one) const {
    if (one.bids < most.bids) return;
    if (one.bids > most.bids) most.auctions.clear();
    most.auctions.push_back(one.auction);
    most.bids = one.bids;
  }
  MostBids result(const MostBids& most) const { return most; }
};

struct HotWindow {
  freshet::Time start{};
  freshet::Window window{};
  MostBids most{};
  FRESHET_RECORD(start, window, most)
};

/// Query 5: an auction with most bids in a window.
struct HotAuction {
  freshet::Window window{};
  std::uint64_t auction = 0, bids = 0;
  FRESHET_RECORD(window, auction, bids)
};

/// The dearest bids: all of the same price.
struct Dearest {
  std::uint64_t price = 0;
  std::vector<Bid> bids{};
  FRESHET_RECORD(price, bids)

  void add(const Bid& bid) {
    if (!bids.empty() && bid.price < price) return;
    if (bid.price > price) bids.clear();
    bids.push_back(bid);
    price = bid.price;
  }
};

struct AuctionDearest {
  std::uint64_t auction = 0;
  freshet::Window window{};
  Dearest dearest{};
  FRESHET_RECORD(auction, window, dearest)
};

/// Query 7: of each window.
struct WindowDearest {
  freshet::Time start{};
  freshet::Window window{};
  Dearest dearest{};
  FRESHET_RECORD(start, window, dearest)
};

/// Aggregates: the dearest bids of an auction, and of all.
struct FindDearest {
  using Input = Bid;
  using State = Dearest;
  void add(Dearest& dearest, const Bid& bid) const { dearest.add(bid); }
  Dearest result(const Dearest& dearest) const { return dearest; }
};
struct FindDearestOfAll {
  using Input = AuctionDearest;
  using State = Dearest;
  void add(Dearest& dearest, const AuctionDearest& one) const {
    for (const Bid& bid : one.dearest.bids) dearest.add(bid);
  }
  Dearest result(const Dearest& dearest) const { return dearest; }
};
