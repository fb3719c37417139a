#pragma once

#include <optional>
#include <string>
#include <vector>

#include <freshet/result.h>
#include <freshet/state.h>

/// Saved state as JSON, and keys from text, by what was saved of their types: no library of a job is needed.
namespace freshet::reads {

/// No text with state in it becomes longer, but for one value that is not made of parts.
inline constexpr std::size_t kMostStateJsonBytes = 48u << 20;

/// Appends one value of `schema` as append_json() would the type itself. False: the bytes do not hold one, or `out` has
/// become longer than kMostStateJsonBytes; it then ends in anything.
[[nodiscard]] bool append_value_json(std::string& out, ByteReader& in, const Schema& schema);

/// Appends what encode_key() made of a key of `schema`, and takes it from `key`. A tuple whose parts are as many as
/// `names` becomes an object, else an array. False: the bytes are no such key.
[[nodiscard]] bool append_key_json(std::string& out, std::string_view& key, const Schema& schema,
                                   const std::vector<std::string>& names = {});

struct EncodedKey {
  std::string bytes{};
  std::uint64_t hash = 0;
  bool operator==(const EncodedKey&) const = default;
};

/// A key as people write it: a number, a name or a text as it is; a tuple as a JSON array of its parts, or as an object
/// of `names`. An enum may have been signed or not, which its schema does not tell: then there are some. Error: what
/// was expected.
Result<std::vector<EncodedKey>> parse_key(const std::string& text, const Schema& schema,
                                          const std::vector<std::string>& names);

/// `u64`, `(string, u64)`; with names `{item: string, user: u64}`.
std::string key_form(const Schema& schema, const std::vector<std::string>& names);

}  // namespace freshet::reads
