#pragma once

#include <bit>
#include <optional>

#include <freshet/codec.h>

/// What of a record travels to the next task.
namespace freshet::detail {

struct WholeRecord {
  template <class T>
  [[gnu::always_inline]] void encode(Cursor& out, const T& record) const {
    detail::encode(out, record);
  }
  template <class T>
  [[nodiscard, gnu::always_inline]] bool decode(ByteReader& in, T& record) const {
    return freshet::decode(in, record);
  }
  template <class T>
  [[gnu::always_inline]] void copy(T& into, const T& record) const {
    into = record;
  }
};

/// Some of a record's fields, a bit each in the order of FRESHET_RECORD; as bytes a msgpack array of just these. In
/// records of a batch that gets nothing else, the others have their defaults.
struct SomeFields {
  template <class T>
  void encode(Cursor& out, const T& record) const {
    out.array_header(static_cast<std::uint32_t>(std::popcount(fields)));
    for_each<T>([&](auto pointer) { detail::encode(out, record.*pointer); });
  }
  template <class T>
  [[nodiscard]] bool decode(ByteReader& in, T& record) const {
    std::uint32_t count = 0;
    if (!in.enter() || !in.array_header(count) || count != static_cast<std::uint32_t>(std::popcount(fields)))
      return false;
    bool good = true;
    for_each<T>([&](auto pointer) { good = good && freshet::decode(in, record.*pointer); });
    in.leave();
    return good;
  }
  template <class T>
  void copy(T& into, const T& record) const {
    for_each<T>([&](auto pointer) { into.*pointer = record.*pointer; });
  }
  /// Calls visit(pointer) for each of them.
  template <class T, class Visit>
  void for_each(Visit visit) const {
    std::uint64_t bit = 1;
    for_each_field<T>([&](const auto& field) {
      if (fields & bit) visit(field.pointer);
      bit <<= 1;
    });
  }

  std::uint64_t fields = 0;
};

/// The bit of a field; nothing where the record does not list it among its first 64.
template <class T, class M>
std::optional<std::uint64_t> bit_of(M T::*pointer) {
  std::optional<std::uint64_t> found;
  std::uint64_t bit = 1;
  for_each_field<T>([&](const auto& field) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(field.pointer)>, M T::*>) {
      if (field.pointer == pointer && bit != 0) found = bit;
    }
    bit <<= 1;
  });
  return found;
}

/// What is looked at where both this and that is; nothing: nobody can tell.
inline std::optional<std::uint64_t> both(std::optional<std::uint64_t> some, std::optional<std::uint64_t> others) {
  if (!some || !others) return std::nullopt;
  return *some | *others;
}

}  // namespace freshet::detail
