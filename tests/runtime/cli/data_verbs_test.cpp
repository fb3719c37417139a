#include <gtest/gtest.h>

#include "support.h"

namespace freshet::cli {
namespace {

class EventsAndState : public test::VerbTest {};

constexpr const char* kEvents = R"({"version":1,"now_ms":1772334431000,"forgotten":2,"events":[
  {"time_ms":1772244431000,"kind":"state","text":"Submitted as j-7"},
  {"time_ms":1772334333000,"kind":"agent","text":"agent shop-2 no heartbeat for 2 s"},
  {"time_ms":1772334339000,"kind":"state","text":"Recovering: \u001b[31mlost"}]})";

TEST_F(EventsAndState, EventsAreTheTimeLineOldestFirst) {
  manager_.answer("GET /v1/jobs/shop/events", 200, kEvents);
  EXPECT_EQ(fake_.run("events shop"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "2026-02-28 02:07:11 UTC  Submitted as j-7\n"
            "03:05:33  agent shop-2 no heartbeat for 2 s\n"
            "03:05:39  Recovering: \\x1b[31mlost\n");
  EXPECT_EQ(fake_.run("events shop --since 5min"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "03:05:33  agent shop-2 no heartbeat for 2 s\n"
            "03:05:39  Recovering: \\x1b[31mlost\n");
  EXPECT_EQ(fake_.run("events shop -n 1"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "03:05:39  Recovering: \\x1b[31mlost\n");
  EXPECT_EQ(fake_.run("events shop --since 5min -n1 --json"), ExitCode::kDone);
  const auto body = nlohmann::json::parse(fake_.out.str());
  EXPECT_EQ(body["forgotten"], 2);
  ASSERT_EQ(body["events"].size(), 1u);
  EXPECT_EQ(body["events"][0]["kind"], "state");
}

TEST_F(EventsAndState, EventsFollowsAlsoAJobManagerThatIsStartedAnew) {
  manager_.answer("GET /v1/jobs/shop/events", 200, kEvents);
  manager_.answer("GET /v1/jobs/shop/events", 200, kEvents);
  // Two more, at a limit of three events.
  manager_.answer("GET /v1/jobs/shop/events", 200, R"({"version":1,"now_ms":1772334433000,"forgotten":4,"events":[
    {"time_ms":1772334339000,"kind":"state","text":"Recovering: \u001b[31mlost"}, {"time_ms":1772334431500,"kind":"verb","text":"new"},
    {"time_ms":1772334432000,"kind":"state","text":"newer"}]})");
  manager_.answer("GET /v1/jobs/shop/events", 200, R"({"version":1,"now_ms":1772334435000,"forgotten":0,"events":[
    {"time_ms":1772244431000,"kind":"state","text":"Submitted as j-7"},
    {"time_ms":1772334434000,"kind":"state","text":"adopted"}]})");
  fake_.pauses_until_interrupt = 4;
  EXPECT_EQ(fake_.run("events shop -f -n1"), ExitCode::kInterrupted);
  EXPECT_EQ(fake_.out.str(),
            "03:05:39  Recovering: \\x1b[31mlost\n"
            "03:07:11  new\n"
            "03:07:12  newer\n"
            "03:07:14  adopted\n");
}

TEST_F(EventsAndState, EventsOfAJobManagerThatIsStartedAnewAreKnownByWhatStandsInTheirPlaces) {
  manager_.answer("GET /v1/jobs/shop/events", 200, R"({"version":1,"now_ms":1772334431000,"forgotten":0,"events":[
    {"time_ms":1772334430000,"kind":"state","text":"Submitted as j-7"}]})");
  manager_.answer("GET /v1/jobs/shop/events", 200, R"({"version":1,"now_ms":1772334435000,"forgotten":0,"events":[
    {"time_ms":1772334433000,"kind":"state","text":"adopted"},
    {"time_ms":1772334434000,"kind":"state","text":"Running"}]})");
  fake_.pauses_until_interrupt = 2;
  EXPECT_EQ(fake_.run("events shop -f"), ExitCode::kInterrupted);
  EXPECT_EQ(fake_.out.str(),
            "03:07:10  Submitted as j-7\n"
            "03:07:13  adopted\n"
            "03:07:14  Running\n");
}

TEST_F(EventsAndState, StateOfAMapIsAnObjectUnlessItsKeysWouldBecomeOne) {
  const std::string head = R"({"version":1,"operator":"views","state":"seen","kind":"map","checkpoint":1,"entries":[)";
  manager_.answer(
      "GET /v1/jobs/shop/state/views/7", 200,
      head + R"({"key":7,"map_key":"a\u007f\u009b","value":1},{"key":7,"map_key":2,"value":2}],"next":null})");
  EXPECT_EQ(fake_.run("state get shop views 7"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), R"({"a\u007f\u009b":1,"2":2})"
                             "\n");
  manager_.answer("GET /v1/jobs/shop/state/views/8", 200,
                  head + R"({"key":8,"map_key":"2","value":1},{"key":8,"map_key":2,"value":2}],"next":null})");
  EXPECT_EQ(fake_.run("state get shop views 8"), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), R"([{"key":"2","value":1},{"key":2,"value":2}])"
                             "\n");
}

}  // namespace
}  // namespace freshet::cli
