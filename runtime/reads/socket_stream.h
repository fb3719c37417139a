#pragma once

#include <httplib.h>

#include <array>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/reads/read_request.h"

namespace freshet::reads {

/// A connection as the HTTP library reads and writes it, with limits on all bytes and all reading of a request
/// together, and on all writing of its answer: its own limits are of one wait each, so that a byte now and then holds a
/// thread for ever. One thread; who else has the socket may shut it down meanwhile. Does not close it.
class SocketStream final : public httplib::Stream {
 public:
  static constexpr Duration kMostReadTime{5'000};
  static constexpr Duration kMostWriteTime{10'000};  // a MiB over a slow line
  /// Of one request; the library takes any number of headers.
  static constexpr std::size_t kMostRequestBytes = StateRequest::kMostBodyBytes + (64u << 10);

  SocketStream(socket_t socket, const base::Clock& clock) : socket_(socket), clock_(clock) {}

  /// Waits for the first byte of a request. False: none came.
  bool begin_request(Duration patience);
  /// After the last answer: reads what still comes, a little of it and for a moment, for the system takes answers back
  /// from who is still sending when the connection is closed.
  void drain();
  bool is_broken() const { return is_broken_; }

  bool is_readable() const override;
  bool is_writable() const override { return !is_broken_; }
  /// 0: the other side has ended; below 0: broken, or too late.
  ssize_t read(char* bytes, std::size_t size) override;
  /// All of it, or below 0.
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  bool wait(short what) const;
  bool fill();

  const socket_t socket_;
  const base::Clock& clock_;
  base::SteadyTime deadline_{};  // of reading, then of writing
  bool is_writing_ = false;
  bool is_broken_ = false;
  std::array<char, 4096> buffer_{};  // the library asks for single bytes
  std::size_t next_ = 0;
  std::size_t filled_ = 0;
  std::size_t received_ = 0;  // of this request
};

}  // namespace freshet::reads
