# SPDX-License-Identifier: GPL-3.0-or-later
"""A transfer measured on its result, as a `Certificate`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import BODY_JOINT_COUNT
from .bone_map import BODY_ROLES, SIDES
from .certificate import Certificate, Jump, Limit, Measure
from .contacts import Hold, Leg
from .grounding import Grounded, floor_height, limb_bends, limb_joints, read_leg, sample_rate
from .motion import Motion
from .posed import Posed
from .segments import direction_errors, rotation_angle
from .solve import Solved

Array = NDArray[np.float64]

HYPEREXTENDED = 5.0  # degrees beyond straight from which a knee or elbow is said to be
FOLDED = 165.0  # degrees
JUMP = 600.0  # degrees a second, and twice what the source turns by
_LISTED = 5  # jumps
_POINTS = [("left_leg", "heel"), ("left_leg", "ball"), ("right_leg", "heel"), ("right_leg", "ball")]


def certify(
    motion: Motion, transferred: Solved, grounded: Grounded | None = None, *, posed: Posed | None = None
) -> Certificate:
    """Measure a transfer of `motion`.

    transferred: as `solve` made it. grounded: with contacts held, None without. posed: what was
    written in the end (after key reduction, say), where that differs.
    """
    ready = transferred.plan
    end = grounded.solved if grounded is not None else transferred
    if posed is not None:
        end = replace(end, posed=posed)
    frames = [int(frame) for frame in motion.frames]
    floor = grounded.floor if grounded is not None else floor_height(ready)
    legs = {f"{side}_leg": leg for side in SIDES if (leg := read_leg(end, motion, side)) is not None}
    holds = list(grounded.holds) if grounded is not None else []
    travelled = grounded.travelled if grounded is not None else np.zeros((len(motion), 3))
    before = direction_errors(transferred, motion)
    after = {} if end is transferred else direction_errors(end, motion, fingers=False)
    return Certificate(
        rig=ready.rig.name,
        frames=len(frames),
        first_frame=frames[0] if frames else 0,
        last_frame=frames[-1] if frames else 0,
        preset=ready.bone_map.preset,
        score=float(ready.bone_map.score),
        mapped={role: list(bones) for role, bones in ready.bone_map.roles.items() if bones},
        unmatched=[role for role in BODY_ROLES if role not in ready.bone_map],
        not_written=sorted(ready.kept),
        limbs=_measures(before, frames),
        corrected=_measures(after, frames),
        reach=_measures(_reach(end, grounded), frames),
        contacts=len(holds),
        held=_held_share(motion, holds),
        slide=_measure(_slide(end, legs, holds, travelled), frames),
        penetration=_measure(_under(legs, floor), frames),
        limits=list(_limits(end, frames)),
        jumps=_jumps(end, motion, frames),
        warnings=list(ready.warnings),
    )


def _measure(values: Array | None, frames: list[int]) -> Measure | None:
    """values (N,), NaN where there is nothing to measure; None where there never is."""
    if values is None or not np.isfinite(values).any():
        return None
    at = int(np.nanargmax(values))
    return Measure(float(np.nanmean(values)), float(values[at]), frames[at])


def _measures(values: dict[str, Array], frames: list[int]) -> dict[str, Measure]:
    found = {name: _measure(one, frames) for name, one in values.items()}
    return {name: one for name, one in found.items() if one is not None}


def _reach(end: Solved, grounded: Grounded | None) -> dict[str, Array]:
    if grounded is None:
        return {}
    out = {}
    for limb, target in grounded.targets.items():
        joints = limb_joints(end, limb)
        if joints is not None:
            out[limb] = 1000.0 * np.linalg.norm(joints[:, 2] - target, axis=-1)
    return out


def _slide(end: Solved, legs: dict[str, Leg], holds: list[Hold], travelled: Array) -> Array | None:
    """(N,) mm from the frame before, the worst of the points that are held in both; NaN where none is."""
    if not holds:
        return None
    out = np.full(len(travelled), np.nan)
    for hold in holds:
        part = slice(hold.first, hold.last + 1)
        if hold.point == "hand":
            joints = limb_joints(end, hold.limb)
            if joints is None:
                continue
            places = joints[part, 2] + travelled[part]
        else:
            leg = legs[hold.limb]
            places = leg.ankle[part] + leg.foot[part] @ leg.shape.offset(hold.point) + travelled[part]
        steps = 1000.0 * np.linalg.norm(np.diff(places, axis=0), axis=-1)
        moved = slice(hold.first + 1, hold.last + 1)
        out[moved] = np.fmax(out[moved], steps)
    return out


def soles(leg: Leg) -> Array:
    """(N, 2 or 3, 3) under heel and ball, and under the tip of the toes where there are any; world."""
    shape = leg.shape
    points = [leg.ankle + leg.foot @ shape.heel, leg.ankle + leg.foot @ shape.ball]
    if leg.toes is not None and shape.tip is not None and shape.toe_joint is not None:
        points.append(leg.ankle + leg.foot @ shape.toe_joint + leg.toes @ (shape.tip - shape.toe_joint))
    return np.stack(points, axis=1)


def _under(legs: dict[str, Leg], floor: float) -> Array | None:
    """(N,) mm that the deepest sole is below the floor, 0 where none is."""
    if not legs:
        return None
    lowest = np.min([soles(leg)[..., 2].min(axis=1) for leg in legs.values()], axis=0)
    return np.asarray(1000.0 * np.maximum(floor - lowest, 0.0))


def _held_share(motion: Motion, holds: list[Hold]) -> float:
    touching = motion.contact >= 0.5
    held = np.zeros(touching.shape, dtype=bool)
    for hold in holds:
        if (hold.limb, hold.point) in _POINTS:
            held[hold.first : hold.last + 1, _POINTS.index((hold.limb, hold.point))] = True
    count = int(touching.sum())
    return float((held & touching).sum() / count) if count else 1.0


def _limits(end: Solved, frames: list[int]) -> Iterator[Limit]:
    for side in SIDES:
        for limb, name in ((f"{side}_leg", f"{side}_knee"), (f"{side}_arm", f"{side}_elbow")):
            joints = limb_joints(end, limb)
            if joints is None:
                continue
            upper, lower = joints[:, 1] - joints[:, 0], joints[:, 2] - joints[:, 1]
            bends = limb_bends(end, limb)
            sideways = np.cross(upper, lower)
            bend = np.degrees(np.arctan2(np.linalg.norm(sideways, axis=-1), np.sum(upper * lower, axis=-1)))
            # The lower bone goes the other way than the joint does.
            wrong = np.sum(lower * bends, axis=-1) > np.sum(upper * bends, axis=-1) * (
                np.linalg.norm(lower, axis=-1) / np.maximum(np.linalg.norm(upper, axis=-1), 1e-9)
            )
            for values, limit, what in (
                (np.where(wrong, bend, 0.0), HYPEREXTENDED, "hyperextended"), (bend, FOLDED, "folded"),
            ):  # fmt: skip
                beyond = values - limit
                if (beyond > 0.0).any():
                    at = int(np.argmax(beyond))
                    yield Limit(f"{name} {what}", int((beyond > 0).sum()), float(beyond[at]), frames[at])


def _jumps(end: Solved, motion: Motion, frames: list[int]) -> list[Jump]:
    """The worst sudden turns of written bones, against the most that any joint of the source turns by."""
    if len(frames) < 2 or not end.rotations:
        return []
    names = [name for name in end.bones if name in end.rotations]
    inside = np.ones(len(frames) - 1, dtype=bool)
    for first, _ in motion.spans[1:]:
        inside[first - 1] = False
    # Of the world's turns, the body's: the source's own step is what makes a fast move no jump.
    body = motion.rotations[:, :BODY_JOINT_COUNT]
    source = np.degrees(rotation_angle(np.swapaxes(body[:-1], -1, -2) @ body[1:])).max(axis=-1)
    found = []
    limit = np.maximum(JUMP / sample_rate(motion), 2.0 * source)
    for name in names:
        q = end.rotations[name]
        dots = np.abs(np.sum(q[1:] * q[:-1], axis=-1))
        turned = np.where(inside, np.degrees(2.0 * np.arccos(np.clip(dots, 0.0, 1.0))), 0.0)
        if (turned > limit).any():
            at = int(np.argmax(turned - limit))
            found.append(Jump(name, float(turned[at]), frames[at + 1]))
    return sorted(found, key=lambda jump: -jump.degrees)[:_LISTED]
