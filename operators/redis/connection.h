#pragma once

#include <memory>
#include <optional>

#include "operators/redis/deadline.h"
#include "operators/redis/endpoint.h"
#include "operators/redis/reply.h"

struct redisContext;
struct redisReadTask;

namespace freshet::redis {

/// One connection to a Redis, through hiredis. Every call ends by its deadline (but for a name server that does not
/// answer). After a failure it is of no use until it is opened again. One thread.
class Connection {
 public:
  /// Of a text that is answered, so many bytes are kept.
  explicit Connection(Server server, std::size_t max_text_bytes = 512);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Connects anew, logs in, chooses the database and loads the script, if there is one.
  std::optional<Failure> open(std::string_view script, const Deadline& deadline);
  bool is_open() const { return context_ != nullptr; }
  void close() { context_.reset(); }
  /// Of the script that was loaded: 40 hexadecimal digits.
  const std::string& script_name() const { return script_name_; }

  /// Hands all bytes to the system, as far as `sent` tells afterwards.
  std::optional<Failure> send(std::string_view bytes, std::size_t& sent, const Deadline& deadline);
  /// The next answer; good until the next call.
  std::optional<Failure> receive(const Deadline& deadline);
  /// The same without waiting: `arrived` says whether there was one.
  std::optional<Failure> receive_if_there(bool& arrived);
  const Reply& reply() const { return reply_; }

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  struct Functions;
  std::optional<Failure> connect(const Endpoint& endpoint, const Deadline& deadline);
  std::optional<Failure> load(std::string_view script, const Deadline& deadline);
  std::optional<Failure> ask(const std::string& what, std::string_view command, const Deadline& deadline);
  /// Bytes that are there become part of an answer.
  std::optional<Failure> read_some();
  std::optional<Failure> take_reply(bool& complete);

  const Server server_;
  const std::size_t max_text_bytes_;
  std::unique_ptr<redisContext, Free> context_;
  std::string script_name_;
  Reply reply_;
};

}  // namespace freshet::redis
