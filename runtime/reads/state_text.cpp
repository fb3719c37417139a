#include "runtime/reads/state_text.h"

#include <freshet/key.h>
#include <freshet/text.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/reads/json_depth.h"

namespace freshet::reads {
namespace {

using nlohmann::json;

constexpr int kMaxKeyDepth = 32;  // as schemas nest
constexpr unsigned kMaxKeyEnums = 4;
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

/// The name of an enumerator, of `view=0`; none: it has no such number.
std::optional<std::string> enumerator_of(const Schema& schema, std::int64_t number) {
  const std::string ending = "=" + std::to_string(number);
  for (const auto& each : schema.enumerators) {
    if (each.ends_with(ending)) return each.substr(0, each.size() - ending.size());
  }
  return std::nullopt;
}

void append_enumerator(std::string& out, const Schema& schema, std::int64_t number) {
  const auto name = enumerator_of(schema, number);
  if (name)
    append_json_string(out, *name);
  else
    out += std::to_string(number);
}

/// Reads a T and appends it.
template <class T>
bool append_read(std::string& out, ByteReader& in) {
  T value{};
  if (!decode(in, value)) return false;
  append_json(out, value);
  return true;
}

/// Schemas show enumerators above 2^63 as negative numbers.
bool read_enumerator_number(ByteReader& in, std::int64_t& number) {
  ByteReader again = in;
  if (detail::read_integer(in, number)) return true;
  std::uint64_t large = 0;
  if (!detail::read_integer(again, large)) return false;
  number = static_cast<std::int64_t>(large);
  in = again;
  return true;
}

bool append_scalar_json(std::string& out, ByteReader& in, const Schema& schema) {
  const std::string& kind = schema.kind;
  if (kind == "bool") return append_read<bool>(out, in);
  if (kind == "string") return append_read<std::string>(out, in);
  if (kind == "time") return append_read<Time>(out, in);
  if (kind == "duration") return append_read<Duration>(out, in);
  if (kind == "f32") return append_read<float>(out, in);
  if (kind == "f64") return append_read<double>(out, in);
  if (kind.starts_with('i')) return append_read<std::int64_t>(out, in);
  if (kind.starts_with('u')) return append_read<std::uint64_t>(out, in);
  std::int64_t number = 0;
  if (kind != "enum" || !read_enumerator_number(in, number)) return false;
  append_enumerator(out, schema, number);
  return true;
}

/// A record as an object, a tuple or list as an array.
bool append_parts_json(std::string& out, ByteReader& in, const Schema& schema) {
  std::uint32_t count = 0;
  if (!in.enter() || !in.array_header(count) || count > in.remaining()) return false;
  const bool is_list = schema.kind == "list";
  if (is_list ? schema.fields.size() != 1 : schema.fields.size() != count) return false;
  const bool is_record = schema.kind == "record";
  out += is_record ? '{' : '[';
  for (std::uint32_t i = 0; i < count; ++i) {
    const FieldSchema& field = schema.fields[is_list ? 0 : i];
    if (i != 0) out += ',';
    if (is_record) append_json_string(out, field.name), out += ':';
    if (!append_value_json(out, in, field.type) || out.size() > kMostStateJsonBytes) return false;
  }
  out += is_record ? '}' : ']';
  in.leave();
  return true;
}

/// One integer, enum, bool or time of a key as its eight bytes hold it.
bool append_key_number(std::string& out, std::uint64_t bits, const Schema& schema) {
  const std::string& kind = schema.kind;
  const auto as_signed = static_cast<std::int64_t>(bits ^ kSign);
  if (kind == "bool") {
    if (bits > 1) return false;
    out += bits == 1 ? "true" : "false";
  } else if (kind == "time") {
    append_json(out, Time(Duration(as_signed)));
  } else if (kind == "duration") {
    append_json(out, Duration(as_signed));
  } else if (kind == "enum") {
    const auto as_unsigned = static_cast<std::int64_t>(bits);
    append_enumerator(out, schema, enumerator_of(schema, as_unsigned) ? as_unsigned : as_signed);
  } else if (kind.starts_with('i')) {
    append_json(out, as_signed);
  } else if (kind.starts_with('u')) {
    append_json(out, bits);
  } else {
    return false;
  }
  return true;
}

// ---- keys from text

/// Reads keys into their encoding.
class KeyParser {
 public:
  /// `signed_enums`: which enums, by bit, are written as signed; their schemas do not tell.
  explicit KeyParser(unsigned signed_enums) : signed_enums_(signed_enums) {}

  Status add(const json& value, const Schema& schema, const std::vector<std::string>& names) {
    if (schema.kind == "tuple") return add_tuple(value, schema, names);
    if (value.is_string()) return add_text(value.get<std::string>(), schema);
    if (schema.kind != "string" && (value.is_number() || value.is_boolean())) return add_text(value.dump(), schema);
    return expected(schema, {});
  }
  Status add_text(const std::string& text, const Schema& schema) {
    if (schema.kind == "string") return encode_key(bytes_, text), Status();
    if (schema.kind == "bool") return add_parsed<bool>(text, schema);
    if (schema.kind == "time") return add_parsed<Time>(text, schema);
    if (schema.kind == "duration") return add_parsed<Duration>(text, schema);
    if (schema.kind == "enum") return add_enumerator(text, schema);
    if (schema.kind.starts_with('i')) return add_integer<std::int64_t>(text, schema);
    if (schema.kind.starts_with('u')) return add_integer<std::uint64_t>(text, schema);
    return expected(schema, {});
  }
  unsigned enums() const { return enums_; }
  std::string bytes() const { return std::string(bytes_.view()); }

 private:
  static Error expected(const Schema& schema, const std::vector<std::string>& names) {
    return {"expected " + key_form(schema, names)};
  }

  Status add_tuple(const json& value, const Schema& schema, const std::vector<std::string>& names) {
    const bool is_named = value.is_object() && names.size() == schema.fields.size();
    if ((!value.is_array() && !is_named) || value.size() != schema.fields.size()) return expected(schema, names);
    for (std::size_t i = 0; i < schema.fields.size(); ++i) {
      if (is_named && !value.contains(names[i])) return expected(schema, names);
      if (const auto added = add(is_named ? value[names[i]] : value[i], schema.fields[i].type, {}); !added)
        return Error{"part " + (names.size() > i ? names[i] : std::to_string(i + 1)) + ": " + added.error().message};
    }
    return {};
  }
  template <class T>
  Status add_parsed(const std::string& text, const Schema& schema) {
    T value{};
    if (!parse_text(text, value)) return expected(schema, {});
    return encode_key(bytes_, value), Status();
  }
  /// Of at most as many bits as the schema says.
  template <class T>
  Status add_integer(const std::string& text, const Schema& schema) {
    T value{};
    unsigned bits = 0;
    const auto& kind = schema.kind;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    (void)std::from_chars(kind.data() + 1, kind.data() + kind.size(), bits);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || bits == 0 || bits > 64)
      return expected(schema, {});
    const T most = static_cast<T>(std::numeric_limits<T>::max() >> (64 - bits));
    if (value > most || value < static_cast<T>(std::is_signed_v<T> ? -most - 1 : 0)) return expected(schema, {});
    return encode_key(bytes_, value), Status();
  }
  Status add_enumerator(const std::string& text, const Schema& schema) {
    const bool is_signed = enums_ < kMaxKeyEnums && (signed_enums_ >> enums_ & 1) != 0;
    if (++enums_ > kMaxKeyEnums) return Error{"a key of so many enums cannot be asked for"};
    for (const auto& each : schema.enumerators) {
      const auto equals = each.rfind('=');
      if (equals == std::string::npos || (text != each.substr(0, equals) && text != each.substr(equals + 1))) continue;
      std::int64_t number = 0;
      (void)std::from_chars(each.data() + equals + 1, each.data() + each.size(), number);
      if (is_signed)
        encode_key(bytes_, number);
      else
        encode_key(bytes_, static_cast<std::uint64_t>(number));
      return {};
    }
    return expected(schema, {});
  }

  const unsigned signed_enums_;
  unsigned enums_ = 0;
  ByteBuffer bytes_;
};

}  // namespace

bool append_value_json(std::string& out, ByteReader& in, const Schema& schema) {
  if (schema.kind == "record" || schema.kind == "tuple" || schema.kind == "list")
    return append_parts_json(out, in, schema);
  if (schema.kind != "optional") return append_scalar_json(out, in, schema);
  if (in.take_nil()) return out += "null", true;
  return schema.fields.size() == 1 && append_value_json(out, in, schema.fields[0].type);
}

bool append_key_json(std::string& out, std::string_view& key, const Schema& schema,
                     const std::vector<std::string>& names) {
  if (schema.kind == "string") {
    std::string text;
    if (!detail::read_key_part(key, text)) return false;
    append_json_string(out, text);
    return true;
  }
  if (schema.kind != "tuple") {
    std::uint64_t bits = 0;
    return detail::read_key_part(key, bits) && append_key_number(out, bits, schema);
  }
  const bool is_named = names.size() == schema.fields.size() && !names.empty();
  out += is_named ? '{' : '[';
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    if (i != 0) out += ',';
    if (is_named) append_json_string(out, names[i]), out += ':';
    if (!append_key_json(out, key, schema.fields[i].type)) return false;
  }
  out += is_named ? '}' : ']';
  return true;
}

Result<std::vector<EncodedKey>> parse_key(const std::string& text, const Schema& schema,
                                          const std::vector<std::string>& names) {
  std::vector<EncodedKey> keys;
  unsigned ways = 1;
  for (unsigned way = 0; way < ways; ++way) {
    KeyParser parser(way);
    Status parsed;
    if (schema.kind == "tuple") {
      const bool is_shallow = json_depth_within(text, kMaxKeyDepth);
      parsed = parser.add(is_shallow ? json::parse(text, nullptr, false) : json(), schema, names);
    } else {
      parsed = parser.add_text(text, schema);
    }
    if (!parsed) return parsed.error();
    EncodedKey key{parser.bytes(), 0};
    key.hash = schema.kind == "string" ? key_hash(text) : XXH3_64bits(key.bytes.data(), key.bytes.size());
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
    ways = 1u << parser.enums();
  }
  return keys;
}

std::string key_form(const Schema& schema, const std::vector<std::string>& names) {
  if (schema.kind != "tuple" || names.size() != schema.fields.size()) return to_text(schema);
  Schema named{"record", schema.fields, {}};
  for (std::size_t i = 0; i < names.size(); ++i) named.fields[i].name = names[i];
  return to_text(named);
}

}  // namespace freshet::reads
