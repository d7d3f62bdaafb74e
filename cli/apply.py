# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap apply`: takes and other motion onto armatures, one or many, without a window."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..inference.errors import RotocapError
from .apply_jobs import EXPORTS, NEW, Job, jobs

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EPILOG = """\
examples:
  rotocap apply walk.take --rig new --out walk.blend
  rotocap apply walk.take --rig hero.blend:Armature --out hero_walks.blend
  rotocap apply walk.take --rig hero.blend:Armature --reduce 0.5 2 --out hero_walks.fbx
  rotocap apply *.take --rig hero.blend:Armature --export fbx --out hero/
  rotocap apply dance.bvh --rig a.blend:Ann --rig b.blend:Ben --out dancers/

One that fails does not stop the others: it is named, and the exit code is that of the first.
Needs Blender as a Python package (`pip install bpy`), or Blender's own Python.
"""


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "apply",
        help="write takes or other motion onto armatures, in a .blend or for export",
        description="Write takes, BVH, SMPL-X or AMASS motion onto armatures: new ones, or yours.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "source", metavar="SOURCE", type=Path, nargs="+",
        help="a take that `rotocap capture` wrote, a .bvh, or an .npz of SMPL-X, SMPL+H or SMPL motion",
    )  # fmt: skip
    command.add_argument(
        "--rig", metavar="RIG", action="append",
        help="new (the default): a fresh SMPL-X armature a person; or FILE.blend:Armature. May be repeated",
    )  # fmt: skip
    command.add_argument(
        "--out", metavar="PATH", type=_out, required=True,
        help="the file to write: .blend, .fbx, .glb, .bvh or .npz; or a folder for several",
    )  # fmt: skip
    command.add_argument(
        "--export", metavar="KIND", choices=EXPORTS, action="append", default=[],
        help=f"write this as well: {', '.join(EXPORTS)}. May be repeated",
    )  # fmt: skip
    command.add_argument("--no-blend", action="store_true", help="in a folder, write only what --export says")
    command.add_argument(
        "--people", choices=("all", "main"), default="all", help="everybody, or the main person (default all)"
    )
    _of_transfer(command.add_argument_group("onto an armature of yours"))
    _of_source(command.add_argument_group("what a .bvh or .npz does not say"))
    command.set_defaults(run=run)


def _of_transfer(group: argparse._ArgumentGroup) -> None:
    maps = group.add_mutually_exclusive_group()
    maps.add_argument("--preset", metavar="NAME", help="the bone map of a known kind of rig, such as mixamo")
    maps.add_argument("--map", metavar="FILE.toml", type=Path, help="a bone map of your own")
    limbs = group.add_mutually_exclusive_group()
    limbs.add_argument(
        "--fk", dest="limbs", action="store_const", const="fk", default="fk",
        help="keys turn the bones of arms and legs (the default)",
    )  # fmt: skip
    limbs.add_argument(
        "--ik", dest="limbs", action="store_const", const="ik",
        help="keys place hands and feet, on rigs with controls for it",
    )  # fmt: skip
    path = group.add_mutually_exclusive_group()
    path.add_argument(
        "--root-motion", dest="root", action="store_const", const="root", default="hips",
        help="the root bone travels, as game engines want it; otherwise the hips do",
    )  # fmt: skip
    path.add_argument(
        "--in-place", dest="root", action="store_const", const="in_place", help="nobody travels"
    )
    group.add_argument("--no-contacts", action="store_true", help="feet are not held where they stand")
    group.add_argument("--hands", action="store_true", help="hold hands as well where they rest")
    group.add_argument(
        "--reduce", metavar=("DEG", "MM"), nargs=2, type=_above_zero,
        help="fewer keys: the curves may be off by so many degrees and millimetres",
    )  # fmt: skip
    group.add_argument("--subframes", action="store_true", help="keys at the capture's own times")
    group.add_argument(
        "--certificate", metavar="FILE.json", type=_json_file,
        help="write how well each came out, or why it failed",
    )  # fmt: skip


def _of_source(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--scale", metavar="M", type=_above_zero, help="metres a unit of a .bvh")
    group.add_argument("--source-map", metavar="FILE.toml", type=Path, help="the bone map of a .bvh's joints")
    group.add_argument("--fps", metavar="N", type=_above_zero, help="frames a second of an .npz")
    group.add_argument("--up", choices=("y", "z"), help="the vertical of an .npz; seen from the motion")
    group.add_argument(
        "--smplx-model", metavar="FILE.npz", type=Path,
        help="your own SMPL-X model, for the exact rest pose of an .npz read or written",
    )  # fmt: skip


def _out(text: str) -> Path:
    """A slip of the hand must not replace a video or a take."""
    path = Path(text)
    if path.suffix.lower() in (".blend", "", *(f".{kind}" for kind in EXPORTS)) or path.is_dir():
        if path.suffix.lower() == ".take":
            raise argparse.ArgumentTypeError(f"{text!r}: is a take; name another folder")
        return path
    endings = ", ".join(f".{kind}" for kind in ("blend", *EXPORTS))
    raise argparse.ArgumentTypeError(f"{text!r}: expected a folder, or a name that ends in {endings}")


def _json_file(text: str) -> Path:
    if Path(text).suffix.lower() != ".json":
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name that ends in .json")
    return Path(text)


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def run(options: argparse.Namespace) -> int:
    wanted = jobs(
        options.source, options.rig or [NEW], options.out, exports=options.export, blend=not options.no_blend
    )
    try:
        import bpy  # noqa: F401
    except ImportError as error:
        raise RotocapError(
            "apply needs Blender as a Python package: pip install bpy, or use the extension in Blender"
        ) from error
    from ..addon.batch import Choices, apply

    choices = Choices(
        people=options.people, preset=options.preset, map_file=options.map, limbs=options.limbs,
        root_motion=options.root, feet=not options.no_contacts, hands=options.hands,
        reduce=tuple(options.reduce) if options.reduce else None, subframes=options.subframes,
        fps=options.fps, scale=options.scale, up=options.up, source_map=options.source_map,
        smplx_model=options.smplx_model,
    )  # fmt: skip
    alone = len(wanted) == 1 and options.certificate is None
    code = 0
    items: list[dict[str, Any]] = []
    for job in wanted:
        item: dict[str, Any] = {"source": str(job.source), "rig": job.rig}
        items.append(item)
        try:
            done = apply(job.source, job.rig, blend=job.blend, exports=job.exports, choices=choices)
        except (RotocapError, OSError, RuntimeError) as error:  # Blender's own are RuntimeErrors
            if alone:
                raise
            code = code or getattr(error, "exit_code", RotocapError.exit_code)
            item["error"] = " ".join(str(error).split())
            print(f"rotocap: {_named(job, item['error'])}", file=sys.stderr)
            continue
        print("\n".join(done.lines))
        item["wrote"] = [str(path) for path in done.wrote]
        item["notes"] = list(done.notes)
        item["certificate"] = done.certificate
    if options.certificate is not None:
        text = json.dumps({"items": items}, indent=1, ensure_ascii=False, allow_nan=False)
        options.certificate.parent.mkdir(parents=True, exist_ok=True)
        options.certificate.write_text(text + "\n", encoding="utf-8")
    if code and len(wanted) > 1:
        failed = sum("error" in item for item in items)
        print(f"rotocap: {failed} of {len(items)} failed", file=sys.stderr)
    return code


def _named(job: Job, message: str) -> str:
    """A message that says which job it is about, once."""
    said = message.startswith((str(job.source), job.source.name))
    return message if said else f"{job.label}: {message}"
