# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that needs Blender and is shared: settings, the capture job, rigs in and out."""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
