#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make an environment (VENV, or build/venv) with the pinned packages of the named lists (requirements/NAME.txt).
# Usage: tools/setup.sh runtime [build] [test] [reference]
# A list that is already installed as it stands costs nothing.
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-build/venv}

say() { printf '%s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# A Debian package, installed when we may, else named.
need_package() {
    reason=$1
    shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "setup: $reason; installing $*"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
            >build/apt.log 2>&1 || { tail -5 build/apt.log >&2; die "apt-get could not install $* (build/apt.log)"; }
    else
        die "$reason. Install it and run this again:  sudo apt-get install $*"
    fi
}

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

find_python() {
    for python in ${PYTHON:-} python3.11 python3; do
        if command -v "$python" >/dev/null && is_311 "$python"; then
            command -v "$python"
            return
        fi
    done
    return 1
}

mkdir -p build/typing
[ -e build/typing/rotocap ] || ln -s "$PWD" build/typing/rotocap # how mypy sees the root as a package

if ! [ -x $venv/bin/python ] || ! is_311 $venv/bin/python; then
    python=$(find_python) || die "needs Python 3.11, which is the one that bpy 4.5 is made for.
  Debian 12:     sudo apt-get install python3.11 python3.11-venv
  Ubuntu:        sudo add-apt-repository ppa:deadsnakes/ppa && sudo apt-get install python3.11 python3.11-venv
  elsewhere:     https://www.python.org/downloads/  or  uv python install 3.11
  already here under another name:  make PYTHON=/path/to/python3.11 ..."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        need_package "$python cannot make virtual environments" python3.11-venv
    say "setup: making $venv with $python"
    "$python" -m venv --clear $venv
fi

for list in "$@"; do
    wanted=requirements/$list.txt
    have=$venv/installed-$list.txt
    cmp -s "$wanted" "$have" && continue
    say "setup: installing $(grep -cE '^[a-z]' "$wanted") packages of $wanted$(grep -q '^bpy' "$wanted" && echo ' (Blender is 350 MB of them)')"
    $venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar on -r "$wanted" ||
        die "the packages of $wanted could not be installed; is the network there?"
    cp "$wanted" "$have"
done

# The root of the repository is the package `rotocap`: installed in place, where setuptools is pinned.
if [ "$*" != bench ] && ! cmp -s pyproject.toml $venv/installed-pyproject.toml; then
    $venv/bin/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps -e .
    cp pyproject.toml $venv/installed-pyproject.toml
fi

packages=$($venv/bin/python tools/check_libraries.py) || need_package "system libraries are missing" $packages
[ -z "$packages" ] || $venv/bin/python tools/check_libraries.py >/dev/null || die "still missing: $packages"
