#!/usr/bin/env bash
# What every script promises: it parses, --help explains it with an example, a wrong argument is refused with a remedy.
# And the causes that a failed build is explained with. Quiet when all is well; exits 1 with what is not.
set -uo pipefail
cd "$(dirname "$0")/../.."
failed=0

wrong() {
  printf '%s: %s\n' "$1" "$2" >&2
  failed=1
}

for script in scripts/*.sh scripts/checks/*.sh; do
  bash -n "$script" || wrong "$script" "does not parse"
  help=$("$script" --help </dev/null) || wrong "$script" "--help does not exit with 0"
  grep -q '^Example' <<<"$help" || wrong "$script" "--help shows no example"
  refused=$("$script" --no-such-option </dev/null 2>&1)
  [[ $? == 2 ]] || wrong "$script" "an unknown option does not exit with 2: $refused"
  grep -q 'remedy' <<<"$refused" || wrong "$script" "an unknown option is refused without a remedy: $refused"
done

# explained LOG-LINE CAUSE REMEDY: a build log with that line is explained with this cause and remedy.
source scripts/lib/common.sh
set +e
explained() {
  local log said
  log=$(mktemp)
  printf '%s\n' "$1" >"$log"
  said=$(explain_build_failure "$log" release 2>&1)
  rm -f "$log"
  [[ $said == *"cause   $2"* && $said == *"remedy  $3"* ]] || wrong "explain_build_failure, of '$1'" "$said"
}
explained 'c++: fatal error: Killed signal terminated program cc1plus' 'the compiler was killed' 'run it again with JOBS=1'
explained 'write error: No space left on device' 'the disk is full' 'make room'
explained 'CMake Error: The current CMakeCache.txt directory /a is different than the directory /b' \
  'build/release was configured for another folder' 'rm -rf build/release'
explained "ninja: error: unknown target 'nothing'" "unknown target 'nothing'" 'see the targets'
explained '-- Could NOT find gflags (missing: gflags_DIR)' 'a library or tool is missing: Could NOT find gflags' \
  'scripts/install_dependencies.sh'
explained 'a.cpp:1:10: fatal error: zmq.h: No such file or directory' 'a header was not found: a.cpp:1:10' \
  'scripts/install_dependencies.sh'
explained 'dag/a.cpp:3:1: error: no' 'the code does not compile or link: dag/a.cpp:3:1: error: no' 'mend that place'
explained 'something else' 'not recognised' 'read the whole log'

# JOBS, a job per core, and a machine with too little memory for that.
[[ $(JOBS=7 default_jobs) == 7 ]] || wrong default_jobs "JOBS=7 is not 7"
(JOBS=none default_jobs) >/dev/null 2>&1 && wrong default_jobs "JOBS=none is accepted"
available_mib() { echo 100; }
[[ $(JOBS= default_jobs) == 1 ]] || wrong default_jobs "100 MiB are not one job"
available_mib() { echo 1000000; }
[[ $(JOBS= default_jobs) == "$(nproc)" ]] || wrong default_jobs "much memory is not one job per core"

exit $failed
