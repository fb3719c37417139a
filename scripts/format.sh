#!/usr/bin/env bash
# Formats the tracked C++ files, or says which are not formatted.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# Versions of clang-format differ in what they write, so one is agreed on: that of Debian 12.
agreed_version=14

usage() {
  cat <<TEXT
Usage: scripts/format.sh [--check]

Formats all tracked *.h and *.cpp files with clang-format $agreed_version and .clang-format.

  --check    change nothing; name the places that would change, and exit 1 when there are any
  --help     this text

Examples:
  scripts/format.sh            before a commit
  scripts/format.sh --check    what the tests run
TEXT
}

check_only=false
for argument in "$@"; do
  case $argument in
    --check) check_only=true ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error scripts/format.sh "unknown argument $argument" ;;
  esac
done

cd "$repository_root"
formatter=$(command -v clang-format-$agreed_version || command -v clang-format) ||
  fail "clang-format is not installed" "PATH" "scripts/install_dependencies.sh"
version=$("$formatter" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
[[ $version == "$agreed_version" ]] ||
  fail "clang-format $version formats differently from the agreed $agreed_version" "$formatter" \
    "apt-get install clang-format-$agreed_version (Debian 12: clang-format)"

# Outside a git checkout (a source archive) every file counts as tracked.
list_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z -- '*.h' '*.cpp'
  else
    find . -path ./build -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0
  fi
}

# A file that is deleted but not yet committed is still listed by git: keep what exists.
mapfile -d '' files < <(list_files | while IFS= read -r -d '' file; do
  [[ ! -f $file ]] || printf '%s\0' "$file"
done)
if ((${#files[@]} == 0)); then
  echo "format: no files"
  exit 0
fi
if $check_only; then
  printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" "$formatter" --dry-run -Werror --style=file ||
    fail "files are not formatted" "the places above" "scripts/format.sh"
  echo "format: ${#files[@]} files, all formatted"
else
  printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" "$formatter" -i --style=file
  echo "format: ${#files[@]} files formatted"
fi
