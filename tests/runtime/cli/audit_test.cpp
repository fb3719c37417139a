#include <gtest/gtest.h>

#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

class Audit : public test::VerbTest {};

TEST_F(Audit, ShowsWhatHasCrossedEachEdge) {
  const json audit =
      json::parse(R"({"version": 1, "now_ms": 1, "job": "shop", "checkpoint": 1771, "attempt": 3, "why": "", "edges": [
    {"from": "events", "output": "out", "to": "dedupe", "input": 0, "since": 1, "sent": 1932004110,
     "received": 1932004110, "applied": 1932003791, "refused": 319},
    {"from": "dedupe", "output": "dead_letters", "to": "rejects", "input": 1, "since": 12, "sent": 319, "received": 319,
     "applied": 319, "refused": 0}]})");
  manager_.answer("GET /v1/jobs/shop/audit", 200, audit);
  EXPECT_EQ(fake_.run("audit shop"), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(),
            "EDGE                                      CHECKPOINT           SENT       RECEIVED        APPLIED  DEAD  "
            "BALANCE\n"
            "events -> dedupe                          1..1771     1,932,004,110  1,932,004,110  1,932,003,791   319   "
            "     0\n"
            "dedupe.dead_letters -> rejects (input 2)  12..1771              319            319            319     0   "
            "     0\n"
            "balances: every one of 1,932,004,429 records is accounted for, up to checkpoint 1771\n");
}

TEST_F(Audit, AnAuditThatDoesNotBalanceFails) {
  manager_.answer("GET /v1/jobs/shop/audit", 200, R"({"version": 1, "checkpoint": 7, "edges": [
    {"from": "events", "output": "out", "to": "dedupe", "input": 0, "since": 1, "sent": 9, "received": 9, "applied": 8,
     "refused": 0}]})");
  EXPECT_EQ(fake_.run("audit shop"), ExitCode::kFailed);
  EXPECT_NE(fake_.out.str().find("DOES NOT BALANCE"), std::string::npos);
}

TEST_F(Audit, OfAJobWithoutCheckpointsSaysSo) {
  manager_.answer(
      "GET /v1/jobs/shop/audit", 200,
      R"({"version":1,"now_ms":1,"job":"shop","checkpoint":null,"attempt":0,"why":"no checkpoint of the job is complete yet","edges":[]})");
  EXPECT_EQ(fake_.run("audit shop"), ExitCode::kBadState);
  EXPECT_EQ(fake_.err.str(),
            "there is nothing to audit: no checkpoint of the job is complete yet. See: freshet checkpoint list shop\n");
}

}  // namespace
}  // namespace freshet::cli
