#pragma once

#include "runtime/reads/refusal.h"

namespace freshet::manager {

using reads::Answer;
using reads::no_such_job;
using reads::Refusal;

}  // namespace freshet::manager
