#!/usr/bin/env bash
# What scripts/quickstart.sh asks `freshet run` for, and how it explains each step that fails; with stand-ins for the
# installation, the build and the executable.
set -uo pipefail
source_tree=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/scripts/lib" "$tree/build/release/bin"
cp "$source_tree/scripts/quickstart.sh" "$tree/scripts/"
cp "$source_tree/scripts/lib/common.sh" "$tree/scripts/lib/"
cd "$tree"
touch 'my events.csv'
failed=0

stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$1"
  chmod +x "$1"
}
all_well() {
  stand_in scripts/install_dependencies.sh 'echo "packages: all 25 present"'
  stand_in scripts/build.sh 'echo "[1/2] Building CXX object a.o" >build/release.log; echo "$@" >build/asked'
  stand_in build/release/bin/freshet 'printf "<%s>" "$@"'
}

# says NAME EXIT-CODE PATTERN ARGUMENT…: quickstart with these arguments ends so and prints something like this.
says() {
  local name=$1 code=$2 pattern=$3 said got
  shift 3
  said=$(scripts/quickstart.sh "$@" 2>&1)
  got=$?
  # shellcheck disable=SC2053  # a pattern on purpose
  if [[ $got != "$code" || $said != $pattern ]]; then
    printf '%s: exit %s (expected %s), expected %s in:\n%s\n' "$name" "$got" "$code" "$pattern" "$said" >&2
    failed=1
  fi
}

library=build/release/lib/libuser_behavior.so
all_well
says "made-up events" 0 "*all present*release, 1 files*<run><$library><--workers><2><--param><input=shop:><--param>\
<input.rate=200000><--param><input.seconds=20>"
[[ $(cat build/asked) == "--quiet release bin/freshet lib/libuser_behavior.so" ]] || { cat build/asked; failed=1; }
says "a file" 0 "*<$library><--workers><2><--param><input=$PWD/my events.csv><--param><hot=20>" 'my events.csv' --param hot=20
says "a file, as a line to copy" 0 "*input=*/my\\\\ events.csv*" 'my events.csv'
says "a pattern" 0 "*<input=$PWD/in/\*.csv>" 'in/*.csv'
says "another source" 0 "*<input=shop:>" shop:
says "no file but arguments" 0 "*<input.seconds=20><--keep>" -- --keep
says "a file that is not there" 1 "*no such file*where   none.csv*remedy*" none.csv
says "an option in place of the file" 2 "*unknown option --keep*remedy*" --keep
stand_in build/release/bin/freshet 'exit 3'
says "a refused command" 1 "*step 3, freshet run, refused*describe $library*"
stand_in build/release/bin/freshet 'exit 9'
says "a failed job" 1 "*step 3, the job ended Failed*remedy*"
stand_in build/release/bin/freshet 'kill -SEGV $$'
says "a crash" 1 "*ended with exit code 139*run --in-process $library*"
stand_in build/release/bin/freshet 'exit 130'
says "stopped by the user" 130 "*\[3/3\] freshet run*"
all_well
stand_in scripts/build.sh 'echo "why" >build/release.log; echo "error: cause, remedy" >&2; exit 1'
says "a failed build" 1 "*all present*error: cause, remedy*step 2, build, failed*build/quickstart.log"
grep -q why build/quickstart.log || { echo "the build's log is not in build/quickstart.log" >&2; failed=1; }
stand_in scripts/install_dependencies.sh 'echo "no network" >&2; exit 1'
says "failed packages" 1 "no network*step 1, packages, failed*remedy*"
exit $failed
