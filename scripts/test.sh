#!/usr/bin/env bash
# Everything that must hold, in one command; continuous integration runs the same (.ci/run).
#
# There is one ctest run, over the release tree, and its summary is the last thing printed. To make that possible the
# machine checks (checks.*) and the sanitizer runs (asan.<suite>, tsan.<suite>) are tests of the release tree, too:
# tests/CMakeLists.txt lists the suites, and the steps before only build what those tests run. The sanitizer trees
# build nothing but these suites, folders are compiled as one there, and so are the tests of the release tree.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/test.sh [--quick] [CTEST-ARGUMENT…]

Installs the packages, builds release, asan and tsan, and runs all tests, machine checks and sanitizer runs.
Exits 0 only when everything passed. JOBS in the environment sets the number of compile and test jobs.

  --quick    without the sanitizers
  --help     this text
  other arguments go to ctest: -R, -E, -L and -LE with a pattern choose tests

Examples:
  scripts/test.sh                    before a change goes in
  scripts/test.sh --quick            while working
  scripts/test.sh --quick -L checks  the machine checks alone
  scripts/test.sh -R 'tsan\.'        the thread sanitizer alone
TEXT
}

quick=false
selection=()
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --quick) quick=true ;;
    -R | -E | -L | -LE)
      (($# > 1)) || usage_error scripts/test.sh "$1 needs a pattern"
      selection+=("$1" "$2")
      shift
      ;;
    -V | --stop-on-failure | --rerun-failed) selection+=("$1") ;;
    *) usage_error scripts/test.sh "unknown argument $1" ;;
  esac
  shift
done

cd "$repository_root"
started=$(now_ms)
jobs=$(default_jobs)
mkdir -p build
$quick && steps=3 || steps=5
step=0

# A header before each step: its number, what it does, seconds since the start.
header() {
  step=$((step + 1))
  printf '\n== [%d/%d] %s   (%d s)\n' "$step" "$steps" "$1" $((($(now_ms) - started) / 1000))
}

header "packages"
scripts/install_dependencies.sh

header "build: release"
$quick && sanitizer_runs=OFF || sanitizer_runs=ON
scripts/build.sh release -DFRESHET_BUILD_TESTS=ON -DFRESHET_TESTS_TOGETHER=ON -DFRESHET_SANITIZER_RUNS=$sanitizer_runs

if ! $quick; then
  header "build: address and undefined-behaviour sanitizers, asan_tests"
  scripts/build.sh asan asan_tests
  header "build: thread sanitizer, tsan_tests"
  scripts/build.sh tsan tsan_tests
fi

header "tests, $jobs at a time"
if $quick; then logs="build/release.log"; else logs="build/{release,asan,tsan}.log"; fi
echo "logs: $logs   build/ctest.log (this run)   build/release/Testing/Temporary/LastTestsFailed.log (the failed ones)"
ctest --test-dir build/release --output-on-failure --no-tests=error --parallel "$jobs" \
  --output-log "$repository_root/build/ctest.log" "${selection[@]}"
