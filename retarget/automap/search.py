# SPDX-License-Identifier: GPL-3.0-or-later
"""The bone map of any rig, found by itself: presets first, then names, then shape.

Whatever the names say, left and right are decided by where the body faces, if that can
be seen at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...inference.errors import RigError
from ..bone_map import BODY_ROLES, FINGERS, JOINTS, LONGEST, SIDES, BoneMap, IkLimb
from ..presets import Preset, built_in
from ..rig import Rig
from .agreement import Roles, arms_on_the_legs_sides, faults, left_is_left, swapped
from .by_name import ARM, find_by_name
from .by_preset import Match, best_match, match, plain_names
from .by_structure import roles_of
from .names import Said, read
from .structure import Body, find_body
from .tree import Tree
from .twists import find_twists

ENOUGH = 0.6  # of the body's roles: a preset that has fewer is not this rig's
WHOLE = 0.95  # of a user's preset's names: then it was made for this rig
ALIKE = 0.5  # of the body's roles that names and shape both found: below, they speak of different bodies
_ARM_ROLES = (
    *ARM,
    *FINGERS,
    *(f"{finger}_metacarpal" for finger in FINGERS),
    "upper_arm_twist",
    "forearm_twist",
)


@dataclass(frozen=True)
class Found:
    """A map, how it was found, and what the animator should look at."""

    bone_map: BoneMap
    way: str  # "preset", "names" or "shape"
    notes: tuple[str, ...] = ()


def map_bones(rig: Rig, presets: Iterable[Preset] | None = None) -> BoneMap:
    """The bones of `rig` by role; see `search`."""
    return search(rig, presets).bone_map


def search(rig: Rig, presets: Iterable[Preset] | None = None) -> Found:
    """Find the bone map of `rig`.

    presets: the user's own: one that fits whole is taken before any built-in one.
    RigError if there is nothing to animate: no bones that deform, or no hips.
    """
    if not any(bone.deform for bone in rig.bones):
        raise RigError(
            f"{rig.name}: none of its {len(rig.bones)} bones deforms a mesh; pick the armature of the "
            "character, or tick Deform in its bones' properties"
        )
    tree = Tree(rig)
    own = tuple(preset for preset in presets or () if preset not in built_in())
    chosen = best_match(tree, own)
    if chosen is None or chosen.share < WHOLE or chosen.body < ENOUGH:
        chosen = best_match(tree, (*own, *built_in()))
    said = read(plain_names(rig))
    named = find_by_name(tree, plain_names(rig))
    if chosen is not None and chosen.body >= ENOUGH and not faults(tree, chosen.roles):
        return _finish(tree, _completed(tree, chosen.roles, named, said), "preset", chosen)
    body = find_body(tree)
    if body is not None and faults(tree, named):
        named = {}
    shaped = roles_of(tree, body)[0] if body is not None else {}
    roles, way = _merged(tree, named, shaped, body, said)
    if chosen is not None and "pelvis" not in roles:
        return _finish(tree, chosen.roles, "preset", chosen)  # with its faults, which are told
    return _finish(tree, _with_twists(tree, roles, said), way, None)


def with_preset(rig: Rig, preset: Preset) -> Found:
    """The bones that one preset names, as far as `rig` has them. RigError if not even the hips are there."""
    tree = Tree(rig)
    found = match(tree, preset)
    if found is None:
        hips = ", ".join(preset.roles.get("pelvis", ()))
        raise RigError(
            f"{rig.name}: has no hips bone as {preset.title} names it ({hips}); "
            "choose another preset, or search the bones"
        )
    return _finish(tree, found.roles, "preset", found)


def _completed(tree: Tree, roles: Roles, named: Roles, said: list[Said]) -> Roles:
    """A preset's roles, and what else of the body the names tell."""
    out = dict(roles)
    for role in BODY_ROLES:
        used = {bone for bones in out.values() for bone in bones}
        bones = named.get(role, ())
        if role not in out and bones and not used & set(bones) and all(tree.free[k] for k in bones):
            out[role] = bones
            if faults(tree, out):
                del out[role]
    return _with_whole_trunk(tree, out, said)


def _with_whole_trunk(tree: Tree, roles: Roles, said: list[Said]) -> Roles:
    """A preset's roles, and bones of spine and neck beyond those that the preset knows."""
    if "head" not in roles:
        return roles
    way = tree.path(roles["pelvis"][0], roles["head"][0])[:-1]
    used = {bone for bones in roles.values() for bone in bones}
    out = dict(roles)
    for role in ("neck", "spine"):
        mine = [
            k for k in way if k not in used and tree.free[k] and role in said[k].parts and not said[k].ignored
        ]
        if mine:
            chain = {*out.get(role, ()), *mine}
            out[role] = tuple(k for k in way if k in chain)[: LONGEST[role]]
            used |= chain
    return out


def _merged(
    tree: Tree, named: Roles, shaped: Roles, body: Body | None, said: list[Said]
) -> tuple[Roles, str]:
    """One choice out of names and shape, and which of them led."""
    if body is None or not shaped:
        return named, "names"
    if not named or "pelvis" not in named:
        return shaped, "shape"
    if _alike(named, shaped) < _alike(_other_way_round(named), shaped):
        # The shape says that left and right are swapped; sides are compared once more at the end.
        shaped = _other_way_round(shaped)
    both = [role for role in BODY_ROLES if role in named and role in shaped]
    share = sum(named[role] == shaped[role] for role in both) / max(len(both), 1)
    if share < ALIKE:
        # Two different bodies: the more complete one; the names', if both are.
        counts = [sum(role in roles for role in BODY_ROLES) for roles in (named, shaped)]
        return (named, "names") if counts[0] >= counts[1] else (shaped, "shape")
    out = dict(named)
    used = {bone for bones in out.values() for bone in bones}
    for side in SIDES:
        _settle_fingers(out, shaped, side)
    used = {bone for bones in out.values() for bone in bones}
    for role, bones in shaped.items():
        if role not in out and not used & set(bones) and not any(said[bone].ignored for bone in bones):
            out[role] = bones
            used |= set(bones)
    return out, "names"


def _alike(first: Mapping[str, tuple[int, ...]], second: Mapping[str, tuple[int, ...]]) -> int:
    return sum(first[role] == second.get(role) for role in first)


def _settle_fingers(out: Roles, shaped: Roles, side: str) -> None:
    """Names say which finger a chain is, the shape says where its bones begin and end."""
    if out.get(f"{side}_hand") != shaped.get(f"{side}_hand"):
        return
    for finger in FINGERS:
        role = f"{side}_{finger}"
        mine = set(out.get(role, ())) | set(out.get(f"{role}_metacarpal", ()))
        for other in FINGERS:
            theirs = f"{side}_{other}"
            bones = set(shaped.get(theirs, ())) | set(shaped.get(f"{theirs}_metacarpal", ()))
            if len(mine & bones) >= 2:
                out[role] = shaped[theirs]
                if f"{theirs}_metacarpal" in shaped and f"{role}_metacarpal" in JOINTS:
                    out[f"{role}_metacarpal"] = shaped[f"{theirs}_metacarpal"]


def _with_twists(tree: Tree, roles: Roles, said: list[Said]) -> Roles:
    return roles | {
        role: bones for role, bones in find_twists(tree, roles, said).items() if role not in roles
    }


def _other_way_round(roles: Roles) -> Roles:
    return {swapped(role): bones for role, bones in roles.items()}


def _finish(tree: Tree, roles: Roles, way: str, match: Match | None) -> Found:
    """The map in the rig's own names, left and right put right."""
    notes = []
    ik: dict[str, IkLimb] = match.ik() if match is not None else {}
    if not arms_on_the_legs_sides(tree, roles):
        arms = {f"{side}_{part}" for side in SIDES for part in _ARM_ROLES}
        roles = {swapped(role) if role in arms else role: bones for role, bones in roles.items()}
        ik = {swapped(limb) if limb.endswith("arm") else limb: controls for limb, controls in ik.items()}
        notes.append("the arms' names have left and right the other way round than the legs'; put right")
    if left_is_left(tree, roles) is False:
        roles = _other_way_round(roles)
        ik = {swapped(limb): controls for limb, controls in ik.items()}
        notes.append(
            "the bones that are called left lie on the body's right, seen from where it faces: "
            "the map follows the body; swap the sides there if this is wrong"
        )
    wrong = faults(tree, roles)
    if "pelvis" not in roles:
        raise RigError(
            f"{tree.rig.name}: no hips were found, from which legs and spine hang; "
            "choose the bones of the body in the bone map by hand"
        )
    unmatched = tuple(role for role in BODY_ROLES if role not in roles)
    missing = {role for role in unmatched if not role.endswith(("collar", "toes", "neck"))}
    covered = (len(BODY_ROLES) - len(unmatched)) / len(BODY_ROLES)
    score = covered * {"preset": 1.0, "names": 0.95, "shape": 0.9}[way] * (0.5 if wrong else 1.0)
    if missing and len(missing) > 0.5 * len(BODY_ROLES):
        notes.append("few bones of a body were found; look at the map before you use it")
    named = {
        role: tuple(tree.rig.bones[bone].name for bone in roles[role]) for role in JOINTS if role in roles
    }
    bone_map = BoneMap(
        named, ik, match.settings(tree.rig) if match is not None else (),
        match.preset.name if match is not None else None, round(score, 3), unmatched,
    )  # fmt: skip
    return Found(bone_map, way, (*notes, *wrong))
