#pragma once

#include <functional>

#include "runtime/checkpoint/storage.h"

namespace freshet::reads {

/// Reads only, and no file any more once it is to end. As thread-safe as what is under it.
class ReadableStorage final : public checkpoint::CheckpointStorage {
 public:
  /// `under` outlives it; `is_to_end` may be asked from any thread that reads.
  ReadableStorage(CheckpointStorage& under, std::function<bool()> is_to_end)
      : under_(under), is_to_end_(std::move(is_to_end)) {}

  Status put(std::string_view, std::string_view) override { return Error{"who reads does not write"}; }
  Result<bool> publish(std::string_view, std::string_view) override { return Error{"who reads does not write"}; }
  Status remove(std::string_view) override { return Error{"who reads does not delete"}; }
  Result<std::string> get(std::string_view name, std::uint64_t max_bytes) override {
    if (is_to_end_()) return Error{"the job manager ends, or it took too long"};
    return under_.get(name, max_bytes);
  }
  Result<std::vector<std::string>> list(std::string_view folder) override { return under_.list(folder); }

 private:
  CheckpointStorage& under_;
  const std::function<bool()> is_to_end_;
};

}  // namespace freshet::reads
