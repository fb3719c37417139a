#!/usr/bin/env bash
# From a fresh clone to a running job in one command: packages, build, run.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/quickstart.sh [FILE [RUN-ARGUMENT…]]

Installs the packages that are missing, builds, and runs the user behaviour job on two worker processes: for 20 s on
200,000 made-up events per second, or on the events in FILE. Whatever follows FILE goes to `freshet run`; without a FILE
write -- in its place. It can be repeated: what is done already is not done again.

JOBS in the environment sets the number of compile jobs.

Examples:
  scripts/quickstart.sh
  scripts/quickstart.sh events.csv
  scripts/quickstart.sh events.csv --param hot=20
  scripts/quickstart.sh -- --keep
  JOBS=1 scripts/quickstart.sh        on a small machine
TEXT
}

input=(--param input=shop: --param input.rate=200000 --param input.seconds=20)
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -- | "") ;;
  -*) usage_error scripts/quickstart.sh "unknown option $1" ;;
  *)
    # What is no file may be a pattern, or another kind of source (shop:); `freshet run` knows those.
    if [[ -e $1 || $1 == *[*?]* ]]; then
      [[ $1 == /* ]] && file=$1 || file=$PWD/$1
    elif [[ $1 =~ ^[a-z]+: ]]; then
      file=$1
    else
      fail "no such file" "$1" "scripts/quickstart.sh FILE, or without a file for made-up events"
    fi
    input=(--param "input=$file")
    ;;
esac
(($# > 0)) && shift

cd "$repository_root"
mkdir -p build
log=$repository_root/build/quickstart.log
: >"$log"

# On a terminal say what is going on while a step takes its time; what comes next is written over it.
announce() { [[ ! -t 1 ]] || printf '[%s/3] %-10s %s' "$1" "$2" "$3"; }
wipe() { [[ ! -t 1 ]] || printf '\r\033[K'; }

# line NUMBER NAME RESULT TIME [MORE]: one finished step.
line() {
  wipe
  printf '[%s/3] %-10s %-34s %12s%s\n' "$1" "$2" "$3" "$4" "${5:+   $5}"
}

started=$(now_ms)
announce 1 packages "…"
if scripts/install_dependencies.sh >>"$log" 2>&1; then
  if grep -q 'packages: installing' "$log"; then what="installed"; else what="all present"; fi
  line 1 packages "$what" "$(elapsed "$started")"
else
  wipe
  tail -n 15 "$log" >&2
  fail "step 1, packages, failed" "build/quickstart.log" "mend what the lines above name and run it again"
fi

# Only the outputs that the job needs: no tests, no benchmarks.
started=$(now_ms)
announce 2 build "release; the first time takes minutes … (build/release.log)"
if scripts/build.sh --quiet release bin/freshet lib/libuser_behavior.so >build/quickstart.step 2>&1; then
  cat build/release.log build/quickstart.step >>"$log"
  compiled=$(grep -cE '^\[[0-9]+/[0-9]+\] Building' build/release.log || true)
  if ((compiled > 0)); then what="release, $compiled files"; else what="release, up to date"; fi
  line 2 build "$what" "$(elapsed "$started")" "log: build/quickstart.log"
  rm -f build/quickstart.step
else
  wipe
  cat build/release.log >>"$log"
  cat build/quickstart.step | tee -a "$log" >&2
  rm -f build/quickstart.step
  echo "step 2, build, failed; whole log: build/quickstart.log" >&2
  exit 1
fi

output=out/user_behavior  # the job's default
for argument in "$@"; do
  [[ $argument == output=* ]] && output=${argument#output=}
done
arguments=(run build/release/lib/libuser_behavior.so --workers 2 "${input[@]}" "$@")
# Quoted where the shell needs it, so that the line can be copied.
printf -v shown ' %q' "${arguments[@]}"
printf '[3/3] freshet%s\n\n' "$shown"
code=0
build/release/bin/freshet "${arguments[@]}" || code=$?

# rows FOLDER: what this run has committed there. Files of earlier runs stay where they are, under names of their own.
rows() {
  cat "$output/$1"/part-*"$run".csv 2>/dev/null
}
# top FOLDER LABEL: the three rows of a result with the most events (its second column), as `id: events`.
top() {
  local best
  best=$(rows "$1" | awk -F, '$2 ~ /^[0-9]+$/ && $1 != "" { print $2 "," $1 }' |
    sort -t, -k1,1nr -k2,2 | awk -F, 'NR <= 3 { printf "   %s: %d", $2, $1 }')
  [[ -z $best ]] || printf '  %-16s%s\n' "$2" "$best"
}
show_results() {
  local newest folder folders=""
  newest=$(ls -t "$output"/totals/part-*.csv 2>/dev/null | head -n 1 || true)
  [[ -n $newest ]] || return 0
  # part-CHECKPOINT-TASK-RUN.csv, or part-TASK.csv of a job without checkpoints
  run=""
  [[ $newest =~ -[0-9]+(-[a-z0-9]+)\.csv$ ]] && run=${BASH_REMATCH[1]}
  top users "busiest users"
  top items "hottest items"
  rows totals | awk -F, '$2 ~ /^[0-9]+$/ { print }' | sort -t, -k2,2nr |
    awk -F, '{ printf "%s   %s %d (%d users)", NR == 1 ? "  per action      " : "", $1, $2, $3 } END { print "" }'
  for folder in users recent items totals sessions visits hot_items dead_letters; do
    compgen -G "$output/$folder/part-*$run.*" >/dev/null && folders+="${folders:+,}$folder"
  done
  echo "  files              $output/{$folders}/part-*$run.*"
  cat <<TEXT
Next:  scripts/quickstart.sh YOUR.csv                                        your own events; jobs/user_behavior/README.md
       build/release/bin/freshet describe build/release/lib/libuser_behavior.so      all its parameters
       build/release/bin/freshet cluster start                               keep it running: then submit the library
TEXT
}

case $code in
  0) show_results ;;
  130) exit 130 ;; # stopped by the user, who knows
  2 | 3 | 4) fail "step 3, freshet run, refused the command" "the lines above" \
    "build/release/bin/freshet describe build/release/lib/libuser_behavior.so shows what it takes" ;;
  9) fail "step 3, the job ended Failed" "the lines above name the operator and the log" \
    "mend what they name and run it again; the events of FILE stay untouched" ;;
  *) fail "step 3, freshet run, ended with exit code $code" "the lines above" \
    "run it in one process to see more: build/release/bin/freshet run --in-process${shown# run}" ;;
esac
