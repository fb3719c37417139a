#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <freshet/result.h>

namespace freshet::files {

/// While a file is being written it has this ending, so that nobody takes it for a whole one.
inline constexpr std::string_view kInProgress = ".inprogress";

/// The files that a list like "in/*.csv,old/{jan,feb}.csv.gz,/data/march" means, sorted by path, each once.
/// An item is a path, a glob(7) pattern (with braces), or a directory: all its regular files that are neither hidden
/// nor in progress, without its subdirectories. Every item must match something: a forgotten file is lost data.
/// `parameter` names the list in error texts.
Result<std::vector<std::string>> expand_globs(std::string_view patterns, std::string_view parameter = "input");

}  // namespace freshet::files
