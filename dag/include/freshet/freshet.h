#pragma once

/// All of Freshet that a job needs, but for connectors: <freshet/files.h> and its like.
#include <freshet/stream.h>
