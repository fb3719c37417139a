#include <charconv>
#include <map>

#include <freshet/file_source.h>

#include "operators/connectors/delimited.h"
#include "operators/connectors/input_files.h"
#include "operators/connectors/input_mapping.h"
#include "operators/connectors/json_line.h"
#include "operators/connectors/line_reader.h"
#include "operators/connectors/log_line.h"

namespace freshet::files {
namespace {

// What a dead letter keeps of a line that became no record.
constexpr std::size_t kMaxLetterBytes = 4096;

constexpr std::string_view kTextColumn[] = {"text"};  // the column of plain lines

/// A file being read: how its lines are taken apart, and which column is which field.
struct OpenFile {
  LineReader reader;
  FileFormat format;
  Delimited delimited;
  std::optional<JsonLine> json{};
  LogLine log{};
  FileColumns columns{};
  Time began{};             // when the first record was asked for
  std::uint64_t taken = 0;  // records since then, malformed ones too

  bool is_json() const { return !format.plain_lines && format.dialect.format == Format::jsonl; }
  bool is_log() const { return !format.plain_lines && format.dialect.format == Format::log; }
  LineReader::Got next(InputLine& line) {
    return format.dialect.quoted ? reader.next_record(line, format.dialect.delimiter) : reader.next(line);
  }
};

Result<OpenFile> open_file(const InputMapping& mapping, const std::string& path) {
  const auto format = mapping.format_of(path);
  if (!format) return format.error();
  auto reader = LineReader::open(path);
  if (!reader) return reader.error();
  OpenFile file{std::move(*reader), *format,
                Delimited(format->dialect.delimiter,
                          format->dialect.quoted ? Delimited::Quoting::rfc4180 : Delimited::Quoting::none)};
  if (file.is_json()) {
    file.json.emplace(mapping.json_paths());
    file.columns = mapping.json_columns();
    return file;
  }
  Result<FileColumns> columns = Error{};
  if (file.is_log()) {
    columns = mapping.columns_of(kLogColumns);
    if (!columns) return Error{path + ", an access log: " + columns.error().message};
  } else if (format->plain_lines) {
    columns = mapping.columns_of(kTextColumn);
  } else {
    InputLine first;
    const auto got = file.next(first);
    if (got == LineReader::Got::failed) return file.reader.error();
    const bool has_cells = got == LineReader::Got::line && !first.over_long && file.delimited.parse(first.text).ok();
    if (has_cells && mapping.is_header(file.delimited.fields())) {
      columns = mapping.columns_of(file.delimited.fields());
    } else {
      columns = mapping.columns_of({});
      auto again = LineReader::open(path);  // the first line is data
      if (!again) return again.error();
      file.reader = std::move(*again);
      if (got == LineReader::Got::end) columns = FileColumns{};  // an empty file has nothing to map
    }
  }
  if (!columns) return Error{path + ", line 1: " + columns.error().message};
  file.columns = std::move(*columns);
  return file;
}

std::string quote_reason(const std::string& message) {
  if (message.starts_with("a quote")) return "malformed: unterminated quote";
  if (message.starts_with("text behind")) return "malformed: text behind a quote";
  return "malformed: too many fields";
}

// Of a file that is taken for a log because of its name only: whether its first line is one of an access log.
Status check_first_line(OpenFile& file) {
  InputLine line;
  while (file.next(line) == LineReader::Got::line) {
    if (line.text.empty()) continue;
    if (const auto parsed = file.log.parse(line.text); !parsed)
      return Error{file.reader.path() + ", line " + std::to_string(line.number) +
                   ": no line of an access log: " + parsed.error().message};
    break;
  }
  return {};
}

}  // namespace

std::vector<InputProblem> check_input(const InputOptions& options, const Schema& record) {
  std::vector<InputProblem> problems;
  const InputMapping mapping(options, record, problems);
  const auto files = expand_globs(options.path, options.name);
  if (!files) {
    problems.push_back(
        {"", files.error().message, "give a file, a directory or a pattern that matches at least one file"});
  } else if (problems.empty()) {
    auto file = open_file(mapping, files->front());
    if (!file) {
      add_problems(problems, "", file.error().message,
                   "correct the file, or how " + options.name + ".* says it is read");
    } else if (file->is_log() && options.format == "auto") {
      if (const auto checked = check_first_line(*file); !checked)
        problems.push_back({"", checked.error().message,
                            "say " + options.name + ".format=log to have such lines set aside, or csv, tsv, jsonl"});
    }
  }
  return problems;
}

struct RowReader::Impl {
  Impl(InputOptions given, Schema schema) : options(std::move(given)), record(std::move(schema)) {}

  OpenFile& file_of(const Split& split, Time now);
  bool due(const OpenFile& file, Time now) const {
    if (options.rate == 0) return true;
    const double seconds = std::chrono::duration<double>(now - file.began).count();
    return static_cast<double>(file.taken) < seconds * options.rate;
  }
  /// Splits the line into fields; throws the RejectRecord when it is none.
  void take_apart();
  [[noreturn]] void reject(const std::string& message, const std::string& reason) const {
    throw RejectRecord(message, reason, std::string(line.text.substr(0, kMaxLetterBytes)));
  }

  // Set once in the constructor, and by open().
  const InputOptions options;
  const Schema record;
  std::optional<InputMapping> mapping{};

  std::map<std::string, OpenFile, std::less<>> files{};  // by path; of splits that are begun and not done
  // Of the record at hand.
  OpenFile* current = nullptr;
  std::string current_path{};
  InputLine line{};
  std::array<char, 24> number{};
  std::size_t number_size = 0;
};

RowReader::RowReader(InputOptions options, Schema record)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(record))) {}
RowReader::~RowReader() = default;

void RowReader::open() {
  std::vector<InputProblem> problems;
  impl_->mapping.emplace(impl_->options, impl_->record, problems);
  std::string text;
  for (const auto& problem : problems)
    text += (text.empty() ? "" : "\n") + impl_->options.name + "." + problem.option + ": " + problem.message + "; " +
            problem.remedy;
  if (!text.empty()) throw SourceFailed(text);
}

std::vector<Split> RowReader::discover() const {
  const auto files = expand_globs(impl_->options.path, impl_->options.name);
  if (!files) throw SourceFailed(files.error().message);
  std::vector<Split> splits;
  for (const auto& file : *files) splits.push_back({.partition = file});
  return splits;
}

OpenFile& RowReader::Impl::file_of(const Split& split, Time now) {
  if (current != nullptr && current_path == split.partition) return *current;
  auto found = files.find(split.partition);
  if (found == files.end()) {
    auto opened = open_file(*mapping, split.partition);
    if (!opened) throw SourceFailed(opened.error().message);
    OpenFile& file = files.emplace(split.partition, std::move(*opened)).first->second;
    found = files.find(split.partition);
    file.began = now;
    // The position names the record read last: on to its first line, and past it, however many lines it has.
    if (split.position > file.reader.lines_consumed()) {
      const auto skipped = file.reader.skip_lines(split.position - 1 - file.reader.lines_consumed());
      if (!skipped) throw SourceFailed(skipped.error().message);
      InputLine read_before;
      if (file.next(read_before) != LineReader::Got::line)
        throw SourceFailed(split.partition + ": ends before line " + std::to_string(split.position) +
                           ", from where to go on; was the file replaced?");
    }
  }
  current = &found->second;
  current_path = split.partition;
  return *current;
}

void RowReader::Impl::take_apart() {
  if (line.over_long)
    reject("the line is longer than " + std::to_string(kMaxLineBytes) + " bytes", "malformed: over-long line");
  if (current->format.plain_lines) return;
  if (current->is_json()) {
    if (const auto parsed = current->json->parse(line.text); !parsed) reject(parsed.error().message, "malformed: JSON");
    return;
  }
  if (current->is_log()) {
    if (const auto parsed = current->log.parse(line.text); !parsed)
      reject(parsed.error().message,
             parsed.error().message.starts_with("a quote") ? "malformed: unterminated quote" : "malformed: log line");
    return;
  }
  if (const auto parsed = current->delimited.parse(line.text); !parsed)
    reject(parsed.error().message, quote_reason(parsed.error().message));
  const auto count = current->delimited.fields().size();
  if (count < current->columns.needed) {
    const std::string message =
        std::to_string(count) + " fields, " + std::to_string(current->columns.needed) + " needed";
    reject(message, "malformed: " + message);
  }
}

RowReader::Got RowReader::next(Split& split, Time now) {
  OpenFile& file = impl_->file_of(split, now);
  if (!impl_->due(file, now)) return Got::not_due;
  while (true) {
    const auto got = file.next(impl_->line);
    if (got == LineReader::Got::failed) throw SourceFailed(file.reader.error().message);
    if (got == LineReader::Got::end || impl_->line.number >= split.end) {
      impl_->current = nullptr;
      impl_->files.erase(split.partition);
      return Got::end;
    }
    split.position = impl_->line.number;
    if (impl_->line.text.empty() && !file.format.plain_lines) continue;  // a blank line holds no record
    impl_->number_size = static_cast<std::size_t>(
        std::to_chars(impl_->number.data(), impl_->number.data() + impl_->number.size(), impl_->line.number).ptr -
        impl_->number.data());
    ++file.taken;
    impl_->take_apart();
    return Got::record;
  }
}

Cell RowReader::cell(std::size_t field) const {
  const OpenFile& file = *impl_->current;
  const FieldColumn& column = file.columns.fields[field];
  switch (column.from) {
    case FieldColumn::From::nowhere:
      return {};
    case FieldColumn::From::line_number:
      return {true, {impl_->number.data(), impl_->number_size}};
    case FieldColumn::From::file_name:
      return {true, impl_->current_path};
    case FieldColumn::From::column:
      break;
  }
  std::string_view text = impl_->line.text;
  if (file.is_json() || file.is_log()) {
    const auto& value = (file.is_log() ? file.log.values() : file.json->values())[column.index];
    if (!value && !column.named) return {};
    text = value.value_or(std::string_view());
  } else if (!file.format.plain_lines) {
    text = file.delimited.fields()[column.index];
  }
  return {true, impl_->mapping->map_value(field, text)};
}

bool RowReader::parse_time(std::string_view text, Time& time) const {
  const auto ms = impl_->mapping->time().parse(text);
  if (ms) time = Time(Duration(*ms));
  return ms.has_value();
}

void RowReader::reject(std::size_t field) const {
  const auto& name = impl_->mapping->field_name(field);
  impl_->reject("field " + name + ": " + impl_->mapping->expected(field, cell(field).text.substr(0, kMaxLetterBytes)),
                "malformed: field " + name);
}

}  // namespace freshet::files
