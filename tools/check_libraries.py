# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the Debian packages whose libraries `bpy` needs and this machine lacks; exit 1 if any.

    python tools/check_libraries.py

Only Linux is looked at: the wheels for macOS and Windows bring what they need.
Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import sys

PACKAGES = {
    "libGL.so.1": "libgl1",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


def missing_packages() -> list[str]:
    """Names of Debian packages, sorted, of the libraries that cannot be loaded here."""
    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for library, package in PACKAGES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return sorted(missing)


if __name__ == "__main__":
    packages = missing_packages()
    print(" ".join(packages))
    sys.exit(bool(packages))
