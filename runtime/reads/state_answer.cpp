#include "runtime/reads/state_answer.h"

#include <freshet/text.h>

#include "runtime/reads/state_text.h"

namespace freshet::reads {
namespace {

constexpr std::size_t kMostCursorBytes = 7u << 10;  // the server takes 8 KiB of address

bool append_entry(std::string& out, const checkpoint::SavedEntry& entry, const std::vector<std::string>& key_fields) {
  std::string_view key = entry.position.key;
  std::string_view map_key = entry.position.map_key;
  out += R"({"key":)";
  if (!append_key_json(out, key, entry.declaration->key, key_fields) || !key.empty()) return false;
  if (!map_key.empty()) {
    out += R"(,"map_key":)";
    if (!append_key_json(out, map_key, entry.declaration->map_key) || !map_key.empty()) return false;
  }
  out += R"(,"value":)";
  ByteReader value(entry.value);
  if (!append_value_json(out, value, entry.declaration->value) || value.remaining() != 0) return false;
  if (entry.written_ms != StateEntry::kNoStamp) out += R"(,"written_ms":)" + std::to_string(entry.written_ms);
  out += '}';
  return true;
}

}  // namespace

void append_head(std::string& out, const StateHead& head) {
  out += R"({"version":1,"now_ms":)" + std::to_string(head.now_ms) + R"(,"job":)";
  append_json_string(out, head.job);
  out += R"(,"operator":)";
  append_json_string(out, head.operator_id);
  out += R"(,"state":)";
  append_json_string(out, head.state->name);
  out += R"(,"kind":)";
  append_json_string(out, head.state->kind);
  const Duration ttl = head.state->ttl;
  out += R"(,"ttl_ms":)" + (ttl == Duration::max() ? "null" : std::to_string(ttl.count()));
  out += head.is_live ? R"(,"consistency":"live")" : R"(,"consistency":"committed")";
  out += R"(,"attempt":)" + std::to_string(head.attempt) + R"(,"checkpoint":)" + std::to_string(head.checkpoint);
  if (head.is_live) return;
  out += R"(,"checkpoint_kind":)";
  append_json_string(out, head.checkpoint_kind);
  out += R"(,"checkpoint_ms":)" + std::to_string(head.checkpoint_ms);
}

Status append_page(std::string& out, const checkpoint::StatePage& page, const std::vector<std::string>& key_fields,
                   const std::string& which) {
  out += R"("expired":)" + std::to_string(page.expired) + R"(,"entries":[)";
  for (std::size_t i = 0; i < page.entries.size(); ++i) {
    if (i != 0) out += ',';
    const bool is_whole = append_entry(out, page.entries[i], key_fields);
    if (out.size() > kMostStateJsonBytes)
      return Error{"the answer would be longer than " + std::to_string(kMostStateJsonBytes >> 20) +
                   (i == 0 ? " MiB with one entry" : " MiB: ask for fewer entries")};
    if (!is_whole) return Error{which + ": an entry is not of the types it was saved with"};
  }
  out += R"(],"next":)";
  if (!page.next) return out += "null", Status();
  const std::string cursor = to_cursor(*page.next);
  if (cursor.size() > kMostCursorBytes)
    return Error{"a key is too long to go on behind it: ask for another number of entries"};
  append_json_string(out, cursor);
  return {};
}

std::string to_cursor(const checkpoint::StatePosition& position) {
  ByteBuffer bytes;
  encode(bytes, position);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string cursor;
  for (const char byte : bytes.view()) {
    cursor += kDigits[static_cast<unsigned char>(byte) >> 4];
    cursor += kDigits[static_cast<unsigned char>(byte) & 0xf];
  }
  return cursor;
}

std::optional<checkpoint::StatePosition> from_cursor(std::string_view cursor) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (cursor.size() % 2 != 0 || cursor.size() > kMostCursorBytes) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < cursor.size(); i += 2) {
    const int high = digit(cursor[i]), low = digit(cursor[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  checkpoint::StatePosition position;
  if (!decode_all(bytes, position)) return std::nullopt;
  return position;
}

}  // namespace freshet::reads
