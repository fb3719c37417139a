#include "runtime/cli/verb.h"

#include <algorithm>

#include "runtime/cli/quantity.h"

namespace freshet::cli {

bool Invocation::was_given(std::string_view flag) const {
  return std::find(given.begin(), given.end(), flag) != given.end();
}

std::vector<std::string> Invocation::values(const std::string& flag) const {
  const auto found = repeated.find(flag);
  return found == repeated.end() ? std::vector<std::string>() : found->second;
}

const Flag* Verb::find_flag(std::string_view flag_name) const {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) { return flag.name == flag_name; });
  return found == flags.end() ? nullptr : &*found;
}

const Flag* Verb::find_alias(char alias) const {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) { return flag.alias == alias; });
  return alias == '\0' || found == flags.end() ? nullptr : &*found;
}

const Verb* VerbTable::find(std::string_view name, std::string_view sub_verb) const {
  for (const Verb& verb : verbs_) {
    if (verb.name == name && verb.sub_verb == sub_verb) return &verb;
  }
  return nullptr;
}

bool VerbTable::has_sub_verbs(std::string_view name) const { return !sub_verbs(name).empty(); }

std::vector<std::string> VerbTable::names() const {
  std::vector<std::string> result;
  for (const Verb& verb : verbs_) {
    if (verb.group.empty() || std::find(result.begin(), result.end(), verb.name) != result.end()) continue;
    result.push_back(verb.name);
  }
  return result;
}

std::vector<std::string> VerbTable::sub_verbs(std::string_view name) const {
  std::vector<std::string> result;
  for (const Verb& verb : verbs_) {
    if (verb.name == name && !verb.sub_verb.empty()) result.push_back(verb.sub_verb);
  }
  return result;
}

std::string expected_form(const Flag& flag) {
  switch (flag.form) {
    case ValueForm::kSwitch:
      return "true or false";
    case ValueForm::kInteger: {
      const bool bounded = flag.least != INT32_MIN || flag.most != INT32_MAX;
      if (!bounded) return "a whole number";
      if (flag.most == INT32_MAX) return "a whole number of at least " + std::to_string(flag.least);
      return "a whole number from " + std::to_string(flag.least) + " to " + std::to_string(flag.most);
    }
    case ValueForm::kNumber:
      return "a number";
    case ValueForm::kText:
      return "a text";
    case ValueForm::kSize:
      return kSizeForm;
    case ValueForm::kDuration:
      return kDurationForm;
    case ValueForm::kKeyValue:
      return "KEY=VALUE";
    case ValueForm::kChoice: {
      std::string list;
      for (const std::string& choice : flag.choices) list += (list.empty() ? "" : ", ") + choice;
      return "one of " + list;
    }
  }
  return {};
}

}  // namespace freshet::cli
