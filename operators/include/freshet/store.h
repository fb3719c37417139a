#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// Stores outside the job, in which a step looks records up.
namespace freshet {

/// Asks a store for the texts under many keys at once. Each task has its own; its thread only.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  /// Forgets what was asked before.
  virtual void begin() = 0;
  virtual void ask(std::string_view key) = 0;
  /// Waits for the answers to all that was asked, but never long. What could not be had is told by found().
  virtual void fetch() = 0;
  /// What stands under the `i`-th of the keys; null: nothing does. Good until begin(). Throws TryAgain where the store
  /// did not answer, and RejectRecord where asking again would not help.
  virtual const std::string* found(std::size_t i) const = 0;
};

/// A store, as a job names it.
struct StoreSpec {
  std::string description{};  ///< for people: "redis texts item:{item} at 127.0.0.1:6379"
  /// What is wrong with it for a key that is the field of that name; empty: nothing.
  std::function<std::string(const std::string& field)> problem{};
  std::function<std::unique_ptr<StoreReader>(const std::string& field)> make{};
};

}  // namespace freshet
