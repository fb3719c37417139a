#!/usr/bin/env bash
# What scripts/install_dependencies.sh asks of the system, shown with stand-ins for its tools: nothing when all packages
# are present, one more try when the first update fails, never a change with --check.
set -uo pipefail
cd "$(dirname "$0")/../.."
install=$PWD/scripts/install_dependencies.sh
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
failed=0

stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$tools/$1"
  chmod +x "$tools/$1"
}
present=$(sed -n '/^packages=(/,/^)/p' "$install" | grep -v -e '^packages' -e '^)' -e '#' | tr '\n' ' ')
stand_in dpkg-query "[[ -e $tools/partial ]] && skip=zlib1g-dev; for p in $present; do
  [[ \$p == \"\${skip:-}\" ]] || echo \"installed \$p\"; done"
stand_in apt-get "echo \"\$*\" >>$tools/calls
  [[ \$1 == update && -e $tools/fail_updates ]] || exit 0
  left=\$(cat $tools/fail_updates); ((left == 0)) && exit 0; echo \$((left - 1)) >$tools/fail_updates; exit 100"
stand_in sleep 'exit 0'
stand_in sudo 'exec "$@"'

# case_of NAME EXIT-CODE CALLS ARGUMENT…: exit code and the calls of apt-get, one after another.
case_of() {
  local name=$1 code=$2 calls=$3
  shift 3
  rm -f "$tools/calls"
  said=$(PATH=$tools:$PATH "$install" "$@" 2>&1)
  local got=$? made
  made=$(paste -sd '|' "$tools/calls" 2>/dev/null)
  if [[ $got != "$code" || $made != "$calls" ]]; then
    printf '%s: exit %s (expected %s), calls "%s" (expected "%s")\n%s\n' \
      "$name" "$got" "$code" "$made" "$calls" "$said" >&2
    failed=1
  fi
}

asked="install -q -y --no-install-recommends zlib1g-dev"
case_of "all present" 0 ""
case_of "all present, check" 0 "" --check
touch "$tools/partial"
case_of "one missing, check" 1 "" --check
[[ $said == *"1 of "*"missing: zlib1g-dev"*"remedy  scripts/install_dependencies.sh"* ]] || { echo "said: $said"; failed=1; }
case_of "one missing" 0 "update -q|$asked"
echo 1 >"$tools/fail_updates"
case_of "update fails once" 0 "update -q|update -q|$asked"
echo 2 >"$tools/fail_updates"
case_of "update fails twice" 1 "update -q|update -q"
exit $failed
