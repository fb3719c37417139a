#include "runtime/wire/frame.h"

#include <gtest/gtest.h>

#include <fstream>

#include <freshet/codec.h>

namespace freshet::wire {
namespace {

/// Hex digits of a golden file, without spaces, line breaks and what stands behind a '#'.
std::string golden(const std::string& name) {
  std::ifstream file(std::string(FRESHET_GOLDEN_DIR) + "/wire/" + name);
  std::string digits;
  for (std::string line; std::getline(file, line);) {
    for (const char byte : line.substr(0, line.find('#'))) {
      if (byte != ' ') digits += byte;
    }
  }
  return digits;
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (const char byte : bytes) {
    digits += kDigits[static_cast<unsigned char>(byte) >> 4];
    digits += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return digits;
}

const std::string kPayload = "freshet";

FrameHeader sample_header() {
  FrameHeader header;
  header.kind = MessageKind::data;
  header.attempt.value = 0x01020304;
  header.revision.value = 0x05060708;
  header.channel = {.edge = 0x11121314, .from = 0x15161718, .to = 0x191a1b1c, .lane = 0x1d};
  header.epoch = 0x2122232425262728;
  header.sequence = 0x3132333435363738;
  header.elements = 0x41424344;
  header.length = static_cast<std::uint32_t>(kPayload.size());
  header.checksum = payload_checksum(kPayload);
  header.origin_us = 0x5152535455565758;
  return header;
}

std::string whole_message(const FrameHeader& header, std::string_view payload) {
  std::string message(kHeaderBytes, '?');
  write_header(header, message.data());
  return message.append(payload);
}

TEST(FrameHeader, BytesAreFrozen) { EXPECT_EQ(to_hex(whole_message(sample_header(), kPayload)), golden("frame.hex")); }

TEST(FrameHeader, EveryFieldComesBack) {
  for (const auto kind : {MessageKind::data, MessageKind::grant, MessageKind::heartbeat, MessageKind::hello}) {
    FrameHeader written = sample_header();
    written.kind = kind;
    FrameHeader read;
    ASSERT_EQ(read_header(whole_message(written, kPayload), read), Refusal::none);
    EXPECT_EQ(read, written);
  }
}

TEST(FrameHeader, TouchesExactlyItsBytes) {
  std::string buffer(kHeaderBytes + 2, '!');
  write_header(FrameHeader{}, buffer.data() + 1);
  EXPECT_EQ(buffer.front(), '!');
  EXPECT_EQ(buffer.back(), '!');
}

struct Damage {
  Refusal expected;
  std::size_t offset;
  char byte;
};

class RefusedHeader : public testing::TestWithParam<Damage> {};

TEST_P(RefusedHeader, NamesWhatIsWrong) {
  std::string message = whole_message(sample_header(), kPayload);
  message[GetParam().offset] = GetParam().byte;
  FrameHeader header;
  EXPECT_EQ(read_header(message, header), GetParam().expected) << enumerator_name(GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(FrameHeader, RefusedHeader,
                         testing::Values(Damage{Refusal::bad_magic, 0, 'X'}, Damage{Refusal::bad_version, 4, 2},
                                         Damage{Refusal::bad_kind, 5, 0}, Damage{Refusal::bad_kind, 5, 5},
                                         Damage{Refusal::bad_flags, 6, 1}, Damage{Refusal::bad_flags, 7, 1},
                                         Damage{Refusal::bad_flags, 29, 1}, Damage{Refusal::bad_flags, 31, 1},
                                         Damage{Refusal::bad_length, 52, 8}));

TEST(FrameHeader, ShorterThanItselfIsTooShort) {
  const std::string message = whole_message(sample_header(), kPayload);
  FrameHeader header;
  for (std::size_t size = 0; size < kHeaderBytes; ++size)
    EXPECT_EQ(read_header(std::string_view(message).substr(0, size), header), Refusal::too_short);
}

TEST(FrameHeader, LengthIsExactlyWhatFollows) {
  const std::string message = whole_message(sample_header(), kPayload);
  FrameHeader header;
  EXPECT_EQ(read_header(message + "x", header), Refusal::bad_length);
  EXPECT_EQ(read_header(std::string_view(message).substr(0, message.size() - 1), header), Refusal::bad_length);
}

TEST(FrameHeader, PayloadOfTheLimitPassesAndOneByteMoreDoesNot) {
  FrameHeader header = sample_header();
  header.length = kMaxPayloadBytes;
  std::string message = whole_message(header, std::string(kMaxPayloadBytes, 'x'));
  EXPECT_EQ(read_header(message, header), Refusal::none);
  header.length = kMaxPayloadBytes + 1;
  message.push_back('x');
  write_header(header, message.data());
  EXPECT_EQ(read_header(message, header), Refusal::bad_length);
}

TEST(PayloadChecksum, IsFrozenAndSeesEveryBit) {
  EXPECT_EQ(payload_checksum(""), 0x2d06800538d394c2ULL);  // XXH3-64 of nothing, from its specification
  std::string payload(1000, 'x');
  const auto whole = payload_checksum(payload);
  for (std::size_t bit = 0; bit < payload.size() * 8; bit += 37) {
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(payload_checksum(payload), whole);
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST(FramePayloads, HelloGrantsAndHeartbeatComeBack) {
  const WorkerKey key{JobId{7}, Attempt{2}, WorkerId{1}};
  ByteBuffer bytes;
  encode(bytes, Hello{key, {JobId{7}, Attempt{2}, WorkerId{3}}});
  Hello hello;
  ASSERT_TRUE(decode_all(bytes.view(), hello));
  EXPECT_EQ(hello.from, key);
  EXPECT_EQ(hello.to.worker.value, 3u);

  bytes.clear();
  encode(bytes, Grants{{{{.edge = 1, .from = 2, .to = 3, .lane = 0}, 1ULL << 40}}});
  Grants grants;
  ASSERT_TRUE(decode_all(bytes.view(), grants));
  ASSERT_EQ(grants.grants.size(), 1u);
  EXPECT_EQ(grants.grants[0].consumed_bytes, 1ULL << 40);

  bytes.clear();
  encode(bytes, Heartbeat{{{{.edge = 1, .from = 2, .to = 3, .lane = 1}, 9}}});
  Heartbeat heartbeat;
  ASSERT_TRUE(decode_all(bytes.view(), heartbeat));
  EXPECT_EQ(heartbeat.channels.at(0).channel.lane, 1);
  EXPECT_EQ(heartbeat.channels.at(0).sequence, 9u);
}

}  // namespace
}  // namespace freshet::wire
