#include <freshet/evolution.h>

#include <algorithm>
#include <charconv>

namespace freshet {

/// What becomes of one value.
struct Conversion::Step {
  enum class Form {
    boolean,
    signed_integer,
    unsigned_integer,
    single,
    real,
    text,
    enumeration,
    optional,
    list,
    sequence
  };
  /// A schema, ready to read values by. Tuples and records are sequences.
  struct Shape {
    Form form = Form::boolean;
    unsigned bits = 64;                       ///< of an integer
    std::vector<std::int64_t> enumerators{};  ///< numbers of an enum
    std::vector<Shape> parts{};
  };
  enum class Change { none, to_single, to_real, inside_optional, of_elements, of_parts, of_fields, filled };

  Change change = Change::none;
  Shape from{};
  std::vector<Step> parts{};           ///< of the value to be
  std::vector<std::size_t> sources{};  ///< of_fields: for each part, which field it was
  std::string filler{};                ///< filled: the bytes
};

namespace {

using Step = Conversion::Step;
using Form = Step::Form;
using Shape = Step::Shape;
using Change = Step::Change;

bool read_signed(ByteReader& in, unsigned bits, std::int64_t& value) {
  if (!detail::read_integer(in, value)) return false;
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() >> (64 - bits);
  return value <= most && value >= -most - 1;
}

bool read_unsigned(ByteReader& in, unsigned bits, std::uint64_t& value) {
  return detail::read_integer(in, value) && value <= ~std::uint64_t{0} >> (64 - bits);
}

bool read_enumerator(ByteReader& in, const Shape& shape) {
  std::int64_t number = 0;
  ByteReader again = in;
  if (!detail::read_integer(in, number)) {  // schemas show what is above 2^63 as negative
    std::uint64_t large = 0;
    if (!detail::read_integer(again, large)) return false;
    number = static_cast<std::int64_t>(large);
    in = again;
  }
  return std::find(shape.enumerators.begin(), shape.enumerators.end(), number) != shape.enumerators.end();
}

/// The header of an array of which every element takes at least a byte.
bool read_count(ByteReader& in, std::uint32_t& count) { return in.array_header(count) && count <= in.remaining(); }

/// Reads a value that nobody wants. False: it is none of that shape.
bool pass_over(ByteReader& in, const Shape& shape) {
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  double number = 0;
  std::uint32_t count = 0;
  std::string_view text;
  bool truth = false;
  switch (shape.form) {
    case Form::boolean:
      return decode(in, truth);
    case Form::signed_integer:
      return read_signed(in, shape.bits, integer);
    case Form::unsigned_integer:
      return read_unsigned(in, shape.bits, natural);
    case Form::single:
    case Form::real:
      return detail::read_float(in, number);
    case Form::text:
      return in.string_header(count) && in.bytes(count, text);
    case Form::enumeration:
      return read_enumerator(in, shape);
    case Form::optional:
      return in.take_nil() || pass_over(in, shape.parts[0]);
    case Form::list:
      if (!read_count(in, count)) return false;
      for (; count != 0; --count) {
        if (!pass_over(in, shape.parts[0])) return false;
      }
      return true;
    case Form::sequence:
      if (!read_count(in, count) || count != shape.parts.size()) return false;
      return std::all_of(shape.parts.begin(), shape.parts.end(), [&](const auto& part) { return pass_over(in, part); });
  }
  return false;
}

bool number_of_enumerator(std::string_view text, std::int64_t& number) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos) return false;
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + equals + 1, end, number);
  return error == std::errc{} && stopped == end;
}

/// 16 for "i16" and "u16"; 0 for what is no integer.
unsigned bits_of(const std::string& kind) {
  for (const unsigned bits : {8u, 16u, 32u, 64u}) {
    if (kind == "i" + std::to_string(bits) || kind == "u" + std::to_string(bits)) return bits;
  }
  return 0;
}

/// Sets what a kind without parts looks like. False: there is no such kind.
bool describe_scalar(const Schema& schema, Shape& shape) {
  const auto& kind = schema.kind;
  if (kind == "bool") return shape.form = Form::boolean, true;
  if (kind == "string") return shape.form = Form::text, true;
  if (kind == "f32") return shape.form = Form::single, true;
  if (kind == "f64") return shape.form = Form::real, true;
  if (kind == "time" || kind == "duration") return shape.form = Form::signed_integer, true;
  if (kind != "enum") {
    shape.bits = bits_of(kind);
    shape.form = kind[0] == 'i' ? Form::signed_integer : Form::unsigned_integer;
    return shape.bits != 0;
  }
  shape.form = Form::enumeration;
  for (const auto& text : schema.enumerators) {
    if (!number_of_enumerator(text, shape.enumerators.emplace_back())) return false;
  }
  return true;
}

/// False: the schema is malformed.
bool describe(const Schema& schema, Shape& shape, int depth = 0) {
  if (depth > detail::kMaxSchemaDepth) return false;
  if (schema.kind == "record" || schema.kind == "tuple") {
    shape.form = Form::sequence;
  } else if (schema.kind == "list" || schema.kind == "optional") {
    shape.form = schema.kind == "list" ? Form::list : Form::optional;
    if (schema.fields.size() != 1) return false;
  } else {
    return describe_scalar(schema, shape);
  }
  return std::all_of(schema.fields.begin(), schema.fields.end(),
                     [&](const auto& field) { return describe(field.type, shape.parts.emplace_back(), depth + 1); });
}

void append_array_header(ByteBuffer& out, std::size_t count) {
  detail::Cursor cursor{out.room_for(5 + detail::kCursorSlack)};
  cursor.array_header(static_cast<std::uint32_t>(count));
  out.end_at(cursor.next);
}

/// Appends a value of a sound schema that is zero, empty or absent; an enum without 0 is its first enumerator.
void append_zero(ByteBuffer& out, const Schema& schema, const Shape& shape) {
  switch (shape.form) {
    case Form::boolean:
      return encode(out, false);
    case Form::signed_integer:
    case Form::unsigned_integer:
      return encode(out, 0);
    case Form::single:
      return encode(out, 0.0F);
    case Form::real:
      return encode(out, 0.0);
    case Form::text:
      return encode(out, std::string());
    case Form::optional:
      return out.append("\xc0");
    case Form::list:
      return append_array_header(out, 0);
    case Form::enumeration: {
      const auto& numbers = shape.enumerators;
      const bool has_zero = numbers.empty() || std::find(numbers.begin(), numbers.end(), 0) != numbers.end();
      return encode(out, has_zero ? 0 : numbers.front());
    }
    case Form::sequence:
      append_array_header(out, shape.parts.size());
      for (std::size_t i = 0; i < shape.parts.size(); ++i) append_zero(out, schema.fields[i].type, shape.parts[i]);
  }
}

Error no_widening(const Schema& from, const Schema& to) {
  return {to_text(from) + " to " + to_text(to) + ", which is no widening"};
}

/// The bytes of the parts of `blank`, a value of `to`, or where it has none, zeros.
std::vector<std::string> blanks_of_parts(const Schema& to, const Shape& shape, std::string_view blank) {
  ByteReader in(blank);
  std::uint32_t count = 0;
  const bool has_parts = shape.form == Form::optional ? !in.take_nil() : in.array_header(count) && count != 0;
  std::vector<std::string> blanks;
  for (std::size_t i = 0; i < shape.parts.size(); ++i) {
    const char* const begin = in.position();
    if (has_parts && pass_over(in, shape.parts[i])) {
      blanks.emplace_back(begin, in.position());
    } else {
      ByteBuffer zero;
      append_zero(zero, to.fields[i].type, shape.parts[i]);
      blanks.emplace_back(zero.view());
    }
  }
  return blanks;
}

/// A type and what stands for it where nothing was saved.
struct Target {
  const Schema& schema;
  const Shape& shape;
  std::string_view blank;
};

Result<Step> plan(const Schema& from, const Shape& shape, const Target& to);

Result<Step> plan_number(const Schema& from, Step step, const Target& to) {
  const Form was = step.from.form;
  const Form is = to.shape.form;
  const bool was_integer = was == Form::signed_integer || was == Form::unsigned_integer;
  const bool is_time =
      from.kind == "time" || from.kind == "duration" || to.schema.kind == "time" || to.schema.kind == "duration";
  if (is_time) return no_widening(from, to.schema);
  if (is == Form::signed_integer || is == Form::unsigned_integer) {
    const bool may_change = was == is || (was == Form::unsigned_integer && is == Form::signed_integer);
    if (may_change && step.from.bits < to.shape.bits) return step;  // the shortest form is the same for all
  } else if (is == Form::real && (was_integer || was == Form::single)) {
    return step.change = Change::to_real, step;
  } else if (is == Form::single && was_integer && step.from.bits <= 16) {
    return step.change = Change::to_single, step;
  }
  return no_widening(from, to.schema);
}

Result<Step> plan_enumeration(const Schema& from, Step step, const Schema& to) {
  for (const auto& enumerator : from.enumerators) {
    if (std::find(to.enumerators.begin(), to.enumerators.end(), enumerator) == to.enumerators.end())
      return Error{"enumerator " + enumerator + " is gone"};
  }
  return step;
}

/// The parts of a list (one), an optional (one) or a tuple.
Result<Step> plan_parts(const Schema& from, Step step, const Target& to) {
  if (step.from.parts.size() != to.shape.parts.size()) return no_widening(from, to.schema);
  const auto blanks = blanks_of_parts(to.schema, to.shape, to.blank);
  for (std::size_t i = 0; i < step.from.parts.size(); ++i) {
    auto part = plan(from.fields[i].type, step.from.parts[i], {to.schema.fields[i].type, to.shape.parts[i], blanks[i]});
    if (!part && step.from.form == Form::sequence)
      return Error{"part " + std::to_string(i + 1) + ": " + part.error().message};
    if (!part) return part;
    step.parts.push_back(*std::move(part));
  }
  step.change = step.from.form == Form::list       ? Change::of_elements
                : step.from.form == Form::optional ? Change::inside_optional
                                                   : Change::of_parts;
  return step;
}

Result<Step> plan_fields(const Schema& from, Step step, const Target& to) {
  const auto blanks = blanks_of_parts(to.schema, to.shape, to.blank);
  for (std::size_t i = 0; i < to.schema.fields.size(); ++i) {
    const auto& field = to.schema.fields[i];
    const auto was = std::find_if(from.fields.begin(), from.fields.end(),
                                  [&](const auto& candidate) { return candidate.name == field.name; });
    if (was == from.fields.end()) {
      step.sources.push_back(0);
      step.parts.push_back({.change = Change::filled, .filler = blanks[i]});
      continue;
    }
    const auto source = static_cast<std::size_t>(was - from.fields.begin());
    auto part = plan(was->type, step.from.parts[source], {field.type, to.shape.parts[i], blanks[i]});
    if (!part) return Error{"field " + field.name + ": " + part.error().message};
    step.sources.push_back(source);
    step.parts.push_back(*std::move(part));
  }
  step.change = Change::of_fields;
  return step;
}

Result<Step> plan(const Schema& from, const Shape& shape, const Target& to) {
  Step step{.from = shape};
  if (from == to.schema) return step;
  const auto& kind = to.schema.kind;
  if (kind == "optional" && from.kind != kind) {  // a value that is there is written as without the optional
    const auto blanks = blanks_of_parts(to.schema, to.shape, to.blank);
    return plan(from, shape, {to.schema.fields[0].type, to.shape.parts[0], blanks[0]});
  }
  if (from.kind != kind) return plan_number(from, std::move(step), to);
  if (kind == "enum") return plan_enumeration(from, std::move(step), to.schema);
  return kind == "record" ? plan_fields(from, std::move(step), to) : plan_parts(from, std::move(step), to);
}

Result<Step> plan_whole(const Schema& from, const Schema& to, std::string_view blank) {
  Shape was, is;
  if (!describe(from, was) || !describe(to, is)) return Error{"its schema is malformed"};
  ByteReader in(blank);
  if (pass_over(in, is) && in.remaining() == 0) return plan(from, was, {to, is, blank});
  ByteBuffer zero;
  append_zero(zero, to, is);
  return plan(from, was, {to, is, zero.view()});
}

/// False where the number does not come out the same; only an integer of 64 bits may not.
bool read_real(ByteReader& in, const Shape& from, double& value) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (from.form == Form::single) {
    float single = 0;
    if (!detail::read_float(in, single)) return false;
    return value = static_cast<double>(single), true;
  }
  if (from.form == Form::signed_integer) {
    std::int64_t whole = 0;
    if (!read_signed(in, from.bits, whole)) return false;
    value = static_cast<double>(whole);
    return value < kTwoTo63 && static_cast<std::int64_t>(value) == whole;
  }
  std::uint64_t whole = 0;
  if (!read_unsigned(in, from.bits, whole)) return false;
  value = static_cast<double>(whole);
  return value < 2 * kTwoTo63 && static_cast<std::uint64_t>(value) == whole;
}

bool change(const Step& step, ByteReader& in, ByteBuffer& out);

bool change_fields(const Step& step, ByteReader& in, ByteBuffer& out) {
  std::uint32_t count = 0;
  if (!read_count(in, count) || count != step.from.parts.size()) return false;
  std::vector<ByteReader> starts;
  for (const auto& field : step.from.parts) {
    starts.push_back(in);
    if (!pass_over(in, field)) return false;
  }
  append_array_header(out, step.parts.size());
  for (std::size_t i = 0; i < step.parts.size(); ++i) {
    if (step.parts[i].change == Change::filled)
      out.append(step.parts[i].filler);
    else if (!change(step.parts[i], starts[step.sources[i]], out))
      return false;
  }
  return true;
}

bool change(const Step& step, ByteReader& in, ByteBuffer& out) {
  std::uint32_t count = 0;
  double number = 0;
  const char* const begin = in.position();
  switch (step.change) {
    case Change::none:
      if (!pass_over(in, step.from)) return false;
      out.write(begin, static_cast<std::size_t>(in.position() - begin));
      return true;
    case Change::to_single:
    case Change::to_real:
      if (!read_real(in, step.from, number)) return false;
      if (step.change == Change::to_real)
        encode(out, number);
      else
        encode(out, static_cast<float>(number));
      return true;
    case Change::inside_optional:
      if (!in.take_nil()) return change(step.parts[0], in, out);
      out.append("\xc0");
      return true;
    case Change::of_elements:
      if (!read_count(in, count)) return false;
      append_array_header(out, count);
      for (; count != 0; --count) {
        if (!change(step.parts[0], in, out)) return false;
      }
      return true;
    case Change::of_parts:
      if (!read_count(in, count) || count != step.parts.size()) return false;
      append_array_header(out, count);
      return std::all_of(step.parts.begin(), step.parts.end(), [&](const auto& part) { return change(part, in, out); });
    case Change::of_fields:
      return change_fields(step, in, out);
    case Change::filled:
      break;  // is no value that was written
  }
  return false;
}

}  // namespace

std::string why_not(const Schema& from, const Schema& to) {
  if (from == to) return {};
  const auto step = plan_whole(from, to, {});
  return step ? std::string() : step.error().message;
}

Result<Conversion> Conversion::make(const Schema& from, const Schema& to, std::string_view blank) {
  auto step = plan_whole(from, to, blank);
  if (!step) return step.error();
  return Conversion(*std::move(step));
}

Conversion::Conversion(Step root) : root_(std::make_unique<const Step>(std::move(root))) {}
Conversion::Conversion(Conversion&&) noexcept = default;
Conversion& Conversion::operator=(Conversion&&) noexcept = default;
Conversion::~Conversion() = default;

bool Conversion::convert(std::string_view bytes, ByteBuffer& out) const {
  ByteReader in(bytes);
  return change(*root_, in, out) && in.remaining() == 0;
}

}  // namespace freshet
