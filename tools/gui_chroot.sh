#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Drives the add-on in a real window: Debian's Blender (trixie: 4.3, Python 3.13) under Xvfb in a
# chroot of its own, build/gui-chroot. Needs root, debootstrap and the zip that `make test-gui` builds.
#
#     [GUI_SUITE=sid] tools/gui_chroot.sh [--bench] [ZIP [STORY ...]]
#
# GUI_SUITE=sid takes Debian's newest Blender (5.2, Python 3.14) instead.
# Pictures and the log land in build/gui/; with --bench the window is measured instead, into
# build/bench_gui.json. Nothing is left running and nothing stays mounted: the mounts live in a mount
# namespace that ends with the script. Exit code 77: a window cannot be had here, and why is said.
set -eu
script=drive.py
[ "${1:-}" = --bench ] && { script=bench.py; shift; }
root=$(cd "$(dirname "$0")/.." && pwd)
suite=${GUI_SUITE:-trixie}
chroot=$root/build/gui-chroot/$suite
out=$root/build/gui
zip=${1:-$(ls "$root/build/gui-zip-$suite"/rotocap-*-linux_x64.zip 2>/dev/null | tail -n 1)}
[ $# -gt 0 ] && shift

say() { printf '%s\n' "$*" >&2; }
skipped=$root/build/gui-skipped.txt # for those who only see what make says
rm -f "$skipped"
no_window() {
    say "SKIPPED, no real window: $*"
    echo "$*" >"$skipped"
    exit 77
}
[ "$(id -u)" = 0 ] || no_window "this needs root, since it makes a Debian in a folder. Run: sudo make test-gui"
unshare --mount --pid --fork true 2>/dev/null || no_window "this system allows no mount namespace"
[ -f "$zip" ] || { say "No zip for Linux in build/gui-zip-$suite. Run: make test-gui GUI_SUITE=$suite"; exit 2; }

if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    apt-get install -y --no-install-recommends debootstrap >/dev/null ||
        no_window "debootstrap is missing and cannot be installed"
fi
if [ ! -f "$chroot/.ready" ] || [ ! -d "$chroot/usr/lib/python3/dist-packages/Xlib" ]; then
    say "making a Debian $suite with Blender in $chroot (about 2 GB, a few minutes)"
    rm -rf "$chroot"
    mkdir -p "$chroot"
    debootstrap --variant=minbase "$suite" "$chroot" >"$chroot.log" 2>&1 ||
        { tail -n 5 "$chroot.log" >&2; no_window "Debian could not be fetched"; }
    DEBIAN_FRONTEND=noninteractive chroot "$chroot" apt-get install -y --no-install-recommends \
        blender xvfb xdotool imagemagick x11-utils libgl1-mesa-dri libegl1 libgl1 xauth python3-numpy \
        python3-requests python3-zstandard python3-cattr python3-xlib fonts-dejavu-core procps \
        >>"$chroot.log" 2>&1 ||
        { tail -n 5 "$chroot.log" >&2; no_window "Debian's Blender could not be fetched"; }
    touch "$chroot/.ready"
fi

rm -rf "$out" "$chroot/test"
mkdir -p "$out" "$chroot/test/out"
cp "$zip" "$chroot/test/rotocap.zip"
cp "$root"/tests/gui/*.py "$root/tests/blender/inside/scene_digest.py" "$chroot/test/"
mkdir "$chroot/test/rigs"
cp "$root"/tests/rigs/*.py "$root"/tests/rigs/*.toml "$chroot/test/rigs/"
cp "$root/tests/data/sample/sample.mp4" "$chroot/test/Sample clip.mp4"

cat >"$chroot/test/run.sh" <<'INSIDE'
set -u
export HOME=/test/home BLENDER_USER_RESOURCES=/test/user LIBGL_ALWAYS_SOFTWARE=1 DISPLAY=:97 LANG=C.UTF-8
export PYTHONPATH=/test
mkdir -p "$HOME"
# By itself Mesa draws with as many threads as there are processors, and takes the one that Blender's
# main thread works on. A graphics card takes none: what is measured leaves one processor alone.
cores=$(nproc)
[ "$1" = bench.py ] && export LP_NUM_THREADS="${LP_NUM_THREADS:-$((cores > 1 ? cores - 1 : 1))}"
rm -f /tmp/.X97-lock /tmp/.X11-unix/X97 # of a server that was killed: its number is another process's now
Xvfb :97 -screen 0 1280x1000x24 -nolisten tcp >/test/out/xvfb.log 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e /tmp/.X11-unix/X97 ] && break; sleep 0.5; done
script=/test/$1
stories=("${@:2}")
while :; do # a Blender for each act of a story that ends it, see drive.py
    rm -f /test/out/next.txt
    timeout 2700 blender --window-geometry 0 0 1280 1000 --no-window-focus --enable-event-simulate \
        --python-use-system-env --python-exit-code 3 --python "$script" -- "${stories[@]}" \
        >>/test/out/blender.log 2>&1
    status=$?
    # Blender was closed or killed in the middle of a capture: its process writes what it has, and goes.
    for _ in $(seq 30); do pgrep -f inference/worker.py >/dev/null || break; sleep 1; done
    pgrep -fa inference/worker.py >/test/out/orphans.txt && { status=4; break; }
    [ -s /test/out/next.txt ] || break
    read -r ends left </test/out/next.txt
    [ "$status" = "$ends" ] || { echo "Blender ended with $status, not with $ends" >>/test/out/failed.txt; break; }
    read -ra stories <<<"$left"
done
kill "$server"
wait "$server" 2>/dev/null
exit "$status"
INSIDE

status=0
# A PID namespace as well: whatever is started in there ends with it.
unshare --mount --pid --fork sh -c '
    mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" &&
    root=$1; shift; exec chroot "$root" bash /test/run.sh "$@"' sh "$chroot" "$script" "$@" || status=$?
cp -r "$chroot"/test/out/* "$out"/
cat "$out/result.txt" 2>/dev/null || tail -n 30 "$out/blender.log"
[ ! -s "$out/failed.txt" ] || say "failed: $(tr '\n' ' ' <"$out/failed.txt")"
[ -s "$out/orphans.txt" ] && say "a capture's process outlived Blender"
[ -f "$out/bench_gui.json" ] && mv "$out/bench_gui.json" "$root/build/bench_gui.json"
if grep -n -e Traceback -e 'property not found' "$out/blender.log" >&2; then
    say "build/gui/blender.log has errors"
    exit 1
fi
if [ ! -f "$out/result.txt" ] || [ -s "$out/failed.txt" ] || [ "$status" != 0 ]; then
    say "the window test failed ($status); see build/gui/"
    exit 1
fi
say "the window test passed; pictures are in build/gui/"
