#include "runtime/base/thread_name.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

namespace freshet::base {

void set_thread_name(std::string_view name) {
  constexpr std::size_t kKernelLimit = 15;
  pthread_setname_np(pthread_self(), std::string(name.substr(0, kKernelLimit)).c_str());
}

void let_other_threads_go_first() {
  constexpr int kNice = 5;
  // On Linux a thread has a priority of its own. Where it cannot be lowered, all goes on as before.
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice));
}

}  // namespace freshet::base
