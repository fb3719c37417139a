#include "operators/connectors/log_line.h"

#include <algorithm>

#include "operators/connectors/characters.h"

namespace freshet::files {
namespace {

// By their places in kLogColumns.
enum Column : std::size_t {
  kHost,
  kIdent,
  kUser,
  kTime,
  kMethod,
  kPath,
  kProtocol,
  kStatus,
  kBytes,
  kReferrer,
  kAgent,
  kRequest,
  kExtra
};
static_assert(kLogColumns[kBytes] == "bytes" && kLogColumns[kRequest] == "request" && kLogColumns[kExtra] == "extra1");

std::optional<std::string_view> present(std::string_view text) {
  return text == "-" ? std::nullopt : std::optional(text);
}

bool has_only_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

bool is_method_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_'; }

// -1: no digit of a hexadecimal number.
int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Whether a quote at `at` ends its text.
bool closes(std::string_view line, std::size_t at) { return at + 1 == line.size() || line[at + 1] == ' '; }

void pass_spaces(std::string_view line, std::size_t& at) {
  while (at < line.size() && line[at] == ' ') ++at;
}

// Up to the next space; passes over the spaces behind.
std::string_view take_bare(std::string_view line, std::size_t& at) {
  const std::size_t end = std::min(line.find(' ', at), line.size());
  const std::string_view text = line.substr(at, end - at);
  at = end;
  pass_spaces(line, at);
  return text;
}

}  // namespace

Status LogLine::parse(std::string_view line) {
  values_.fill(std::nullopt);
  unescaped_.clear();
  auto status = take_apart(line);
  if (!status) values_.fill(std::nullopt);
  return status;
}

Status LogLine::take_apart(std::string_view line) {
  constexpr auto npos = std::string_view::npos;
  const std::size_t host_end = line.find(' ');
  const std::size_t ident_end = host_end == npos ? npos : line.find(' ', host_end + 1);
  // Names of users may have spaces; what ends them is the bracket.
  const std::size_t user_end = ident_end == npos ? npos : line.find(" [", ident_end);
  if (host_end == 0 || user_end == npos || user_end == ident_end)
    return Error{"it does not begin like host ident user [time]"};
  const std::size_t time_begin = user_end + 2;
  const std::size_t time_end = line.find(']', time_begin);
  if (time_end == npos) return Error{"the time has no closing bracket"};
  values_[kHost] = line.substr(0, host_end);
  values_[kIdent] = present(line.substr(host_end + 1, ident_end - host_end - 1));
  values_[kUser] = present(line.substr(ident_end + 1, user_end - ident_end - 1));
  values_[kTime] = line.substr(time_begin, time_end - time_begin);

  std::size_t at = time_end + 1;
  pass_spaces(line, at);
  if (at == line.size() || line[at] != '"') return Error{"no request in quotes behind the time"};
  std::string_view request;
  if (auto status = take_quoted(line, at, request); !status) return status;
  if (!request.empty() && request != "-") split_request(request);

  const std::string_view code = take_bare(line, at);
  if (!has_only_digits(code)) return Error{"no status code behind the request"};
  const std::string_view bytes = take_bare(line, at);
  if (!has_only_digits(bytes) && bytes != "-") return Error{"no number of bytes behind the status code"};
  values_[kStatus] = code;
  values_[kBytes] = bytes == "-" ? "0" : bytes;
  return take_rest(line, at);
}

// What stands behind the bytes: referrer and agent in the combined format, and what else a server was told to write.
Status LogLine::take_rest(std::string_view line, std::size_t at) {
  std::string_view text;
  if (at < line.size() && line[at] == '"') {
    if (auto status = take_quoted(line, at, text); !status) return status;
    values_[kReferrer] = present(text);
    if (at == line.size() || line[at] != '"') return Error{"a referrer in quotes, but no agent behind it"};
    if (auto status = take_quoted(line, at, text); !status) return status;
    values_[kAgent] = present(text);
  }
  for (std::size_t column = kExtra; at < line.size() && column < values_.size(); ++column) {
    if (line[at] != '"') {
      text = take_bare(line, at);
    } else if (auto status = take_quoted(line, at, text); !status) {
      return status;
    }
    values_[column] = present(text);
  }
  return {};
}

// Takes the text whose opening quote is line[at]; leaves `at` behind the spaces that follow its closing one.
Status LogLine::take_quoted(std::string_view line, std::size_t& at, std::string_view& text) {
  const std::size_t begin = at + 1;
  const std::size_t quote = line.find('"', begin);
  if (quote != std::string_view::npos && closes(line, quote)) {
    text = line.substr(begin, quote - begin);
    if (text.find('\\') == std::string_view::npos) {
      at = quote + 1;
      pass_spaces(line, at);
      return {};
    }
  }
  return unescape_quoted(line, at, text);
}

Status LogLine::unescape_quoted(std::string_view line, std::size_t& at, std::string_view& text) {
  if (unescaped_.empty()) unescaped_.reserve(line.size());  // all texts of the line fit: earlier views stay valid
  const std::size_t unescaped_begin = unescaped_.size();
  std::size_t next = at + 1;
  while (next < line.size()) {
    if (line[next] == '"' && closes(line, next)) {
      text = std::string_view(unescaped_).substr(unescaped_begin);
      at = next + 1;
      pass_spaces(line, at);
      return {};
    }
    next = unescape(line, next);
  }
  return Error{"a quote is not closed"};
}

// Appends what stands at line[at]; answers where to go on. A backslash that escapes nothing known is text.
std::size_t LogLine::unescape(std::string_view line, std::size_t at) {
  const std::string_view rest = line.substr(at);
  if (rest.size() >= 2 && rest[0] == '\\') {
    constexpr std::string_view kLetters = "\"\\ntrbvf";
    constexpr std::string_view kMeant = "\"\\\n\t\r\b\v\f";
    if (const auto letter = kLetters.find(rest[1]); letter != std::string_view::npos) {
      unescaped_ += kMeant[letter];
      return at + 2;
    }
    if (rest.size() >= 4 && rest[1] == 'x' && hex_digit(rest[2]) >= 0 && hex_digit(rest[3]) >= 0) {
      unescaped_ += static_cast<char>(hex_digit(rest[2]) * 16 + hex_digit(rest[3]));
      return at + 4;
    }
  }
  unescaped_ += rest[0];
  return at + 1;
}

// A path may have spaces, so the protocol is looked for from the end; version 0.9 has none.
void LogLine::split_request(std::string_view request) {
  values_[kRequest] = request;
  const std::size_t space = request.find(' ');
  const std::string_view method = request.substr(0, std::min(space, request.size()));
  if (space == std::string_view::npos || method.empty() ||
      !std::all_of(method.begin(), method.end(), is_method_letter)) {
    values_[kPath] = request;
    return;
  }
  values_[kMethod] = method;
  std::string_view path = request.substr(space + 1);
  const std::size_t last = path.rfind(' ');
  if (last != std::string_view::npos && path.substr(last + 1).starts_with("HTTP/")) {
    values_[kProtocol] = path.substr(last + 1);
    path = path.substr(0, last);
  }
  values_[kPath] = path;
}

}  // namespace freshet::files
