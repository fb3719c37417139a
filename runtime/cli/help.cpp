#include "runtime/cli/help.h"

#include <gflags/gflags.h>

#include <algorithm>

#include "runtime/cli/parser.h"
#include "runtime/cli/table.h"

namespace freshet::cli {
namespace {

std::string typed(const Flag& flag) {
  std::string text = flag.alias == '\0' ? "" : std::string("-") + flag.alias + ", ";
  text += "--" + flag.name;
  if (flag.form == ValueForm::kSwitch) return text;
  std::string value = flag.value_name.empty() ? "VALUE" : flag.value_name;
  if (flag.form == ValueForm::kChoice) {
    value.clear();
    for (const std::string& choice : flag.choices) value += (value.empty() ? "" : "|") + choice;
  }
  return text + " " + value;
}

std::string described(const Flag& flag) {
  std::string name = flag.name;
  std::replace(name.begin(), name.end(), '-', '_');
  gflags::CommandLineFlagInfo info;
  if (!gflags::GetCommandLineFlagInfo(name.c_str(), &info)) return {};
  const bool worth_saying =
      !info.default_value.empty() && info.default_value != "false" && info.default_value != "0" && !flag.repeated;
  return info.description + (worth_saying ? " (" + info.default_value + ")" : "");
}

std::string indented_rows(const Table& table) {
  std::string text = table.render(Terminal(), false);
  std::string result = "  ";
  for (std::size_t position = 0; position < text.size(); ++position) {
    result += text[position];
    if (text[position] == '\n' && position + 1 < text.size()) result += "  ";
  }
  return text.empty() ? "" : result;
}

}  // namespace

std::string help_on_everything(const VerbTable& table) {
  std::string text = "freshet VERB …    stream processing from the command line\n";
  std::vector<std::string> groups;
  for (const Verb& verb : table.all()) {
    if (!verb.group.empty() && std::find(groups.begin(), groups.end(), verb.group) == groups.end()) {
      groups.push_back(verb.group);
    }
  }
  for (const std::string& group : groups) {
    Table rows({{"", Align::kLeft}, {"", Align::kLeft}});
    for (const Verb& verb : table.all()) {
      if (verb.group == group) rows.add({verb.full_name(), verb.summary});
    }
    text += "\n" + group + "\n" + indented_rows(rows);
  }
  return text + "\nfreshet help VERB tells more. JOB is a name, an id or a unique prefix of one.\n";
}

std::string short_help(const VerbTable& table) {
  std::string list;
  for (const std::string& name : table.names()) list += (list.empty() ? "" : " ") + name;
  return "usage: freshet VERB …\nverbs: " + list +
         "\nfreshet help says what each does; freshet help VERB tells more.\n";
}

std::string help_on(const Verb& verb) {
  std::string text = usage_line(verb) + "\n\n" + verb.summary + "\n";
  if (!verb.help.empty()) text += "\n" + verb.help + "\n";
  Table rows({{"", Align::kLeft}, {"", Align::kLeft}});
  for (const Flag& flag : verb.flags) rows.add({typed(flag), described(flag)});
  if (!rows.empty()) text += "\nflags\n" + indented_rows(rows);
  if (!verb.examples.empty()) text += "\nexamples\n";
  for (const std::string& example : verb.examples) text += "  " + example + "\n";
  return text;
}

std::string help_on_sub_verbs(const VerbTable& table, const std::string& name) {
  Table rows({{"", Align::kLeft}, {"", Align::kLeft}});
  for (const Verb& verb : table.all()) {
    if (verb.name == name && !verb.sub_verb.empty()) rows.add({"freshet " + verb.full_name(), verb.summary});
  }
  return rows.render(Terminal(), false);
}

}  // namespace freshet::cli
