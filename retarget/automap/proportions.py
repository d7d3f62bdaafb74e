# SPDX-License-Identifier: GPL-3.0-or-later
"""How legs and arms are proportioned: which points of a chain are its joints.

Every function returns the joints as positions in the chain, and a cost: the sum of
squared deviations from a human body, each in units of what characters differ by.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LONGEST_CHAIN = 14  # beyond this a limb's chain is cut: tails and tentacles are no legs


@dataclass(frozen=True)
class Fit:
    """Joints of a limb, as positions in its chain, and what is unlike a human limb."""

    joints: tuple[int, int, int]  # hip, knee, ankle or shoulder, elbow, wrist
    cost: float


def _angle(first: Array, second: Array) -> float:
    """Degrees between two directions; 90 if one has no length."""
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.degrees(np.arccos(np.clip(first @ second / size, -1.0, 1.0)))) if size > 0.0 else 90.0


def _off(value: float, expected: float, spread: float) -> float:
    return ((value - expected) / spread) ** 2


def _passed(chain: Array, first: int, last: int, size: float) -> float:
    """Cost of the points between two joints: twist bones lie on the line, a joint passed over does not."""
    between = chain[first + 1 : last] - chain[first]
    line = chain[last] - chain[first]
    line = line / max(float(np.linalg.norm(line)), 1e-12)
    off = np.linalg.norm(between - np.outer(between @ line, line), axis=1)
    return _off(float(off.max(initial=0.0)) / size, 0.0, 0.05)


def fit_leg(chain: Array, other: Array, up: Array) -> Fit | None:
    """Hip, knee and ankle of a leg.

    chain (M, 3): heads from the body outwards; other (M, 3): those of the other leg;
    up (3,): from the hips to the shoulders. None if there is no leg in it.
    """
    best: Fit | None = None
    for hip, knee, ankle in combinations(range(min(len(chain), LONGEST_CHAIN)), 3):
        thigh, shank = chain[knee] - chain[hip], chain[ankle] - chain[knee]
        sizes = float(np.linalg.norm(thigh)), float(np.linalg.norm(shank))
        if min(sizes) < 1e-6:
            continue
        whole = sizes[0] + sizes[1]
        cost = _off(np.log(sizes[0] / sizes[1]), -0.08, 0.22)
        cost += _off(_angle(thigh, shank), 0.0, 20.0)
        cost += _passed(chain, hip, knee, whole) + _passed(chain, knee, ankle, whole)
        cost += _off(_angle(thigh + shank, -up), 0.0, 25.0)
        cost += _off(float(np.linalg.norm(chain[hip] - other[hip])) / whole, 0.27, 0.15)
        foot = chain[ankle + 1 :] - chain[ankle]
        if len(foot):
            longest = foot[np.argmax(np.linalg.norm(foot, axis=1))]
            cost += _off(float(np.linalg.norm(longest)) / whole, 0.22, 0.12)
            cost += _off(min(_angle(longest, shank), 70.0), 70.0, 30.0)
        else:
            cost += 1.5  # a leg that ends at the ankle
        if best is None or cost < best.cost:
            best = Fit((hip, knee, ankle), cost)
    return best


def fit_arm(chain: Array, other: Array, forks: tuple[bool, ...]) -> Fit | None:
    """Shoulder, elbow and wrist of an arm.

    chain (M, 3): heads from the body outwards; other (M, 3): those of the other arm;
    forks (M,): whether fingers part from that point. None if there is no arm in it.
    """
    best: Fit | None = None
    for shoulder, elbow, wrist in combinations(range(min(len(chain), LONGEST_CHAIN)), 3):
        upper, lower = chain[elbow] - chain[shoulder], chain[wrist] - chain[elbow]
        sizes = float(np.linalg.norm(upper)), float(np.linalg.norm(lower))
        if min(sizes) < 1e-6:
            continue
        whole = sizes[0] + sizes[1]
        cost = _off(np.log(sizes[0] / sizes[1]), 0.1, 0.22)
        cost += _off(_angle(upper, lower), 0.0, 50.0)
        cost += _passed(chain, shoulder, elbow, whole) + _passed(chain, elbow, wrist, whole)
        cost += _off(float(np.linalg.norm(chain[shoulder] - other[shoulder])) / whole, 0.7, 0.3)
        beyond = np.linalg.norm(np.diff(chain[wrist:], axis=0), axis=1).sum() / whole
        if forks[wrist]:
            cost += _off(float(np.log(max(beyond, 0.02) / 0.38)), 0.0, 0.5)
        elif any(forks[shoulder + 1 :]):
            cost += 6.0  # the fingers part elsewhere
        else:
            cost += _off(float(beyond), 0.15, 0.25)
        if best is None or cost < best.cost:
            best = Fit((shoulder, elbow, wrist), cost)
    return best
