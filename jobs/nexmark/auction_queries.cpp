#include <freshet/files.h>

#include <algorithm>

#include "jobs/nexmark/auction_results.h"
#include "jobs/nexmark/queries.h"

using namespace freshet;

namespace nexmark {

// Query 4: what auctions of a category end at, on average: the dearest bid of each while it was open.
void add_q4(const Auctions& auctions, const Bids& bids, Duration longest_auction, const std::string& output) {
  auctions.key_by(&Auction::id)
      .interval_join("offers", bids.key_by(&Bid::auction), between(0s, longest_auction),
                     [](const Auction& auction, const Bid& bid) {
                       return Offer{auction.id, auction.category, bid.price, bid.time <= auction.expires};
                     })
      .filter("in_time", [](const Offer& offer) { return offer.in_time; })
      .fold("closing_price",
            [](ClosingPrice& closing, const Offer& offer) {
              closing = {offer.auction, offer.category, std::max(closing.price, offer.price)};
            })
      .emit(at_end())
      .key_by(&ClosingPrice::category)
      .fold("q4",
            [](CategoryPrice& price, const ClosingPrice& closing) {
              price.category = closing.category;
              ++price.auctions;
              price.sum += closing.price;
              price.mean = static_cast<double>(price.sum) / static_cast<double>(price.auctions);
            })
      .emit(at_end())
      .sink("q4_file", files::jsonl(output + "/q4"));
}

// Query 8: who opened an auction in the ten seconds in which they joined.
void add_q8(const Persons& persons, const Auctions& auctions, const std::string& output) {
  persons.key_by(&Person::id)
      .window_join("opened", auctions.key_by(&Auction::seller), tumbling(10s),
                   [](const Person& person, const Auction&, const Window& window) {
                     return Newcomer{person.id, person.name, window.start};
                   })
      .dedupe("q8", &Newcomer::joined)
      .sink("q8_file", files::csv(output + "/q8"));
}

// Query 18: the last bid of each who bids at an auction.
void add_q18(const Bids& bids, const std::string& output) {
  bids.key_by(&Bid::auction, &Bid::bidder)
      .fold("q18",
            [](Bid& last, const Bid& bid) {
              if (bid.time > last.time) last = bid;  // of those at one time the first
            })
      .emit(at_end())
      .sink("q18_file", files::csv(output + "/q18"));
}

namespace {

/// Auctions of a day with the names that they were opened under on that day, at the end of which counts come.
template <class Counts>
auto named(const std::string& id, const Counts& counts, const Auctions& auctions) {
  return counts.key_by(&AuctionCount::auction)
      .interval_join(id, auctions.key_by(&Auction::id), between(-kDay, 0s),
                     [](const AuctionCount& count, const Auction& auction) {
                       return NamedCount{auction.id, auction.name, count.bids};
                     });
}

}  // namespace

// Query 102: auctions that have at least as many bids as those of the day have on average, rounded down; 103: at
// least 20.
void add_often(const Auctions& auctions, const Bids& bids, const std::string& output, bool q102, bool q103) {
  const auto counts = bids.key_by(&Bid::auction)
                          .window(tumbling(kDay))
                          .aggregate<AuctionCount>("auction_counts", count().as(&AuctionCount::bids));
  if (q103)
    named("q103", counts.filter("often", [](const AuctionCount& one) { return one.bids >= 20; }), auctions)
        .sink("q103_file", files::csv(output + "/q103"));
  if (!q102) return;
  const auto totals = counts.map("day_parts", DayTotals::of)
                          .key_by(&DayTotals::date)
                          .window(same_window())
                          .aggregate<DayTotals>("day_totals", sum(&DayTotals::bids).as(&DayTotals::bids),
                                                sum(&DayTotals::auctions).as(&DayTotals::auctions));
  const auto above = counts.key_by("day", [](const AuctionCount& one) { return one.day.start; })
                         .interval_join("beside_totals", totals, between(0s, 1s),
                                        [](const AuctionCount& one, const DayTotals& day) {
                                          const bool is_above = one.bids >= day.bids / day.auctions;
                                          return AuctionCount{one.auction, one.day, is_above ? one.bids : 0};
                                        })
                         .filter("above_mean", [](const AuctionCount& one) { return one.bids > 0; });
  named("q102", above, auctions).sink("q102_file", files::csv(output + "/q102"));
}

}  // namespace nexmark
