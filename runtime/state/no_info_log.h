#pragma once

#include <rocksdb/env.h>

#include <cstdarg>
#include <memory>

namespace freshet::state {

/// Instead of the file LOG that RocksDB keeps: on a full disk its second line ends a process whose RocksDB was built
/// with assertions, as Debian's is. What goes wrong is in the answers of calls.
inline std::shared_ptr<rocksdb::Logger> no_info_log() {
  struct Nothing final : rocksdb::Logger {
    using Logger::Logv;
    void Logv(const char*, va_list) override {}
  };
  return std::make_shared<Nothing>();
}

}  // namespace freshet::state
