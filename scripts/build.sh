#!/usr/bin/env bash
# Configures a preset when that is needed and builds it. Everything it prints is kept in build/<preset>.log.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/build.sh [PRESET] [-DNAME=VALUE…] [TARGET…]

PRESET is dev, release (the default), asan or tsan. The tree is build/PRESET, the log build/PRESET.log.
JOBS in the environment sets the number of compile jobs; without it one per core, as far as each has 1.5 GiB of free
memory. -DNAME=VALUE is a CMake setting and configures the tree again.

  --quiet    print the result only, also on a terminal
  --help     this text

Examples:
  scripts/build.sh                        everything, optimised
  scripts/build.sh dev base_test          one test program for debugging
  JOBS=1 scripts/build.sh                 on a small machine
  scripts/build.sh release -DFRESHET_BUILD_TESTS=OFF
TEXT
}

preset=release
quiet=false
settings=()
targets=()
names=" $(preset_names) "
first=true
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --quiet) quiet=true ;;
    -D?*=*) settings+=("$argument") ;;
    -*) usage_error scripts/build.sh "unknown option $argument" ;;
    *)
      if $first && [[ $names == *" $argument "* ]]; then preset=$argument; else targets+=("$argument"); fi
      first=false
      ;;
  esac
done

cd "$repository_root"
command -v cmake >/dev/null || fail "cmake is not installed" "PATH" "scripts/install_dependencies.sh"
jobs=$(default_jobs)
mkdir -p build
log=$repository_root/build/$preset.log
: >"$log"
started=$(now_ms)
[[ -t 1 ]] || quiet=true

# Into the log, and onto the screen as well unless that is not wanted.
logged() {
  if $quiet; then "$@" >>"$log" 2>&1; else "$@" 2>&1 | tee -a "$log"; fi
}

if [[ ! -f build/$preset/build.ninja ]] || ((${#settings[@]} > 0)); then
  logged cmake --preset "$preset" "${settings[@]}" || { explain_build_failure "$log" "$preset"; exit 1; }
fi
build=(cmake --build "build/$preset" --parallel "$jobs")
((${#targets[@]} > 0)) && build+=(--target "${targets[@]}")
logged "${build[@]}" || { explain_build_failure "$log" "$preset"; exit 1; }

steps=$(grep -oE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | sed 's|.*/\([0-9]*\)\]|\1|' || true)
if grep -q 'ninja: no work to do' "$log"; then what="up to date"; else what="${steps:-0} steps, $jobs jobs"; fi
echo "build: $preset, $what, $(elapsed "$started")   log: build/$preset.log"
