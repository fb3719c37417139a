#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Records: plain structs whose fields the engine knows by name.
///
///   struct Click {
///     std::uint64_t user = 0;
///     std::string page{};
///     FRESHET_RECORD(user, page)
///   };
///
/// The struct stays an aggregate. A field is a Value (below). Order and names of the fields are the record's schema:
/// they decide how it is encoded, shown and restored.
namespace freshet {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;
using std::chrono::days;
using namespace std::chrono_literals;

/// One named field of a record: what FRESHET_RECORD lists.
template <class Owner, class Member>
struct Field {
  using member_type = Member;
  std::string_view name;
  Member Owner::*pointer;
};
template <class Owner, class Member>
Field(const char*, Member Owner::*) -> Field<Owner, Member>;

template <class T>
concept Record = std::is_class_v<T> && requires {
  T::template freshet_fields<T>();
};

// Applies a macro to each of up to 340 names; __VA_OPT__ recursion, rescanned by FRESHET_EXPAND.
#define FRESHET_PARENS ()
#define FRESHET_EXPAND(...) FRESHET_EXPAND4(FRESHET_EXPAND4(FRESHET_EXPAND4(FRESHET_EXPAND4(__VA_ARGS__))))
#define FRESHET_EXPAND4(...) FRESHET_EXPAND3(FRESHET_EXPAND3(FRESHET_EXPAND3(FRESHET_EXPAND3(__VA_ARGS__))))
#define FRESHET_EXPAND3(...) FRESHET_EXPAND2(FRESHET_EXPAND2(FRESHET_EXPAND2(FRESHET_EXPAND2(__VA_ARGS__))))
#define FRESHET_EXPAND2(...) FRESHET_EXPAND1(FRESHET_EXPAND1(FRESHET_EXPAND1(FRESHET_EXPAND1(__VA_ARGS__))))
#define FRESHET_EXPAND1(...) __VA_ARGS__
#define FRESHET_EACH(macro, ...) __VA_OPT__(FRESHET_EXPAND(FRESHET_EACH_STEP(macro, __VA_ARGS__)))
#define FRESHET_EACH_STEP(macro, first, ...) \
  macro(first) __VA_OPT__(, FRESHET_EACH_AGAIN FRESHET_PARENS(macro, __VA_ARGS__))
#define FRESHET_EACH_AGAIN() FRESHET_EACH_STEP

#define FRESHET_FIELD(name) \
  ::freshet::Field { #name, &FreshetSelf::name }
#define FRESHET_RECORD(...)                                      \
  template <class FreshetSelf>                                   \
  static constexpr auto freshet_fields() {                       \
    return std::tuple{FRESHET_EACH(FRESHET_FIELD, __VA_ARGS__)}; \
  }

#define FRESHET_ENUMERATOR(name) \
  std::pair<std::string_view, FreshetEnum> { #name, FreshetEnum::name }
/// Names an enum's values, for files, JSON and checks: FRESHET_ENUM(Action, view, click). Stands beside the enum.
#define FRESHET_ENUM(type, ...)                                       \
  constexpr auto freshet_enumerators(type) {                          \
    using FreshetEnum = type;                                         \
    return std::array{FRESHET_EACH(FRESHET_ENUMERATOR, __VA_ARGS__)}; \
  }

template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T t) {
  freshet_enumerators(t);
};

namespace detail {

template <class T, template <class...> class Template>
inline constexpr bool kIsA = false;
template <template <class...> class Template, class... A>
inline constexpr bool kIsA<Template<A...>, Template> = true;

template <class T>
concept IsVector = kIsA<T, std::vector> && !std::same_as<T, std::vector<bool>>;
template <class T>
concept IsOptional = kIsA<T, std::optional>;
template <class T>
concept IsTuple = kIsA<T, std::tuple> || kIsA<T, std::pair>;
template <class T>
concept IsCharacter = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <class T>
concept IsNumber = std::is_arithmetic_v<T> && !std::same_as<T, long double> && !IsCharacter<T>;
template <class T>
concept IsScalar =
    IsNumber<T> || NamedEnum<T> || std::same_as<T, std::string> || std::same_as<T, Time> || std::same_as<T, Duration>;

template <class T>
constexpr bool is_value() {
  if constexpr (IsScalar<T> || Record<T>)
    return true;
  else if constexpr (IsVector<T>)
    return is_value<typename T::value_type>();
  else if constexpr (IsOptional<T>)  // one inside another would come back as one: both write "absent" alike
    return !IsOptional<typename T::value_type> && is_value<typename T::value_type>();
  else if constexpr (IsTuple<T>)
    return []<std::size_t... I>(std::index_sequence<I...>) { return (is_value<std::tuple_element_t<I, T>>() && ...); }
  (std::make_index_sequence<std::tuple_size_v<T>>{});
  else return false;
}

template <class T>
constexpr bool is_key() {
  if constexpr (std::floating_point<T>)
    return false;
  else if constexpr (IsScalar<T>)
    return true;
  else if constexpr (IsTuple<T>)
    return []<std::size_t... I>(std::index_sequence<I...>) { return (is_key<std::tuple_element_t<I, T>>() && ...); }
  (std::make_index_sequence<std::tuple_size_v<T>>{});
  else return false;
}

}  // namespace detail

/// What a field or a state may hold: numbers (no character types), bool, named enums, std::string, Time, Duration,
/// records, and std::vector, std::optional (not of one another), std::tuple and std::pair of these.
template <class T>
concept Value = detail::is_value<T>();

/// What a stream may be keyed by: integers, bool, named enums, strings, times, and tuples of these.
template <class T>
concept KeyValue = detail::is_key<T>();

/// Calls visit(field) for each Field of record type T, in schema order.
template <Record T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, T::template freshet_fields<T>());
}

template <Record T>
using Fields = decltype(T::template freshet_fields<T>());
template <Record T>
inline constexpr std::size_t kFieldCount = std::tuple_size_v<Fields<T>>;
template <Record T, std::size_t I>
using FieldType = typename std::tuple_element_t<I, Fields<T>>::member_type;

/// The C++ name of a type, for messages to people only; types meet by schema.
template <class T>
constexpr std::string_view type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  return text.substr(0, text.find_first_of(";]"));
}

/// Name of the field that `pointer` points to; "?" when FRESHET_RECORD does not list it.
template <Record Owner, class Member>
std::string field_name(Member Owner::*pointer) {
  std::string name = "?";
  for_each_field<Owner>([&](const auto& field) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(field.pointer)>, Member Owner::*>) {
      if (field.pointer == pointer) name = field.name;
    }
  });
  return name;
}

/// Name of an enumerator; empty when the value has none.
template <NamedEnum T>
constexpr std::string_view enumerator_name(T value) {
  for (const auto& [name, enumerator] : freshet_enumerators(T{})) {
    if (enumerator == value) return name;
  }
  return {};
}

/// A stretch of event time, [start, end).
struct Window {
  Time start{};
  Time end{};
  bool operator==(const Window&) const = default;
  FRESHET_RECORD(start, end)
};

namespace detail {

template <class Owner, class Member>
struct FieldEquals {
  Member Owner::*field;
  Member value;
  bool operator()(const Owner& record) const noexcept { return record.*field == value; }
};

}  // namespace detail

/// Predicate: the field has this value. `filter("views", equals(&Event::action, Action::view))`.
template <class Owner, class Member>
auto equals(Member Owner::*field, std::type_identity_t<Member> value) {
  return detail::FieldEquals<Owner, Member>{field, std::move(value)};
}

}  // namespace freshet
