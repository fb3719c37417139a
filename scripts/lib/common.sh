# Shared by the scripts: how they speak, measure and fail. Sourced, never run; needs bash and `set -euo pipefail`.

repository_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

# fail WHAT WHERE REMEDY: ends the script with exit code 1.
fail() {
  printf 'error: %s\n  where   %s\n  remedy  %s\n' "$1" "$2" "$3" >&2
  exit 1
}

# usage_error SCRIPT WHAT: ends the script with exit code 2, the code for a wrong command line.
usage_error() {
  printf 'error: %s\n  remedy  %s --help\n' "$2" "$1" >&2
  exit 2
}

now_ms() { date +%s%3N; }

# elapsed START_MS: "0.4 s" or "2 min 51 s" since then.
elapsed() {
  local ms=$(($(now_ms) - $1))
  if ((ms < 60000)); then
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
  else
    printf '%d min %d s' $((ms / 60000)) $((ms % 60000 / 1000))
  fi
}

# Memory that new processes may take, in MiB: what the kernel calls available, or what the control group leaves.
available_mib() {
  local available limit current
  available=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo 2>/dev/null || true)
  available=${available:-2048}
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  current=$(cat /sys/fs/cgroup/memory.current 2>/dev/null || echo 0)
  if [[ $limit != max ]] && (((limit - current) / 1048576 < available)); then
    available=$(((limit - current) / 1048576))
  fi
  echo "$available"
}

# One compiler process needs up to this much; heavy template code has been seen at 1.3 GiB.
memory_per_job_mib=1536

# Compile jobs: JOBS when set, else one per core as far as the memory goes, at least one.
default_jobs() {
  if [[ -n ${JOBS:-} ]]; then
    [[ $JOBS =~ ^[1-9][0-9]*$ ]] || fail "JOBS=$JOBS is not a positive number" "the environment" "JOBS=2 $0"
    echo "$JOBS"
    return
  fi
  local cores by_memory
  cores=$(nproc)
  by_memory=$(($(available_mib) / memory_per_job_mib))
  ((by_memory < 1)) && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# explain_build_failure LOG PRESET: the last lines of a failed build, its cause and what to do, on stderr.
explain_build_failure() {
  local log=$1 preset=$2 cause remedy
  if grep -qE 'Killed signal|internal compiler error: Killed|signal 9|: Killed$' "$log"; then
    cause="the compiler was killed for want of memory: $(available_mib) MiB free, one compile job needs $memory_per_job_mib"
    remedy="run it again with JOBS=1; what is built already is kept"
  elif grep -q 'No space left on device' "$log"; then
    cause="the disk is full: $(df -h --output=avail "$repository_root" | tail -n 1 | tr -d ' ') free where $repository_root is"
    remedy="make room; rm -rf build/asan build/tsan gives the sanitizer trees back"
  elif grep -qE 'CMakeCache.txt directory .* is different|does not match the source' "$log"; then
    cause="build/$preset was configured for another folder (was the tree moved?)"
    remedy="rm -rf build/$preset and run it again"
  elif grep -q 'No such preset' "$log"; then
    cause="there is no preset $preset in CMakePresets.json"
    remedy="one of: $(preset_names)"
  elif grep -qE 'unknown target' "$log"; then
    cause="$(grep -m 1 -oE "unknown target '[^']*'" "$log") in preset $preset"
    remedy="see the targets: cmake --build build/$preset --target help"
  elif grep -qE 'Could not find a package|Could NOT find|required packages were not found|None of the required' "$log"; then
    cause="a library or tool is missing: $(grep -m 1 -oE 'Could NOT find [A-Za-z0-9_]+|configuration file provided by "[^"]+"|No package .* found' "$log" || echo 'see above')"
    remedy="scripts/install_dependencies.sh"
  elif grep -qE 'fatal error: .*: No such file' "$log"; then
    cause="a header was not found: $(grep -m 1 -E 'fatal error: .*: No such file' "$log")"
    remedy="scripts/install_dependencies.sh, when it is a library's header; else mend the #include"
  elif grep -qE '(: error: |undefined reference|multiple definition)' "$log"; then
    cause="the code does not compile or link: $(grep -m 1 -E '(: error: |undefined reference|multiple definition)' "$log" | cut -c 1-200)"
    remedy="mend that place and run it again"
  else
    cause="not recognised; the lines above are the end of the log"
    remedy="read the whole log"
  fi
  {
    echo "--- the last lines of ${log#"$repository_root"/} ---"
    tail -n 25 "$log"
    printf -- '---\nerror: build of preset %s failed\n  where   %s\n  cause   %s\n  remedy  %s\n' \
      "$preset" "${log#"$repository_root"/}" "$cause" "$remedy"
  } >&2
}

# The presets a user may name, in one line.
preset_names() {
  sed -n '/"buildPresets"/,/\]/s/.*"name": *"\([^"]*\)".*/\1/p' "$repository_root/CMakePresets.json" | paste -sd ' '
}
