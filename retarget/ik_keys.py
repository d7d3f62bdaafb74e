# SPDX-License-Identifier: GPL-3.0-or-later
"""A posed rig said by its IK controls: where hands and feet are, and where elbows and knees point.

The result is the same pose. Which way an animator wants to edit it is theirs to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import channels, quaternions
from .bone_map import IkLimb, Setting
from .channels import Channel
from .grounding import limb_bends, limb_joints
from .posed import PoseBuilder
from .solve import Solved

Array = NDArray[np.float64]

_PARTS = {"leg": ("thigh", "shank", "foot", "toes"), "arm": ("upper_arm", "forearm", "hand")}
_BENT = 0.02  # of the limb: how far knee or elbow is from the straight line when its plane is believed in
_NEAR = 0.4  # of the limb: a pole nearer than this swings about


@dataclass(frozen=True, eq=False)
class OnControls:
    """What is keyed where limbs go by their IK controls."""

    channels: list[Channel]
    settings: tuple[Setting, ...]  # instead of the map's own for these limbs
    limbs: tuple[str, ...]  # that go by IK: those with controls that can be keyed
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Goal:
    """Where a control is to be, armature space."""

    place: Array | None  # (N, 3) its head
    turn: Array | None  # (N, 3, 3) beyond rest


def on_controls(solved: Solved) -> OnControls:
    """Keys on the IK controls of every limb that has them, and on all other bones as they were."""
    ready = solved.plan
    rig, bone_map = ready.rig, ready.bone_map
    goals: dict[str, _Goal] = {}
    replaced: set[str] = set()
    settings: list[Setting] = []
    limbs, notes = [], []
    for limb, controls in bone_map.ik.items():
        names = [name for name in (controls.control, controls.pole, controls.toes) if name is not None]
        held = [name for name in names if _held(solved, name)]
        if limb_joints(solved, limb) is None:
            continue
        if held:
            notes.append(f"{', '.join(held)}: driven, constrained or locked, so {limb} stays on FK")
            continue
        goals |= _goals(solved, limb, controls)
        side, kind = limb.split("_")
        parts = _PARTS[kind] if controls.toes is not None else _PARTS[kind][:3]
        replaced |= {name for part in parts for name in bone_map[f"{side}_{part}"]}
        settings += controls.settings
        limbs.append(limb)
    if bone_map.ik and not limbs and not notes:
        notes.append("no limb with IK controls is mapped whole; it stays on FK")
    ours = {(setting.bone, setting.property) for setting in settings}
    kept = [s for s in bone_map.settings if (s.bone, s.property) not in ours]
    found = [
        channel for channel in solved.channels() if channel.bone not in replaced and channel.bone not in goals
    ]
    found += _keyed(solved, goals, replaced)
    order = {bone.name: k for k, bone in enumerate(rig.bones)}
    found.sort(key=lambda channel: order[channel.bone])
    return OnControls(found, (*kept, *settings), tuple(limbs), tuple(notes))


def _held(solved: Solved, name: str) -> bool:
    bone = solved.plan.rig.bones[solved.plan.rig.index(name)]
    turned = channels.property_of(bone.rotation_mode)
    return bone.constrained or bool({"location", turned} & bone.driven) or all(bone.locked_location)


def _goals(solved: Solved, limb: str, controls: IkLimb) -> dict[str, _Goal]:
    ready = solved.plan
    rig = ready.rig
    side, kind = limb.split("_")
    end = rig.index(ready.bone_map[f"{side}_{_PARTS[kind][2]}"][0])
    control = rig.index(controls.control)
    out = {controls.control: _Goal(solved.posed.points(end, rig.heads[control]), solved.posed.turn(end))}
    if controls.pole is not None:
        out[controls.pole] = _Goal(_pole(solved, limb, rig.index(controls.pole)), None)
    toes = ready.bone_map.first(f"{side}_toes")
    if controls.toes is not None and toes is not None:
        out[controls.toes] = _Goal(None, solved.posed.turn(rig.index(toes)))
    return out


def _pole(solved: Solved, limb: str, pole: int) -> Array:
    """Where a pole target goes (N, 3), armature space: the way the joint points, as far off as at rest."""
    rig = solved.plan.rig
    joints = limb_joints(solved, limb)
    assert joints is not None  # asked before
    root, middle, tip = np.moveaxis(joints, 1, 0)
    length = np.linalg.norm(middle - root, axis=-1) + np.linalg.norm(tip - middle, axis=-1)
    line = tip - root
    line /= np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-9)
    away = middle - root
    away = away - np.sum(away * line, axis=-1, keepdims=True) * line
    bends = limb_bends(solved, limb)
    bends = bends - np.sum(bends * line, axis=-1, keepdims=True) * line
    bends /= np.maximum(np.linalg.norm(bends, axis=-1, keepdims=True), 1e-9)
    # A straight limb has no plane: there it is the way in which it would bend.
    straight = np.clip(1.0 - np.linalg.norm(away, axis=-1) / (_BENT * length), 0.0, 1.0)
    away = away + (straight * _BENT * length)[:, None] * bends
    away /= np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
    side, kind = limb.split("_")
    bones = [rig.index(solved.plan.bone_map[f"{side}_{part}"][0]) for part in _PARTS[kind][:3]]
    distance = rig.scale * float(np.linalg.norm(rig.heads[pole] - rig.heads[bones[1]]))
    aside = _aside(rig.heads[bones], rig.heads[pole])
    away = np.cos(aside) * away + np.sin(aside) * np.cross(line, away)
    return rig.to_armature(middle + np.maximum(distance, _NEAR * length)[:, None] * away)


def _aside(limb: Array, pole: Array) -> float:
    """Angle about the line from root to tip, from the joint to the pole, at rest; limb (3, 3), pole (3,).

    A rig is made so that its IK at rest does nothing, even where the pole is not where the joint points.
    """
    root, middle, tip = limb
    size = float(np.linalg.norm(tip - root))
    if size <= 0.0:
        return 0.0
    line = (tip - root) / size
    from_line = [place - root - ((place - root) @ line) * line for place in (middle, pole)]
    if min(float(np.linalg.norm(v)) for v in from_line) < 1e-4 * size:
        return 0.0
    return float(np.arctan2(np.cross(from_line[0], from_line[1]) @ line, from_line[0] @ from_line[1]))


def _keyed(solved: Solved, goals: dict[str, _Goal], replaced: set[str]) -> list[Channel]:
    """Channels that bring the controls to their goals, the rest of the rig posed as it is keyed."""
    rig = solved.plan.rig
    builder = PoseBuilder(rig, solved.posed.count)
    out = []
    for k, bone in enumerate(rig.bones):
        goal = goals.get(bone.name)
        rotation = location = None
        if goal is None and bone.name not in replaced:
            rotation, location = solved.rotations.get(bone.name), solved.locations.get(bone.name)
        if goal is not None and goal.turn is not None:
            carried, _ = builder.carried(k)
            own = goal.turn if carried is None else np.swapaxes(carried, -1, -2) @ goal.turn
            basis = channels.within_locks(bone, np.asarray(rig.axes[k].T @ own @ rig.axes[k]))
            rotation = quaternions.continuous(quaternions.from_matrix(basis))
            out.append(channels.rotation(bone, rotation))
        if goal is not None and goal.place is not None:
            away = goal.place - builder.carried_point(k, k)
            location = (np.swapaxes(builder.location_axes(k), -1, -2) @ away[..., None])[..., 0]
            location = channels.unlocked(bone, location)
            out.append(channels.location(bone, location))
        turn = None if rotation is None else builder.turn(k, quaternions.to_matrix(rotation))
        builder.move(k, turn, location)
    return out
