#include "runtime/cli/parser.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/base/did_you_mean.h"
#include "runtime/cli/quantity.h"

namespace freshet::cli {
namespace {

using base::did_you_mean_hint;

std::string gflag_name(const Flag& flag) {
  std::string name = flag.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool has_form(const Flag& flag, const std::string& value) {
  switch (flag.form) {
    case ValueForm::kInteger: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      return error == std::errc() && end == value.data() + value.size() && number >= flag.least && number <= flag.most;
    }
    case ValueForm::kSize:
      return parse_size(value).ok();
    case ValueForm::kDuration:
      return parse_duration_ms(value).ok();
    case ValueForm::kKeyValue:
      return value.find('=') != std::string::npos && value.front() != '=';
    case ValueForm::kChoice:
      return std::find(flag.choices.begin(), flag.choices.end(), value) != flag.choices.end();
    default:
      return true;  // gflags itself checks switches and numbers, every text is a text
  }
}

/// Parses what follows the verb. One object per command line.
class FlagWalk {
 public:
  FlagWalk(const Verb& verb, std::span<const std::string> words) : verb_(verb), words_(words) { line_.verb = &verb; }

  Result<CommandLine> run() {
    for (; next_ < words_.size(); ++next_) {
      const std::string& word = words_[next_];
      std::optional<Failure> failure;
      if (flags_ended_ || word.size() < 2 || word[0] != '-') {
        line_.arguments.push_back(word);
      } else if (word == "--") {
        flags_ended_ = true;
      } else if (word[1] == '-') {
        failure = long_flag(word.substr(2));
      } else {
        failure = short_flag(word);
      }
      if (failure) return *failure;
      if (line_.wants_help) return line_;
    }
    if (auto failure = check_count()) return *failure;
    return line_;
  }

 private:
  Failure usage(const std::string& what) const {
    return {ExitCode::kUsage, "freshet " + verb_.full_name() + ": " + what + "\n" + usage_line(verb_)};
  }

  std::optional<Failure> long_flag(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (name == "help") return want_help();
    const Flag* flag = verb_.find_flag(name);
    if (flag != nullptr) {
      if (equals != std::string::npos) return store(*flag, text.substr(equals + 1));
      return flag->form == ValueForm::kSwitch ? store(*flag, "true") : store_next(*flag, "--" + name);
    }
    const bool negated = name.size() > 2 && name.starts_with("no");
    const Flag* positive = negated ? verb_.find_flag(name.substr(2)) : nullptr;
    if (positive == nullptr || positive->form != ValueForm::kSwitch) return unknown(name);
    if (equals != std::string::npos) return usage("--" + name + " takes no value");
    return store(*positive, "false");
  }

  std::optional<Failure> short_flag(const std::string& word) {
    const Flag* flag = verb_.find_alias(word[1]);
    if (flag == nullptr && word == "-h") return want_help();
    if (flag == nullptr) {
      return usage("unknown flag " + word + ". (An argument that starts with '-' goes behind '--'.)");
    }
    if (flag->form == ValueForm::kSwitch) {
      if (word.size() == 2) return store(*flag, "true");
      return usage(word.substr(0, 2) + " takes no value; write short flags one by one");
    }
    if (word.size() == 2) return store_next(*flag, word);
    return store(*flag, word.substr(word[2] == '=' ? 3 : 2));  // -n5, -n=5
  }

  std::optional<Failure> want_help() {
    line_.wants_help = true;
    return std::nullopt;
  }

  std::optional<Failure> store_next(const Flag& flag, const std::string& as_typed) {
    // A flag in the place of a value is a forgotten value; `--name=--odd` still says what it says.
    const bool missing = next_ + 1 == words_.size() || words_[next_ + 1].starts_with("--");
    if (missing) return usage(as_typed + " needs a value: " + expected_form(flag));
    return store(flag, words_[++next_]);
  }

  std::optional<Failure> store(const Flag& flag, const std::string& value) {
    const bool good =
        has_form(flag, value) && !gflags::SetCommandLineOption(gflag_name(flag).c_str(), value.c_str()).empty();
    if (!good) return usage("--" + flag.name + " '" + value + "': expected " + expected_form(flag));
    if (flag.repeated) line_.repeated[flag.name].push_back(value);
    if (std::find(line_.given.begin(), line_.given.end(), flag.name) == line_.given.end()) {
      line_.given.push_back(flag.name);
    }
    return std::nullopt;
  }

  Failure unknown(const std::string& name) const {
    std::vector<std::string> known{"--help"};
    for (const Flag& flag : verb_.flags) known.push_back("--" + flag.name);
    return usage("unknown flag --" + name + "." + did_you_mean_hint("--" + name, known));
  }

  std::optional<Failure> check_count() const {
    const std::size_t count = line_.arguments.size();
    if (count < verb_.least_arguments) {
      return usage("missing argument " + verb_.positional[std::min(count, verb_.positional.size() - 1)]);
    }
    if (count > verb_.most_arguments)
      return usage("unexpected argument '" + line_.arguments[verb_.most_arguments] + "'");
    return std::nullopt;
  }

  const Verb& verb_;
  const std::span<const std::string> words_;
  std::size_t next_ = 0;
  bool flags_ended_ = false;
  CommandLine line_;
};

Failure unknown_verb(const VerbTable& table, const std::string& word) {
  if (word.starts_with("-")) {
    return {ExitCode::kUsage, "freshet: flags belong to a verb and come after it: freshet VERB " + word +
                                  "\nusage: freshet VERB … (freshet help lists them)"};
  }
  return {ExitCode::kUsage, "freshet: unknown verb '" + word + "'." + did_you_mean_hint(word, table.names()) +
                                "\nusage: freshet VERB … (freshet help lists them)"};
}

Failure unknown_sub_verb(const VerbTable& table, const std::string& name, const std::string& word) {
  const std::vector<std::string> known = table.sub_verbs(name);
  std::string list;
  for (const std::string& sub_verb : known) list += (list.empty() ? "" : "|") + sub_verb;
  const std::string what =
      word.empty() ? "which of " + list + "?" : "unknown sub-verb '" + word + "'." + did_you_mean_hint(word, known);
  return {ExitCode::kUsage, "freshet " + name + ": " + what + "\nusage: freshet " + name + " " + list + " …"};
}

bool is_help(const std::string& word) { return word == "--help" || word == "-h"; }

}  // namespace

std::string usage_line(const Verb& verb) {
  return "usage: freshet " + verb.full_name() + (verb.usage.empty() ? "" : " " + verb.usage);
}

Result<CommandLine> parse_command_line(const VerbTable& table, std::span<const std::string> arguments) {
  CommandLine line;
  if (arguments.empty()) return Failure{ExitCode::kUsage, ""};
  if (is_help(arguments[0])) {
    line.wants_help = true;
    return line;
  }
  if (arguments[0] == "--version") {
    line.wants_version = true;
    return line;
  }
  const std::string& name = arguments[0];
  if (const Verb* verb = table.find(name, "")) return FlagWalk(*verb, arguments.subspan(1)).run();
  if (!table.has_sub_verbs(name)) return unknown_verb(table, name);
  if (arguments.size() > 1 && is_help(arguments[1])) {
    line.wants_help = true;
    line.arguments = {name};
    return line;
  }
  const std::string sub_verb = arguments.size() > 1 ? arguments[1] : "";
  const Verb* verb = sub_verb.empty() ? nullptr : table.find(name, sub_verb);
  if (verb == nullptr) return unknown_sub_verb(table, name, sub_verb);
  return FlagWalk(*verb, arguments.subspan(2)).run();
}

}  // namespace freshet::cli
