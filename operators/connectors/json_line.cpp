#include "operators/connectors/json_line.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "operators/connectors/characters.h"

namespace freshet::files {
namespace {

namespace json = simdjson::ondemand;

constexpr std::size_t kFirstCapacity = 4096;

// The wanted paths as a tree: what to look for in an object, and in the objects inside it.
struct Wanted {
  std::string key{};
  std::vector<std::size_t> values{};  // indices of the paths that end here
  std::vector<Wanted> inside{};

  Wanted& child(std::string_view name) {
    for (auto& node : inside) {
      if (node.key == name) return node;
    }
    return inside.emplace_back(Wanted{.key = std::string(name)});
  }
};

bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  if (text.starts_with('-')) ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.' && (++at, digits() == 0)) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

// simdjson's raw text of a value reaches up to the next token.
std::string_view without_space_behind(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// The text of a number, true, false or null.
simdjson::error_code plain_scalar(json::value value, std::optional<std::string_view>& out) {
  const std::string_view text = without_space_behind(value.raw_json_token());
  if (text == "null") {
    out.reset();
  } else if (text == "true" || text == "false" || is_json_number(text)) {
    out = text;
  } else {
    return simdjson::TAPE_ERROR;
  }
  return simdjson::SUCCESS;
}

}  // namespace

struct JsonLine::Impl {
  Wanted root{};
  std::vector<std::optional<std::string_view>> values{};
  json::parser parser{};
  std::vector<char> padded{};  // simdjson reads beyond the end of its input

  void reserve(std::size_t bytes);
  simdjson::error_code parse(std::size_t length);
  simdjson::error_code object(json::object object, const Wanted& wanted);
  simdjson::error_code value(json::value value, const Wanted& wanted);
};

// Doubling: lines that are each a little longer than the last must not allocate each time.
void JsonLine::Impl::reserve(std::size_t bytes) {
  const std::size_t capacity = std::max(std::bit_ceil(bytes), kFirstCapacity);
  if (padded.size() < capacity + simdjson::SIMDJSON_PADDING) padded.resize(capacity + simdjson::SIMDJSON_PADDING);
}

simdjson::error_code JsonLine::Impl::parse(std::size_t length) {
  const std::size_t capacity = padded.size() - simdjson::SIMDJSON_PADDING;
  if (parser.capacity() < capacity) {
    if (const auto error = parser.allocate(capacity)) return error;
  }
  json::document document;
  if (const auto error = parser.iterate(padded.data(), length, padded.size()).get(document)) return error;
  json::object top;
  if (const auto error = document.get_object().get(top)) return error;
  if (const auto error = object(top, root)) return error;
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  return at_end ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

simdjson::error_code JsonLine::Impl::object(json::object object, const Wanted& wanted) {
  for (auto entry : object) {
    json::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    std::string_view key;
    if (const auto error = field.unescaped_key().get(key)) return error;
    const auto found =
        std::find_if(wanted.inside.begin(), wanted.inside.end(), [&](const Wanted& w) { return w.key == key; });
    if (found == wanted.inside.end()) continue;
    if (const auto error = value(field.value(), *found)) return error;
  }
  return simdjson::SUCCESS;
}

simdjson::error_code JsonLine::Impl::value(json::value value, const Wanted& wanted) {
  std::optional<std::string_view> text;
  json::json_type type{};
  if (const auto error = value.type().get(type)) return error;
  if (type == json::json_type::object) {
    json::object inner;
    if (const auto error = value.get_object().get(inner)) return error;
    if (!wanted.values.empty()) {
      std::string_view raw;
      if (const auto error = inner.raw_json().get(raw)) return error;
      text = without_space_behind(raw);
      bool empty = false;
      if (const auto error = inner.reset().get(empty)) return error;
    }
    if (const auto error = object(inner, wanted)) return error;
  } else if (wanted.values.empty()) {
    return simdjson::SUCCESS;  // wanted was something inside an object that is none here
  } else if (type == json::json_type::array) {
    json::array inner;
    if (const auto error = value.get_array().get(inner)) return error;
    std::string_view raw;
    if (const auto error = inner.raw_json().get(raw)) return error;
    text = without_space_behind(raw);
  } else if (type == json::json_type::string) {
    std::string_view raw;
    if (const auto error = value.get_string().get(raw)) return error;
    text = raw;
  } else if (const auto error = plain_scalar(value, text)) {
    return error;
  }
  for (const std::size_t index : wanted.values) values[index] = text;
  return simdjson::SUCCESS;
}

JsonLine::JsonLine(const std::vector<std::string>& paths) : impl_(std::make_unique<Impl>()) {
  impl_->values.resize(paths.size());
  for (std::size_t index = 0; index < paths.size(); ++index) {
    Wanted* node = &impl_->root;
    std::string_view rest = paths[index];
    if (rest.find('.') != std::string_view::npos) node->child(rest).values.push_back(index);
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      node = &node->child(rest.substr(0, dot));
      rest.remove_prefix(dot + 1);
    }
    node->child(rest).values.push_back(index);
  }
}

JsonLine::JsonLine(JsonLine&&) noexcept = default;
JsonLine& JsonLine::operator=(JsonLine&&) noexcept = default;
JsonLine::~JsonLine() = default;

Status JsonLine::parse(std::string_view line) {
  std::fill(impl_->values.begin(), impl_->values.end(), std::nullopt);
  impl_->reserve(line.size());
  std::memcpy(impl_->padded.data(), line.data(), line.size());
  std::memset(impl_->padded.data() + line.size(), ' ', simdjson::SIMDJSON_PADDING);
  const auto error = impl_->parse(line.size());
  if (!error) return {};
  std::fill(impl_->values.begin(), impl_->values.end(), std::nullopt);
  if (error == simdjson::INCORRECT_TYPE) return Error{"not a JSON object: a line must be like {\"field\": value, …}"};
  return Error{std::string("malformed JSON: ") + simdjson::error_message(error)};
}

std::span<const std::optional<std::string_view>> JsonLine::values() const { return impl_->values; }

}  // namespace freshet::files
