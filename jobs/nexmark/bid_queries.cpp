#include <freshet/files.h>

#include "jobs/nexmark/queries.h"
#include "jobs/nexmark/results.h"

using namespace freshet;

namespace nexmark {

// Query 5: the auctions with most bids of the last ten seconds, every two seconds.
void add_q5(const Bids& bids, const std::string& output) {
  bids.key_by(&Bid::auction)
      .window(sliding(10s, 2s))
      .aggregate<AuctionBids>("auction_bids", count().as(&AuctionBids::bids))
      .key_by("start", [](const AuctionBids& one) { return one.window.start; })
      .window(same_window())
      .aggregate<HotWindow>("most_bids", custom(FindMostBids()).as(&HotWindow::most))
      .flat_map("q5",
                [](const HotWindow& hot, Out<HotAuction>& out) {
                  for (const auto auction : hot.most.auctions) out.emit({hot.window, auction, hot.most.bids});
                })
      .sink("q5_file", files::jsonl(output + "/q5"));
}

// Query 7: the dearest bids of each ten seconds.
void add_q7(const Bids& bids, const std::string& output) {
  bids.key_by(&Bid::auction)
      .window(tumbling(10s))
      .aggregate<AuctionDearest>("auction_dearest", custom(FindDearest()).as(&AuctionDearest::dearest))
      .key_by("start", [](const AuctionDearest& one) { return one.window.start; })
      .window(same_window())
      .aggregate<WindowDearest>("dearest", custom(FindDearestOfAll()).as(&WindowDearest::dearest))
      .flat_map("q7",
                [](const WindowDearest& window, Out<Bid>& out) {
                  for (const Bid& bid : window.dearest.bids) out.emit(bid);
                })
      .sink("q7_file", files::csv(output + "/q7"));
}

// Query 17: statistics of each auction and day; and 15, those of the day, which are put together from them.
void add_days(const Bids& bids, const std::string& output, bool q15, bool q17) {
  const auto auctions =
      bids.key_by(&Bid::auction)
          .window(tumbling(kDay))
          .aggregate<AuctionDay>("q17", count().as(&AuctionDay::bids), count_if(is_low).as(&AuctionDay::low),
                                 count_if(is_middle).as(&AuctionDay::middle), count_if(is_high).as(&AuctionDay::high),
                                 min(&Bid::price).as(&AuctionDay::least), max(&Bid::price).as(&AuctionDay::dearest),
                                 mean(&Bid::price).as(&AuctionDay::mean), sum(&Bid::price).as(&AuctionDay::sum));
  if (q17) auctions.sink("q17_file", files::jsonl(output + "/q17"));
  if (!q15) return;
  const auto auction_parts = auctions.map("auction_parts", Day::of);
  const auto bidder_parts =
      bids.key_by(&Bid::bidder)
          .window(tumbling(kDay))
          .aggregate<BidderDay>("bidders", count_if(is_low).as(&BidderDay::low),
                                count_if(is_middle).as(&BidderDay::middle), count_if(is_high).as(&BidderDay::high))
          .map("bidder_parts", Day::of_bidder);
  Stream<Day>(auctions.job(), auction_parts.from())
      .merge(bidder_parts)
      .key_by(&Day::date)
      .window(same_window())
      .aggregate<Day>(
          "q15", sum(&Day::bids).as(&Day::bids), sum(&Day::low_bids).as(&Day::low_bids),
          sum(&Day::middle_bids).as(&Day::middle_bids), sum(&Day::high_bids).as(&Day::high_bids),
          sum(&Day::bidders).as(&Day::bidders), sum(&Day::low_bidders).as(&Day::low_bidders),
          sum(&Day::middle_bidders).as(&Day::middle_bidders), sum(&Day::high_bidders).as(&Day::high_bidders),
          sum(&Day::auctions).as(&Day::auctions), sum(&Day::low_auctions).as(&Day::low_auctions),
          sum(&Day::middle_auctions).as(&Day::middle_auctions), sum(&Day::high_auctions).as(&Day::high_auctions))
      .sink("q15_file", files::jsonl(output + "/q15"));
}

}  // namespace nexmark
