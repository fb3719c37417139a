#!/usr/bin/env bash
# Runs the engine under the simulator (tests/simulation) over many seeds, for as long as one likes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/simulate.sh [--seeds N] [--first S] [--topology NAME] [OPTION…]

Builds the simulator, optimised, and runs whole clusters on virtual time, one per seed and topology: job manager, agents
and workers as in production, with a network that delays, breaks and is cut by what the seed says. Prints what fails and
how to repeat it; its last line sums up. Exits 1 when a run failed.

  --seeds N        how many seeds; 100 without it
  --first S        the first of them; FRESHET_SEED or 1 without it
  --topology NAME  burst, fan_out, diamond, behaviour, timers or windows alone; all without it
  --full-size      large inputs: a million records out of one
  --no-harm        nothing breaks
  --verbose        one line per run
  --help           this text

Examples:
  scripts/simulate.sh                                            100 seeds of each topology
  scripts/simulate.sh --seeds 500 --first 1                      what a release has to pass
  scripts/simulate.sh --topology burst --first 17 --seeds 1      one run again
TEXT
}

arguments=()
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --seeds | --first)
      [[ ${2:-} =~ ^[0-9]+$ ]] || usage_error scripts/simulate.sh "$1 needs a number"
      arguments+=("$1" "$2")
      shift
      ;;
    --topology)
      [[ ${2:-} =~ ^(burst|fan_out|diamond|behaviour|timers|windows)$ ]] ||
        usage_error scripts/simulate.sh "--topology is burst, fan_out, diamond, behaviour, timers or windows"
      arguments+=("$1" "$2")
      shift
      ;;
    --full-size | --no-harm | --verbose) arguments+=("$1") ;;
    *) usage_error scripts/simulate.sh "unknown argument $1" ;;
  esac
  shift
done

[[ " ${arguments[*]} " == *" --first "* || -z ${FRESHET_SEED:-} ]] || arguments+=(--first "$FRESHET_SEED")
cd "$repository_root"
if [[ ! -f build/release/build.ninja ]] || ! grep -q '^FRESHET_BUILD_TESTS:BOOL=ON' build/release/CMakeCache.txt; then
  scripts/build.sh --quiet release -DFRESHET_BUILD_TESTS=ON simulate
else
  scripts/build.sh --quiet release simulate
fi
exec build/release/bin/simulate "${arguments[@]}"
