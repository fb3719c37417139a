#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>

// The header of glibc 2.36 forgets to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}
