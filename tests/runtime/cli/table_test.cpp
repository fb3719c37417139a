#include "runtime/cli/table.h"

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

Table jobs() {
  Table table({{"JOB"}, {"TASKS", Align::kRight}, {"NOTE"}});
  table.add({"shop", "4", "a long note that goes on"});
  table.add({"größer", "128"});
  return table;
}

TEST(Table, AlignsColumnsByCharactersAndLeavesNoTrailingSpaces) {
  EXPECT_EQ(jobs().render(Terminal()),
            "JOB     TASKS  NOTE\n"
            "shop        4  a long note that goes on\n"
            "größer    128\n");
}

TEST(Table, TrimsToTheWidthOfATerminalOnly) {
  EXPECT_EQ(jobs().render(Terminal(true, 20, false)),
            "JOB     TASKS  NOTE\n"
            "shop        4  a lo…\n"
            "größer    128\n");
}

TEST(Terminal, PaintsAndRewindsOnATerminalOnly) {
  EXPECT_EQ(Terminal().paint(Paint::kBad, "x"), "x");
  EXPECT_EQ(Terminal().rewind(3), "");
  EXPECT_EQ(Terminal(false, 80, true).paint(Paint::kBad, "x"), "x");
  EXPECT_EQ(Terminal(true, 80, false).paint(Paint::kBad, "x"), "x");
  EXPECT_EQ(Terminal(true, 80, true).paint(Paint::kBad, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(Terminal(true, 80, true).rewind(3), "\x1b[3A\r\x1b[J");
  EXPECT_EQ(Terminal(true, 80, true).rewind(0), "");
}

TEST(Terminal, CountsNoColumnsForColour) {
  const std::string painted = Terminal(true, 80, true).paint(Paint::kGood, "ab…");
  EXPECT_EQ(columns_of(painted), 3u);
  EXPECT_EQ(trimmed(painted, 3), painted);
  EXPECT_EQ(trimmed(painted, 2), "\x1b[32ma…\x1b[0m");
}

}  // namespace
}  // namespace freshet::cli
