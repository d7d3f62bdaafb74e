# SPDX-License-Identifier: GPL-3.0-or-later
"""The small network that reads 52 ARKit coefficients from what differs from a face at rest.

Made by `training/face` from pictures of people who do not exist, seen through the real face graph:
the graph moves its points less than a face moves, and moves some when only the head turns, so the
answer is learnt, not derived. Two hidden layers, and two more that look again, knowing the first
answer; numpy is quick enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kinematics import axis_angle_from_matrix
from ...landmarks.face_points import LEFT_EYE_PART, MESH, RIGHT_EYE_PART
from ...sequence import ARKIT
from ...skeleton import DATA
from ...stored_network import StoredNetwork

Array = NDArray[np.float64]

PATH = DATA / "face_reader.npz"
NAMES = ARKIT
COUNT = len(NAMES)
LOOKS = np.array([name.startswith("eyeLook") for name in NAMES])
OTHER_SIDE = [
    NAMES.index(name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")) for name in NAMES
]
# An eye turns further than its coefficients say, which stop at 1.
LOOK_LIMIT = 1.8


@dataclass(frozen=True, eq=False)
class Reader(StoredNetwork):
    """Points are flat here: (612,) for (204, 3), metres."""

    reference: Array  # (204, 3) everybody's mean face at rest, looking ahead
    turn: Array  # (9, 612) what a term of the head's turn changes, see `turn_terms`
    jaw_open: Array  # (204, 3) what jawOpen changes
    components: Array  # (612, k) what the network looks at; near 1000 a metre, for which float16 has room
    weight1: Array  # (k + 11, h); its last rows: nine terms of the turn, right and left eye not seen
    bias1: Array
    weight2: Array  # (h, h)
    bias2: Array
    weight3: Array  # (h, 52)
    bias3: Array
    # What the second look adds to the first answer, from the same inputs and that answer.
    again_weight1: Array  # (k + 11 + 52, h)
    again_bias1: Array
    again_weight2: Array  # (h, h)
    again_bias2: Array
    again_weight3: Array  # (h, 52)
    again_bias3: Array

    def __call__(self, differences: Array, turn: Array) -> Array:
        """Coefficients (T, 52), looks up to `LOOK_LIMIT`, the others up to 1; below 0: less than at rest.

        differences (T, 204, 3) from the same person's face at rest, the turn's part taken out of both
        (`without_turn`), NaN where an eye is not seen; turn (T, 3, 3).
        """
        own = self._plain(differences, turn)
        # A mirrored face is another face: its answer errs otherwise.
        order, flip = self._mirror, np.array([-1.0, 1.0, 1.0])
        other = self._plain(differences[:, order] * flip, flip[:, None] * turn * flip)[:, OTHER_SIDE]
        return np.asarray(np.clip(0.5 * (own + other), -1.0, np.where(LOOKS, LOOK_LIMIT, 1.0)))

    def _plain(self, differences: Array, turn: Array) -> Array:
        seen = self.inputs(differences, turn_terms(turn))
        first = self.first(seen)
        x = _silu(np.concatenate([seen, first], axis=1) @ self.again_weight1 + self.again_bias1)
        x = _silu(x @ self.again_weight2 + self.again_bias2)
        return np.asarray(first + x @ self.again_weight3 + self.again_bias3)

    def first(self, seen: Array) -> Array:
        """The first answer (T, 52) to `inputs` (T, k + 11), before the second look; in no bounds."""
        x = _silu(seen @ self.weight1 + self.bias1)
        x = _silu(x @ self.weight2 + self.bias2)
        return np.asarray(x @ self.weight3 + self.bias3)

    @cached_property
    def _mirror(self) -> NDArray[np.int64]:
        return mirror_order(self.reference)

    def inputs(self, differences: Array, terms: Array) -> Array:
        """(T, k + 11) what the first layer is given."""
        blind = [np.isnan(differences[:, part]).any(axis=(1, 2)) for part in (RIGHT_EYE_PART, LEFT_EYE_PART)]
        flat = np.nan_to_num(differences).reshape(-1, len(self.components))
        return np.concatenate([flat @ self.components, 2.0 * terms, np.stack(blind, axis=1)], axis=1)

    def without_turn(self, points: NDArray[np.floating[Any]], turn: Array) -> Array:
        """Aligned points (T, 204, 3) less what the head's turn (T, 3, 3) alone does to them."""
        return np.asarray(points - (turn_terms(turn) @ self.turn).reshape(points.shape))


def mirror_order(reference: Array) -> NDArray[np.int64]:
    """(204,) which point of a face (204, 3) each one is in the mirror."""
    mesh = reference[: len(MESH)]
    flipped = mesh * (-1.0, 1.0, 1.0)
    partner = np.linalg.norm(flipped[:, None] - mesh[None], axis=-1).argmin(axis=1)
    if len(set(partner.tolist())) != len(MESH):
        raise ValueError("mirror: expected each point to have one partner; the mean face is not even enough")
    eyes = np.arange(RIGHT_EYE_PART.start, LEFT_EYE_PART.stop).reshape(2, -1)[::-1].ravel()
    return np.concatenate([partner, eyes])


def turn_terms(turn: Array) -> Array:
    """(T, 9) of rotations (T, 3, 3): the rotation vector and its products."""
    x, y, z = axis_angle_from_matrix(turn).T
    return np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)


def _silu(x: Array) -> Array:
    return np.asarray(x / (1.0 + np.exp(-np.clip(x, -60.0, 60.0))))
