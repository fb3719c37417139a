#pragma once

namespace freshet::base {

/// SIGTERM and SIGINT as something to read: blocks them in the calling thread and all it starts, and answers a
/// descriptor (signalfd) that an event loop can watch. Before any other thread is started. The caller closes it.
int open_ending_signals();

/// The next signal's number, 0 when there is none.
int read_signal(int descriptor);

/// Lets the process end as if nobody had listened to the signal, so that its parent learns what ended it.
void die_of(int signal);

}  // namespace freshet::base
