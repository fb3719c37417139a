#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cli/exit_code.h"
#include "runtime/cli/surroundings.h"

namespace freshet::cli {

enum class ValueForm { kSwitch, kInteger, kNumber, kText, kSize, kDuration, kKeyValue, kChoice };

/// A flag as one verb takes it. Storage, default and description are those of the gflag of the same name (flags.cpp),
/// with '_' for '-'. kSwitch is a gflags bool, kInteger int32, kNumber double, everything else a string.
struct Flag {
  std::string name;  // as typed, without "--": "show-request"
  ValueForm form = ValueForm::kText;
  char alias = '\0';                      // "-n"
  std::string value_name = {};            // what the usage calls the value: "FILE"
  bool repeated = false;                  // all values are kept, in order, in Invocation::repeated
  std::int64_t least = INT32_MIN;         // kInteger only
  std::int64_t most = INT32_MAX;          // kInteger only
  std::vector<std::string> choices = {};  // kChoice only
};

struct Verb;

/// One parsed command line. Lives as long as the verb runs.
struct Invocation {
  const Verb& verb;
  Surroundings& around;
  std::vector<std::string> arguments;                        // in the order given
  std::map<std::string, std::vector<std::string>> repeated;  // flag name as typed -> values in the order given
  std::vector<std::string> given;                            // names of the flags that were given

  bool was_given(std::string_view flag) const;
  std::vector<std::string> values(const std::string& flag) const;
};

using Handler = std::function<ExitCode(Invocation&)>;

/// A verb of the command line, with all that help, the parser and the tests need to know about it.
struct Verb {
  std::string name;
  std::string sub_verb;               // "" for a verb that has none
  std::string group;                  // heading in `freshet help`; "" hides the verb there
  std::string summary;                // one line
  std::string usage;                  // behind "freshet VERB": "JOB [--watch]"
  std::string help;                   // a paragraph or two: what it does, what it waits for, how to undo it
  std::vector<std::string> examples;  // complete command lines; the parser must take each of them
  std::vector<Flag> flags;
  std::vector<std::string> positional;  // names of the arguments; the last one stands for all that follow
  std::size_t least_arguments = 0;
  std::size_t most_arguments = 0;
  Handler handler;

  /// "cluster start"
  std::string full_name() const { return sub_verb.empty() ? name : name + " " + sub_verb; }
  const Flag* find_flag(std::string_view flag_name) const;
  const Flag* find_alias(char alias) const;
};

/// All verbs, in the order in which help lists them. Immutable once built.
class VerbTable {
 public:
  explicit VerbTable(std::vector<Verb> verbs) : verbs_(std::move(verbs)) {}

  std::span<const Verb> all() const { return verbs_; }
  const Verb* find(std::string_view name, std::string_view sub_verb) const;
  bool has_sub_verbs(std::string_view name) const;
  /// For did-you-mean: what may stand in the first place, and behind `name`. Hidden verbs are left out.
  std::vector<std::string> names() const;
  std::vector<std::string> sub_verbs(std::string_view name) const;

 private:
  std::vector<Verb> verbs_;
};

/// The form a value of this flag must have, in words: "a whole number from 1 to 65535".
std::string expected_form(const Flag& flag);

}  // namespace freshet::cli
