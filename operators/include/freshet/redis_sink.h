#pragma once

#include <memory>

#include <freshet/sinks.h>

/// A sink that keeps one hash per key in Redis. Jobs include <freshet/redis.h> and link freshet::redis, which has the
/// code behind this header; libfreshet knows no Redis.
namespace freshet::redis {

// At these a record is refused (RejectRecord), and the error policy of the sink says what becomes of it.
inline constexpr std::size_t kMaxKeyBytes = 1024;        ///< with the prefix
inline constexpr std::size_t kMaxRecordBytes = 1 << 20;  ///< names and texts of all fields of one record

/// Where a Redis is and how it is spoken to. One server: neither Redis Cluster nor TLS.
struct Server {
  std::string name = "redis";              ///< of the parameter that says it, for messages
  std::string address = "127.0.0.1:6379";  ///< HOST:PORT, [IPV6]:PORT or unix:PATH
  std::uint32_t database = 0;              ///< at most 65535
  std::string prefix{};                    ///< stands before each key
  std::string user{};                      ///< empty: Redis' default user
  std::string password_variable{};         ///< environment variable of the worker; empty: none
  std::string password_file{};             ///< its first line, read by the worker; empty: none
  Duration timeout = 2s;                   ///< for all that is on its way, reconnecting included; 10 ms to 60 s
};

/// What is wrong with a setting, and what to do; no message: nothing is.
struct Flaw {
  std::string option{};  ///< "": the address; else "database", "timeout", …
  std::string message{};
  std::string remedy{};
};
/// All that can be told without asking the network.
std::vector<Flaw> check_server(const Server& server);

/// How a Redis key is made of the parts of a record's key: "user:{user}", "{shop}/{item}". Where there are several
/// parts,
/// '%' and the character that ends a part are written %25, %3A, … in it, so that different keys never meet.
class KeyPattern {
 public:
  /// Each name must stand once in braces; two of them need something between them.
  static Result<KeyPattern> parse(std::string_view pattern, const std::vector<std::string>& names);
  /// `parts`: texts in the order of `names`, any bytes.
  void append_key(std::string& out, const std::vector<std::string>& parts) const;

 private:
  struct Piece {
    std::string literal{};  ///< stands before the part
    std::size_t part = 0;
    char end = 0;  ///< first character behind the part
  };
  std::vector<Piece> pieces_;
  std::string tail_{};
};

/// Writes hashes of one task. Puts go into a pipeline; Redis compares (attempt, epoch, number of the put), which it
/// keeps in the field @freshet beside the name of the run, and refuses what is lower. A connection that is lost is made
/// again and all that was not acknowledged is sent again. One thread.
class HashWriter {
 public:
  explicit HashWriter(Server server);
  ~HashWriter();
  HashWriter(const HashWriter&) = delete;
  HashWriter& operator=(const HashWriter&) = delete;

  /// Connects. Throws when that fails within the time-out.
  void open(const SinkContext& context);

  /// A put is begin, then set or remove for each field, then end. end() throws RejectRecord when the key or the record
  /// is too large; the put then leaves no trace. It never throws for the connection: send() and flush() do.
  void begin(std::string_view key, Version version);
  void set(std::string_view field, std::string_view text);
  void remove(std::string_view field);
  void end();

  /// All puts are on their way; at most 2,048 are not acknowledged. Waits no longer than the time-out; throws when that
  /// was not enough, when Redis refuses something, or a later attempt has written one of the keys.
  void send();
  /// All puts are acknowledged. Waits and throws as send() does.
  void flush();
  /// Forgets what is not acknowledged.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Hashes whose fields are those of the record: numbers, times, enums and strings as plain text, anything else as JSON;
/// a field whose optional is absent is removed. Other fields of the hash stay as they are.
template <class K, class T>
class HashSink final : public UpsertSink<K, T> {
 public:
  HashSink(Server server, KeyPattern pattern) : pattern_(std::move(pattern)), writer_(std::move(server)) {}
  void open() override { writer_.open(this->context()); }
  void put(const K& key, const T& record, Version version) override {
    read_parts(key);
    key_.clear();
    pattern_.append_key(key_, parts_);
    writer_.begin(key_, version);
    for_each_field<T>([&](const auto& field) { write(field.name, record.*(field.pointer)); });
    writer_.end();
  }
  void end_batch() override { writer_.send(); }
  void flush() override { writer_.flush(); }
  void close() override { writer_.close(); }

 private:
  void read_parts(const K& key) {
    if constexpr (freshet::detail::IsTuple<K>) {
      parts_.resize(std::tuple_size_v<K>);
      std::size_t i = 0;
      std::apply([&](const auto&... part) { (read_part(parts_[i++], part), ...); }, key);
    } else {
      parts_.resize(1);
      read_part(parts_[0], key);
    }
  }
  template <class Part>
  static void read_part(std::string& text, const Part& part) {
    static_assert(freshet::detail::IsScalar<Part>, "parts of a key in Redis are plain: no tuple within a tuple");
    text.clear();
    append_text(text, part);
  }
  template <class V>
  void write(std::string_view field, const V& value) {
    if constexpr (freshet::detail::IsOptional<V>) {
      if (value)
        write(field, *value);
      else
        writer_.remove(field);
    } else if constexpr (std::is_same_v<V, std::string>) {
      writer_.set(field, value);
    } else {
      text_.clear();
      if constexpr (freshet::detail::IsScalar<V>)
        append_text(text_, value);
      else
        append_json(text_, value);
      writer_.set(field, text_);
    }
  }

  KeyPattern pattern_;
  HashWriter writer_;
  std::vector<std::string> parts_;
  std::string key_;
  std::string text_;
};

}  // namespace freshet::redis
