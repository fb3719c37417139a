#pragma once

#include <string_view>

namespace freshet::base {

/// Names the calling thread, for debuggers and `top -H`. Cut at 15 bytes: the kernel keeps no more.
void set_thread_name(std::string_view name);

}  // namespace freshet::base
