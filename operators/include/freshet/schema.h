#pragma once

#include <freshet/record.h>

/// What a Value looks like, as data: travels with plans, stands beside stored state, and is compared when streams meet.
namespace freshet {

struct FieldSchema;

/// Kinds, by name: bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 string time duration enum record list optional tuple.
struct Schema {
  std::string kind{};
  std::vector<FieldSchema> fields{};       ///< of a record; parts of a list (1), optional (1) or tuple, unnamed
  std::vector<std::string> enumerators{};  ///< "view=0", of an enum
  bool operator==(const Schema&) const;
  FRESHET_RECORD(kind, fields, enumerators)
};

struct FieldSchema {
  std::string name{};
  Schema type{};
  bool operator==(const FieldSchema&) const = default;
  FRESHET_RECORD(name, type)
};

inline bool Schema::operator==(const Schema& other) const = default;

/// One line, e.g. `{user: u64, action: enum(view=0, click=1), pages: [string]}`. Frozen: golden tests.
std::string to_text(const Schema& schema);

/// Where two schemas differ, in words ("field spent: f64 here, string there"); empty when they are equal.
std::string describe_difference(const Schema& here, const Schema& there);

namespace detail {

template <class T>
std::string scalar_kind() {
  if constexpr (std::same_as<T, bool>)
    return "bool";
  else if constexpr (std::same_as<T, std::string>)
    return "string";
  else if constexpr (std::same_as<T, Time>)
    return "time";
  else if constexpr (std::same_as<T, Duration>)
    return "duration";
  else if constexpr (std::is_enum_v<T>)
    return "enum";
  else if constexpr (std::floating_point<T>)
    return sizeof(T) == 4 ? "f32" : "f64";
  else
    return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
}

/// How far a type may nest; see ByteReader::kMaxDepth.
inline constexpr int kMaxSchemaDepth = 32;
[[noreturn]] void refuse_schema_depth();

}  // namespace detail

/// Throws std::logic_error for a record that contains itself.
template <Value T>
Schema schema_of(int depth = 0) {
  if (depth > detail::kMaxSchemaDepth) detail::refuse_schema_depth();
  Schema schema;
  if constexpr (Record<T>) {
    schema.kind = "record";
    for_each_field<T>([&]<class F>(const F& field) {
      schema.fields.push_back({std::string(field.name), schema_of<typename F::member_type>(depth + 1)});
    });
  } else if constexpr (detail::IsVector<T> || detail::IsOptional<T>) {
    schema.kind = detail::IsVector<T> ? "list" : "optional";
    schema.fields.push_back({"", schema_of<typename T::value_type>(depth + 1)});
  } else if constexpr (detail::IsTuple<T>) {
    schema.kind = "tuple";
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (schema.fields.push_back({"", schema_of<std::tuple_element_t<I, T>>(depth + 1)}), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    schema.kind = detail::scalar_kind<T>();
    if constexpr (NamedEnum<T>) {
      for (const auto& [name, value] : freshet_enumerators(T{}))
        schema.enumerators.push_back(std::string(name) + "=" + std::to_string(static_cast<long long>(value)));
    }
  }
  return schema;
}

}  // namespace freshet
