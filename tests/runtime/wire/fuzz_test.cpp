#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/wire/frame.h"
#include "tests/runtime/wire/control_samples.h"

namespace {

// Bytes asked for by operator new in this process: what hostile input makes us allocate.
std::atomic<std::size_t> allocated{0};

void* count_and_allocate(std::size_t size) {
  allocated.fetch_add(size, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return count_and_allocate(size); }
void* operator new[](std::size_t size) { return count_and_allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace freshet::wire {
namespace {

using namespace testing_support;

// A std::string of one byte on the wire takes 32 in memory, a TaskStatus of 18 takes 160; growth by doubling adds to
// it.
constexpr std::size_t kMultiple = 64;
constexpr std::size_t kFixed = 4096;  // the message itself and the words of a refusal

/// Decodes; fails the test when it took more memory than the bytes can justify.
void decode_bounded(std::string_view bytes) {
  const std::size_t before = allocated.load();
  {
    ControlMessage message;
    std::string why;
    const bool refused = !decode_control(bytes, message, why);
    EXPECT_EQ(refused, !why.empty());
  }
  EXPECT_LE(allocated.load() - before, bytes.size() * kMultiple + kFixed) << bytes.size() << " bytes";
}

/// One of the ways in which a message gets damaged.
std::string damaged(base::Random& random, std::string bytes) {
  const auto position = [&] { return random.below(bytes.size()); };
  switch (random.below(5)) {
    case 0:
      bytes.resize(position());
      break;
    case 1:
      bytes[position()] = static_cast<char>(random.next());
      break;
    case 2: {  // a count of billions where something else stood
      constexpr std::string_view kHuge[] = {"\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xdc\xff\xff",
                                            "\xdd\x7f\xff\xff\xff"};
      bytes.insert(position(), kHuge[random.below(4)]);
      break;
    }
    case 3:
      bytes.insert(position(), std::string(random.below(100), static_cast<char>(random.next())));
      break;
    default:
      bytes.erase(position(), random.below(8));
      break;
  }
  return bytes.empty() ? "x" : bytes;
}

TEST(HostileControl, DamagedMessagesNeverCrashNorTakeMemory) {
  constexpr std::uint64_t kSeed = 20260301;
  base::Random random(kSeed);
  for (int round = 0; round < 20'000 && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " round " + std::to_string(round));
    std::string bytes = encoded(sample(random, random.below(kBodies)));
    for (auto times = random.between(1, 4); times > 0; --times) bytes = damaged(random, std::move(bytes));
    decode_bounded(bytes);
  }
}

TEST(HostileControl, EveryTruncationIsRefused) {
  base::Random random(5);
  for (std::size_t index = 0; index < kBodies; ++index) {
    const std::string bytes = encoded(sample(random, index));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ControlMessage message;
      std::string why;
      ASSERT_FALSE(decode_control(std::string_view(bytes).substr(0, size), message, why));
    }
  }
}

TEST(HostileControl, RandomBytesNeverCrash) {
  base::Random random(6);
  for (int round = 0; round < 20'000 && !testing::Test::HasFailure(); ++round) {
    std::string bytes(random.below(200), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.next());
    if (bytes.size() > 3 && random.chance(0.8)) bytes.replace(0, 2, "\x94\x01");  // else none gets past the envelope
    decode_bounded(bytes);
  }
}

TEST(HostileControl, ListOfABillionInFewBytesAllocatesNothing) {
  // The last field of AgentHeartbeat is a list, here an empty one of one byte.
  std::string bytes = encoded({Term{1}, AgentHeartbeat{}});
  bytes.pop_back();
  const std::string prefix = bytes;
  for (const std::string_view count : {"\xdd\x3b\x9a\xca\x00", "\xdd\xff\xff\xff\xff", "\xdc\xff\xff"}) {
    bytes = prefix + std::string(count) + std::string(50, '\x93');
    const std::size_t before = allocated.load();
    ControlMessage message;
    std::string why;
    EXPECT_FALSE(decode_control(bytes, message, why));
    EXPECT_LE(allocated.load() - before, 1024u);
  }
}

TEST(HostileFrame, AnyBytesGetAnAnswerWithoutAllocation) {
  base::Random random(9);
  std::string message(kHeaderBytes + 100, '\0');
  FrameHeader sound;
  sound.length = 100;
  for (int round = 0; round < 50'000; ++round) {
    write_header(sound, message.data());
    for (auto times = random.below(5); times > 0; --times)
      message[random.below(kHeaderBytes)] = static_cast<char>(random.next());
    const std::string_view seen = std::string_view(message).substr(0, random.below(message.size() + 1));
    FrameHeader header;
    const std::size_t before = allocated.load();
    const Refusal refusal = read_header(seen, header);
    ASSERT_EQ(allocated.load(), before);
    ASSERT_TRUE(refusal != Refusal::none || header.length == seen.size() - kHeaderBytes);
  }
}

}  // namespace
}  // namespace freshet::wire
