#include "runtime/job_manager/crash_book.h"

#include <gmock/gmock.h>

namespace freshet::manager {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

CrashedPlace crash_at(std::uint64_t line, std::uint32_t attempt, const std::string& op = "totals") {
  return {.operator_id = op, .place = {"events", "in/a.csv", line}, .last = {attempt}, .reason = "crash SIGSEGV"};
}

TEST(CrashBook, SetsARecordAsideAfterSoManyAttemptsCrashedOnIt) {
  CrashBook book(3);
  EXPECT_EQ(book.note(crash_at(7, 1), true)->crashes, 1u);
  EXPECT_EQ(book.note(crash_at(8, 2), true)->crashes, 1u) << "another line";
  EXPECT_EQ(book.note(crash_at(7, 3, "sums"), true)->crashes, 1u) << "another operator";
  EXPECT_FALSE(book.note(crash_at(7, 4), true)->set_aside);
  EXPECT_TRUE(book.set_aside().empty());
  EXPECT_TRUE(book.note(crash_at(7, 5), true)->set_aside);
  EXPECT_THAT(book.set_aside(), ElementsAre(wire::SetAside{"totals", {"events", "in/a.csv", 7}, "crash SIGSEGV", 3}));
}

TEST(CrashBook, AnAttemptCountsOnceAtAPlaceHoweverOftenItsEndIsTold) {
  CrashBook book(3);
  EXPECT_NE(book.note(crash_at(7, 4), true), nullptr);
  EXPECT_EQ(book.note(crash_at(7, 4), true), nullptr);
  EXPECT_EQ(book.note(crash_at(7, 3), true), nullptr) << "older";
  EXPECT_NE(book.note(crash_at(8, 4), true), nullptr) << "another of its workers, at another place";
  EXPECT_EQ(book.places()[0].crashes, 1u);
}

TEST(CrashBook, WhatIsSetAsideStaysSo) {
  CrashBook book(2);
  book.note(crash_at(7, 1), true);
  book.note(crash_at(7, 2), true);
  for (std::uint32_t line = 100; line < 100 + 3 * CrashBook::kMaxCounted; ++line) book.note(crash_at(line, line), true);
  EXPECT_THAT(book.set_aside(), SizeIs(1));
  EXPECT_THAT(book.places(), SizeIs(CrashBook::kMaxCounted + 1)) << "the others are limited";
  EXPECT_TRUE(book.note(crash_at(7, 1000), false)->set_aside);
}

TEST(CrashBook, BeyondTheLimitNothingIsSetAside) {
  CrashBook book(1);
  for (std::uint32_t line = 1; line <= CrashBook::kMaxSetAside; ++line)
    EXPECT_TRUE(book.note(crash_at(line, line), true)->set_aside);
  EXPECT_FALSE(book.note(crash_at(1000, 1000), true)->set_aside);
  EXPECT_THAT(book.set_aside(), SizeIs(CrashBook::kMaxSetAside));
}

TEST(CrashBook, NothingIsSetAsideWhereThePolicyOrTheLimitSaysSo) {
  CrashBook book(1), never(0);
  EXPECT_FALSE(book.note(crash_at(7, 1), false)->set_aside);
  EXPECT_FALSE(never.note(crash_at(7, 1), true)->set_aside);
  never.set_limit(2);
  EXPECT_TRUE(never.note(crash_at(7, 2), true)->set_aside) << "it was counted all the same";
}

TEST(CrashBook, APlaceWithoutANameOrWithAnEndlessOneIsNotCounted) {
  CrashBook book(1);
  CrashedPlace nameless = crash_at(7, 1), endless = crash_at(7, 1);
  nameless.place.partition.clear();
  endless.place.partition.resize(CrashBook::kMaxTextBytes + 1, 'x');
  EXPECT_EQ(book.note(nameless, true), nullptr);
  EXPECT_EQ(book.note(endless, true), nullptr);
  EXPECT_TRUE(book.places().empty());
}

TEST(CrashBook, SaysWhatIsNotDurableYet) {
  CrashBook book(3);
  book.note(crash_at(7, 1), true);
  ASSERT_THAT(book.not_journalled(), SizeIs(1));
  book.on_journalled();
  EXPECT_TRUE(book.not_journalled().empty());
  book.note(crash_at(7, 2), true);
  EXPECT_EQ(book.not_journalled()[0].crashes, 2u);
}

}  // namespace
}  // namespace freshet::manager
