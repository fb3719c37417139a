#include "runtime/reads/socket_stream.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace freshet::reads {
namespace {

constexpr Duration kMostDrainTime{500};
constexpr std::size_t kMostDrained = 1u << 20;

void name(const sockaddr_storage& address, std::string& ip, int& port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    port = ntohs(four.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
    port = ntohs(six.sin6_port);
  }
  ip = text.data();
}

}  // namespace

bool SocketStream::is_readable() const { return next_ < filled_ || wait(POLLIN); }

bool SocketStream::wait(short what) const {
  pollfd waiting{socket_, what, 0};
  while (!is_broken_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.steady()).count();
    if (left <= 0) return false;
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

bool SocketStream::fill() {
  if (received_ >= kMostRequestBytes || !wait(POLLIN)) return false;
  const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  next_ = 0;
  filled_ = got > 0 ? static_cast<std::size_t>(got) : 0;
  received_ += filled_;
  return got >= 0;
}

bool SocketStream::begin_request(Duration patience) {
  is_writing_ = false;
  received_ = 0;
  deadline_ = clock_.steady() + patience;
  if (next_ == filled_ && (!fill() || filled_ == 0)) return false;
  deadline_ = clock_.steady() + kMostReadTime;
  return true;
}

ssize_t SocketStream::read(char* bytes, std::size_t size) {
  if (next_ == filled_ && !fill()) {
    is_broken_ = true;
    return -1;
  }
  const std::size_t taken = std::min(size, filled_ - next_);
  std::memcpy(bytes, buffer_.data() + next_, taken);
  next_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t SocketStream::write(const char* bytes, std::size_t size) {
  if (!is_writing_) deadline_ = clock_.steady() + kMostWriteTime;
  is_writing_ = true;
  for (std::size_t sent = 0; sent < size;) {
    const ssize_t now =
        wait(POLLOUT) ? ::send(socket_, bytes + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL) : ssize_t{-1};
    if (now > 0) {
      sent += static_cast<std::size_t>(now);
    } else if (is_broken_ || clock_.steady() >= deadline_ || (errno != EAGAIN && errno != EINTR)) {
      is_broken_ = true;
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void SocketStream::drain() {
  if (is_broken_) return;
  ::shutdown(socket_, SHUT_WR);
  deadline_ = clock_.steady() + kMostDrainTime;
  received_ = 0;
  for (std::size_t drained = 0; drained < kMostDrained && fill() && filled_ != 0;) {
    drained += filled_;
    received_ = 0;
  }
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) name(address, ip, port);
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) name(address, ip, port);
}

}  // namespace freshet::reads
