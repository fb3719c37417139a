#pragma once

#include <vector>

#include "operators/redis/connection.h"

namespace freshet::redis {

/// Commands on their way to Redis, kept until each is acknowledged. A connection that is lost is made again, and they
/// are sent again: doing one twice must be harmless. What cannot be mended within the time-out ends the pipeline: all
/// further calls say the same. One thread.
class Pipeline {
 public:
  static constexpr std::size_t kMaxUnacknowledged = 2048;  ///< commands, when send() returns
  static constexpr std::size_t kMaxBytes = 4 << 20;        ///< beyond this much unacknowledged, append() waits

  Pipeline(Server server, std::string_view script);

  Status open();
  /// See Connection::script_name.
  const std::string& script_name() const { return connection_.script_name(); }
  /// `key` is a part of the command, to be named in messages. What goes wrong is told by the next send() or flush().
  void append(std::string_view command, std::string_view key);
  Status send();
  Status flush();
  void close();

  std::size_t unacknowledged() const { return commands_.size() - first_; }

 private:
  struct Command {
    std::size_t begin = 0;  ///< in bytes_
    std::size_t key = 0, key_length = 0;
  };
  /// Connects if need be, sends all, and takes answers until at most so many are missing, for no longer than the
  /// time-out.
  void settle(std::size_t most_unacknowledged);
  std::optional<Failure> exchange(std::size_t most_unacknowledged, const Deadline& deadline);
  std::optional<Failure> connect_if_needed(const Deadline& deadline);
  /// Judges the answer to the oldest command.
  std::optional<Failure> judge(const Reply& reply);
  void forget_acknowledged();
  Status status() const;

  const Server server_;
  const std::string_view script_;
  Connection connection_;
  std::string bytes_;              // of the commands from commands_[0] on
  std::vector<Command> commands_;  // the first `first_` are acknowledged
  std::size_t first_ = 0;
  std::size_t sent_ = 0;  // bytes, by this connection
  std::string broken_;    // why it is
};

}  // namespace freshet::redis
