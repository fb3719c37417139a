#pragma once

#include <freshet/freshet.h>

/// What somebody offers at an auction.
struct Bid {
  std::uint64_t auction = 0, bidder = 0, price = 0;
  freshet::Time time{};
  bool operator==(const Bid&) const = default;
  FRESHET_RECORD(auction, bidder, price, time)
};

/// Prices by class. noexcept: windows of what they count are summed up before they are sent.
inline bool is_low(const Bid& bid) noexcept { return bid.price < 10'000; }
inline bool is_middle(const Bid& bid) noexcept { return bid.price >= 10'000 && bid.price < 1'000'000; }
inline bool is_high(const Bid& bid) noexcept { return bid.price >= 1'000'000; }
