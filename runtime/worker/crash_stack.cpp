#include "runtime/worker/crash_stack.h"

namespace freshet::worker {
namespace {

constexpr std::size_t kBytes = 256u << 10;

}  // namespace

CrashStack::CrashStack() : bytes_(std::make_unique_for_overwrite<char[]>(kBytes)) {
  stack_t own{};
  own.ss_sp = bytes_.get();
  own.ss_size = kBytes;
  ::sigaltstack(&own, &before_);
}

CrashStack::~CrashStack() { ::sigaltstack(&before_, nullptr); }

}  // namespace freshet::worker
