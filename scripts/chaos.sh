#!/usr/bin/env bash
# Kills and stops the processes of a running job, for real, and then counts its results again (tests/chaos).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/chaos.sh [--seconds S] [--seed N] [--kills-per-minute K | --every S] [--only KIND] [--build DIR] [--data DIR]

Starts a cluster, runs jobs/user_behavior on made-up files with a checkpoint every second, and meanwhile kills workers,
agents, the job manager and everything at once, and stops workers and agents for longer than they may be silent. What
was killed is started again. Then the results are held against a recount. A line for each harm goes to stderr; the last
lines of stdout sum up:

  seconds without throughput: N of M
  chaos: kills=K stops=P recoveries=R events=E lost=0 duplicated=0 wrong=0

Of the M whole seconds from the first record processed to the last, N saw no worker process a record that came over a
channel. That is read from the workers' own files, not asked of the job manager: when that is dead nothing is committed,
but records have to be processed. Around a worker that was killed it is up to a second too much.

Exits 0 only when the job has finished and the last three are 0. Otherwise prints the states and the ends of the logs,
and keeps the files.

  --seconds S            how long reading the files takes without harm (60)
  --seed N               of the files and of what is harmed when; FRESHET_SEED or 1 without it
  --kills-per-minute K   how many harms, about; 0: none (6)
  --every S              a harm every S seconds, instead of at random times
  --only KIND            harms of one kind: worker, agent, job-manager, agent-and-job-manager, all (each of them SIGKILL),
                         stop-worker, stop-agent (SIGSTOP for a while)
  --build DIR            a build with freshet and the job; without it build/release, which is built if missing
  --data DIR             a new folder for input, results, state and logs, which is kept; without it one in $TMPDIR
  --help                 this text

Examples:
  scripts/chaos.sh --seconds 600 --seed 7             what a release has to pass
  scripts/chaos.sh --only job-manager --every 5       whether records flow on meanwhile
  scripts/chaos.sh --seconds 10 --kills-per-minute 0  the same without harm
TEXT
}

seconds=60
seed=${FRESHET_SEED:-1}
kills=6
build=
more=()
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --seconds | --seed | --kills-per-minute | --every)
      [[ ${2:-} =~ ^[0-9]{1,6}$ ]] || usage_error scripts/chaos.sh "$1 needs a number"
      case $1 in
        --seconds) seconds=$2 ;;
        --seed) seed=$2 ;;
        --every)
          ((10#$2 > 0)) || usage_error scripts/chaos.sh "--every needs a number above 0"
          more+=(--every "$2")
          ;;
        *) kills=$2 ;;
      esac
      shift
      ;;
    --only)
      case ${2:-} in
        worker | agent | job-manager | agent-and-job-manager | all | stop-worker | stop-agent) more+=(--only "$2") ;;
        *) usage_error scripts/chaos.sh "--only needs a kind of harm, such as worker, agent or job-manager" ;;
      esac
      shift
      ;;
    --build | --data)
      [[ -n ${2:-} ]] || usage_error scripts/chaos.sh "$1 needs a folder"
      if [[ $1 == --build ]]; then build=$(realpath -m -- "$2"); else more+=(--data "$(realpath -m -- "$2")"); fi
      shift
      ;;
    *) usage_error scripts/chaos.sh "unknown argument $1" ;;
  esac
  shift
done
((seconds > 0)) || usage_error scripts/chaos.sh "--seconds needs a number above 0"

cd "$repository_root"
is_built() { [[ -x $1/bin/freshet && -f $1/lib/libuser_behavior.so ]]; }
if [[ -z $build ]]; then
  build=$repository_root/build/release
  is_built "$build" || scripts/build.sh --quiet release bin/freshet lib/libuser_behavior.so >&2
fi
is_built "$build" || fail "no bin/freshet and lib/libuser_behavior.so" "$build" "scripts/build.sh release"
exec python3 tests/chaos/chaos.py --seconds "$seconds" --seed "$seed" --kills-per-minute "$kills" --build "$build" \
  "${more[@]}"
