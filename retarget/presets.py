# SPDX-License-Identifier: GPL-3.0-or-later
"""Bone maps of published rigs as data: TOML files beside this module, and a user's own.

The form of a file is told in docs/presets.md. A preset names bones without what a file
puts before all of them (`mixamorig:`); the search (`automap`) finds that by itself.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..inference.errors import RigError
from .bone_map import IK_LIMBS, JOINTS, LONGEST, ROLES, SIDES, BoneMap, IkLimb, Setting

FOLDER = Path(__file__).with_suffix("")
SCHEMA = 1
PLACEHOLDER = "{side}"
_KEYS = {"schema", "title", "sides", "roles", "each_side", "settings", "ik"}
_LIMB_KEYS = {"control", "pole", "toes", "settings"}


@dataclass(frozen=True)
class Preset:
    """Which names play which part on one kind of rig."""

    name: str  # of the file, without .toml
    title: str  # what an animator calls it
    roles: Mapping[str, tuple[str, ...]]  # role -> names from root to tip; a rig may lack some of them
    ik: Mapping[str, IkLimb] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()  # what switches the rig to FK


@cache
def built_in() -> tuple[Preset, ...]:
    """The presets that come with Rotocap, by name."""
    return tuple(load(path) for path in sorted(FOLDER.glob("*.toml")))


def load(path: Path) -> Preset:
    """One preset. RigError says what is wrong in the file, and where."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RigError(f"{path}: cannot be read as a preset ({error}); choose another file") from error
    return parse(text, name=path.stem, source=str(path))


def load_folder(folder: Path) -> tuple[list[Preset], list[str]]:
    """A user's own presets, and what is wrong with those that cannot be read. No folder is no presets."""
    found: list[Preset] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(load(path))
        except RigError as error:
            problems.append(str(error))
    return found, problems


def save(preset: Preset, folder: Path) -> Path:
    """Write a user's preset into `folder`, whole or not at all. RigError if it cannot be written."""
    if not preset.name or preset.name != Path(preset.name).name or preset.name.startswith("."):
        raise RigError(f"{preset.name!r}: cannot be the name of a preset; use letters and digits")
    path = folder / f"{preset.name}.toml"
    text = write(preset)
    parse(text, name=preset.name, source=str(path))  # what is saved can be loaded again
    unfinished = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise RigError(f"{path}: cannot be written ({error}); choose another folder") from error
    return path


def from_map(bone_map: BoneMap, *, name: str, title: str = "") -> Preset:
    """A map, as the animator left it, as a preset with the rig's own full bone names."""
    roles = {role: bone_map[role] for role in ROLES if role in bone_map}
    return Preset(name, title or name, roles, dict(bone_map.ik), bone_map.settings)


def parse(text: str, *, name: str, source: str) -> Preset:
    """A preset from the text of a file. RigError names `source` and what is wrong in it."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RigError(f"{source}: is no valid TOML: {error}; correct that line") from error
    return _Reader(source).preset(name, data)


class _Reader:
    """Checks the data of one file and turns it into a Preset."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sides: tuple[str, str] | None = None

    def wrong(self, what: str) -> RigError:
        return RigError(f"{self.source}: {what}")

    def preset(self, name: str, data: Mapping[str, Any]) -> Preset:
        self.only(data, _KEYS, "the file")
        if data.get("schema") != SCHEMA:
            raise self.wrong(
                f"schema is {data.get('schema')!r}, expected {SCHEMA}; it is of another version of Rotocap"
            )
        title = self.text(data.get("title"), "title")
        self.sides = self.pair(data["sides"]) if "sides" in data else None
        roles = self.roles(data)
        settings = tuple(self.settings(data.get("settings", []), "settings"))
        return Preset(name, title, roles, self.limbs(self.table(data.get("ik", {}), "ik")), settings)

    def roles(self, data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        found = {
            role: self.bones(value, f"roles.{role}")
            for role, value in self.table(data.get("roles", {}), "roles").items()
        }
        for part, value in self.table(data.get("each_side", {}), "each_side").items():
            names = self.bones(value, f"each_side.{part}")
            if any(PLACEHOLDER not in bone for bone in names):
                raise self.wrong(f"each_side.{part}: every name needs {PLACEHOLDER} in it, got {names}")
            for side in SIDES:
                role = f"{side}_{part}"
                if role in found:
                    raise self.wrong(f"{role} stands in roles and in each_side; keep one of them")
                found[role] = tuple(self.on_side(bone, side) for bone in names)
        for role, bones in found.items():
            if role not in JOINTS:
                raise self.wrong(f"{role!r} is no part of the body; take one of {', '.join(ROLES)}")
            if len(bones) > LONGEST.get(role, 1):
                raise self.wrong(f"{role} has {len(bones)} bones, expected {LONGEST.get(role, 1)} at most")
        if "pelvis" not in found:
            raise self.wrong("no bone is the pelvis; name the hips bone as roles.pelvis")
        self.once(found)
        return {role: found[role] for role in ROLES if role in found}

    def once(self, roles: Mapping[str, tuple[str, ...]]) -> None:
        seen: dict[str, str] = {}
        for role, bones in roles.items():
            for bone in bones:
                if bone in seen:
                    raise self.wrong(f"bone {bone!r} stands in {seen[bone]} and in {role}; keep one of them")
                seen[bone] = role

    def limbs(self, data: Mapping[str, Any]) -> dict[str, IkLimb]:
        out: dict[str, IkLimb] = {}
        for key, value in data.items():
            for limb in (key,) if key in IK_LIMBS else tuple(f"{side}_{key}" for side in SIDES):
                if limb not in IK_LIMBS:
                    raise self.wrong(f"ik.{key}: expected arm, leg or one of {', '.join(IK_LIMBS)}")
                out[limb] = self.limb(self.table(value, f"ik.{key}"), f"ik.{key}", limb.partition("_")[0])
        return out

    def limb(self, data: Mapping[str, Any], where: str, side: str) -> IkLimb:
        self.only(data, _LIMB_KEYS, where)
        names = {
            key: self.on_side(self.text(data[key], f"{where}.{key}"), side)
            for key in ("control", "pole", "toes")
            if key in data
        }
        if "control" not in names:
            raise self.wrong(f"{where}: needs a control, the bone that hand or foot follows")
        own = tuple(
            Setting(self.on_side(s.bone, side), s.property, s.value)
            for s in self.settings(data.get("settings", []), f"{where}.settings", expand=False)
        )
        return IkLimb(names["control"], names.get("pole"), names.get("toes"), own)

    def settings(self, data: Any, where: str, *, expand: bool = True) -> Iterable[Setting]:
        if not isinstance(data, list):
            raise self.wrong(f"{where}: expected a list of tables, got {data!r}")
        for entry in data:
            values = self.table(entry, where)
            self.only(values, {"bone", "property", "value"}, where)
            bone = self.text(values.get("bone"), f"{where}.bone")
            named = self.text(values.get("property"), f"{where}.property")
            value = values.get("value")
            if not isinstance(value, int | float):
                raise self.wrong(f"{where}.value of {bone} is {value!r}, expected a number")
            both = expand and PLACEHOLDER in bone
            for name in (self.on_side(bone, side) for side in SIDES) if both else (bone,):
                yield Setting(name, named, float(value))

    def on_side(self, name: str, side: str) -> str:
        if PLACEHOLDER not in name:
            return name
        if self.sides is None:
            raise self.wrong(f'{name!r} has {PLACEHOLDER}, but sides is missing; add sides = ["L", "R"]')
        return name.replace(PLACEHOLDER, self.sides[SIDES.index(side)])

    def bones(self, value: Any, where: str) -> tuple[str, ...]:
        names = value if isinstance(value, list) else [value]
        if not names:
            raise self.wrong(f"{where}: names no bone; take the line out")
        return tuple(self.text(name, where) for name in names)

    def pair(self, value: Any) -> tuple[str, str]:
        if not (isinstance(value, list) and len(value) == 2 and value[0] != value[1]):
            raise self.wrong(f'sides is {value!r}, expected two different words such as ["L", "R"]')
        return self.text(value[0], "sides"), self.text(value[1], "sides")

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{where} is {value!r}, expected a name in quotes")
        return value

    def table(self, value: Any, where: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(f"{where} is {value!r}, expected a table")
        return value

    def only(self, data: Mapping[str, Any], known: set[str], where: str) -> None:
        unknown = sorted(set(data) - known)
        if unknown:
            raise self.wrong(
                f"{where} has unknown keys {', '.join(unknown)}; expected {', '.join(sorted(known))}"
            )


def write(preset: Preset) -> str:
    """The text of a preset's file, sides written out."""
    lines = [
        "# A bone map for Rotocap.",
        f"schema = {SCHEMA}",
        f"title = {_quoted(preset.title)}",
        "",
        "[roles]",
    ]
    for role, bones in preset.roles.items():
        names = [_quoted(bone) for bone in bones]
        lines.append(f"{role} = {names[0] if len(names) == 1 else '[' + ', '.join(names) + ']'}")
    for setting in preset.settings:
        lines += ["", "[[settings]]", *_setting(setting)]
    for limb, ik in preset.ik.items():
        lines += ["", f"[ik.{limb}]", f"control = {_quoted(ik.control)}"]
        lines += [
            f"{key} = {_quoted(name)}"
            for key, name in (("pole", ik.pole), ("toes", ik.toes))
            if name is not None
        ]
        for setting in ik.settings:
            lines += ["", f"[[ik.{limb}.settings]]", *_setting(setting)]
    return "\n".join(lines) + "\n"


def _setting(setting: Setting) -> list[str]:
    return [
        f"bone = {_quoted(setting.bone)}",
        f"property = {_quoted(setting.property)}",
        f"value = {float(setting.value)!r}",
    ]


def _quoted(text: str) -> str:
    # JSON's escapes are all TOML's as well; of the characters JSON leaves alone, TOML forbids only delete.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
