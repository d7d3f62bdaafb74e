# SPDX-License-Identifier: GPL-3.0-or-later
"""The published rigs as data: `NAME.toml` beside this file.

    title = "Mixamo"
    preset = "mixamo"                     # the preset of retarget/presets that fits it
    axes = "child"                        # which way the bones' axes lie, see build.py
    units_per_metre = 100.0               # of the bones, in the armature's own space
    object_scale = 0.01
    object_turned = [90.0, 0.0, 0.0]      # XYZ Euler, degrees
    faces = 0.0                           # degrees about the vertical, 0 is Blender's front view
    rest = { arms_down = 0.0 }            # fields of figure.Rest
    bones = '''
    Hips = pelvis
      Spine = spine 1/3
      {Left|Right}Arm = upper_arm
        {Left|Right}Helper = - forearm 1/1
    '''

A line of `bones` is one bone, indented below its parent. What follows the last `=` is its
place on the figure: a role, with `k/n` for the k-th of n bones; or, after `-`, a role or a
point of the figure where a bone sits that plays no role. `@x,y,z` in metres moves it. A name
with `{a|b}` stands for a left and a right bone, and so does all that is below it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .figure import SIDES, Rest

FOLDER = Path(__file__).parent
CENTRAL = ("root", "pelvis", "spine", "neck", "head", "jaw")
_PAIR = re.compile(r"\{([^|{}]*)\|([^|{}]*)\}")
_PLACE = re.compile(
    r"(?P<free>-\s*)?(?P<what>[a-z_0-9]+)(?:\s+(?P<k>\d+)/(?P<n>\d+))?(?:\s*@(?P<at>[-0-9., ]+))?$"
)


@dataclass(frozen=True)
class BoneLine:
    name: str
    parent: str  # "" without one
    role: str  # "" if it plays none
    place: str  # role or point of the figure
    k: int
    n: int
    offset: tuple[float, float, float]  # metres, mirrored for the right side
    side: str  # "left", "right" or ""


@dataclass(frozen=True)
class Definition:
    name: str
    title: str
    preset: str
    axes: str
    units_per_metre: float
    object_scale: float
    object_turned: tuple[float, float, float]
    faces: float
    rest: Rest
    bones: tuple[BoneLine, ...]

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """What is right: role -> bones from root to tip."""
        found: dict[str, list[tuple[int, str]]] = {}
        for bone in self.bones:
            if bone.role:
                found.setdefault(bone.role, []).append((bone.k, bone.name))
        return {role: tuple(name for _, name in sorted(bones)) for role, bones in found.items()}


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def load(name: str) -> Definition:
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    known = {
        "title", "preset", "axes", "units_per_metre", "object_scale", "object_turned", "faces", "rest",
        "bones",
    }  # fmt: skip
    if set(data) - known:
        raise ValueError(f"{name}.toml: unknown keys {sorted(set(data) - known)}")
    x, y, z = data.get("object_turned", (0.0, 0.0, 0.0))
    return Definition(
        name=name, title=data["title"], preset=data["preset"], axes=data.get("axes", "child"),
        units_per_metre=data.get("units_per_metre", 1.0), object_scale=data.get("object_scale", 1.0),
        object_turned=(x, y, z), faces=data.get("faces", 0.0), rest=Rest(**data.get("rest", {})),
        bones=tuple(parse_bones(data["bones"])),
    )  # fmt: skip


def parse_bones(text: str) -> list[BoneLine]:
    """Bones in the order of the text, every parent before its children; left before right."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.splitlines() if line.strip()]
    return _children(lines, "", "")


def _children(lines: list[tuple[int, str]], parent: str, side: str) -> list[BoneLine]:
    out: list[BoneLine] = []
    at = 0
    while at < len(lines):
        indent, line = lines[at]
        end = at + 1
        while end < len(lines) and lines[end][0] > indent:
            end += 1
        for one in (side,) if side or not _PAIR.search(line) else SIDES:
            bone = _bone(line, parent, one)
            out += [bone, *_children(lines[at + 1 : end], bone.name, one)]
        at = end
    return out


def _bone(line: str, parent: str, side: str) -> BoneLine:
    name, _, where = line.rpartition("=")
    name = _PAIR.sub(lambda m: m[1] if side == "left" else m[2], name.strip())
    match = _PLACE.match(where.strip())
    if match is None:
        raise ValueError(f"{line!r}: expected `name = role k/n`")
    what = match["what"]
    if side and what not in (*CENTRAL, "ground", "head_top"):
        what = f"{side}_{what}"
    x, y, z = (float(v) for v in match["at"].split(",")) if match["at"] else (0.0, 0.0, 0.0)
    return BoneLine(
        name=name, parent=parent, role="" if match["free"] else what, place=what,
        k=int(match["k"] or 1), n=int(match["n"] or 1),
        offset=(-x if side == "right" else x, y, z), side=side,
    )  # fmt: skip
