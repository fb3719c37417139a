#include <gtest/gtest.h>

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

#include <freshet/codec.h>

/// What encode() writes, read by msgpack's own parser: any msgpack library understands our records.
namespace freshet {
namespace {

enum class Action : std::uint8_t { view = 0, click = 1 };
FRESHET_ENUM(Action, view, click)

struct Part {
  std::int16_t low = 0;
  float weight = 0;
  FRESHET_RECORD(low, weight)
};

struct Sample {
  std::uint64_t user = 0;
  std::int64_t delta = 0;
  std::string page{};
  bool fresh = false;
  double price = 0;
  Action action{};
  Time at{};
  Duration stay{};
  std::vector<Part> parts{};
  std::optional<std::uint8_t> absent{};
  std::optional<std::uint8_t> present{};
  std::tuple<std::string, std::int32_t> pair{};
  FRESHET_RECORD(user, delta, page, fresh, price, action, at, stay, parts, absent, present, pair)
};

class EncodedSample : public testing::Test {
 protected:
  EncodedSample() {
    Sample sample;
    sample.user = ~0ULL;
    sample.delta = -129;
    sample.page = std::string("/p\0q", 4);
    sample.fresh = true;
    sample.price = 2.5;
    sample.action = Action::click;
    sample.at = Time(Duration(1'772'334'431'020));
    sample.stay = 90ms;
    sample.parts = {{-1, 0.5F}, {300, -2.0F}};
    sample.present = 200;
    sample.pair = {"x", -70'000};
    encode(bytes_, sample);
    handle_ = msgpack::unpack(bytes_.data(), bytes_.size());
    fields_ = handle_.get().via.array.ptr;
  }
  ByteBuffer bytes_;
  msgpack::object_handle handle_;
  const msgpack::object* fields_ = nullptr;
};

TEST_F(EncodedSample, IsOneArrayInSchemaOrder) {
  ASSERT_EQ(handle_.get().type, msgpack::type::ARRAY);
  ASSERT_EQ(handle_.get().via.array.size, kFieldCount<Sample>);
}

TEST_F(EncodedSample, ScalarsAreMsgpackScalars) {
  EXPECT_EQ(fields_[0].type, msgpack::type::POSITIVE_INTEGER);
  EXPECT_EQ(fields_[0].as<std::uint64_t>(), ~0ULL);
  EXPECT_EQ(fields_[1].type, msgpack::type::NEGATIVE_INTEGER);
  EXPECT_EQ(fields_[1].as<std::int64_t>(), -129);
  EXPECT_EQ(fields_[2].type, msgpack::type::STR);
  EXPECT_EQ(fields_[2].as<std::string>(), std::string("/p\0q", 4));
  EXPECT_EQ(fields_[3].type, msgpack::type::BOOLEAN);
  EXPECT_TRUE(fields_[3].as<bool>());
  EXPECT_EQ(fields_[4].type, msgpack::type::FLOAT64);
  EXPECT_EQ(fields_[4].as<double>(), 2.5);
  EXPECT_EQ(fields_[5].as<int>(), 1) << "enums as their number";
  EXPECT_EQ(fields_[6].as<std::int64_t>(), 1'772'334'431'020) << "times as milliseconds";
  EXPECT_EQ(fields_[7].as<std::int64_t>(), 90);
}

TEST_F(EncodedSample, NestedValuesAreArraysAndAbsentOnesNil) {
  ASSERT_EQ(fields_[8].type, msgpack::type::ARRAY);
  ASSERT_EQ(fields_[8].via.array.size, 2u);
  const auto& second = fields_[8].via.array.ptr[1];
  EXPECT_EQ(second.via.array.ptr[0].as<int>(), 300);
  EXPECT_EQ(second.via.array.ptr[1].type, msgpack::type::FLOAT32);
  EXPECT_EQ(second.via.array.ptr[1].as<double>(), -2.0);
  EXPECT_TRUE(fields_[9].is_nil());
  EXPECT_EQ(fields_[10].as<int>(), 200);
  ASSERT_EQ(fields_[11].via.array.size, 2u);
  EXPECT_EQ(fields_[11].via.array.ptr[1].as<int>(), -70'000);
}

// Whole numbers above the range of a signed integer, and the sign of zero: where a float written as an integer breaks.
TEST(EncodedFloat, EveryOneComesBackBitForBit) {
  for (const double number :
       {0.0, -0.0, 2.0, 9.3e18, 1e19, -1e19, 1e300, 5e-324, std::numeric_limits<double>::infinity()}) {
    ByteBuffer bytes;
    encode(bytes, number);
    double read = 1;
    ASSERT_TRUE(decode_all(bytes.view(), read)) << number;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(number)) << number;
  }
}

TEST(EncodedFloat, FieldWidenedFromAnyIntegerIsRead) {
  ByteBuffer bytes;
  encode(bytes, std::uint64_t{1} << 63);
  double read = 0;
  ASSERT_TRUE(decode_all(bytes.view(), read));
  EXPECT_EQ(read, 0x1p63);
}

}  // namespace
}  // namespace freshet
