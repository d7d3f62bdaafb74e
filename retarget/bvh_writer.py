# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing BVH files, see `bvh`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from .bvh import Bvh

Array = NDArray[np.float64]

_GIMBAL = 1.0 - 1e-9


def write(path: Path, bvh: Bvh, *, order: str = "ZXY") -> None:
    """Write a BVH file: roots with positions, other joints with them where they move from their offset.

    order: the axes of the rotation channels; of ZXY nearly every program is sure. SequenceError if
    the disk refuses.
    """
    if sorted(order) != ["X", "Y", "Z"]:
        raise SequenceError(f"order: expected X, Y and Z in some order, got {order!r}")
    moving = [
        parent < 0 or not np.allclose(bvh.positions[:, joint], bvh.offsets[joint], rtol=0.0, atol=1e-6)
        for joint, parent in enumerate(bvh.parents)
    ]
    out, columns = _hierarchy_text(bvh, order, moving)
    values = np.empty((len(bvh), len(columns)))
    turns = {j: np.degrees(euler(bvh.rotations[:, j], order)) for j in range(len(bvh.names))}
    for n, (joint, kind, index) in enumerate(columns):
        values[:, n] = bvh.positions[:, joint, index] if kind == "p" else turns[joint][:, index]
    out += ["MOTION", f"Frames: {len(bvh)}", f"Frame Time: {bvh.frame_time:.9g}"]
    pattern = " ".join(["%.6f"] * len(columns))
    out += [pattern % tuple(row) for row in values]
    try:
        path.write_text("\n".join(out) + "\n", encoding="utf-8")
    except OSError as error:
        raise SequenceError(
            f"{path}: could not be written ({error.strerror}); choose another folder"
        ) from error


def _hierarchy_text(bvh: Bvh, order: str, moving: list[bool]) -> tuple[list[str], list[tuple[int, str, int]]]:
    """The lines of HIERARCHY, and of every channel its joint, "p" or "r", and index."""
    children: list[list[int]] = [[] for _ in bvh.names]
    for joint, parent in enumerate(bvh.parents):
        if parent >= 0:
            children[parent].append(joint)
    lines = ["HIERARCHY"]
    columns: list[tuple[int, str, int]] = []
    numbers = "OFFSET {:.6f} {:.6f} {:.6f}".format

    def add(joint: int, depth: int) -> None:
        tab, inner = "\t" * depth, "\t" * (depth + 1)
        kinds = ["Xposition", "Yposition", "Zposition"] if moving[joint] else []
        columns.extend((joint, "p", i) for i in range(len(kinds)))
        columns.extend((joint, "r", i) for i in range(3))
        kinds += [f"{axis}rotation" for axis in order]
        lines.extend([
            f"{tab}{'JOINT' if depth else 'ROOT'} {bvh.names[joint]}", f"{tab}{{",
            f"{inner}{numbers(*bvh.offsets[joint])}", f"{inner}CHANNELS {len(kinds)} {' '.join(kinds)}",
        ])  # fmt: skip
        for child in children[joint]:
            add(child, depth + 1)
        if joint in bvh.end_sites or not children[joint]:
            end = bvh.end_sites.get(joint, np.zeros(3))
            lines.extend([f"{inner}End Site", f"{inner}{{", f"{inner}\t{numbers(*end)}", f"{inner}}}"])
        lines.append(f"{tab}}}")

    for joint, parent in enumerate(bvh.parents):
        if parent < 0:
            add(joint, 0)
    return lines, columns


def euler(rotations: Array, order: str) -> Array:
    """Angles (T, 3) in radians of rotations (T, 3, 3), without jumps of a whole turn.

    order "ZXY" is R = Rz Rx Ry: each turn in the frame that the one before it left, as BVH has it.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    sine = np.clip(sign * rotations[:, i, k], -1.0, 1.0)
    locked = np.abs(sine) > _GIMBAL
    first = np.where(
        locked,
        np.arctan2(sign * rotations[:, k, j], rotations[:, j, j]),
        np.arctan2(-sign * rotations[:, j, k], rotations[:, k, k]),
    )
    third = np.where(locked, 0.0, np.arctan2(-sign * rotations[:, i, j], rotations[:, i, i]))
    out = np.stack([first, np.arcsin(sine), third], axis=-1)
    return np.asarray(np.unwrap(out, axis=0))
