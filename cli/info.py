# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap info`: what a take holds."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from ..inference.take import Take

_STATUS = {
    "complete": "complete",
    "incomplete": "incomplete: capture again to go on",
    "no_person": "nobody was found in it",
}


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "info",
        help="say what a take holds",
        description="Say what a take holds: from which video, how far it got, who is in it.",
        epilog="Every file of it is opened, so a damaged take is named: exit code 5.",
    )
    command.add_argument("take", metavar="TAKE", type=Path, help="a folder that `rotocap capture` wrote")
    command.add_argument("--json", action="store_true", help="everything, for programs")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from ..inference import chunks
    from ..inference.take import Take

    take = chunks.checked(Take.open(options.take))
    for person in take.people:  # a damaged file is named here, not later in Blender
        take.sequence(person)
    if options.json:
        print(json.dumps(asdict(take), indent=2, default=str, ensure_ascii=False))
    else:
        print("\n".join(lines(take)))
    return 0


def lines(take: Take) -> list[str]:
    """The take in words."""
    from ..addon.motion_files import MOTION

    video, read, solve = take.video, take.read, take.solve
    if video.codec == MOTION:
        out = [
            str(take.path),
            f"  motion    imported from {video.name}, {video.fps:.2f} frames/s, {video.duration_s:.1f} s",
            f"  made      {take.created}",
        ]
        return [*out, *(f"  warning   {text}" for text in take.warnings), *people_lines(take)]
    end = "the end" if read.end_frame is None else f"frame {read.end_frame}"
    lens = "guessed from the picture size"
    if solve.focal_px is not None:
        lens = f"{solve.focal_px:g} pixels"
    elif solve.fov_deg is not None:
        lens = f"{solve.fov_deg:g} degrees"
    out = [
        str(take.path),
        f"  status    {_STATUS[take.status]}",
        f"  video     {video.name}, {video.width} x {video.height}, {video.fps:.2f} frames/s, "
        f"{video.duration_s:.1f} s, {video.codec}",
        f"  range     frame {read.start_frame} to {end}"
        + (f", every {read.stride}." if read.stride > 1 else ""),
        f"  read      {take.frames_read} frames"
        + ("" if take.read_to_end else f", next is {take.next_frame}"),
        f"  camera    {lens}",
        f"  networks  {read.backend}, {len(read.models)} files",
        f"  made      {take.created} by rotocap {take.versions.get('rotocap', 'in Blender')}",
    ]
    out += [f"  warning   {text}" for text in take.warnings]
    return out + people_lines(take)


def people_lines(take: Take) -> list[str]:
    """One line a person."""
    out = []
    for person in take.people:
        gaps = ""
        if person.gaps:
            missing = ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in person.gaps[:5])
            more = f" and {len(person.gaps) - 5} more" if len(person.gaps) > 5 else ""
            gaps = f", not seen in {missing}{more}"
        swaps = f", left and right put right in {person.swaps_repaired}" if person.swaps_repaired else ""
        name = f"{person.name}{' (main)' if person.main and len(take.people) > 1 else ''}"
        out.append(
            f"  {name}: {person.frames} frames from {person.first_frame} to {person.last_frame}{gaps}{swaps}"
        )
    return out
