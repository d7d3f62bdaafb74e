# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-bone inverse kinematics in closed form, for legs and arms, all frames at once.

The limb is given as it was posed, and only what has to change does: a target at the tip
itself gives the pose back exactly. Knees and elbows keep pointing where they pointed. Close
to full stretch the tip lags behind its target instead of the knee snapping straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SOFT = 0.02  # of the limb's length: how far before full stretch the tip begins to lag
FOLDED = np.radians(25.0)  # between the two bones: limbs are not folded further than this
_SMALL = 1e-9


@dataclass(frozen=True, eq=False)
class Bent:
    """A limb that was bent anew, N frames."""

    upper: Array  # (N, 3, 3) world rotation that turns the upper bone from its old pose to the new one
    lower: Array  # (N, 3, 3) the same for the lower bone
    middle: Array  # (N, 3) where knee or elbow is now
    tip: Array  # (N, 3) where ankle or wrist is now
    miss: Array  # (N,) how far the tip is from its target


def two_bone(
    root: Array,
    middle: Array,
    tip: Array,
    *,
    target: Array,
    bends: Array,
    shift: Array | None = None,
    soft: float = SOFT,
) -> Bent:
    """Bend a limb whose hip, knee and ankle were posed at (N, 3) so that its tip comes to target (N, 3).

    bends (N, 3): the way the middle goes when a straight limb is bent (to the front for a knee).
    shift (N, 3): where the root has moved meanwhile. soft: share of the length, see the module.
    Any one unit of length and any one frame of reference.
    """
    new_root = root if shift is None else root + shift
    a = np.linalg.norm(middle - root, axis=-1)
    b = np.linalg.norm(tip - middle, axis=-1)
    chord, chord_unit = _length_and_unit(tip - root)
    wanted, wanted_unit = _length_and_unit(target - new_root, instead=chord_unit)
    length = reach(wanted, a=a, b=b, posed=chord, soft=soft)

    swing = turn_between(chord_unit, wanted_unit)
    # The middle's distance from the line root to tip, as it was and as it has to be.
    across = (middle - root) - np.sum((middle - root) * chord_unit, axis=-1, keepdims=True) * chord_unit
    across = _applied(swing, across)
    along, height = _triangle(a, b, length)
    more = np.maximum(height - np.linalg.norm(across, axis=-1), 0.0)[:, None]
    forwards = _applied(swing, bends)
    forwards -= np.sum(forwards * wanted_unit, axis=-1, keepdims=True) * wanted_unit
    # A limb that was bent bends on in its own plane; a straight one has none, and takes `bends`.
    _, away = _length_and_unit(across + (more + _SMALL) * _length_and_unit(forwards)[1])

    new_middle = new_root + along[:, None] * wanted_unit + height[:, None] * away
    new_tip = new_root + length[:, None] * wanted_unit
    return Bent(
        upper=_turned(swing, middle - root, new_middle - new_root),
        lower=_turned(swing, tip - middle, new_tip - new_middle),
        middle=new_middle,
        tip=new_tip,
        miss=np.linalg.norm(new_tip - target, axis=-1),
    )


def reach(wanted: Array, *, a: Array, b: Array, posed: Array, soft: float = SOFT) -> Array:
    """Distances (N,) from root to tip that a limb of bones a and b (N,) takes where `wanted` is asked.

    posed (N,): the distance before. What was posed is always allowed, so that nothing moves
    for no reason; beyond it and beyond the soft limit the limb nears full stretch, never reaching it.
    """
    full = a + b
    free = np.minimum(np.maximum((1.0 - soft) * full, posed), full)
    room = full - free
    beyond = np.maximum(wanted - free, 0.0)
    lagging = free + room * -np.expm1(-beyond / np.maximum(room, _SMALL * full))
    folded = np.sqrt(np.maximum(a * a + b * b - 2.0 * a * b * np.cos(FOLDED), 0.0))
    return np.asarray(np.maximum(np.where(beyond > 0.0, lagging, wanted), np.minimum(folded, posed)))


def free_reach(*, a: Array, b: Array, posed: Array, soft: float = SOFT) -> Array:
    """The longest distances (N,) at which `reach` still gives exactly what is asked."""
    return np.asarray(np.minimum(np.maximum((1.0 - soft) * (a + b), posed), a + b))


def bend_angle(root: Array, middle: Array, tip: Array) -> Array:
    """How far a limb is bent (N,), radians, 0 is straight."""
    upper, lower = middle - root, tip - middle
    sine = np.linalg.norm(np.cross(upper, lower), axis=-1)
    return np.asarray(np.arctan2(sine, np.sum(upper * lower, axis=-1)))


def turn_between(start: Array, end: Array) -> Array:
    """The shortest rotations (..., 3, 3) from unit vectors start to end (..., 3).

    Opposite vectors are turned about any axis across them.
    """
    axis = np.cross(start, end)
    cosine = np.sum(start * end, axis=-1)[..., None, None]
    opposite = cosine[..., 0, 0] < -1.0 + 1e-9
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*axis.shape[:-1], 3, 3)
    out = np.eye(3) + cross + cross @ cross / np.maximum(1.0 + cosine, _SMALL)
    if opposite.any():
        least = np.eye(3)[np.argmin(np.abs(start[opposite]), axis=-1)]
        _, flip = _length_and_unit(np.cross(start[opposite], least))
        out[opposite] = 2.0 * flip[:, :, None] * flip[:, None, :] - np.eye(3)
    return np.asarray(out)


def _triangle(a: Array, b: Array, length: Array) -> tuple[Array, Array]:
    """Where the middle lies: along the line from root to tip, and away from it."""
    along = (a * a - b * b + length * length) / (2.0 * np.maximum(length, _SMALL))
    return along, np.sqrt(np.maximum(a * a - along * along, 0.0))


def _turned(swing: Array, old: Array, new: Array) -> Array:
    """The limb's swing, then the shortest way on to the bone's new direction: twist is carried along."""
    carried = _length_and_unit(_applied(swing, old))[1]
    return turn_between(carried, _length_and_unit(new)[1]) @ swing


def _applied(rotations: Array, vectors: Array) -> Array:
    return np.asarray((rotations @ vectors[..., None])[..., 0])


def _length_and_unit(vectors: Array, instead: Array | None = None) -> tuple[Array, Array]:
    length = np.linalg.norm(vectors, axis=-1)
    unit = vectors / np.maximum(length, _SMALL)[..., None]
    if instead is not None:
        unit = np.where((length < _SMALL)[..., None], instead, unit)
    return length, unit
