#include <gmock/gmock.h>

#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class DeadLetterVerbs : public test::VerbTest {
 protected:
  DeadLetterVerbs() {
    manager_.answer("GET /v1/jobs/shop", 200, R"({"version":1,"name":"shop","dead_letters":1412})");
    manager_.answer("POST /v1/jobs/shop/dead-letters", 202,
                    R"({"version":1,"operation":"letters-1.1","kind":"replay","state":"open"})");
  }
  void finish(const std::string& how) { manager_.answer("GET /v1/jobs/shop/operations/letters-1.1", 200, how); }
  json sent() const {
    for (const auto& seen : manager_.seen())
      if (seen.request == "POST /v1/jobs/shop/dead-letters") return json::parse(seen.body);
    return {};
  }
};

constexpr const char* kLetters = R"({"version":1,"now_ms":1772334431000,"job":"shop","checkpoint":1702,
  "checkpoint_ms":1772334430200,"kept":317,"behind_watermark":21,"groups":[
  {"reason":"exception std::out_of_range","operator":"category","count":316,"first_ms":1772333411000,
   "last_ms":1772334418000,"example":1126999418478593,"message":"map::at"},
  {"reason":"crash SIGSEGV","operator":"sessions","count":1,"first_ms":1772234100000,"last_ms":1772234100000,
   "example":88140,"message":"set aside after 3 \u001b[31mcrashes"}],
  "letters":[{"id":1126999418478593,"operator":"category","reason":"exception std::out_of_range","message":"map::at",
   "origin":"in/events-0307.csv, line 918221","attempts":6,"at_ms":1772334418000,"event_time_ms":1772334072000,
   "record":{"user":77,"item":990017,"action":"vi\u009bew"},"key":77}]})";

TEST_F(DeadLetterVerbs, ListGroupsThemByReasonAndShowsTheNewestWhenAsked) {
  manager_.answer("GET /v1/jobs/shop/dead-letters", 200, kLetters);
  EXPECT_EQ(fake_.run_words({"dead-letters", "list", "shop", "-n", "2", "--operator", "category", "--reason", "a b",
                             "--since", "1h"}),
            ExitCode::kDone);
  EXPECT_EQ(manager_.seen()[0].request,
            "GET /v1/jobs/shop/dead-letters?limit=2&operator=category&reason=a%20b&newer_than_ms=3600000");
  test::expect_golden("dead_letters_list.txt", fake_.out.str());
}

TEST_F(DeadLetterVerbs, ListOfNoneSaysSo) {
  manager_.answer("GET /v1/jobs/shop/dead-letters", 200,
                  R"({"version":1,"now_ms":1,"job":"shop","checkpoint":null,"kept":0,"groups":[],"letters":[]})");
  EXPECT_EQ(fake_.run("dead-letters list shop"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "no dead letters are kept; 1,412 counted since the job began, replayed and not kept ones too\n");
}

TEST_F(DeadLetterVerbs, ShowPrintsOneWithItsRecord) {
  manager_.answer("GET /v1/jobs/shop/dead-letters/1126999418478593", 200, kLetters);
  EXPECT_EQ(fake_.run("dead-letters show shop #1126999418478593"), ExitCode::kDone);
  test::expect_golden("dead_letters_show.txt", fake_.out.str());
  EXPECT_EQ(fake_.run("dead-letters show shop x7"), ExitCode::kUsage);
  EXPECT_THAT(fake_.err.str(), HasSubstr("expected the number of a dead letter: freshet dead-letters list shop -n 10"));
}

TEST_F(DeadLetterVerbs, ReplayWaitsUntilACheckpointHoldsIt) {
  finish(R"({"version":1,"operation":"letters-1.1","kind":"replay","state":"done","checkpoint":1703,"letters":316})");
  EXPECT_EQ(fake_.run_words({"dead-letters", "replay", "shop", "--operator", "category", "--reason",
                             "exception std::out_of_range"}),
            ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "316 dead letters are tried again, saved in checkpoint 1703    what fails again: freshet dead-letters list "
            "shop\n");
  EXPECT_EQ(sent(), json::parse(R"({"action":"replay","operator":"category","reason":"exception std::out_of_range"})"));
}

TEST_F(DeadLetterVerbs, ReplayOfTasksThatAreThroughSaysWhatStayed) {
  finish(R"({"version":1,"operation":"letters-1.1","kind":"replay","state":"done","checkpoint":null,"letters":0,
             "refused":2})");
  EXPECT_EQ(fake_.run("dead-letters replay shop 5 #6"), ExitCode::kFailed);
  EXPECT_EQ(fake_.out.str(),
            "0 dead letters are tried again; the next complete checkpoint saves it\n2 tasks left theirs where they "
            "were: all input is read, and what they emitted would go nowhere\n");
  EXPECT_EQ(sent(), json::parse(R"({"action":"replay","ids":[5,6]})"));
}

TEST_F(DeadLetterVerbs, AReplayThatIsNotSafeSaysToLookAgain) {
  finish(R"({"version":1,"operation":"letters-1.1","kind":"replay","state":"failed","why":"the attempt ended"})");
  EXPECT_EQ(fake_.run("dead-letters replay shop"), ExitCode::kFailed);
  EXPECT_THAT(fake_.err.str(), HasSubstr("not replayed for sure: the attempt ended. Look, and repeat it: freshet "
                                         "dead-letters list shop"));
}

TEST_F(DeadLetterVerbs, DryRunTellsWhatWouldHappenAndChangesNothing) {
  manager_.answer("GET /v1/jobs/shop/dead-letters", 200, kLetters);
  EXPECT_EQ(fake_.run("dead-letters replay shop --operator category --dry-run"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "317 records would go to category, sessions again; 21 are older than the watermark, and windows behind may "
            "find them late (counter late_after_retry). Run without --dry-run.\n");
  manager_.answer("GET /v1/jobs/shop/dead-letters/5", 200, kLetters);
  EXPECT_EQ(fake_.run("dead-letters replay shop 5 5 77 --dry-run"), ExitCode::kDone);
  EXPECT_THAT(fake_.out.str(), HasSubstr("317 records would go"));
  EXPECT_EQ(sent(), json());
}

TEST_F(DeadLetterVerbs, AnEmptyFilterIsNotTakenForAll) {
  for (const char* flag : {"--operator", "--reason"}) {
    EXPECT_EQ(fake_.run_words({"dead-letters", "drop", "shop", flag, "", "--yes"}), ExitCode::kUsage) << flag;
    EXPECT_THAT(fake_.err.str(), HasSubstr(std::string(flag) + " is empty"));
  }
  EXPECT_EQ(sent(), json());
}

TEST_F(DeadLetterVerbs, DropWantsYes) {
  manager_.answer("GET /v1/jobs/shop/dead-letters", 200, kLetters);
  EXPECT_EQ(fake_.run("dead-letters drop shop"), ExitCode::kUsage);
  EXPECT_THAT(fake_.err.str(), HasSubstr("317 records of category, sessions would be dropped for good. Nothing was "
                                         "dropped, and there is no way back: add --yes"));
  EXPECT_EQ(sent(), json());
  finish(R"({"version":1,"operation":"letters-1.1","kind":"drop","state":"done","checkpoint":9,"letters":1})");
  EXPECT_EQ(fake_.run("dead-letters drop shop --yes"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "1 dead letter dropped, saved in checkpoint 9\n");
  EXPECT_EQ(sent(), json::parse(R"({"action":"drop"})"));
}

}  // namespace
}  // namespace freshet::cli
