#include <freshet/files.h>

#include <set>
#include <sstream>

#include "jobs/nexmark/queries.h"

using namespace freshet;
using namespace nexmark;

namespace {

const std::set<std::string> kQueries{"q4", "q5", "q7", "q8", "q15", "q17", "q18", "q102", "q103"};

/// Those that a parameter names, by comma.
std::set<std::string> wanted_queries(Job& job, const std::string& listed) {
  std::set<std::string> queries;
  std::istringstream names(listed);
  for (std::string name; std::getline(names, name, ',');) queries.insert(name);
  std::string known;
  for (const auto& name : kQueries) known += (known.empty() ? "" : ", ") + name;
  for (const auto& name : queries)
    if (!kQueries.contains(name))
      job.add_problem({"parameter queries", "there is no query '" + name + "' here", "name some of " + known});
  if (queries.empty()) job.add_problem({"parameter queries", "no query is wanted", "name one at least"});
  return queries;
}

}  // namespace

FRESHET_JOB(nexmark, "Queries of the Nexmark benchmark, on auctions, bids at them and people")
{
  const auto input =
      files::input<Bid>(job, "bids", "bid.csv", "files of bids",
                        {.columns = "time=date_time", .required = {"auction", "bidder", "price", "time"}});
  const auto output = job.param("output", "out/nexmark", "folder of the results");
  const auto listed = job.param("queries", "q5,q7,q15,q17,q18", "which are wanted, by comma");
  const auto disorder = job.param("max_disorder", 4s, "how much later than its successors a record may come");
  const auto queries = wanted_queries(job, listed);
  const auto wants = [&](const std::string& name) { return queries.contains(name); };
  const bool wants_often = wants("q102") || wants("q103");
  // Inputs and parameters of queries that are not wanted need not be there.
  files::Input auction_input, person_input;
  Duration longest_auction = kDay;
  if (wants("q4") || wants("q8") || wants_often)
    auction_input = files::input<Auction>(
        job, "auctions", "auction.csv", "files of auctions",
        {.columns = "time=date_time,name=item_name", .required = {"id", "time", "expires", "seller", "category"}});
  if (wants("q8"))
    person_input = files::input<Person>(job, "persons", "person.csv", "files of people",
                                        {.columns = "time=date_time", .required = {"id", "time"}});
  if (wants("q4")) longest_auction = job.param("longest_auction", kDay, "for so long an auction and its bids are kept");

  const EventTimeOptions options{.max_disorder = disorder};
  const auto bids = job.source("bids", files::read<Bid>(input)).event_time(&Bid::time, options);
  if (wants("q5")) add_q5(bids, output);
  if (wants("q7")) add_q7(bids, output);
  if (wants("q15") || wants("q17")) add_days(bids, output, wants("q15"), wants("q17"));
  if (wants("q18")) add_q18(bids, output);
  if (wants("q4") || wants("q8") || wants_often) {
    const auto auctions =
        job.source("auctions", files::read<Auction>(auction_input)).event_time(&Auction::time, options);
    if (wants("q4")) add_q4(auctions, bids, longest_auction, output);
    if (wants_often) add_often(auctions, bids, output, wants("q102"), wants("q103"));
    if (wants("q8"))
      add_q8(job.source("persons", files::read<Person>(person_input)).event_time(&Person::time, options), auctions,
             output);
  }
  job.dead_letters().sink("dead_letters_file", files::csv(output + "/dead_letters"));
}
