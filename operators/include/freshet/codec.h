#pragma once

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <msgpack/pack.hpp>
#include <span>

#include <freshet/record.h>

/// msgpack for every Value: integers and enums as integers, times as milliseconds, records as arrays in schema order.
/// Encoding goes straight into the buffer that is sent; decoding straight from the one received, with no tree between.
namespace freshet {

/// A growing run of bytes that keeps its memory when cleared. Not thread-safe.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }
  ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    swap(other);
    return *this;
  }

  void write(const char* bytes, std::size_t count) {
    if (size_ + count > capacity_) [[unlikely]] reserve(size_ + count);
    if (count == 0) return;  // memcpy takes no null, not even for nothing
    std::memcpy(data_.get() + size_, bytes, count);
    size_ += count;
  }
  void append(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  /// Forgets what stands behind `size`; how a half-written record is taken back.
  void truncate(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }
  void reserve(std::size_t wanted) {
    if (wanted <= capacity_) return;
    const std::size_t grown = std::max(wanted, capacity_ * 2);
    auto bigger = std::make_unique_for_overwrite<char[]>(grown);
    if (size_ != 0) std::memcpy(bigger.get(), data_.get(), size_);
    data_ = std::move(bigger);
    capacity_ = grown;
  }
  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  void swap(ByteBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Reads what may be hostile: every read is checked against what is left, and answers false when it does not fit.
class ByteReader {
 public:
  static constexpr int kMaxDepth = 32;

  explicit ByteReader(std::string_view bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }
  const char* position() const { return next_; }

  [[nodiscard]] bool byte(std::uint8_t& value) {
    if (next_ == end_) return false;
    value = static_cast<std::uint8_t>(*next_++);
    return true;
  }
  /// A big-endian integer or float of sizeof(T) bytes, as msgpack writes them.
  template <class T>
  [[nodiscard]] bool big_endian(T& value) {
    using Bits = std::conditional_t<sizeof(T) == 1, std::uint8_t, std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;
    if (remaining() < sizeof(T)) return false;
    Bits bits;
    std::memcpy(&bits, next_, sizeof bits);
    next_ += sizeof bits;
    if constexpr (sizeof bits == 2) bits = __builtin_bswap16(bits);
    if constexpr (sizeof bits == 4) bits = __builtin_bswap32(bits);
    if constexpr (sizeof bits == 8) bits = __builtin_bswap64(bits);
    value = std::bit_cast<T>(bits);
    return true;
  }
  [[nodiscard]] bool bytes(std::size_t count, std::string_view& value) {
    if (count > remaining()) return false;
    value = {next_, count};
    next_ += count;
    return true;
  }
  [[nodiscard]] bool array_header(std::uint32_t& count);
  [[nodiscard]] bool string_header(std::uint32_t& length);
  /// True, and consumed, when the next value is nil.
  bool take_nil() {
    if (next_ == end_ || static_cast<std::uint8_t>(*next_) != 0xc0) return false;
    ++next_;
    return true;
  }
  bool enter() { return ++depth_ <= kMaxDepth; }
  void leave() { --depth_; }

 private:
  const char* next_;
  const char* end_;
  int depth_ = 0;
};

inline bool ByteReader::array_header(std::uint32_t& count) {
  std::uint8_t tag = 0;
  if (!byte(tag)) return false;
  if ((tag & 0xf0) == 0x90) return count = tag & 0x0f, true;
  if (tag == 0xdc) {
    std::uint16_t small = 0;
    if (!big_endian(small)) return false;
    return count = small, true;
  }
  return tag == 0xdd && big_endian(count);
}

inline bool ByteReader::string_header(std::uint32_t& length) {
  std::uint8_t tag = 0;
  if (!byte(tag)) return false;
  if ((tag & 0xe0) == 0xa0) return length = tag & 0x1f, true;
  if (tag == 0xd9) {
    std::uint8_t small = 0;
    if (!byte(small)) return false;
    return length = small, true;
  }
  if (tag == 0xda) {
    std::uint16_t small = 0;
    if (!big_endian(small)) return false;
    return length = small, true;
  }
  return tag == 0xdb && big_endian(length);
}

namespace detail {

/// The least bytes a value of T can take: bounds what a count in hostile input may make us allocate.
template <class T, int kDepth = 0>
constexpr std::size_t min_encoded_size() {
  std::size_t size = 1;
  if constexpr (kDepth < 4) {
    if constexpr (Record<T>)
      for_each_field<T>([&]<class F>(const F&) { size += min_encoded_size<typename F::member_type, kDepth + 1>(); });
    else if constexpr (IsTuple<T>)
      []<std::size_t... I>(std::size_t& sum, std::index_sequence<I...>) {
        ((sum += min_encoded_size<std::tuple_element_t<I, T>, kDepth + 1>()), ...);
      }(size, std::make_index_sequence<std::tuple_size_v<T>>{});
  }
  return size;
}

template <class T>
bool read_integer(ByteReader& in, T& value) {
  std::uint8_t tag = 0;
  if (!in.byte(tag)) return false;
  const auto fits = [&](auto wide) {
    if (!std::in_range<T>(wide)) return false;
    value = static_cast<T>(wide);
    return true;
  };
  const auto read = [&]<class Wire>(Wire wire) { return in.big_endian(wire) && fits(wire); };
  if (tag < 0x80) return fits(static_cast<int>(tag));
  if (tag >= 0xe0) return fits(static_cast<int>(static_cast<std::int8_t>(tag)));
  switch (tag) {
    case 0xcc: return read(std::uint8_t{});
    case 0xcd: return read(std::uint16_t{});
    case 0xce: return read(std::uint32_t{});
    case 0xcf: return read(std::uint64_t{});
    case 0xd0: return read(std::int8_t{});
    case 0xd1: return read(std::int16_t{});
    case 0xd2: return read(std::int32_t{});
    case 0xd3: return read(std::int64_t{});
    default: return false;
  }
}

template <class T>
bool read_float(ByteReader& in, T& value) {
  if (in.remaining() == 0) return false;
  const auto tag = static_cast<std::uint8_t>(*in.position());
  if (tag == 0xcf) {
    std::uint64_t whole = 0;
    if (!read_integer(in, whole)) return false;
    value = static_cast<T>(whole);
    return true;
  }
  if (tag != 0xca && tag != 0xcb) {  // a widened field: what was an integer when it was written
    std::int64_t whole = 0;
    if (!read_integer(in, whole)) return false;
    value = static_cast<T>(whole);
    return true;
  }
  std::uint8_t skipped = 0;
  if (!in.byte(skipped)) return false;
  if (tag == 0xca) {
    float single = 0;
    if (!in.big_endian(single)) return false;
    value = static_cast<T>(single);
    return true;
  }
  double number = 0;
  if (!in.big_endian(number)) return false;
  value = static_cast<T>(number);
  return true;
}

/// Always as a float. The library's packer writes whole numbers as integers, which loses the sign of -0.0.
template <class T>
void write_float(ByteBuffer& out, T value) {
  char bytes[1 + sizeof(T)];
  if constexpr (sizeof(T) == 4) {
    bytes[0] = '\xca';
    const std::uint32_t bits = __builtin_bswap32(std::bit_cast<std::uint32_t>(value));
    std::memcpy(bytes + 1, &bits, sizeof bits);
  } else {
    bytes[0] = '\xcb';
    const std::uint64_t bits = __builtin_bswap64(std::bit_cast<std::uint64_t>(value));
    std::memcpy(bytes + 1, &bits, sizeof bits);
  }
  out.write(bytes, sizeof bytes);
}

}  // namespace detail

/// Appends `value` to `out`.
template <Value T>
void encode(ByteBuffer& out, const T& value) {
  msgpack::packer<ByteBuffer> packer(out);
  if constexpr (std::same_as<T, bool>) value ? packer.pack_true() : packer.pack_false();
  else if constexpr (std::floating_point<T>) detail::write_float(out, value);
  else if constexpr (std::is_enum_v<T>) encode(out, static_cast<std::underlying_type_t<T>>(value));
  else if constexpr (std::signed_integral<T>) packer.pack_int64(value);
  else if constexpr (std::unsigned_integral<T>) packer.pack_uint64(value);
  else if constexpr (std::same_as<T, Time>) packer.pack_int64(value.time_since_epoch().count());
  else if constexpr (std::same_as<T, Duration>) packer.pack_int64(value.count());
  else if constexpr (std::same_as<T, std::string>) {
    packer.pack_str(static_cast<std::uint32_t>(value.size()));
    packer.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  } else if constexpr (detail::IsVector<T>) {
    packer.pack_array(static_cast<std::uint32_t>(value.size()));
    for (const auto& element : value) encode(out, element);
  } else if constexpr (detail::IsOptional<T>) {
    if (value) encode(out, *value);
    else packer.pack_nil();
  } else if constexpr (detail::IsTuple<T>) {
    packer.pack_array(static_cast<std::uint32_t>(std::tuple_size_v<T>));
    std::apply([&](const auto&... part) { (encode(out, part), ...); }, value);
  } else {
    packer.pack_array(static_cast<std::uint32_t>(kFieldCount<T>));
    for_each_field<T>([&](const auto& field) { encode(out, value.*(field.pointer)); });
  }
}

/// Reads one value into `value`, whose strings and vectors keep their capacity. False: the bytes are not a T; `value`
/// then holds anything. Allocates at most a small multiple of what is left to read.
template <Value T>
[[nodiscard]] bool decode(ByteReader& in, T& value) {
  if constexpr (std::same_as<T, bool>) {
    std::uint8_t tag = 0;
    if (!in.byte(tag) || (tag != 0xc2 && tag != 0xc3)) return false;
    value = tag == 0xc3;
    return true;
  } else if constexpr (std::integral<T>) {
    return detail::read_integer(in, value);
  } else if constexpr (std::floating_point<T>) {
    return detail::read_float(in, value);
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!detail::read_integer(in, number)) return false;
    value = static_cast<T>(number);
    return !enumerator_name(value).empty();
  } else if constexpr (std::same_as<T, Time> || std::same_as<T, Duration>) {
    std::int64_t ms = 0;
    if (!detail::read_integer(in, ms)) return false;
    value = T(Duration(ms));
    return true;
  } else if constexpr (std::same_as<T, std::string>) {
    std::uint32_t length = 0;
    std::string_view text;
    if (!in.string_header(length) || !in.bytes(length, text)) return false;
    value.assign(text);
    return true;
  } else if constexpr (detail::IsOptional<T>) {
    if (in.take_nil()) return value.reset(), true;
    if (!value) value.emplace();
    return decode(in, *value);
  } else {
    std::uint32_t count = 0;
    if (!in.enter() || !in.array_header(count)) return false;
    bool good = true;
    if constexpr (detail::IsVector<T>) {
      using Element = typename T::value_type;
      if (count > in.remaining() / detail::min_encoded_size<Element>()) return false;
      value.resize(count);
      for (auto& element : value) good = good && decode(in, element);
    } else if constexpr (detail::IsTuple<T>) {
      if (count != std::tuple_size_v<T>) return false;
      std::apply([&](auto&... part) { good = (decode(in, part) && ...); }, value);
    } else {
      if (count != kFieldCount<T>) return false;
      for_each_field<T>([&](const auto& field) { good = good && decode(in, value.*(field.pointer)); });
    }
    in.leave();
    return good;
  }
}

/// Reads a T that must take up all of `bytes`.
template <Value T>
[[nodiscard]] bool decode_all(std::string_view bytes, T& value) {
  ByteReader in(bytes);
  return decode(in, value) && in.remaining() == 0;
}

}  // namespace freshet
