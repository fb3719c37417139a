#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>

/// Reading JSON that another process wrote: a missing field or one of another type is a missing value, never an
/// exception.
namespace freshet::cli {

/// The member, or JSON null.
const nlohmann::json& member(const nlohmann::json& object, const char* name);
/// The member if it is an array, else an empty one.
const nlohmann::json& list(const nlohmann::json& object, const char* name);

std::string text_or(const nlohmann::json& object, const char* name, const std::string& otherwise);
std::optional<double> number_of(const nlohmann::json& object, const char* name);
double number_or(const nlohmann::json& object, const char* name, double otherwise);
std::optional<std::int64_t> integer_of(const nlohmann::json& object, const char* name);
std::int64_t integer_or(const nlohmann::json& object, const char* name, std::int64_t otherwise);
bool flag_or(const nlohmann::json& object, const char* name, bool otherwise);

/// Strings of an array, joined by `separator`; other elements are left out.
std::string joined_texts(const nlohmann::json& array, const char* separator);

}  // namespace freshet::cli
