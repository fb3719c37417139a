#include "runtime/cli/json_fields.h"

#include <nlohmann/json.hpp>

namespace freshet::cli {

using nlohmann::json;

const json& member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

const json& list(const json& object, const char* name) {
  static const json kEmpty = json::array();
  const json& found = member(object, name);
  return found.is_array() ? found : kEmpty;
}

std::string text_or(const json& object, const char* name, const std::string& otherwise) {
  const json& found = member(object, name);
  return found.is_string() ? found.get<std::string>() : otherwise;
}

std::optional<double> number_of(const json& object, const char* name) {
  const json& found = member(object, name);
  return found.is_number() ? std::optional(found.get<double>()) : std::nullopt;
}

double number_or(const json& object, const char* name, double otherwise) {
  return number_of(object, name).value_or(otherwise);
}

std::optional<std::int64_t> integer_of(const json& object, const char* name) {
  const json& found = member(object, name);
  return found.is_number_integer() ? std::optional(found.get<std::int64_t>()) : std::nullopt;
}

std::int64_t integer_or(const json& object, const char* name, std::int64_t otherwise) {
  return integer_of(object, name).value_or(otherwise);
}

bool flag_or(const json& object, const char* name, bool otherwise) {
  const json& found = member(object, name);
  return found.is_boolean() ? found.get<bool>() : otherwise;
}

std::string joined_texts(const json& array, const char* separator) {
  std::string text;
  if (!array.is_array()) return text;
  for (const json& element : array) {
    if (element.is_string()) text += (text.empty() ? "" : separator) + element.get<std::string>();
  }
  return text;
}

}  // namespace freshet::cli
