#include "runtime/wire/control.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/runtime/wire/control_samples.h"

namespace freshet::wire {
namespace {

using namespace testing_support;

TEST(ControlMessage, EveryOneComesBackWithEveryField) {
  base::Random random(7);
  for (std::size_t index = 0; index < kBodies; ++index) {
    for (int round = 0; round < 20; ++round) {
      const auto message = sample(random, index);
      const std::string bytes = encoded(message);
      ControlMessage read;
      std::string why;
      ASSERT_TRUE(decode_control(bytes, read, why)) << control_name(message.body) << ": " << why;
      EXPECT_EQ(read.body.index(), index);
      EXPECT_EQ(read.term, message.term);
      EXPECT_EQ(encoded(read), bytes) << control_name(message.body);
    }
  }
}

TEST(ControlMessage, EachHasItsOwnName) {
  base::Random random(8);
  std::set<std::string_view> names;
  for (std::size_t index = 0; index < kBodies; ++index) names.insert(control_name(sample(random, index).body));
  EXPECT_EQ(names.size(), kBodies);
  EXPECT_EQ(control_name(StartWorker{}), "StartWorker");
}

// [version 1, kind 99, term 3, [[[7], [2], [1]], true]]
TEST(ControlMessage, EnvelopeBytesAreFrozen) {
  const PauseSources pause{{JobId{7}, Attempt{2}, WorkerId{1}}, true};
  EXPECT_EQ(encoded({Term{3}, pause}), "\x94\x01\x63\x03\x92\x93\x91\x07\x91\x02\x91\x01\xc3");
}

TEST(ControlMessage, NumbersOfTheMessagesAreFrozen) {
  base::Random random(9);
  std::ostringstream lines;
  for (std::size_t index = 0; index < kBodies; ++index) {
    const auto message = sample(random, index);
    lines << int{encoded(message)[2]} << ' ' << control_name(message.body) << '\n';  // all below 128: one byte
  }
  std::ostringstream golden;
  golden << std::ifstream(FRESHET_GOLDEN_DIR "/wire/control_kinds.txt").rdbuf();
  EXPECT_EQ(lines.str(), golden.str());
}

std::string refusal_of(std::string_view bytes) {
  ControlMessage message;
  std::string why;
  EXPECT_FALSE(decode_control(bytes, message, why));
  return why;
}

TEST(ControlMessage, WhatIsWrongIsSaidInWords) {
  EXPECT_EQ(refusal_of(""), "not a control message");
  EXPECT_EQ(refusal_of("\x93\x01\x62\x03"), "not a control message");
  EXPECT_EQ(refusal_of("\x94\x09\x62\x03\x90"), "control protocol version 9, this one speaks 1");
  EXPECT_EQ(refusal_of("\x94\x01\x1f\x03\x90"), "unknown control message kind 31");
  EXPECT_EQ(refusal_of("\x94\x01\xc0\x03\x90"), "control message without a kind");
  EXPECT_EQ(refusal_of("\x94\x01\x62\xc0\x90"), "InjectBarrier: no term");
  EXPECT_EQ(refusal_of("\x94\x01\x62\x03\x90"), "InjectBarrier: malformed body");
  EXPECT_EQ(refusal_of(encoded({Term{3}, TasksFinished{}}) + "x"), "TasksFinished: bytes behind its end");
}

TEST(ControlMessage, LongerThanTheLimitIsRefusedUnread) {
  std::string bytes = encoded({Term{3}, TasksFinished{}});
  bytes.resize(kMaxControlBytes + 1);
  EXPECT_EQ(refusal_of(bytes), "control message of 67108865 bytes, at most 67108864 are taken");
}

}  // namespace
}  // namespace freshet::wire
