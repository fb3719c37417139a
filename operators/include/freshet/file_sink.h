#pragma once

#include <memory>
#include <set>

#include <freshet/endpoints.h>

/// Sinks that write rows into the files of a folder, and to standard output.
namespace freshet::files {

enum class RowFormat : std::uint8_t { csv, jsonl };

/// Where the rows of one task of a file sink go. One thread but for the work it gives away; owns the open file.
class PartOutput {
 public:
  virtual ~PartOutput() = default;
  /// Throws when the rows cannot be written; the output is then of no use.
  virtual void append(std::string_view rows) = 0;
  virtual void finish() {}
  virtual void end() {}
  virtual void prepare(std::uint64_t /*checkpoint*/, SnapshotOut&, std::string_view /*operator_id*/) {}
  virtual void commit(std::uint64_t /*checkpoint*/) {}
  virtual void recover(const std::vector<std::string>& /*handles*/) {}
  virtual std::uint64_t uncommitted_bytes() const { return 0; }
};

/// Throws when the folder cannot be written to. `header` begins each file.
///
/// Without commits: one file per task, PATH/part-00000.csv. It is written aside and appears, whole and durable, under
/// its name when the stream has ended; it replaces that of an earlier run, and task 0 then removes part files of an
/// earlier run with more tasks. A stream that does not end leaves no part file.
///
/// With commits: what a task writes between two barriers, unless nothing, is a file in PATH/.pending/RUN, moved to
/// PATH/part-00000007-00000-RUN.csv (checkpoint, task) when that checkpoint is complete. Attempts remove what earlier
/// ones left pending; files of other runs are left alone. The folder is this sink's: two sinks of one job need two.
std::unique_ptr<PartOutput> open_parts(const std::string& folder, RowFormat format, const SinkContext& context,
                                       std::string header);

/// Standard output; lines of several tasks do not mix.
class ConsoleOutput {
 public:
  void append(std::string_view rows) { rows_ += rows; }
  /// Throws when nobody reads standard output any more.
  void flush();

 private:
  std::string rows_{};
};

/// Rows of one record type: the key's fields, unless the record has them, then the record's.
template <class K, class T>
class RowText {
  using Key = typename freshet::detail::RowWriter<K, T>::Key;

 public:
  RowText(RowFormat format, std::vector<std::string> key_names) : format_(format) {
    std::set<std::string_view> fields;
    for_each_field<T>([&](const auto& field) { fields.insert(field.name); });
    for (auto& name : key_names) keys_.push_back({name, fields.count(name) == 0});
  }
  void append_header(std::string& out) const {
    if (format_ != RowFormat::csv) return;
    std::string_view separator;
    const auto append = [&](std::string_view name) {
      out += separator;
      append_csv_cell(out, name);
      separator = ",";
    };
    for (const auto& [name, shown] : keys_)
      if (shown) append(name);
    for_each_field<T>([&](const auto& field) { append(field.name); });
    out += '\n';
  }
  void append_row(std::string& out, const Key* key, const T& record) const {
    bool first = true;
    if constexpr (!std::is_void_v<K>)
      for_each_key_part(*key, [&](std::string_view name, const auto& part) { append(out, first, name, part); });
    for_each_field<T>([&](const auto& field) { append(out, first, field.name, record.*(field.pointer)); });
    out += format_ == RowFormat::csv ? "\n" : "}\n";
  }

 private:
  struct KeyColumn {
    std::string name{};
    bool shown = true;
  };
  template <class Use>
  void for_each_key_part(const Key& key, Use use) const {
    if constexpr (freshet::detail::IsTuple<Key>) {
      std::size_t i = 0;
      std::apply([&](const auto&... part) { ((keys_[i].shown ? use(keys_[i].name, part) : void(), ++i), ...); }, key);
    } else if (keys_[0].shown) {
      use(keys_[0].name, key);
    }
  }
  template <class V>
  void append(std::string& out, bool& first, std::string_view name, const V& value) const {
    if (format_ == RowFormat::csv) {
      if (!first) out += ',';
      append_csv(out, value);
    } else {
      out += first ? '{' : ',';
      append_json_string(out, name);
      out += ':';
      append_json(out, value);
    }
    first = false;
  }
  template <class V>
  static void append_csv(std::string& out, const V& value) {
    if constexpr (freshet::detail::IsOptional<V>) {
      if (value) append_csv(out, *value);
    } else {
      append_cell(out, value);
    }
  }
  RowFormat format_;
  std::vector<KeyColumn> keys_;
};

template <class K, class T>
class FileWriter final : public freshet::detail::RowWriter<K, T> {
  using Key = typename freshet::detail::RowWriter<K, T>::Key;

 public:
  FileWriter(std::string folder, RowFormat format, std::vector<std::string> key_names)
      : folder_(std::move(folder)), format_(format), text_(format, std::move(key_names)) {}
  void open(const SinkContext& context) override {
    row_.clear();
    text_.append_header(row_);
    parts_ = open_parts(folder_, format_, context, row_);
  }
  void write(const Key* key, const T& record) override {
    row_.clear();
    text_.append_row(row_, key, record);
    parts_->append(row_);
  }
  void finish() override { parts_->finish(); }
  void end() override { parts_->end(); }
  void prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) override {
    parts_->prepare(checkpoint, out, operator_id);
  }
  void commit(std::uint64_t checkpoint) override { parts_->commit(checkpoint); }
  void recover(const std::vector<std::string>& handles) override { parts_->recover(handles); }
  std::uint64_t uncommitted_bytes() const override { return parts_ == nullptr ? 0 : parts_->uncommitted_bytes(); }

 private:
  std::string folder_;
  RowFormat format_;
  RowText<K, T> text_;
  std::unique_ptr<PartOutput> parts_;
  std::string row_;
};

/// JSON lines on standard output; those of a batch of rows at once.
template <class K, class T>
class ConsoleWriter final : public freshet::detail::RowWriter<K, T> {
  using Key = typename freshet::detail::RowWriter<K, T>::Key;

 public:
  explicit ConsoleWriter(std::vector<std::string> key_names) : text_(RowFormat::jsonl, std::move(key_names)) {}
  void open(const SinkContext&) override {}
  void write(const Key* key, const T& record) override {
    row_.clear();
    text_.append_row(row_, key, record);
    output_.append(row_);
    output_.flush();
  }
  void finish() override { output_.flush(); }

 private:
  RowText<K, T> text_;
  ConsoleOutput output_;
  std::string row_;
};

}  // namespace freshet::files
