#include <freshet/schema.h>

#include <stdexcept>

namespace freshet {

namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string list_fields(const Schema& schema) {
  std::string text;
  for (const auto& field : schema.fields) {
    if (!text.empty()) text += ", ";
    if (!field.name.empty()) text += field.name + ": ";
    text += to_text(field.type);
  }
  return text;
}

const FieldSchema* find_field(const Schema& schema, const std::string& name) {
  for (const auto& field : schema.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

}  // namespace

void detail::refuse_schema_depth() {
  throw std::logic_error("a record nests more than " + std::to_string(kMaxSchemaDepth) +
                         " levels deep, or contains itself: such a record has no schema");
}

std::string to_text(const Schema& schema) {
  if (schema.kind == "record") return "{" + list_fields(schema) + "}";
  if (schema.kind == "list") return "[" + list_fields(schema) + "]";
  if (schema.kind == "optional") return list_fields(schema) + "?";
  if (schema.kind == "tuple") return "(" + list_fields(schema) + ")";
  if (schema.kind == "enum") return "enum(" + join(schema.enumerators) + ")";
  return schema.kind;
}

std::string describe_difference(const Schema& here, const Schema& there) {
  if (here == there) return {};
  if (here.kind != "record" || there.kind != "record") return to_text(here) + " here, " + to_text(there) + " there";
  std::vector<std::string> differences;
  for (const auto& field : here.fields) {
    const auto* other = find_field(there, field.name);
    if (other == nullptr) {
      differences.push_back("field " + field.name + ": only here");
    } else if (const auto inner = describe_difference(field.type, other->type); !inner.empty()) {
      differences.push_back("field " + field.name + ": " + inner);
    }
  }
  for (const auto& field : there.fields) {
    if (find_field(here, field.name) == nullptr) differences.push_back("field " + field.name + ": only there");
  }
  return differences.empty() ? "the same fields in another order" : join(differences);
}

}  // namespace freshet
