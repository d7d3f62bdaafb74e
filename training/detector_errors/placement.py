# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on the skeleton a detector puts its points: the places in 3D that explain its 2D points best.

A point is an anatomical joint plus an offset that turns with a carrier: a hip that turns
with the pelvis is another thing than one that turns with the thigh, so several carriers
are tried and the one that explains more is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...inference.lift.points import POINT_NAMES
from ...inference.skeleton import INDEX, rest_joints
from .observe import Observations
from .points import KIND_OF, KINDS
from .truth import CARRIER, OFFSET, person_scale

Array = NDArray[np.float64]

# Which joints may carry a point. The first is what a skeleton without offsets would take.
CARRIERS: dict[str, tuple[str, ...]] = {
    "shoulder": ("shoulder", "collar", "spine3"), "elbow": ("elbow", "shoulder"), "wrist": ("wrist", "elbow"),
    "hip": ("hip", "pelvis"), "knee": ("knee", "hip"), "ankle": ("ankle", "knee"),
    "heel": ("ankle",), "big_toe": ("foot", "ankle"),
    "hand_wrist": ("wrist",), "hand_thumb": ("wrist", "thumb2", "thumb1"), "hand_index": ("wrist",),
    "hand_middle": ("wrist",), "hand_pinky": ("wrist",),
}  # fmt: skip
_CENTRAL = {"head", "pelvis", "spine3"}
_CERTAIN = 0.5
_SCALE = 0.012  # statures: errors beyond it count for less (Cauchy)
_HARDLY_KNOWN = 1e-3  # metres^2: ridge that keeps what the views do not tell at the given place


@dataclass(frozen=True)
class Placement:
    """The place of one kind of point, for the left side."""

    kind: str
    carrier: str
    given: Array  # (3,) metres from the carrier at rest where the truth had it, template size
    offset: Array  # (3,) metres from there to where the detector sees it, in the carrier's axes
    before: float  # median distance in the picture, statures, without the offset
    after: float  # and with it
    count: int


def _carried_by(name: str, row: int) -> int:
    side = "" if name in _CENTRAL else POINT_NAMES[row].split("_")[0] + "_"
    return INDEX[side + name] if side in ("", "left_", "right_") and side + name in INDEX else CARRIER[row]


def placements(seen: Observations, *, certain: float = _CERTAIN) -> list[Placement]:
    """For every kind of point the best carrier's place first, then the others'."""
    out = []
    for index, kind in enumerate(KINDS):
        rows = [row for row, k in enumerate(KIND_OF) if k == index]
        tried = [_solve(seen, kind, rows, name, certain) for name in CARRIERS.get(kind, ("head",))]
        out += sorted(tried, key=lambda one: one.after)
    return out


def _solve(seen: Observations, kind: str, rows: list[int], carrier: str, certain: float) -> Placement:
    """Gauss-Newton with Cauchy weights on both sides' points, the right one's mirrored."""
    scale = np.array([person_scale(rest) for rest in seen.rest])
    arms, misses, jacobians = [], [], []
    for row in rows:
        name = POINT_NAMES[row]
        mirror = np.array([-1.0 if name.startswith("right_") else 1.0, 1.0, 1.0])
        use = (
            seen.found & seen.inside[:, row] & ~seen.hidden[:, row] & (seen.keypoints[:, row, 2] > certain)
        )  # fmt: skip
        turn = seen.turns[use, _carried_by(carrier, row)]
        place = seen.points[use, row]
        K, size = seen.K[use], seen.size_px[use]
        focal = K[:, [0, 1], [0, 1]] / size[:, None]
        flat = place[:, :2] / place[:, 2:]
        target = (seen.keypoints[use, row, :2] - K[:, :2, 2]) / K[:, [0, 1], [0, 1]]
        misses.append((target - flat) * focal)
        # d(flat) / d(place), times the turn: offsets are small beside the distance.
        front = np.zeros((len(place), 2, 3))
        front[:, [0, 1], [0, 1]] = 1.0 / place[:, 2:]
        front[:, :, 2] = -flat / place[:, 2:]
        jacobian = focal[:, :, None] * (front @ turn) * scale[use, None, None] * mirror
        jacobians.append(jacobian)
        arms.append(np.full(len(place), row))
    miss, jacobian = np.concatenate(misses), np.concatenate(jacobians)
    offset = np.zeros(3)
    lateral = all(not POINT_NAMES[row].startswith(("left", "right")) for row in rows)
    for _ in range(30):
        rest = miss - jacobian @ offset
        weight = 1.0 / (1.0 + (rest**2).sum(axis=1) / _SCALE**2)
        A = np.einsum("n,nka,nkb->ab", weight, jacobian, jacobian) + _HARDLY_KNOWN * np.eye(3)
        b = np.einsum("n,nka,nk->a", weight, jacobian, rest) - _HARDLY_KNOWN * offset
        if lateral:
            A[0], A[:, 0], A[0, 0], b[0] = 0.0, 0.0, 1.0, 0.0
        step = np.linalg.solve(A, b)
        offset = offset + step
        if np.linalg.norm(step) < 1e-6:
            break
    row = rows[-1] if POINT_NAMES[rows[-1]].startswith("left_") else rows[0]
    template = rest_joints()
    held = _carried_by(carrier, row)
    given = template[CARRIER[row]] + OFFSET[row] - template[held]
    return Placement(
        kind=kind,
        carrier=carrier,
        given=given,
        offset=offset,
        before=float(np.median(np.linalg.norm(miss, axis=1))),
        after=float(np.median(np.linalg.norm(miss - jacobian @ offset, axis=1))),
        count=len(miss),
    )


def placed(seen: Observations) -> Array:
    """Where the points are (N, P, 3), camera axes, by the best place of each kind."""
    scale = np.array([person_scale(rest) for rest in seen.rest])
    best: dict[str, Placement] = {}
    for one in placements(seen):
        best.setdefault(one.kind, one)
    out = seen.points.copy()
    for row, name in enumerate(POINT_NAMES):
        one = best[KINDS[KIND_OF[row]]]
        mirror = np.array([-1.0 if name.startswith("right_") else 1.0, 1.0, 1.0])
        turn = seen.turns[:, _carried_by(one.carrier, row)]
        out[:, row] += (turn @ (one.offset * mirror)) * scale[:, None]
    return out
