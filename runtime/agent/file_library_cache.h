#pragma once

#include <cstdio>
#include <map>
#include <memory>

#include "runtime/agent/ports.h"

namespace freshet::agent {

/// Libraries as files `<directory>/<sha256>.so`; pieces gather in a `.part` file that is renamed once its hash is
/// right. Used by the agent's thread alone; several agents may share a directory, since a name stands for one content.
class FileLibraryCache final : public LibraryCache {
 public:
  /// `directory` is made when it is missing. `tag` keeps the unfinished files of several agents apart.
  FileLibraryCache(std::string directory, std::string tag);

  std::optional<std::string> path_of(const std::string& sha256) override;
  Status append(const std::string& sha256, std::uint64_t offset, std::string_view bytes) override;
  Result<std::string> finish(const std::string& sha256) override;

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  struct Part {
    File file;
    std::uint64_t bytes = 0;
  };
  std::string final_path(const std::string& sha256) const { return directory_ + "/" + sha256 + ".so"; }
  std::string part_path(const std::string& sha256) const { return directory_ + "/" + sha256 + "." + tag_ + ".part"; }

  const std::string directory_;
  const std::string tag_;
  std::map<std::string, Part> parts_;  // by sha256
};

}  // namespace freshet::agent
