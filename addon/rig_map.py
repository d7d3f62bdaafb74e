# SPDX-License-Identifier: GPL-3.0-or-later
"""The bone map of a character in the scene: found, shown as rows, edited, kept as a preset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import bpy

from ..inference.errors import RigError
from ..retarget import presets
from ..retarget.automap import Found, search, with_preset
from ..retarget.bone_map import BODY_ROLES, FINGERS, LONGEST, ROLES, BoneMap
from ..retarget.certificate import TOLERABLE_DEG, TOLERABLE_MM, TOLERABLE_SLIDE, Certificate
from ..retarget.presets import Preset
from ..retarget.rig import Rig
from .preferences import PACKAGE
from .rig_reader import read_rig

GROUPS: dict[str, tuple[str, ...]] = {
    "hands": tuple(role for role in ROLES if role.split("_")[1:2] and role.split("_")[1] in FINGERS),
    "face": ("jaw", "left_eye", "right_eye"),
    "twist": tuple(role for role in ROLES if role.endswith("_twist")),
}
"""The parts of the map that are listed apart; all other roles are the body's."""


def group_of(role: str) -> str:
    """Which list a role is shown in: body, hands, face or twist."""
    return next((name for name, roles in GROUPS.items() if role in roles), "body")


def chosen(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that the animator means: the one picked in the sidebar, or the active one."""
    picked = context.scene.rotocap.retarget.rig
    if picked is not None:
        return picked
    active = context.object
    return active if active is not None and active.type == "ARMATURE" else None


def show(armature: bpy.types.Object, bone_map: BoneMap) -> None:
    """Keep a map with the armature and list it, with an empty row where a part could have a bone more."""
    kept = armature.rotocap
    kept.text = presets.write(presets.from_map(bone_map, name="map"))
    kept.preset, kept.score = bone_map.preset or "", bone_map.score
    kept.rows.clear()
    for role in ROLES:
        bones = bone_map[role]
        for bone in (*bones, "")[: LONGEST.get(role, 1)]:
            row = kept.rows.add()
            row.bone = bone  # before its role, so that `row_changed` does not look at half a list
            row.role = role
    kept.row = 0


def read(armature: bpy.types.Object) -> BoneMap | None:
    """The map as the animator left it, bones of a part from root to tip; None if there is none."""
    kept = getattr(armature, "rotocap", None)  # scripts may run without the extension being enabled
    if kept is None or not kept.text:
        return None
    before = presets.parse(kept.text, name="map", source=f"{armature.name}'s bone map")
    bones = armature.data.bones
    roles: dict[str, tuple[str, ...]] = {}
    for role in ROLES:
        names = [row.bone for row in kept.rows if row.role == role and row.bone]
        if names:
            depth = {name: len(bones[name].parent_recursive) if name in bones else 0 for name in names}
            roles[role] = tuple(sorted(names, key=depth.__getitem__))
    return BoneMap(
        roles, before.ik, before.settings, preset=kept.preset or None, score=kept.score,
        unmatched=tuple(role for role in BODY_ROLES if role not in roles),
    )  # fmt: skip


def forget(armature: bpy.types.Object) -> None:
    """Without a map, it is searched again."""
    armature.rotocap.rows.clear()
    armature.rotocap.text = ""


def row_changed(row: bpy.types.PropertyGroup) -> None:
    """Offer an empty row after the last bone of a part that may have more."""
    kept = row.id_data.rotocap
    places = [k for k, other in enumerate(kept.rows) if other.role == row.role]
    full = all(kept.rows[k].bone for k in places)
    if full and len(places) < LONGEST.get(row.role, 1):
        kept.rows.add().role = row.role
        kept.rows.move(len(kept.rows) - 1, places[-1] + 1)


def label(armature: bpy.types.Object, place: int) -> str:
    """What a row is called: "Left Thigh", or "Spine 2" where a part has several bones."""
    rows = armature.rotocap.rows
    role = rows[place].role
    name = role.replace("_", " ").title()
    if LONGEST.get(role, 1) == 1:
        return name
    return f"{name} {sum(rows[k].role == role for k in range(place + 1))}"


def unmatched(armature: bpy.types.Object) -> list[str]:
    """Parts of the body without a bone, for people."""
    filled = {row.role for row in armature.rotocap.rows if row.bone}
    return [role.replace("_", " ") for role in BODY_ROLES if role not in filled]


def folder() -> Path:
    """Where the animator's own presets are, through updates of the extension."""
    if PACKAGE.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(PACKAGE, path="presets", create=True))
    return Path(bpy.utils.user_resource("CONFIG", path="rotocap/presets"))


def known_presets() -> tuple[list[Preset], list[str]]:
    """The animator's own presets first, then ours; and what is wrong with those that cannot be read."""
    own, problems = presets.load_folder(folder())
    names = {preset.name for preset in own}
    return [*own, *(preset for preset in presets.built_in() if preset.name not in names)], problems


def find(rig: Rig) -> Found:
    """The map of a rig, by presets, names and structure. RigError if it has no skeleton of a person."""
    return search(rig, known_presets()[0])


def find_and_show(armature: bpy.types.Object) -> tuple[str, ...]:
    """Search the map of an armature and list it. Returns what to look at. RigError if there is none."""
    found = find(read_rig(armature))
    show(armature, found.bone_map)
    return found.notes


def load_preset(armature: bpy.types.Object, name: str) -> tuple[str, ...]:
    """List the bones of a preset on an armature. Returns what to look at. RigError if it does not fit."""
    found = with_preset(read_rig(armature), preset_named(name))
    show(armature, found.bone_map)
    return found.notes


def save_preset(armature: bpy.types.Object, name: str) -> Path:
    """Keep the map as a preset of the animator's own. RigError if there is none, or it cannot be written."""
    bone_map = read(armature)
    if bone_map is None or not bone_map.roles:
        raise RigError(f"{armature.name} has no bone map yet: find it first")
    path = presets.save(presets.from_map(bone_map, name=name.strip()), folder())
    armature.rotocap.preset = name.strip()
    return path


def preset_named(name: str) -> Preset:
    """RigError if there is none of that name (any more)."""
    found, problems = known_presets()
    for preset in found:
        if preset.name == name:
            return preset
    raise RigError("; ".join([f"no preset is named {name!r}; choose another one", *problems]))


@lru_cache(maxsize=8)
def certificate(text: str) -> Certificate | None:
    """The certificate kept on an armature, None if there is none that can be read."""
    try:
        return Certificate.from_json(text) if text else None
    except RigError:
        return None


def summary(certificate: Certificate) -> Iterator[tuple[str, str, bool]]:
    """What a take came out like in a line each: of what, how much, and whether that is fine."""
    bones = sum(len(names) for names in certificate.mapped.values())
    yield "Bones", f"{bones} with motion", not certificate.unmatched
    if certificate.not_written:
        yield "Left alone", f"{len(certificate.not_written)} that something else moves", False
    if certificate.limbs:
        most = max(measure.largest for measure in certificate.limbs.values())
        yield "Limbs off by", f"{most:.1f}° at most", most <= TOLERABLE_DEG
    if certificate.contacts:
        yield "Held in place", f"{certificate.contacts} times", True
    if certificate.slide is not None:
        slide = certificate.slide.largest
        yield "Feet slide by", f"{slide:.1f} mm a frame", slide <= TOLERABLE_SLIDE
    if certificate.penetration is not None:
        under = certificate.penetration.largest
        yield "Below floor", f"{under:.0f} mm at most", under <= TOLERABLE_MM


def short(text: str) -> str:
    """For a narrow sidebar: bones without the rig's prefix, which would push out their names."""
    return text.rpartition(":")[2].replace(" degrees", "°")


@lru_cache(maxsize=8)
def reduction(text: str) -> str:
    """What the last reduction of keys did, for people; nothing if there was none."""
    return str(json.loads(text).get("line", "")) if text else ""
