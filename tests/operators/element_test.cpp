#include <freshet/element.h>
#include <gtest/gtest.h>

#include "tests/operators/sample_values.h"
#include "tests/support/golden.h"
#include "tests/support/seed.h"
#include "tests/support/write_meta.h"

namespace freshet::test {
namespace {

using namespace std::string_view_literals;

std::string bytes_of(const ControlElement& element) {
  ByteBuffer out;
  write_control(out, element);
  return std::string(out.view());
}

std::vector<ControlElement> samples() {
  return {{.kind = ElementKind::watermark, .time_ms = 0},
          {.kind = ElementKind::watermark, .time_ms = 1'772'334'431'020},
          {.kind = ElementKind::watermark, .time_ms = std::numeric_limits<std::int64_t>::min()},
          {.kind = ElementKind::idle},
          {.kind = ElementKind::active},
          {.kind = ElementKind::barrier, .checkpoint = 17},
          {.kind = ElementKind::barrier, .checkpoint = 300, .barrier = BarrierKind::final_checkpoint, .payload = "p"},
          {.kind = ElementKind::end_of_data},
          {.kind = ElementKind::end_of_stream}};
}

std::vector<RecordMeta> metas() {
  return {{},
          {.event_time_ms = 1'772'334'431'020},
          {.event_time_ms = 1'772'334'431'000, .position = {3, 1000}},
          {.event_time_ms = 1'772'334'431'001, .position = {3, 1001}},
          {.position = {0, 5}},
          {.event_time_ms = 0, .key_hash = 0x1122334455667788, .position = {4'000'000'000, ~0ULL}},
          {.event_time_ms = std::numeric_limits<std::int64_t>::max(), .position = {1, 0}}};
}

std::string meta_bytes(bool with_hash) {
  ByteBuffer out;
  detail::FrameDelta delta;
  for (const auto& meta : metas()) write_meta(out, delta, meta, with_hash);
  return std::string(out.view());
}

TEST(Element, BytesAreFrozen) {
  std::string text;
  for (const auto& element : samples())
    text += std::string(enumerator_name(element.kind)) + " " + to_hex(bytes_of(element)) + "\n";
  text += "metas " + to_hex(meta_bytes(false)) + "\n";
  text += "metas with hash " + to_hex(meta_bytes(true)) + "\n";
  EXPECT_EQ(golden("operators/elements.txt", text), text);
}

TEST(Element, ControlElementsComeBack) {
  for (const auto& element : samples()) {
    const auto bytes = bytes_of(element);
    ByteReader in(bytes);
    ControlElement back;
    ASSERT_TRUE(read_control(in, back));
    EXPECT_EQ(back, element);
    EXPECT_EQ(in.remaining(), 0u);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      ByteReader cut(std::string_view(bytes).substr(0, length));
      EXPECT_FALSE(read_control(cut, back));
    }
  }
}

TEST(Element, UnknownKindsAndFlagsAreRefused) {
  for (int tag = 0; tag < 256; ++tag) {
    const bool known = tag >= 1 && tag <= 6;
    const std::string bytes = std::string(1, static_cast<char>(tag)) + std::string("\x01\x00\xa0", 3);
    ByteReader in(bytes);
    ControlElement element;
    EXPECT_EQ(read_control(in, element), known) << tag;
  }
}

TEST(Element, ABarriersPayloadIsLimited) {
  ControlElement element{
      .kind = ElementKind::barrier, .checkpoint = 1, .payload = std::string(kMaxBarrierPayload, 'x')};
  ControlElement back;
  std::string bytes = bytes_of(element);
  ByteReader fits(bytes);
  EXPECT_TRUE(read_control(fits, back));
  element.payload += 'x';
  bytes = bytes_of(element);
  ByteReader beyond(bytes);
  EXPECT_FALSE(read_control(beyond, back));
}

TEST(Element, MetaComesBackThroughItsDifferences) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  for (const bool with_hash : {false, true}) {
    std::vector<RecordMeta> sent = metas();
    for (int i = 0; i < 1000; ++i) {
      RecordMeta meta;
      if (random.chance(0.7)) meta.event_time_ms = random_integer<std::int64_t>(random);
      if (random.chance(0.7))
        meta.position = {static_cast<std::uint32_t>(random.below(4)), random_integer<std::uint64_t>(random)};
      meta.key_hash = random.next();
      if (meta.position.offset == 0) meta.position.offset = 1;
      sent.push_back(meta);
    }
    ByteBuffer out;
    detail::FrameDelta delta;
    for (const auto& meta : sent) write_meta(out, delta, meta, with_hash);
    ByteReader in(out.view());
    detail::FrameDelta read_delta;
    for (const auto& meta : sent) {
      std::uint8_t tag = 0;
      RecordMeta back;
      ASSERT_TRUE(in.byte(tag) && detail::read_meta(in, tag, read_delta, back));
      EXPECT_EQ(back.event_time_ms, meta.event_time_ms);
      EXPECT_EQ(back.position, meta.position);
      EXPECT_EQ(back.key_hash, with_hash ? meta.key_hash : 0);
    }
    EXPECT_EQ(in.remaining(), 0u);
  }
}

TEST(Element, MetaOfNeighboursTakesThreeBytes) {
  ByteBuffer out;
  detail::FrameDelta delta;
  write_meta(out, delta, {.event_time_ms = 1'700'000'000'000, .position = {2, 100'000}}, false);
  const auto before = out.size();
  write_meta(out, delta, {.event_time_ms = 1'700'000'000'020, .position = {2, 100'001}}, false);
  EXPECT_EQ(out.size() - before, 3u);
}

/// Frozen: a record that has been in a retry lane differs by its kind alone.
TEST(Element, ARecordThatWasTriedAgainSaysSo) {
  for (const bool tried_again : {false, true}) {
    RecordMeta meta{.event_time_ms = 5, .position = {2, 7}};
    meta.position.tried_again = tried_again;
    std::string bytes(detail::kMaxMetaSize + 64, '\0');
    detail::FrameDelta wrote, reads;
    detail::Cursor out(bytes.data());
    detail::write_meta(out, wrote, meta, false);
    const auto tag = static_cast<std::uint8_t>(bytes[0]);
    EXPECT_EQ(tag & detail::kKindBits, tried_again ? 7 : 0);
    EXPECT_TRUE(detail::is_record(tag));
    ByteReader in(bytes);
    in.skip(1);
    RecordMeta back;
    ASSERT_TRUE(detail::read_meta(in, tag, reads, back));
    EXPECT_EQ(back.position, meta.position);
    EXPECT_EQ(back.position.tried_again, tried_again);
    EXPECT_EQ(back.event_time_ms, 5);
    ControlElement element;
    ByteReader control(bytes);
    EXPECT_FALSE(read_control(control, element)) << "it is no control element";
  }
}

}  // namespace
}  // namespace freshet::test
