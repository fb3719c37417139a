#include "operators/redis/deadline.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace freshet::redis {

Deadline::Deadline(Duration from_now) : end_(std::chrono::steady_clock::now() + from_now) {}

Duration Deadline::left() const {
  return std::max(std::chrono::ceil<Duration>(end_ - std::chrono::steady_clock::now()), Duration(0));
}

bool Deadline::wait_for(int descriptor, short events) const {
  pollfd waited{descriptor, events, 0};
  for (;;) {
    const Duration rest = left();
    const int ready = poll(&waited, 1, static_cast<int>(rest.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the call that follows says what is wrong
    if (rest == Duration(0)) return false;
  }
}

void Deadline::pause(Duration pause) const { poll(nullptr, 0, static_cast<int>(std::min(pause, left()).count())); }

}  // namespace freshet::redis
