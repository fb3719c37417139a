#include <gtest/gtest.h>

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>
#include <sstream>

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

/// What msgpack's own packer makes of the same value.
template <class T>
std::string packed(const T& value) {
  std::stringstream out;
  msgpack::pack(out, value);
  return out.str();
}
template <class T>
std::string encoded(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return std::string(out.view());
}

template <class T>
void expect_equal_around_powers_of_two() {
  for (int bit = 0; bit < std::numeric_limits<T>::digits; ++bit) {
    for (const int off : {-2, -1, 0, 1}) {
      const T value = static_cast<T>((T{1} << bit) + static_cast<T>(off));
      EXPECT_EQ(encoded(value), packed(value)) << static_cast<long long>(value);
      const T turned = static_cast<T>(~value);
      EXPECT_EQ(encoded(turned), packed(turned)) << static_cast<long long>(turned);
    }
  }
  EXPECT_EQ(encoded(std::numeric_limits<T>::min()), packed(std::numeric_limits<T>::min()));
  EXPECT_EQ(encoded(std::numeric_limits<T>::max()), packed(std::numeric_limits<T>::max()));
}

TEST(EncodedInteger, IsWhatMsgpackPacksAtEveryWidth) {
  expect_equal_around_powers_of_two<std::int8_t>();
  expect_equal_around_powers_of_two<std::int16_t>();
  expect_equal_around_powers_of_two<std::int32_t>();
  expect_equal_around_powers_of_two<std::int64_t>();
  expect_equal_around_powers_of_two<std::uint8_t>();
  expect_equal_around_powers_of_two<std::uint16_t>();
  expect_equal_around_powers_of_two<std::uint32_t>();
  expect_equal_around_powers_of_two<std::uint64_t>();
}

TEST(EncodedLength, IsWhatMsgpackPacksAtEveryWidth) {
  for (const std::size_t length : {0u, 1u, 15u, 16u, 31u, 32u, 255u, 256u, 65535u, 65536u}) {
    EXPECT_EQ(encoded(std::string(length, 'x')), packed(std::string(length, 'x'))) << length;
    EXPECT_EQ(encoded(std::vector<std::uint32_t>(length, 7)), packed(std::vector<std::uint32_t>(length, 7))) << length;
  }
}

TEST(EncodedInteger, ThatIsCutOffIsRefusedAtEveryLength) {
  for (const std::int64_t value : {std::int64_t{5}, std::int64_t{-7}, std::int64_t{200}, std::int64_t{-40'000},
                                   std::int64_t{1} << 40, std::numeric_limits<std::int64_t>::min()}) {
    const std::string whole = encoded(value);
    std::int64_t read = 0;
    EXPECT_TRUE(decode_all(whole, read));
    EXPECT_EQ(read, value);
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(decode_all(whole.substr(0, length), read)) << value << " after " << length;
  }
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
