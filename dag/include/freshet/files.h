#pragma once

#include <freshet/file_sink.h>
#include <freshet/file_source.h>
#include <freshet/shop_source.h>
#include <freshet/stream.h>

/// Files as inputs and outputs of jobs, the console, and the made-up shop.
///
///   const auto input = files::input<Event>(job, "input", "in/*.csv", "event files");
///   job.source("events", files::read<Event>(input)).sink("copy", files::jsonl("out/copy"));
namespace freshet {

namespace files {

/// What the parameters of an input said.
struct Input {
  InputOptions options{};
  std::optional<ShopInput> shop{};  ///< the path is "shop:"
};

/// Where fields stand, and what words become, unless the parameters say otherwise; and what must stand somewhere.
struct InputDefaults {
  std::string columns{};                ///< of the fields that NAME.columns does not mention
  std::string values{};                 ///< default of NAME.values
  std::vector<std::string> required{};  ///< fields without which a file is refused
};

/// Declares NAME and its group of parameters; without checking them.
Input declare_input(Job& job, const std::string& name, const std::string& fallback, std::string_view help,
                    const InputDefaults& defaults);
/// Checks the options of an input of files against the record; adds a problem to the job for each thing wrong.
void add_input_problems(Job& job, const InputOptions& options, const Schema& record);

/// Declares an input of records T: NAME (paths, globs, directories, or shop:), NAME.format, NAME.columns, NAME.values,
/// NAME.time, NAME.delimiter, NAME.header, NAME.rate, and for shop: NAME.seconds, NAME.events, NAME.users, NAME.items,
/// NAME.seed, NAME.partitions. What is wrong with them becomes problems of the job, all at once.
template <Record T>
Input input(Job& job, std::string_view name, const char* fallback, std::string_view help,
            const InputDefaults& defaults = {}) {
  Input made = declare_input(job, std::string(name), fallback, help, defaults);
  if (!made.shop) {
    add_input_problems(job, made.options, schema_of<T>());
  } else if (const auto problem = ShopSource<T>::check_record(*made.shop); !problem.empty()) {
    job.add_problem(
        {"parameter " + made.options.name, problem, "see freshet describe for " + made.options.name + ".*"});
  }
  return made;
}

/// Reads the records of an input.
template <Record T>
SourceSpec<T> read(const Input& input) {
  if (input.shop) {
    return {"shop events", [shop = *input.shop]() -> std::unique_ptr<SourceStage> {
              return std::make_unique<freshet::detail::TypedSourceStage<ShopSource<T>>>(
                  std::make_unique<ShopSource<T>>(shop));
            }};
  }
  return {"files " + input.options.path, [options = input.options]() -> std::unique_ptr<SourceStage> {
            return std::make_unique<freshet::detail::TypedSourceStage<FileSource<T>>>(
                std::make_unique<FileSource<T>>(options));
          }};
}

/// Reads the lines of text files; `path` is a list of paths, globs and directories.
inline SourceSpec<Line> lines(const std::string& path) {
  return {"lines of " + path, [path]() -> std::unique_ptr<SourceStage> {
            return std::make_unique<freshet::detail::TypedSourceStage<LineSource>>(std::make_unique<LineSource>(path));
          }};
}

/// Rows into files of a folder; see open_parts.
struct FileSink {
  std::string folder{};
  RowFormat format = RowFormat::csv;

  std::string description() const { return (format == RowFormat::csv ? "csv files in " : "jsonl files in ") + folder; }
  std::string guarantee() const { return "exactly-once with checkpoints, else whole files at the end"; }
  template <class K, class T>
  std::unique_ptr<freshet::detail::RowWriter<K, T>> make(const std::vector<std::string>& key_names) const {
    return std::make_unique<FileWriter<K, T>>(folder, format, key_names);
  }
};
inline FileSink csv(const std::string& folder) { return {folder, RowFormat::csv}; }
inline FileSink jsonl(const std::string& folder) { return {folder, RowFormat::jsonl}; }

/// JSON lines on the standard output of the worker.
struct ConsoleSink {
  std::string description() const { return "console"; }
  std::string guarantee() const { return "at-least-once"; }
  template <class K, class T>
  std::unique_ptr<freshet::detail::RowWriter<K, T>> make(const std::vector<std::string>& key_names) const {
    return std::make_unique<ConsoleWriter<K, T>>(key_names);
  }
};

}  // namespace files

inline files::ConsoleSink console() { return {}; }

}  // namespace freshet
