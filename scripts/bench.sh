#!/usr/bin/env bash
# Measures: builds a release, runs benchmarks (tests/bench), prints a table of figures with their targets.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

names=(keyed_count pipeline user_behavior latency skew rare_branch reads retries startup idle recovery checkpoint state
  scale micro)

usage() {
  cat <<'TEXT'
Usage: scripts/bench.sh [--runs N] [NAME…]

Builds a release and runs the benchmarks NAME, all of them without one. Every run checks its own results; a wrong one
ends the benchmark with exit code 1. A missed target is shown, and is no failure: other work on the machine tells.

  keyed_count   records counted by key, two workers over TCP, as a ratio to a program written by hand for this alone
  pipeline      map, filter, map in one task, as a ratio to a plain loop
  user_behavior the main job whole, exactly once: events a second
  latency       age of records in another worker, at given rates and at shares of the maximum, exactly once
  skew          half of all records of one key, against uniform keys
  rare_branch   latency of a branch that one record in 100,000 takes, beside one at full speed
  reads         state read while it changes: time of an answer, its freshness, what ingest loses
  retries       what records that fail and are tried again cost the others
  startup       a cluster up; a job's first record
  idle          memory of job manager, agent and worker that have nothing to do
  recovery      from the kill of a worker to the first record that the next attempt counts; four kills a run
  checkpoint    a checkpoint every second against none, pauses, small changes
  state         a tenth of the state in memory, against all of it
  scale         cost of a record as tasks, channels and operators become more
  micro         table, frame, combining, aligner and mailbox by themselves

  --runs N      runs of each (5); figures are medians, with least and greatest
  --help        this text

Examples:
  scripts/bench.sh                            all; some take minutes
  scripts/bench.sh --runs 3 keyed_count       one of them, quicker
TEXT
}

runs=5
chosen=()
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --runs)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error scripts/bench.sh "--runs needs a number"
      runs=$2
      shift
      ;;
    -*) usage_error scripts/bench.sh "unknown option $1" ;;
    *)
      [[ " ${names[*]} " == *" $1 "* ]] || usage_error scripts/bench.sh "no benchmark $1; there are: ${names[*]}"
      chosen+=("$1")
      ;;
  esac
  shift
done

cd "$repository_root"
scripts/install_dependencies.sh
scripts/build.sh release -DFRESHET_BUILD_TESTS=ON benchmarks
exec python3 tests/bench/bench.py --runs "$runs" --json build/bench.json "${chosen[@]}"
