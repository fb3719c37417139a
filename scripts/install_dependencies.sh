#!/usr/bin/env bash
# Installs what building and testing Freshet needs, as Debian 12 packages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

packages=(
  # Tools
  g++ cmake ninja-build pkg-config git python3 ca-certificates clang-format valgrind procps
  # Libraries of the engine
  libzmq3-dev cppzmq-dev libmsgpack-cxx-dev librocksdb-dev libgflags-dev libspdlog-dev nlohmann-json3-dev
  libsimdjson-dev libxxhash-dev libcpp-httplib-dev zlib1g-dev libmd-dev libhiredis-dev
  libabsl-dev tzdata
  # Tests and benchmarks. The binary in redis-tools is the server, too; redis-server would only add a running service.
  libgtest-dev libgmock-dev libbenchmark-dev redis-tools
)

usage() {
  cat <<'TEXT'
Usage: scripts/install_dependencies.sh [--check]

Installs the Debian 12 packages that Freshet needs to build and to test. Does nothing, and asks the network
nothing, when all of them are present. Uses sudo only when it is not run by root.

  --check    only say which packages are missing; exit 1 when any is
  --help     this text

Examples:
  scripts/install_dependencies.sh            install what is missing
  scripts/install_dependencies.sh --check    is everything here?
TEXT
}

check_only=false
for argument in "$@"; do
  case $argument in
    --check) check_only=true ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error scripts/install_dependencies.sh "unknown argument $argument" ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  system=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}" || uname -s)
  fail "this script knows Debian packages only, and this system has no apt-get" "$system" \
    "install the counterparts of these, then run scripts/build.sh: ${packages[*]}"
fi

# The packages of our list that are not installed, one a line.
missing_packages() {
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  echo "packages: all ${#packages[@]} present"
  exit 0
fi
if $check_only; then
  fail "${#missing[@]} of ${#packages[@]} packages missing: ${missing[*]}" "$(. /etc/os-release && echo "$PRETTY_NAME")" \
    "scripts/install_dependencies.sh"
fi

release=$(. /etc/os-release 2>/dev/null && echo "${ID:-}${VERSION_ID:-}" || true)
[[ $release == debian12 ]] ||
  echo "note: made for Debian 12, this is ${release:-unknown}; a package may have another name or be too old here" >&2

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    fail "installing packages needs root, and there is no sudo" "user $(id -un)" "run as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

echo "packages: installing ${#missing[@]} of ${#packages[@]}: ${missing[*]}"
# A mirror that is being updated answers wrongly for a moment: one more try.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q || {
  echo "note: apt-get update failed, trying once more" >&2
  sleep 3
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
    fail "apt-get update failed twice" "the package lists of this machine" "check the network and /etc/apt/sources.list*"
}
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
  fail "apt-get could not install: ${missing[*]}" "the lines above" \
    "on another release than Debian 12 install the counterparts by hand; else mend what apt-get names and run this again"
echo "packages: all ${#packages[@]} present"
