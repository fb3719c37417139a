#pragma once

#include <memory>
#include <set>

#include <freshet/endpoints.h>

/// Sinks that write rows into files, one file per task: PATH/part-00000.csv, and to standard output.
namespace freshet::files {

enum class RowFormat : std::uint8_t { csv, jsonl };

/// The file of one task. It is written aside and appears, whole and durable, under its name when the stream has ended;
/// it replaces that of an earlier run, and task 0 then removes part files of an earlier run with more tasks. A stream
/// that does not end leaves no part file. One thread; owns the open file.
class PartFile {
 public:
  /// Throws when the folder cannot be written to.
  PartFile(std::string folder, RowFormat format, const SinkContext& context);
  ~PartFile();
  void append(std::string_view rows);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

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
    file_ = std::make_unique<PartFile>(folder_, format_, context);
    row_.clear();
    text_.append_header(row_);
    file_->append(row_);
  }
  void write(const Key* key, const T& record) override {
    row_.clear();
    text_.append_row(row_, key, record);
    file_->append(row_);
  }
  void finish() override { file_->finish(); }

 private:
  std::string folder_;
  RowFormat format_;
  RowText<K, T> text_;
  std::unique_ptr<PartFile> file_;
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
