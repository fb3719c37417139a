#pragma once

#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <span>

#include <freshet/record.h>

/// msgpack for every Value: integers and enums as integers, times as milliseconds, records as arrays in schema order.
/// Encoding goes straight into the buffer that is sent; decoding straight from the one received, with no tree between.
/// These are the engine's innermost loops, so the few forms that values need are written here (tests compare them with
/// msgpack-c's, byte for byte); what is no value is packed by msgpack-c.
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
    if (size_ + count > capacity_) [[unlikely]]
      reserve(size_ + count);
    if (count == 0) return;  // memcpy takes no null, not even for nothing
    std::memcpy(data_.get() + size_, bytes, count);
    size_ += count;
  }
  void append(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  /// Where the next bytes go, with room for at least `count` of them; what was put there counts after end_at().
  char* room_for(std::size_t count) {
    if (size_ + count > capacity_) [[unlikely]]
      reserve(size_ + count);
    return data_.get() + size_;
  }
  void end_at(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }
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
  /// Arrays in arrays. A schema takes three for each level that its type nests (kMaxSchemaDepth of them), and stands in
  /// records of its own: what can be written can be read.
  static constexpr int kMaxDepth = 128;

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
    using Bits =
        std::conditional_t<sizeof(T) == 1, std::uint8_t,
                           std::conditional_t<sizeof(T) == 2, std::uint16_t,
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
  /// Passes over bytes that are known to be there.
  void skip(std::size_t count) { next_ += count; }
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
      []<std::size_t... I>(std::size_t & sum, std::index_sequence<I...>) {
        ((sum += min_encoded_size<std::tuple_element_t<I, T>, kDepth + 1>()), ...);
      }
    (size, std::make_index_sequence<std::tuple_size_v<T>>{});
  }
  return size;
}

template <class T>
[[gnu::always_inline]] inline bool read_integer(ByteReader& in, T& value);

/// Eight bytes as a big-endian number: what is shorter stands in its upper bytes.
inline std::uint64_t load_left_aligned(const char* bytes) {
  std::uint64_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return __builtin_bswap64(bits);
}

/// An integer that may stand close to the end of the bytes.
template <class T>
[[gnu::noinline]] bool read_last_integer(ByteReader& in, T& value) {
  char padded[1 + sizeof(std::uint64_t)] = {};
  const std::size_t have = std::min(in.remaining(), sizeof padded);
  if (have == 0) return false;  // memcpy takes no null, not even for nothing
  std::memcpy(padded, in.position(), have);
  ByteReader copy({padded, sizeof padded});
  T read{};
  if (!read_integer(copy, read)) return false;
  const auto length = static_cast<std::size_t>(copy.position() - padded);
  if (length > have) return false;
  in.skip(length);
  value = read;
  return true;
}

/// One look at the room, one read of eight bytes: integers are most of what is decoded.
template <class T>
[[gnu::always_inline]] inline bool read_integer(ByteReader& in, T& value) {
  if (in.remaining() < 1 + sizeof(std::uint64_t)) [[unlikely]]
    return read_last_integer(in, value);
  const char* const at = in.position();
  const auto fits = [&](auto wide) {
    if (!std::in_range<T>(wide)) return false;
    value = static_cast<T>(wide);
    return true;
  };
  const auto tag = static_cast<std::uint8_t>(*at);
  if (tag < 0x80) return in.skip(1), fits(static_cast<int>(tag));
  if (tag >= 0xe0) return in.skip(1), fits(static_cast<int>(static_cast<std::int8_t>(tag)));
  if (tag < 0xcc || tag > 0xd3) return false;
  const unsigned width = 1u << (tag & 3);
  const unsigned unused = 64 - 8 * width;
  const std::uint64_t bits = load_left_aligned(at + 1);
  in.skip(1 + width);
  return tag < 0xd0 ? fits(bits >> unused) : fits(static_cast<std::int64_t>(bits) >> unused);
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

/// Writes to memory known to be large enough: no write looks at the room. Numbers are written eight bytes at a time, so
/// kCursorSlack bytes behind the end are touched.
struct Cursor {
  char* next;
  void write(const char* bytes, std::size_t count) {
    std::memcpy(next, bytes, count);
    next += count;
  }
  void byte(std::uint8_t value) { *next++ = static_cast<char>(value); }
  /// The shortest msgpack form, like those of the library: one byte below 128, else a tag and 1, 2, 4 or 8 bytes.
  [[gnu::always_inline]] void unsigned_integer(std::uint64_t value) {
    if (value < 0x80) return byte(static_cast<std::uint8_t>(value));
    tagged(0xcc, width_class(value), value);
  }
  [[gnu::always_inline]] void signed_integer(std::int64_t value) {
    if (value >= 0) return unsigned_integer(static_cast<std::uint64_t>(value));
    if (value >= -32) return byte(static_cast<std::uint8_t>(value));
    // As many bytes as the number that has the other bits and room for a sign.
    tagged(0xd0, width_class(static_cast<std::uint64_t>(~value) << 1), static_cast<std::uint64_t>(value));
  }
  void array_header(std::uint32_t count) { header(0x90, 16, 0xdc, count); }
  void string_header(std::uint32_t length) {
    if (length >= 32 && length < 256) return byte(0xd9), byte(static_cast<std::uint8_t>(length));
    header(0xa0, 32, 0xda, length);
  }

 private:
  /// 0, 1, 2, 3: the value takes 1, 2, 4, 8 bytes.
  static unsigned width_class(std::uint64_t value) {
    return static_cast<unsigned>(value > 0xff) + static_cast<unsigned>(value > 0xffff) +
           static_cast<unsigned>(value > 0xffff'ffff);
  }
  [[gnu::always_inline]] void tagged(unsigned first_tag, unsigned width, std::uint64_t value) {
    const unsigned bytes = 1u << width;
    const std::uint64_t big_endian = __builtin_bswap64(value << (64 - 8 * bytes));
    *next = static_cast<char>(first_tag + width);
    std::memcpy(next + 1, &big_endian, sizeof big_endian);
    next += 1 + bytes;
  }
  void header(std::uint8_t short_tag, std::uint32_t short_below, std::uint8_t tag16, std::uint32_t count) {
    if (count < short_below) return byte(static_cast<std::uint8_t>(short_tag | count));
    const bool is_short = count <= 0xffff;
    const std::uint64_t big_endian = __builtin_bswap64(std::uint64_t{count} << (is_short ? 48 : 32));
    byte(static_cast<std::uint8_t>(tag16 + (is_short ? 0 : 1)));
    std::memcpy(next, &big_endian, sizeof big_endian);
    next += is_short ? 2 : 4;
  }
};

inline constexpr std::size_t kCursorSlack = 8;

/// Always as a float. msgpack-c's packer writes whole numbers as integers, which loses the sign of -0.0.
template <class T>
void write_float(Cursor& out, T value) {
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

/// No encoding of `value` is longer. A constant where the type has no strings and vectors.
template <Value T>
constexpr std::size_t max_encoded_size(const T& value) {
  constexpr std::size_t kHeader = 5;  // of an array or string, at most
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return 1 + sizeof(T);
  } else if constexpr (std::same_as<T, Time> || std::same_as<T, Duration>) {
    return 1 + sizeof(std::int64_t);
  } else if constexpr (std::same_as<T, std::string>) {
    return kHeader + value.size();
  } else if constexpr (IsOptional<T>) {
    return value ? max_encoded_size(*value) : 1;
  } else {
    std::size_t size = kHeader;
    if constexpr (IsVector<T>)
      for (const auto& element : value) size += max_encoded_size(element);
    else if constexpr (IsTuple<T>)
      std::apply([&](const auto&... part) { ((size += max_encoded_size(part)), ...); }, value);
    else
      for_each_field<T>([&](const auto& field) { size += max_encoded_size(value.*(field.pointer)); });
    return size;
  }
}

/// Writes where max_encoded_size() bytes fit, and the slack.
template <Value T>
void encode(Cursor& out, const T& value) {
  if constexpr (std::same_as<T, bool>)
    out.byte(value ? 0xc3 : 0xc2);
  else if constexpr (std::floating_point<T>)
    write_float(out, value);
  else if constexpr (std::is_enum_v<T>)
    encode(out, static_cast<std::underlying_type_t<T>>(value));
  else if constexpr (std::signed_integral<T>)
    out.signed_integer(value);
  else if constexpr (std::unsigned_integral<T>)
    out.unsigned_integer(value);
  else if constexpr (std::same_as<T, Time>)
    out.signed_integer(value.time_since_epoch().count());
  else if constexpr (std::same_as<T, Duration>)
    out.signed_integer(value.count());
  else if constexpr (std::same_as<T, std::string>) {
    out.string_header(static_cast<std::uint32_t>(value.size()));
    out.write(value.data(), value.size());
  } else if constexpr (IsVector<T>) {
    out.array_header(static_cast<std::uint32_t>(value.size()));
    for (const auto& element : value) encode(out, element);
  } else if constexpr (IsOptional<T>) {
    if (value)
      encode(out, *value);
    else
      out.byte(0xc0);
  } else if constexpr (IsTuple<T>) {
    out.array_header(static_cast<std::uint32_t>(std::tuple_size_v<T>));
    std::apply([&](const auto&... part) { (encode(out, part), ...); }, value);
  } else {
    out.array_header(static_cast<std::uint32_t>(kFieldCount<T>));
    for_each_field<T>([&](const auto& field) { encode(out, value.*(field.pointer)); });
  }
}

}  // namespace detail

/// Appends `value` to `out`.
template <Value T>
void encode(ByteBuffer& out, const T& value) {
  detail::Cursor cursor{out.room_for(detail::max_encoded_size(value) + detail::kCursorSlack)};
  detail::encode(cursor, value);
  out.end_at(cursor.next);
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
      // Records whose fields have to fit each other say whether they do.
      if constexpr (requires { value.freshet_is_sound(); }) good = good && value.freshet_is_sound();
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
