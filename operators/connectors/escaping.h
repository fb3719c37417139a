#pragma once

#include <string>
#include <string_view>

namespace freshet::files {

/// Appends a field so that Delimited gives it back: in quotes when it contains the delimiter, a quote or a line end.
void append_csv_field(std::string& out, std::string_view field, char delimiter = ',');

/// Appends a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD each.
void append_json_string(std::string& out, std::string_view text);

}  // namespace freshet::files
