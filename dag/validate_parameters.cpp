#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <freshet/text.h>
#include "dag/did_you_mean.h"
#include "dag/labels.h"
#include "dag/validation_parts.h"

namespace freshet::dag {

namespace {

template <class T>
bool parses_as(std::string_view text) {
  T value{};
  return parse_text(text, value);
}

template <class T>
std::string range_text() {
  return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
         std::to_string(std::numeric_limits<T>::max());
}

struct ScalarType {
  const char* kind;
  bool (*parses)(std::string_view text);
  std::string (*expected)();
};

template <class T>
constexpr ScalarType integer_type(const char* kind) {
  return {kind, parses_as<T>, range_text<T>};
}

template <class T>
bool is_number(std::string_view text) {
  T value = 0;
  return parse_text(text, value) && std::isfinite(value);
}

const ScalarType kScalarTypes[] = {
    integer_type<std::int8_t>("i8"),
    integer_type<std::int16_t>("i16"),
    integer_type<std::int32_t>("i32"),
    integer_type<std::int64_t>("i64"),
    integer_type<std::uint8_t>("u8"),
    integer_type<std::uint16_t>("u16"),
    integer_type<std::uint32_t>("u32"),
    integer_type<std::uint64_t>("u64"),
    {"f32", is_number<float>, [] { return std::string("a number"); }},
    {"f64", is_number<double>, [] { return std::string("a number"); }},
    {"bool", parses_as<bool>, [] { return std::string("true or false"); }},
    {"string", [](std::string_view) { return true; }, [] { return std::string("text"); }},
    {"time", parses_as<Time>, [] { return std::string("a time (2026-03-01T03:00:00Z, or seconds since 1970)"); }},
    {"duration", parses_as<Duration>, [] { return std::string("a duration (90ms, 1.5s, 30min, 24h, 7d)"); }},
};

const ScalarType* find_scalar(const Schema& type) {
  const auto* found = std::find_if(std::begin(kScalarTypes), std::end(kScalarTypes),
                                   [&](const ScalarType& scalar) { return scalar.kind == type.kind; });
  return found == std::end(kScalarTypes) ? nullptr : found;
}

std::vector<std::string> enumerator_names(const Schema& type) {
  std::vector<std::string> names;
  for (const auto& entry : type.enumerators) names.push_back(entry.substr(0, entry.find('=')));
  return names;
}

std::string one_of(const std::vector<std::string>& names) {
  std::string text = "one of ";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text;
}

/// What `text` should be but is not; empty when it is, and for types that no text can give.
std::string expected_instead(const Schema& type, std::string_view text) {
  if (type.kind == "enum") {
    const auto names = enumerator_names(type);
    const bool known = std::find(names.begin(), names.end(), text) != names.end();
    return known ? "" : one_of(names);
  }
  const auto* scalar = find_scalar(type);
  return scalar == nullptr || scalar->parses(text) ? "" : scalar->expected();
}

bool is_given_as_text(const Schema& type) {
  return type.kind.empty() || type.kind == "enum" || find_scalar(type) != nullptr;
}

class ParameterCheck {
 public:
  ParameterCheck(const LogicalGraph& graph, const ValidationOptions& options, Problems& problems)
      : graph_(graph), options_(options), problems_(problems) {
    for (const auto& declared : graph_.parameters) by_name_.emplace(declared.name, &declared);
  }

  void run() {
    check_declarations();
    const auto values = check_given(options_.parameters, false);
    const auto files = check_given(options_.files, true);
    check_missing(values, files);
  }

 private:
  using Given = std::map<std::string_view, const GivenValue*>;

  void add(std::string_view name, std::string message, std::string remedy) {
    problems_.push_back({"parameter " + readable(name), std::move(message), std::move(remedy)});
  }

  void check_declarations() {
    for (const auto& declared : graph_.parameters) {
      if (!is_legal_id(declared.name))
        add(declared.name, "this cannot be a name", "Use letters, digits, '_', '-' and '.'");
      if (declared.kind != ParameterKind::file && !is_given_as_text(declared.type))
        add(declared.name, "its type is " + to_text(declared.type) + ", which no text can give",
            "Use a number, bool, text, time, duration or enum");
      const bool has_default = declared.kind == ParameterKind::plain || declared.kind == ParameterKind::live;
      const auto expected = has_default ? expected_instead(declared.type, declared.default_text) : "";
      if (!expected.empty())
        add(declared.name, "its default " + declared.default_text + " is not " + expected, "Mend it in the job");
      if (by_name_.at(declared.name) != &declared) add(declared.name, "declared twice", "Rename one");
    }
  }

  Given check_given(const std::vector<GivenValue>& given, bool as_file) {
    Given values;
    for (const auto& value : given) {
      const auto entry = by_name_.find(value.name);
      if (entry == by_name_.end()) {
        add_unknown(value.name);
        continue;
      }
      const auto& declared = *entry->second;
      const auto [first, added] = values.emplace(value.name, &value);
      if (!added) add(value.name, "given twice: " + both(declared, first->second->text, value.text), "Give it once");
      if (as_file)
        check_file(declared, value);
      else
        check_value(declared, value);
    }
    return values;
  }

  void add_unknown(const std::string& name) {
    constexpr std::size_t kMostNames = 12;
    std::vector<std::string> names;
    for (const auto& declared : graph_.parameters) names.push_back(declared.name);
    const auto nearest = nearest_name(name, names);
    if (names.empty()) return add(name, "unknown", "The job has no parameters");
    if (!nearest.empty()) return add(name, "unknown", "Did you mean " + nearest + "?");
    if (names.size() <= kMostNames) return add(name, "unknown", "Use " + one_of(names));
    add(name, "unknown", "");
  }

  void check_value(const ParameterDeclaration& declared, const GivenValue& value) {
    if (declared.kind == ParameterKind::file)
      return add(value.name, "it is a file", "Attach it: --file " + value.name + "=PATH");
    const auto expected = expected_instead(declared.type, value.text);
    if (expected.empty()) return;
    std::string near;
    if (declared.type.kind == "enum" && declared.kind != ParameterKind::secret)
      near = nearest_name(value.text, enumerator_names(declared.type));
    add(value.name, shown(declared, value.text) + " is not " + expected,
        near.empty() ? "" : "Did you mean " + near + "?");
  }

  void check_file(const ParameterDeclaration& declared, const GivenValue& value) {
    if (declared.kind != ParameterKind::file)
      return add(value.name, "it is a value, not a file", "Say --param " + value.name + "=VALUE");
    if (options_.file_exists && !options_.file_exists(value.text))
      add(value.name, "there is no file " + value.text, "Check the path after --file " + value.name + "=");
  }

  void check_missing(const Given& values, const Given& files) {
    for (const auto& declared : graph_.parameters) {
      if (by_name_.at(declared.name) != &declared) continue;
      const bool is_file = declared.kind == ParameterKind::file;
      const bool required = declared.kind == ParameterKind::required ||
                            ((is_file || declared.kind == ParameterKind::secret) && declared.default_text.empty());
      // Given the wrong way round has been said; it is not missing, too.
      if (!required || values.contains(declared.name) || files.contains(declared.name)) continue;
      const std::string what = declared.help.empty() ? "missing" : "missing: " + declared.help;
      add(declared.name, what,
          is_file ? "Attach it: --file " + declared.name + "=PATH" : "Say --param " + declared.name + "=VALUE");
    }
  }

  static std::string shown(const ParameterDeclaration& declared, const std::string& text) {
    return declared.kind == ParameterKind::secret ? "****" : text.empty() ? "nothing" : text;
  }
  static std::string both(const ParameterDeclaration& declared, const std::string& first, const std::string& second) {
    return shown(declared, first) + " and " + shown(declared, second);
  }

  const LogicalGraph& graph_;
  const ValidationOptions& options_;
  Problems& problems_;
  std::map<std::string_view, const ParameterDeclaration*> by_name_;  ///< the first of each name
};

}  // namespace

void check_parameters(const LogicalGraph& graph, const ValidationOptions& options, Problems& problems) {
  ParameterCheck(graph, options, problems).run();
}

}  // namespace freshet::dag
