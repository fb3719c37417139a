#!/usr/bin/env bash
# out_of_tree_test.sh BUILD-FOLDER: installs what was built there and uses it as a stranger does: find_package(freshet),
# freshet_add_job(), a test of one's own, and `freshet run` from the installed folder. The word count is README.md's own.
set -euo pipefail
build=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_STATE_HOME=$work/state LC_ALL=C

# quietly NAME COMMAND…: what it wrote is shown when it fails.
quietly() {
  local log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 || { echo "failed: $*" >&2; tail -n 40 "$log" >&2; exit 1; }
}
expect_same() {
  diff "$work/expected" "$work/got" >"$work/difference" && return
  echo "$1: expected (<), got (>)" >&2
  head -n 20 "$work/difference" >&2
  exit 1
}

quietly install cmake --install "$build" --prefix "$work/freshet"
awk '/^```cpp/ { inside = 1; next } /^```/ && inside { exit } inside' "$root/README.md" >"$work/word_count.cpp"
grep -q 'FRESHET_JOB(word_count' "$work/word_count.cpp" || { echo "README.md begins with another job" >&2; exit 1; }
# Only what was installed and what is copied here may be read.
cp -r "$root/tests/checks/out_of_tree" "$work/project"
quietly configure cmake -S "$work/project" -B "$work/built" -DCMAKE_PREFIX_PATH="$work/freshet" \
  -DWORD_COUNT="$work/word_count.cpp"
quietly compile cmake --build "$work/built" --parallel 2
quietly unit_test "$work/built/checkouts_test"

freshet=$work/freshet/bin/freshet
mkdir "$work/docs"
for i in 1 2 3; do seq -f 'the word number %g of document' "$i" 7 400 >"$work/docs/$i.txt"; done
quietly word_count "$freshet" run "$work/built/libword_count.so" --workers 2 \
  --param input="$work/docs/*.txt" --param output="$work/words"
tr -s ' ' '\n' <"$work/docs/1.txt" | cat - <(tr -s ' ' '\n' <"$work/docs/2.txt") <(tr -s ' ' '\n' <"$work/docs/3.txt") |
  sort | uniq -c | awk '{ print $2 "," $1 }' | sort >"$work/expected"
cat "$work"/words/part-*.csv | grep -v '^text,count' | sort >"$work/got"
expect_same "word_count"

printf 'user,item,action\n1,5,cart\n2,5,order\n1,5,cart\n1,5,order\n' >"$work/events.csv"
quietly checkouts "$freshet" run "$work/built/libcheckouts.so" --param input="$work/events.csv" --param pack=3 \
  --param output="$work/checkouts"
printf 'user,item,pieces\n1,5,6\n{"user":2,"item":5,"action":"order"}\n' >"$work/expected"
cat "$work"/checkouts/orders/part-*.csv "$work"/checkouts/unseen/part-*.jsonl >"$work/got"
expect_same "checkouts"

# Only the job that writes to Redis is linked against what speaks to it.
"$freshet" plan "$work/built/libredis_checkouts.so" --param input="$work/events.csv" >"$work/plan"
grep -q '^orders *exactly-once (idempotent)$' "$work/plan" ||
  { cat "$work/plan" >&2; exit 1; }
for built in built/libredis_checkouts.so built/libcheckouts.so freshet/bin/freshet; do
  objdump -p "$work/$built" | grep -q 'NEEDED.*libhiredis' && echo "$built"
done >"$work/got" || true
echo built/libredis_checkouts.so >"$work/expected"
expect_same "what needs hiredis"
echo "installed, built, tested and run outside the tree"
