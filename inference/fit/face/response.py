# SPDX-License-Identifier: GPL-3.0-or-later
"""What the face graph makes of each ARKit coefficient, and coefficients read by it.

The data are learnt from pictures of faces that do not exist, see `training/face`: the graph moves
its points less than a face moves, and moves some when only the head turns.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...kinematics import axis_angle_from_matrix
from ...skeleton import DATA
from .bounded import bounded

Array = NDArray[np.float64]

PATH = DATA / "face_response.npz"
COUNT = 52
# An eye turns further than its coefficients say, which stop at 1.
LOOK_LIMIT = 2.5


@dataclass(frozen=True, eq=False)
class Response:
    """Points are flat here: (612,) for (204, 3), metres."""

    reference: Array  # (204, 3) the mean neutral face
    basis: Array  # (52, 612) what coefficient 1 changes
    turn: Array  # (9, 612) what a term of the head's turn changes, see `turn_terms`
    noise: Array  # (k, 612) what else changes: its largest independent parts, one standard deviation each
    floor: Array  # (612,) the standard deviation of the rest

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **{f.name: getattr(self, f.name).astype(np.float16) for f in fields(self)})

    @classmethod
    def load(cls, path: Path = PATH) -> Response:
        """Read what `save` wrote. ModelError if it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(**{f.name: data[f.name].astype(np.float64) for f in fields(cls)})
        except FileNotFoundError as error:
            raise ModelError(f"{path}: no such file; install Rotocap again") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: damaged ({error}); install Rotocap again") from error

    def solver(
        self, *, sd: float = 0.3, seen: NDArray[np.bool_] | None = None, signed: bool = False
    ) -> Callable[[Array], Array]:
        """Coefficients (T, 52) of differences (T, 612) from the neutral face, the turn's part taken out.

        sd: what a coefficient is before anything is seen, around 0. seen (612,): which points count.
        signed: coefficients below 0 are allowed, for finding the neutral face itself.
        """
        use = np.ones(self.basis.shape[1], bool) if seen is None else seen
        # (noise' noise + floor^2)^-1 basis, by Woodbury's identity.
        scaled = self.noise[:, use] / self.floor[use] ** 2
        inner = np.eye(len(self.noise)) + scaled @ self.noise[:, use].T
        weighted = self.basis[:, use] / self.floor[use] ** 2
        weighted = weighted - (weighted @ self.noise[:, use].T) @ np.linalg.solve(inner, scaled)
        information = weighted @ self.basis[:, use].T + np.eye(COUNT) / sd**2
        high = np.where(LOOKS, LOOK_LIMIT, 1.0)
        low = np.full(COUNT, -1.0) if signed else np.zeros(COUNT)

        def solve(differences: Array) -> Array:
            return bounded(information, differences[:, use] @ weighted.T, low=low, high=high)

        return solve


def turn_terms(turn: Array) -> Array:
    """(T, 9) of rotations (T, 3, 3): the rotation vector and its products."""
    r = axis_angle_from_matrix(turn)
    x, y, z = r.T
    return np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)


NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft",
    "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight",
    "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
LOOKS = np.array([name.startswith("eyeLook") for name in NAMES])
