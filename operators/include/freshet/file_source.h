#pragma once

#include <cmath>
#include <memory>

#include <freshet/operator.h>
#include <freshet/text.h>

/// Sources that read files: one record per line, CSV record, JSON object or line of an access log. A split is a whole
/// file, its partition the file's path; the position is the 1-based number of the first line of the record read last,
/// so that a source goes on exactly behind it, also when a quoted CSV record spans lines.
namespace freshet {

/// A line of a text file.
struct Line {
  std::string text{};
  std::string file{};
  std::uint64_t number = 0;
  bool operator==(const Line&) const = default;
  FRESHET_RECORD(text, file, number)
};

namespace files {

/// How an input is to be read, as the parameters of a job say it; see files::input in <freshet/files.h>.
struct InputOptions {
  std::string name = "input";     ///< of the parameter, for messages
  std::string path{};             ///< paths, globs and directories, by comma
  std::string format = "auto";    ///< auto (by file ending), csv, tsv, jsonl, log, lines
  std::string columns{};          ///< FIELD=COLUMN by name or number from 1, or @line, @file; for jsonl a dotted path
  std::string values{};           ///< FIELD:FROM=TO
  std::string time = "auto";      ///< auto, s, ms, us, iso, or a strptime pattern
  std::string delimiter{};        ///< one character, or "tab"; empty: that of the format
  std::string header = "auto";    ///< true, false, auto: when the first line has a column that is needed
  double rate = 0;                ///< records per second of each file; 0: as fast as they are taken
  std::string default_columns{};  ///< columns of fields that `columns` does not mention
  std::vector<std::string> required{};  ///< fields that need a column; the others may keep their default
};

/// Something wrong with one of the options: which ("columns"; empty: the path itself), what, and what to do.
struct InputProblem {
  std::string option{};
  std::string message{};
  std::string remedy{};
};

/// All that is wrong with reading `record` this way, as far as options, and the first line of the first file, tell.
std::vector<InputProblem> check_input(const InputOptions& options, const Schema& record);

/// What a line holds for one field of the record.
struct Cell {
  bool mapped = false;      ///< false: nothing stands for the field, it keeps its default
  std::string_view text{};  ///< valid until the next record
};

/// Reads files record by record into cells; what file sources are made of. Allocates nothing per record once its
/// buffers have grown. What was not read in time is not made up for: after a restart the rate counts anew from there.
/// One thread; owns the files that are open: those whose splits are begun and not done.
class RowReader {
 public:
  enum class Got : std::uint8_t { record, not_due, end };
  RowReader(InputOptions options, Schema record);
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  ~RowReader();

  /// Throws SourceFailed when the options make no sense.
  void open();
  /// A split per file, by path. Throws SourceFailed when no file matches.
  std::vector<Split> discover() const;
  /// Goes on to the split's next record, if it is due at `now`. Throws RejectRecord for a line that is none, and
  /// SourceFailed for a file that cannot be read or has not the columns needed.
  Got next(Split& split, Time now);

  /// Of the record that next() found, by the field's place in the record.
  Cell cell(std::size_t field) const;
  [[nodiscard]] bool parse_time(std::string_view text, Time& time) const;
  /// Throws the RejectRecord for a cell that does not fit its field.
  [[noreturn]] void reject(std::size_t field) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {

template <class M>
[[nodiscard]] bool parse_cell(const RowReader& rows, std::string_view text, M& value) {
  if constexpr (std::same_as<M, Time>)
    return rows.parse_time(text, value);
  else if constexpr (std::floating_point<M>)
    return parse_text(text, value) && std::isfinite(value);
  else
    return parse_text(text, value);
}

/// Sets one field from its cell. An empty cell is the empty string or the absent optional; all else must parse.
template <class M>
void read_field(const RowReader& rows, std::size_t field, const M& fallback, M& value) {
  const Cell cell = rows.cell(field);
  if (!cell.mapped) {
    value = fallback;
  } else if constexpr (freshet::detail::IsOptional<M>) {
    if constexpr (freshet::detail::IsScalar<typename M::value_type>) {
      if (cell.text.empty()) return value.reset();
      if (!value) value.emplace();
      if (!parse_cell(rows, cell.text, *value)) rows.reject(field);
    }
  } else if constexpr (freshet::detail::IsScalar<M>) {
    if (!parse_cell(rows, cell.text, value)) rows.reject(field);
  }
}

}  // namespace detail

/// Reads records from CSV, TSV, JSON lines, access logs or plain lines.
template <Record T>
class FileSource : public Source<T> {
 public:
  explicit FileSource(InputOptions options) : rows_(std::move(options), schema_of<T>()) {}
  void open() override { rows_.open(); }
  std::vector<Split> discover() override { return rows_.discover(); }
  Progress read(Split& split, Out<T>& out) override {
    while (!out.full()) {
      const auto got = rows_.next(split, this->now());
      if (got == RowReader::Got::end) return Progress::done;
      if (got == RowReader::Got::not_due) return Progress::idle;
      T& record = out.add();
      try {
        fill(record, std::make_index_sequence<kFieldCount<T>>{});
      } catch (...) {
        out.take_back();
        throw;
      }
    }
    return Progress::progress;
  }
  std::string describe(const std::string& partition, std::uint64_t position) const override {
    return partition + ", line " + std::to_string(position);
  }

 private:
  template <std::size_t... I>
  void fill(T& record, std::index_sequence<I...>) {
    constexpr auto fields = T::template freshet_fields<T>();
    (detail::read_field(rows_, I, defaults_.*(std::get<I>(fields).pointer), record.*(std::get<I>(fields).pointer)),
     ...);
  }
  const T defaults_{};
  RowReader rows_;
};

/// Reads plain lines, each with its file and number.
class LineSource : public FileSource<Line> {
 public:
  explicit LineSource(std::string path, std::string name = "input")
      : FileSource<Line>({.name = std::move(name),
                          .path = std::move(path),
                          .format = "lines",
                          .columns = "file=@file,number=@line"}) {}
};

}  // namespace files

}  // namespace freshet
