#include <freshet/redis_sink.h>

#include <algorithm>

namespace freshet::redis {

Result<KeyPattern> KeyPattern::parse(std::string_view pattern, const std::vector<std::string>& names) {
  const auto refuse = [&](const std::string& what) {
    return Error{"key pattern '" + std::string(pattern) + "': " + what};
  };
  KeyPattern made;
  std::vector<bool> used(names.size());
  std::string literal;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      literal += pattern[at];
      continue;
    }
    const auto close = pattern.find('}', at);
    if (close == std::string_view::npos) return refuse("a brace is not closed");
    const std::string name(pattern.substr(at + 1, close - at - 1));
    const auto found = std::find(names.begin(), names.end(), name);
    const auto part = static_cast<std::size_t>(found - names.begin());
    if (found == names.end()) return refuse("the key has no field '" + name + "'");
    if (used[part]) return refuse("field " + name + " stands there twice");
    used[part] = true;
    if (!made.pieces_.empty()) {
      if (literal.empty()) return refuse("nothing stands between two fields");
      made.pieces_.back().end = literal.front();
    }
    made.pieces_.push_back({std::exchange(literal, {}), part, 0});
    at = close;
  }
  made.tail_ = literal;
  for (std::size_t part = 0; part < names.size(); ++part)
    if (!used[part]) return refuse("{" + names[part] + "} is missing, so that different keys would meet");
  for (const auto& piece : made.pieces_)
    if (piece.end == '%') return refuse("a field is followed by '%'");
  return made;
}

void KeyPattern::append_key(std::string& out, const std::vector<std::string>& parts) const {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const auto& piece : pieces_) {
    out += piece.literal;
    const auto& part = parts[piece.part];
    if (piece.end == 0) {  // the last: whatever it holds, it ends where the key does
      out += part;
      continue;
    }
    for (const char c : part) {
      if (c != '%' && c != piece.end) {
        out += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  out += tail_;
}

}  // namespace freshet::redis
