#include "operators/connectors/input_mapping.h"

#include <algorithm>
#include <sstream>

#include "operators/connectors/assignments.h"
#include "operators/connectors/column_map.h"

namespace freshet::files {
namespace {

bool is_scalar_kind(const Schema& type) {
  return type.kind != "record" && type.kind != "list" && type.kind != "tuple" && type.kind != "optional";
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

constexpr double kMaxRate = 1e9;

const std::string kColumnsRemedy = "write FIELD=COLUMN, a name of the header or a number from 1, or @line, @file";
const std::string kValuesRemedy = "write FIELD:FROM=TO, as in action:pv=view,action:C*=cancel";

std::vector<std::string> enumerators_of(const Schema& type) {
  std::vector<std::string> names;
  for (const auto& text : type.enumerators) names.push_back(text.substr(0, text.rfind('=')));
  return names;
}

}  // namespace

void add_problems(std::vector<InputProblem>& problems, const std::string& option, const std::string& message,
                  const std::string& remedy) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) problems.push_back({option, line, remedy});
}

InputMapping::InputMapping(const InputOptions& options, const Schema& record, Problems& problems)
    : options_(options), record_(record), pseudo_(record.fields.size()), values_(record.fields.size()) {
  read_columns(problems);
  read_values(problems);
  read_delimiter(problems);
  if (auto time = TimeFormat::from_text(options_.time))
    time_ = *time;
  else
    problems.push_back({"time", time.error().message, "use auto, s, ms, us, iso, or a pattern like %d/%b/%Y:%H:%M:%S"});
  if (options_.header == "true")
    header_ = Header::yes;
  else if (options_.header == "false")
    header_ = Header::no;
  else if (options_.header != "auto")
    problems.push_back({"header", "'" + options_.header + "' is not known", "use true, false or auto"});
  if (!(options_.rate >= 0 && options_.rate <= kMaxRate))
    problems.push_back({"rate", "is no rate", "give 0 (full speed) to 1e9 records per second"});
  if (options_.format != "lines") {
    if (const auto dialect = Dialect::from_name(options_.format, "x.csv"); !dialect)
      problems.push_back(
          {"format", "'" + options_.format + "' is not known", "use csv, tsv, jsonl, log, lines or auto"});
  }
}

void InputMapping::read_columns(Problems& problems) {
  const auto given = parse_assignments(options_.columns);
  if (!given) return problems.push_back({"columns", given.error().message, kColumnsRemedy});
  auto assignments = *given;
  const auto mentioned = [&](const std::string& name) {
    return std::any_of(assignments.begin(), assignments.end(), [&](const auto& item) { return item.name == name; });
  };
  if (const auto defaults = parse_assignments(options_.default_columns)) {
    for (const auto& item : *defaults)
      if (!mentioned(item.name)) assignments.push_back(item);
  }
  for (std::size_t field = 0; field < record_.fields.size(); ++field)
    if (readable(field) && !mentioned(field_name(field))) names_wanted_.push_back(field_name(field));

  for (const auto& [name, value] : assignments) {
    const auto field = field_index(name);
    const bool is_pseudo = value == "@line" || value == "@file";
    if (field && !readable(*field)) {
      problems.push_back({"columns",
                          "the field '" + name + "' is a " + type_of(*field).kind + ", which no column can fill",
                          "leave it out, or fill it in a map step"});
    } else if (value.starts_with('@') && !is_pseudo) {
      problems.push_back({"columns", "'" + value + "' is not known (for field '" + name + "')", "use @line or @file"});
    } else if (field && is_pseudo) {
      pseudo_[*field] = {value == "@line" ? FieldColumn::From::line_number : FieldColumn::From::file_name, true, 0};
    } else {
      if (field) pseudo_[*field].named = true;
      columns_text_ += name + "=" + value + ",";
      if (!is_number(value)) names_wanted_.push_back(value);
    }
  }
  // Unknown fields show here, whatever the format; columns that a header lacks only where there is one.
  const auto fields = field_names();
  if (auto paths = resolve_json_paths(columns_text_, fields))
    json_paths_ = std::move(*paths);
  else
    add_problems(problems, "columns", paths.error().message, kColumnsRemedy);
}

void InputMapping::read_values(Problems& problems) {
  const auto given = parse_assignments(options_.values);
  if (!given) return problems.push_back({"values", given.error().message, kValuesRemedy});
  std::vector<std::string> texts(record_.fields.size());
  for (const auto& [name, to] : *given) {
    const auto colon = name.find(':');
    if (colon == std::string::npos) {
      problems.push_back({"values", "'" + name + "=" + to + "' does not say which field it is for", kValuesRemedy});
      continue;
    }
    const auto field = field_index(name.substr(0, colon));
    if (!field) {
      problems.push_back({"values", "the record has no field '" + name.substr(0, colon) + "'", kValuesRemedy});
      continue;
    }
    const auto names = enumerators_of(type_of(*field));
    if (!names.empty() && std::find(names.begin(), names.end(), to) == names.end())
      problems.push_back({"values", "'" + to + "' is no value of the field '" + field_name(*field) + "'",
                          "use one of " + listed(names)});
    texts[*field] += name.substr(colon + 1) + "=" + to + ",";
  }
  for (std::size_t field = 0; field < texts.size(); ++field) {
    if (texts[field].empty()) continue;
    if (auto map = ValueMap::from_text(texts[field]))
      values_[field] = std::move(*map);
    else
      add_problems(problems, "values", map.error().message, kValuesRemedy);
  }
}

void InputMapping::read_delimiter(Problems& problems) {
  if (options_.delimiter == "tab" || options_.delimiter == "\\t")
    delimiter_ = '\t';
  else if (options_.delimiter.size() == 1 && options_.delimiter != "\"")
    delimiter_ = options_.delimiter[0];
  else if (!options_.delimiter.empty())
    problems.push_back({"delimiter", "'" + options_.delimiter + "' is no delimiter", "give one character, or tab"});
}

Result<FileFormat> InputMapping::format_of(const std::string& path) const {
  if (options_.format == "lines") return FileFormat{.plain_lines = true, .dialect = {.quoted = false}};
  auto dialect = Dialect::from_name(options_.format, path);
  // A delimiter says more about a file than a name that says nothing, or that it is a log of some kind.
  const bool is_told = dialect && (dialect->format != Format::log || options_.format == "log");
  if (!is_told && delimiter_) dialect = Dialect::from_name("csv", path);
  if (!dialect) return dialect.error();
  const bool is_delimited = dialect->format == Format::csv || dialect->format == Format::tsv;
  if (delimiter_ && is_delimited) dialect->delimiter = *delimiter_;
  return FileFormat{.plain_lines = false, .dialect = *dialect};
}

bool InputMapping::is_header(std::span<const std::string_view> first_line) const {
  if (header_ != Header::automatic) return header_ == Header::yes;
  return std::any_of(first_line.begin(), first_line.end(), [&](std::string_view cell) {
    return std::find(names_wanted_.begin(), names_wanted_.end(), cell) != names_wanted_.end();
  });
}

Result<FileColumns> InputMapping::columns_of(std::span<const std::string_view> header) const {
  const auto fields = field_names();
  const auto map = ColumnMap::resolve(columns_text_, fields, {.header = header});
  if (!map) return map.error();
  FileColumns columns{.fields = pseudo_};
  for (std::size_t field = 0; field < pseudo_.size(); ++field) {
    const auto index = map->columns()[field];
    if (!index || pseudo_[field].from != FieldColumn::From::nowhere || !readable(field)) continue;
    columns.fields[field] = {FieldColumn::From::column, pseudo_[field].named, *index};
    columns.needed = std::max(columns.needed, *index + 1);
  }
  if (columns.needed == 0) {
    return Error{"no column stands for a field of the record (" + listed(fields) + "); say which with " +
                 options_.name + ".columns"};
  }
  std::vector<std::string> missing;
  for (const auto& name : options_.required) {
    const auto field = field_index(name);
    if (field && columns.fields[*field].from == FieldColumn::From::nowhere) missing.push_back(name);
  }
  if (!missing.empty())
    return Error{"no column stands for " + listed(missing) + "; say which with " + options_.name + ".columns"};
  return columns;
}

FileColumns InputMapping::json_columns() const {
  FileColumns columns{.fields = pseudo_};
  for (std::size_t field = 0; field < pseudo_.size(); ++field) {
    if (pseudo_[field].from == FieldColumn::From::nowhere && readable(field))
      columns.fields[field] = {FieldColumn::From::column, pseudo_[field].named, field};
  }
  return columns;
}

std::string InputMapping::expected(std::size_t field, std::string_view text) const {
  const Schema& type = type_of(field);
  const std::string quoted = "'" + std::string(text) + "'";
  if (type.kind == "time" && !text.empty()) return time_.mismatch(text).message;
  if (type.kind == "enum") return quoted + " is none of " + listed(enumerators_of(type));
  if (text.empty()) return "is empty, but a " + type.kind + " is needed";
  return quoted + " is no " + type.kind;
}

const Schema& InputMapping::type_of(std::size_t field) const {
  const Schema& type = record_.fields[field].type;
  return type.kind == "optional" ? type.fields[0].type : type;
}

bool InputMapping::readable(std::size_t field) const { return is_scalar_kind(type_of(field)); }

std::optional<std::size_t> InputMapping::field_index(std::string_view name) const {
  for (std::size_t field = 0; field < record_.fields.size(); ++field)
    if (record_.fields[field].name == name) return field;
  return std::nullopt;
}

std::vector<std::string_view> InputMapping::field_names() const {
  std::vector<std::string_view> names;
  for (const auto& field : record_.fields) names.push_back(field.name);
  return names;
}

}  // namespace freshet::files
