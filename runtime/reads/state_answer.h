#pragma once

#include <string>
#include <vector>

#include "runtime/checkpoint/saved_state.h"

/// State as the JSON of runtime/cli/README.md, whether it is of a checkpoint or of a job that runs.
namespace freshet::reads {

/// Of what and of when the state in an answer is.
struct StateHead {
  std::int64_t now_ms = 0;
  std::string job{};  ///< name
  std::string operator_id{};
  const StateDeclaration* state = nullptr;
  bool is_live = false;           ///< else as the checkpoint holds it
  std::uint32_t attempt = 0;      ///< that answers, or that made the checkpoint
  std::uint64_t checkpoint = 0;   ///< of a live answer: the newest complete one that its worker knows; 0: none
  std::string checkpoint_kind{};  ///< these two: of a checkpoint only
  std::int64_t checkpoint_ms = 0;
};

/// Appends the members of the head, with the opening brace, without a comma behind.
void append_head(std::string& out, const StateHead& head);

/// Appends `"expired":…,"entries":[…],"next":…`. `key_fields`: names of the parts of keys. Error: the answer would be
/// too long, or an entry is not what its declaration says; `out` then ends in anything.
[[nodiscard]] Status append_page(std::string& out, const checkpoint::StatePage& page,
                                 const std::vector<std::string>& key_fields, const std::string& which);

/// A position as the cursor of an answer, and back. Nothing: the text is none.
std::string to_cursor(const checkpoint::StatePosition& position);
std::optional<checkpoint::StatePosition> from_cursor(std::string_view cursor);

}  // namespace freshet::reads
