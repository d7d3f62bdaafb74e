# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap apply`: a take onto an armature, in a .blend file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..inference.errors import RotocapError
from .arguments import blend_file

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EPILOG = """\
examples:
  rotocap apply walk.take --rig new --out walk.blend
  rotocap apply walk.take --rig hero.blend:Armature --out hero_walks.blend

Needs Blender as a Python package (`pip install bpy`), or Blender's own Python.
"""


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "apply",
        help="write a take onto an armature in a .blend",
        description="Write a take onto an armature: a new one with a body, or one of yours.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("take", metavar="TAKE", type=Path, help="a folder that `rotocap capture` wrote")
    command.add_argument(
        "--rig",
        metavar="RIG",
        default="new",
        help="new (the default): a fresh SMPL-X armature a person; or FILE.blend:Armature",
    )
    command.add_argument(
        "--out", metavar="FILE.blend", type=blend_file, required=True, help="the .blend to write"
    )
    command.add_argument(
        "--people", choices=("all", "main"), default="all", help="everybody, or the main person (default all)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        import bpy  # noqa: F401
    except ImportError as error:
        raise RotocapError(
            "apply needs Blender as a Python package: pip install bpy, or use the extension in Blender"
        ) from error
    from ..addon.apply_take import apply_take

    report = apply_take(options.take, rig=options.rig, out=options.out, people=options.people)
    print("\n".join(report.lines()))
    return 0
