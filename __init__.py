# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotocap: a video becomes character animation, on your own machine.

The root of the repository is the Blender extension and, for scripts and tests,
the Python package ``rotocap``. Importing it loads nothing: the cores below
(`inference`, `retarget`) run without Blender, and Blender's side is imported
only when Blender calls `register`.
"""


def register() -> None:
    from . import addon

    addon.register()


def unregister() -> None:
    from . import addon

    addon.unregister()
