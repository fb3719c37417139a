#!/usr/bin/env bash
# Runs one test program of a sanitizer tree. ctest calls it for the tests asan.<suite> and tsan.<suite>.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/checks/sanitized.sh asan|tsan SUITE [ARGUMENT…]

Runs build/asan/bin/SUITE or build/tsan/bin/SUITE; the first report of a sanitizer ends it with an error.
ASAN_OPTIONS, UBSAN_OPTIONS and TSAN_OPTIONS in the environment replace the options given here.

Example:
  scripts/build.sh tsan base_test && scripts/checks/sanitized.sh tsan base_test --gtest_filter='BoundedQueue.*'
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  asan | tsan) ;;
  *) usage_error scripts/checks/sanitized.sh "the first argument is asan or tsan" ;;
esac
[[ -n ${2:-} ]] || usage_error scripts/checks/sanitized.sh "the second argument is the name of a test program"
tree=$1
suite=$2
shift 2

program=$repository_root/build/$tree/bin/$suite
[[ -x $program ]] || fail "this test program is not built" "build/$tree/bin/$suite" "scripts/build.sh $tree $suite"

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-second_deadlock_stack=1:halt_on_error=1:suppressions=$repository_root/tests/tsan.supp}"

# The thread sanitizer of g++ 12 refuses to start under more than 28 bits of address randomisation: switch it off for
# this process where that is permitted.
run=()
bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
if [[ $tree == tsan ]] && ((bits > 28)); then
  if setarch --addr-no-randomize true 2>/dev/null; then
    run=(setarch --addr-no-randomize)
  else
    echo "note: the thread sanitizer may refuse to start: vm.mmap_rnd_bits is $bits; sysctl -w vm.mmap_rnd_bits=28" >&2
  fi
fi
exec "${run[@]}" "$program" "$@"
