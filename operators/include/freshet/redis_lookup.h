#pragma once

#include <freshet/redis_sink.h>
#include <freshet/store.h>

/// Texts that stand under keys in Redis, for steps that look records up.
namespace freshet::redis {

/// A longer text is refused (RejectRecord).
inline constexpr std::size_t kMaxTextBytes = 1 << 20;

/// Asks with GET, all keys of a batch on their way together. A connection that is lost is made again. One that could
/// not be had for the whole time-out is not tried again for as long: until then all that is asked fails at once.
class TextReader final : public StoreReader {
 public:
  /// `pattern` has one name.
  TextReader(Server server, KeyPattern pattern);
  ~TextReader() override;
  TextReader(const TextReader&) = delete;
  TextReader& operator=(const TextReader&) = delete;

  void begin() override;
  void ask(std::string_view key) override;
  void fetch() override;
  const std::string* found(std::size_t i) const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshet::redis
