# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap review`: a take beside its video, to look at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..inference.errors import TakeError
from .arguments import count
from .progress_line import ProgressLine

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EPILOG = """\
examples:
  rotocap review walk.take --out walk.png
  rotocap review walk.take --out walk.png --every 10
  rotocap review walk.take --out walk_review.mp4
"""


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "review",
        help="draw a take beside its video, as a sheet or a film",
        description="Draw a take beside its video: the skeleton over the picture, and the body.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("take", metavar="TAKE", type=Path, help="a folder that `rotocap capture` wrote")
    command.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="sheet.png (or .jpg) or film.mp4"
    )
    command.add_argument("--every", metavar="N", type=count, help="every N-th captured frame only")
    command.add_argument(
        "--columns", metavar="N", type=count, default=2, help="cells side by side on a sheet (default 2)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from ..addon.motion_files import MOTION
    from ..inference.review import review
    from ..inference.take import Take

    take = Take.open(options.take)
    if take.video.codec == MOTION:
        raise TakeError(
            f"{take.path}: was imported from {take.video.name}, so there is no video to draw it beside; "
            "apply it and look at it in Blender"
        )
    with ProgressLine() as line:
        written = review(
            options.take, options.out, every=options.every, columns=options.columns, progress=line
        )
    print(written)
    return 0
