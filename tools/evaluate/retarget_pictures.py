# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of transfers, to be looked at: every rig beside its source, and skin on some of them.

The sheet is drawn from joints alone. The skinned pictures put the free body on a rig, in the
rig's own rest pose and proportions, so that a wrung forearm shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.body import FreeBody
from ...inference.raster import Surface, draw
from ...inference.skeleton import INDEX, JOINT_NAMES, PARENTS
from ...retarget.bone_map import FINGERS, JOINTS, SIDES
from ...retarget.grounding import ground
from ...retarget.motion import Motion
from ...retarget.solve import Solved, solve
from ...tests.rigs.definition import load
from ...tests.rigs.figure import Figure
from .retarget import Target

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Lines = list[tuple[Array, tuple[int, int, int]]]  # points (K, 3) of the world, colour BGR

CELL = (92, 128)  # px, width and height
SKINNED = ("mixamo", "unreal5", "daz_genesis8")  # no twist bones, several, one
_LEFT, _RIGHT, _MIDDLE = (40, 60, 210), (200, 90, 30), (60, 60, 60)
_ANGLES = ("arms_down", "elbows_bent", "fingers_curled", "legs_apart", "knees_bent", "toes_out")
_FAR = 12.0  # m, of the camera
_NEXT = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shank", "shank": "foot"}


def sheets(
    motions: Mapping[str, Motion], targets: Sequence[Target], path: Path, *, rows: int = 13
) -> list[Path]:
    """Contact sheets PATH-1.png ...: a row for each rig, source first; each motion from front and side."""
    frames = {name: telling_frame(motion) for name, motion in motions.items()}
    source = [_source_lines(motion, frames[name]) for name, motion in motions.items()]
    drawn = [_row("source", source)]
    for target in targets:
        figures = []
        for name, motion in motions.items():
            solved = ground(solve(motion, target.rig, target.bone_map), motion).solved
            figures.append(_rig_lines(solved, frames[name]))
        drawn.append(_row(target.name, figures))
    out = []
    for number, start in enumerate(range(1, len(drawn), rows), start=1):
        file = path.with_name(f"{path.stem}-{number}.png")
        cv2.imwrite(str(file), np.concatenate([drawn[0], *drawn[start : start + rows]]))
        out.append(file)
    return out


def skinned(motion: Motion, target: Target, path: Path) -> Path:
    """The free body on a rig (right) beside the free body posed as the source (left), from two sides."""
    frame = _twisted_frame(motion)
    solved = solve(motion, target.rig, target.bone_map)
    body = FreeBody.load()
    rest = load(target.name).rest
    figure, straight = Figure(rest), Figure(replace(rest, **dict.fromkeys(_ANGLES, 0.0)))
    flat = np.array([straight.points[name] for name in JOINT_NAMES])
    shaped = body.shaped(np.stack([flat[:, 0], flat[:, 2], -flat[:, 1]], axis=-1))
    vertices = np.stack([shaped[:, 0], -shaped[:, 2], shaped[:, 1]], axis=-1)
    weights = body.weights.astype(np.float64)
    theirs = _skin_of_source(motion.rotations[frame], flat, vertices, weights)
    mine = _skin_on_rig(solved, figure, flat, vertices, weights, frame)
    heading = float(np.arctan2(*motion.rotations[frame, 0, :2, 0][::-1]))
    shown = [
        _render(points - 0.5 * (points.min(axis=0) + points.max(axis=0)), body.faces, heading + view)
        for view in (0.5, -0.9)
        for points in (theirs, mine)
    ]
    cv2.imwrite(str(path), np.concatenate(shown, axis=1))
    return path


def telling_frame(motion: Motion) -> int:
    """The frame in which the limbs are furthest from where they mostly are, seen from the pelvis."""
    ends = [INDEX[f"{side}_{joint}"] for side in SIDES for joint in ("knee", "ankle", "elbow", "wrist")]
    seen = (motion.joints[:, ends] - motion.joints[:, :1]) @ motion.rotations[:, 0]
    return int(np.argmax(np.linalg.norm(seen - np.median(seen, axis=0), axis=-1).sum(axis=1)))


def _twisted_frame(motion: Motion) -> int:
    """The frame in which the hands are turned furthest about their forearms."""
    angle = np.zeros(len(motion))
    for side in SIDES:
        elbow, wrist = (motion.rotations[:, INDEX[f"{side}_{joint}"]] for joint in ("elbow", "wrist"))
        beyond = np.swapaxes(elbow, -1, -2) @ wrist  # forearms lie along x at rest
        angle = np.maximum(angle, np.abs(np.arctan2(beyond[:, 2, 1], beyond[:, 1, 1])))
    return int(np.argmax(angle))


def _skin_of_source(turns: Array, flat: Array, vertices: Array, weights: Array) -> Array:
    """Skin (V, 3) of the rig's own proportions, posed by the source's rotations (55, 3, 3)."""
    places = np.zeros((len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            places[joint] = places[parent] + turns[parent] @ (flat[joint] - flat[parent])
    out = np.zeros_like(vertices)
    for joint in range(len(PARENTS)):
        on = weights[:, joint] > 0.0
        moved = (vertices[on] - flat[joint]) @ turns[joint].T + places[joint]
        out[on] += weights[on, joint, None] * moved
    return out


def _skin_on_rig(
    solved: Solved, figure: Figure, flat: Array, vertices: Array, weights: Array, frame: int
) -> Array:
    """Skin (V, 3) bound to the rig at rest, as an artist binds it, and carried by its bones."""
    rig, posed = solved.plan.rig, solved.posed
    upright = rig.turn @ solved.plan.body.axes  # figure to world, at rest
    out = np.zeros_like(vertices)
    for joint, name in enumerate(JOINT_NAMES):
        on = weights[:, joint] > 0.0
        if not on.any():
            continue
        bound = (vertices[on] - flat[joint]) @ figure.turned[name].T + figure.points[name]
        local = rig.to_armature(bound @ upright.T + rig.world[:3, 3])
        for bone, share in _carriers(solved, joint, local):
            head = rig.heads[bone]
            placed = posed.points(bone, head)[frame] + (local - head) @ posed.turn(bone)[frame].T
            out[on] += (weights[on, joint] * share)[:, None] * rig.to_world(placed)
    return out


def _carriers(solved: Solved, joint: int, places: Array) -> list[tuple[int, Array]]:
    """Bones that carry the skin of a joint, and for each of its places (V, 3) how much."""
    rig, bones = solved.plan.rig, solved.plan.bone_map
    role, along_role = _role_of(joint, solved)
    names = bones[role]
    bone = rig.index(names[min(int(along_role * len(names)), len(names) - 1)])
    twists = [rig.index(name) for name in bones[f"{role}_twist"]]
    if not twists:
        return [(bone, np.ones(len(places)))]
    side, part = role.split("_", 1)
    line = rig.heads[rig.index(bones[f"{side}_{_NEXT[part]}"][0])] - rig.heads[bone]
    along = np.clip((places - rig.heads[bone]) @ line / float(line @ line), 0.0, 1.0)
    chain = [bone, *twists]
    knots = [(k + 0.5) / len(chain) for k in range(len(chain))]
    return [(b, np.interp(along, knots, np.eye(len(chain))[k])) for k, b in enumerate(chain)]


def _role_of(joint: int, solved: Solved) -> tuple[str, float]:
    """The mapped role that a joint, or else the next one above it, belongs to, and how far along it is."""
    at = joint
    while at >= 0:
        for role, joints in JOINTS.items():
            plain = role != "root" and not role.endswith(("_twist", "_metacarpal"))
            if plain and at in joints and role in solved.plan.bone_map:
                return role, (joints.index(at) + 0.5) / len(joints) if at == joint else 0.999
        at = PARENTS[at]
    return "pelvis", 0.0


def _render(vertices: Array, faces: NDArray[np.int64], yaw: float) -> Image:
    """A body (V, 3) about the origin, from the front turned by `yaw`."""
    size, focal = 400, _FAR * 175.0
    c, s = np.cos(yaw), np.sin(yaw)
    across = c * vertices[:, 0] + s * vertices[:, 1]
    depth = -s * vertices[:, 0] + c * vertices[:, 1]
    camera = np.stack([across, -vertices[:, 2], depth + _FAR], axis=-1)
    K = np.array([[focal, 0.0, size / 2], [0.0, focal, size / 2], [0.0, 0.0, 1.0]])
    image = np.full((size, size, 3), 255, np.uint8)
    grey = np.full((len(vertices), 3), 190.0, np.float32)
    return draw(image, [Surface(camera.astype(np.float32), faces, grey)], K)


def _source_lines(motion: Motion, frame: int) -> Lines:
    joints = motion.joints[frame]
    out: Lines = [
        (joints[[parent, joint]], _colour(JOINT_NAMES[joint]))
        for joint, parent in enumerate(PARENTS)
        if parent >= 0 and JOINT_NAMES[joint] != "jaw" and "eye" not in JOINT_NAMES[joint]
    ]
    head = INDEX["head"]
    top = joints[head] + 0.15 * motion.rotations[frame, head, :, 2]
    return [*out, (np.stack([joints[head], top]), _MIDDLE)]


def _rig_lines(solved: Solved, frame: int) -> Lines:
    """Mapped bones from head to head, in the world at a person's size."""
    ready = solved.plan
    rig, bones = ready.rig, ready.bone_map
    size = 1.0 / (ready.body.units * rig.scale)

    def head(name: str) -> Array:
        return rig.to_world(solved.posed.heads([rig.index(name)])[frame, 0]) * size

    chains = [["pelvis", "spine", "neck", "head"]]
    for side in SIDES:
        chains.append([f"{side}_{part}" for part in ("collar", "upper_arm", "forearm", "hand")])
        chains.append([f"{side}_{part}" for part in ("thigh", "shank", "foot", "toes")])
        chains += [[f"{side}_hand", f"{side}_{finger}"] for finger in FINGERS]
    out: Lines = []
    for chain in chains:
        names = [name for role in chain for name in bones[role]]
        if len(names) > 1:
            out.append((np.array([head(name) for name in names]), _colour(chain[-1])))
    for side in SIDES:
        shoulder = bones[f"{side}_collar"] or bones[f"{side}_upper_arm"]
        for base, tip in ((bones["pelvis"], bones[f"{side}_thigh"]), (bones["spine"], shoulder)):
            if base and tip:
                out.append((np.array([head(base[-1]), head(tip[0])]), _colour(side)))
    for name in bones["head"]:
        k = rig.index(name)
        up = solved.posed.points(k, rig.heads[k] + ready.body.axes[:, 2] * 0.15 * ready.body.units)[frame]
        out.append((np.stack([head(name), rig.to_world(up) * size]), _MIDDLE))
    return out


def _colour(name: str) -> tuple[int, int, int]:
    return _LEFT if name.startswith("left") else _RIGHT if name.startswith("right") else _MIDDLE


def _row(label: str, figures: Sequence[Lines]) -> Image:
    """Figures beside each other, each from the front and from the side."""
    row = np.concatenate([_cell(lines, view) for lines in figures for view in (0, 1)], axis=1)
    cv2.putText(row, label, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    row[-1] = 220
    return row


def _cell(lines: Lines, view: int) -> Image:
    """One figure seen along y (0) or along x (1), with the floor."""
    width, height = CELL
    image = np.full((height, width, 3), 255, np.uint8)
    points = np.concatenate([line for line, _ in lines])
    low, high = points.min(axis=0), points.max(axis=0)
    scale, bottom = height / 2.4, min(0.0, float(low[2])) if low[2] < 0.5 else float(low[2]) - 0.1
    middle = 0.5 * (low[view] + high[view])

    def pixel(places: Array) -> NDArray[np.int32]:
        x = (places[:, view] - middle) * scale + width / 2
        y = height - 8 - (places[:, 2] - bottom) * scale
        return np.round(np.stack([x, y], axis=-1) * 8).astype(np.int32)

    cv2.polylines(image, [pixel(np.array([[-99.0, -99, 0], [99, 99, 0]]))], False, (200, 200, 200), shift=3)
    for line, colour in lines:
        cv2.polylines(image, [pixel(line)], False, colour, 1, cv2.LINE_AA, shift=3)
    return image
