#pragma once

#include "runtime/base/file.h"

namespace freshet::transport {

/// Wakes a thread that waits in poll(). An eventfd: any number of wakes are one wake-up.
class WakeFd {
 public:
  WakeFd();
  int fd() const { return fd_.get(); }
  /// From any thread, and from a signal handler.
  void wake() const;
  /// By the waiting thread, before it looks at what it was woken for.
  void drain() const;

 private:
  base::FileDescriptor fd_;
};

}  // namespace freshet::transport
