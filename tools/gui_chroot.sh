#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Drives the add-on in a real window: Debian's Blender (trixie: 4.3, Python 3.13) under Xvfb in a
# chroot of its own, build/gui-chroot. Needs root, debootstrap and the zip of `make extension`.
#
#     tools/gui_chroot.sh [ZIP]
#
# Pictures and the log land in build/gui/. Nothing is left running and nothing stays mounted: the
# mounts live in a mount namespace that ends with the script.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
suite=trixie
chroot=$root/build/gui-chroot/$suite
out=$root/build/gui
zip=${1:-$(ls "$root"/dist/rotocap-*-linux_x64.zip 2>/dev/null | tail -n 1)}

say() { printf '%s\n' "$*" >&2; }
[ "$(id -u)" = 0 ] || { say "This needs root: it makes a Debian in a folder. Run: sudo make test-gui"; exit 2; }
[ -f "$zip" ] || { say "No zip for Linux in dist/. Run: make extension"; exit 2; }

if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    apt-get install -y --no-install-recommends debootstrap >/dev/null
fi
if [ ! -f "$chroot/.ready" ]; then
    say "making a Debian $suite with Blender in $chroot (about 2 GB, a few minutes)"
    rm -rf "$chroot"
    mkdir -p "$chroot"
    debootstrap --variant=minbase "$suite" "$chroot" >"$chroot.log" 2>&1 ||
        { tail -n 5 "$chroot.log" >&2; exit 1; }
    DEBIAN_FRONTEND=noninteractive chroot "$chroot" apt-get install -y --no-install-recommends \
        blender xvfb xdotool imagemagick x11-utils libgl1-mesa-dri libegl1 libgl1 xauth python3-numpy \
        python3-requests python3-zstandard fonts-dejavu-core procps >>"$chroot.log" 2>&1 ||
        { tail -n 5 "$chroot.log" >&2; exit 1; }
    touch "$chroot/.ready"
fi

rm -rf "$out" "$chroot/test"
mkdir -p "$out" "$chroot/test/out"
cp "$zip" "$chroot/test/rotocap.zip"
cp "$root"/tests/gui/*.py "$chroot/test/"
mkdir "$chroot/test/rigs"
cp "$root"/tests/rigs/*.py "$root"/tests/rigs/*.toml "$chroot/test/rigs/"
cp "$root/tests/data/sample/sample.mp4" "$chroot/test/Sample clip.mp4"

cat >"$chroot/test/run.sh" <<'INSIDE'
set -u
export HOME=/test/home BLENDER_USER_RESOURCES=/test/user LIBGL_ALWAYS_SOFTWARE=1 DISPLAY=:97 LANG=C.UTF-8
export PYTHONPATH=/test
mkdir -p "$HOME"
Xvfb :97 -screen 0 1280x1000x24 -nolisten tcp >/test/out/xvfb.log 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e /tmp/.X11-unix/X97 ] && break; sleep 0.5; done
timeout 800 blender --window-geometry 0 0 1280 1000 --no-window-focus --enable-event-simulate \
    --python-use-system-env --python-exit-code 3 --python /test/drive.py >/test/out/blender.log 2>&1
status=$?
kill "$server"
wait "$server" 2>/dev/null
exit "$status"
INSIDE

status=0
# A PID namespace as well: whatever is started in there ends with it.
unshare --mount --pid --fork sh -c '
    mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" &&
    exec chroot "$1" sh /test/run.sh' sh "$chroot" || status=$?
cp "$chroot"/test/out/* "$out"/
cat "$out/result.txt" 2>/dev/null || tail -n 30 "$out/blender.log"
if grep -n -e Traceback -e 'property not found' "$out/blender.log" >&2; then
    say "build/gui/blender.log has errors"
    exit 1
fi
[ -f "$out/result.txt" ] && [ "$status" = 0 ] || { say "the window test failed ($status); see build/gui/"; exit 1; }
say "the window test passed; pictures are in build/gui/"
