#pragma once

#include <string_view>

namespace freshet::base {

/// Names the calling thread, for debuggers and `top -H`. Cut at 15 bytes: the kernel keeps no more.
void set_thread_name(std::string_view name);

/// The calling thread gets a third of the processor that others get where there is not enough for all, and is
/// interrupted at once when one of them has something to do.
void let_other_threads_go_first();

}  // namespace freshet::base
