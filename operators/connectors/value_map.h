#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// Replaces the words of an input by those of the record: "pv=view,buy=order,C*=cancel,*=order". The first rule that
/// matches counts; a text that no rule matches stays as it is. An empty pattern (=unknown) stands for the empty text.
/// Immutable once made; map() allocates nothing, so any thread may use it.
class ValueMap {
 public:
  ValueMap() = default;  // maps everything to itself

  /// Patterns are words, C* (begins), *C (ends) and * (any). Reports another use of *, a word given twice, and rules
  /// behind * that can never count.
  static Result<ValueMap> from_text(std::string_view text);

  /// Valid as long as this map and `text`.
  std::string_view map(std::string_view text) const;

 private:
  struct Word {
    std::string target{};
    std::size_t order = 0;
  };
  struct Glob {
    std::string prefix{};
    std::string suffix{};
    std::string target{};
    std::size_t order = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::unordered_map<std::string, Word, Hash, std::equal_to<>> words_{};
  std::vector<Glob> globs_{};  // in the order of the rules
};

}  // namespace freshet::files
