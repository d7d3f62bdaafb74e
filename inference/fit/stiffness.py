# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal equations of a window: how stiffly what `terms` knows holds the pose.

Joints are composite bodies (Featherstone, 1987): of all that hangs on a joint only the sums of
stiffness, lever and moment count, and any two joints of one chain are coupled through those of the
lower one. Nothing of the size of points times unknowns is ever made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeleton import BODY_JOINT_COUNT, INDEX
from .band import BAND, STATE, System, blocks
from .model_points import FOOT_ROWS, POINTS
from .terms import CHAINS, HIPS, LOADS, LOOKS, Look, Terms, hinges, pulled
from .turns import (
    cross_columns,
    product,
    product_after,
    right_jacobian_inverse,
    right_jacobian_square,
)

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

# Pairs of a joint with each joint that turns it, itself included.
_LOWER, _UPPER = np.nonzero(CHAINS)
_SAME = np.flatnonzero(_LOWER == _UPPER)
_HIP_JOINTS = [0, INDEX["left_hip"], INDEX["right_hip"]]  # that carry the hips' points


def _entries() -> tuple[NDArray[np.bool_], Ints]:
    """Which of the pairs' entries (3, 3, N) lie below the diagonal or on it, and where in `blocks`."""
    column = 3 + 3 * _UPPER + np.arange(3)[:, None, None]
    row = 3 + 3 * _LOWER + np.arange(3)[None, :, None]
    below = np.broadcast_to(row >= column, (3, 3, len(_LOWER)))
    return below, (column * BAND + row)[below]


_BELOW, _PLACES = _entries()


def _columns(joints: list[int]) -> Ints:
    """The unknowns of a frame that are its place and the turns of these joints."""
    return np.concatenate([np.arange(3), *(np.arange(3 + 3 * k, 6 + 3 * k) for k in joints)])


_FEET = [
    (slice(side, side + 2), [k for k in range(BODY_JOINT_COUNT) if POINTS.moves_with[FOOT_ROWS[side + 1], k]])
    for side in (0, 2)
]


def system(terms: Terms, look: Look) -> System:
    """The normal equations around a state, in the place of those made before."""
    world, arms, points = look.world, look.arms, look.points
    band = terms.room
    band.fill(0.0)
    inside, flat = blocks(band), band.reshape(terms.count, -1)
    picture = np.einsum("aipt,ajpt->ijpt", look.picture * look.picture_weight, look.picture)
    relative = terms.relative_precision * look.relative_weight
    total = picture + relative
    for axis in range(3):
        total[axis, axis, FOOT_ROWS, 1:] += terms.standing
        total[axis, axis, FOOT_ROWS, :-1] += terms.standing

    # Turning joint k by d moves point x by levers @ d - skew(x) @ world @ d.
    levers = cross_columns(arms, world)
    crossed = cross_columns(points, total)
    force, lever = LOADS @ total, LOADS @ crossed
    moment = LOADS @ cross_columns(points, crossed.swapaxes(0, 1))
    moment += LOOKS @ (right_jacobian_square(look.facing) * look.facing_weight)
    up = product(force, levers) + product_after(lever, world)
    low = product(lever, levers) + product(moment, world)
    pairs = product_after(levers[:, :, _UPPER], up[:, :, _LOWER])
    pairs += product_after(world[:, :, _UPPER], low[:, :, _LOWER])
    pairs[:, :, _SAME] += _of_joints(terms, look)
    flat[:, _PLACES] = pairs[_BELOW].T
    inside[:, :3, 3:STATE] = up.transpose(3, 0, 2, 1).reshape(terms.count, 3, -1)
    place = force[:, :, 0] + np.eye(3)[..., None] * terms.stay
    for c in range(3):
        inside[:, c, c:3] = place[c, c:].T

    _add_hips(inside, look, relative, levers)
    if terms.count > 1:
        _add_standing(flat, terms, look, levers)
    if terms.count > 2:
        _add_smoothness(band, terms)
    border, corner = _scales(terms, look, picture)
    return System(band, border, corner)


def _of_joints(terms: Terms, look: Look) -> Array:
    """(3, 3, 22, T) of what each joint's own rotation costs."""
    jacobian = right_jacobian_inverse(look.from_neutral)
    out = product_after(jacobian, terms.spread_precision[:, None] * jacobian)
    out += right_jacobian_square(look.from_read) * terms.read_precision
    for joint, row, _, active in hinges(look.local):
        out[:, :, joint] += active * row[:, None] * row[None]
    for joint, row, _, weight, _ in terms.standing_knees(look.local):
        out[:, :, joint] += weight * row[:, None] * row[None]
    return out


def _add_hips(inside: Array, look: Look, relative: Array, levers: Array) -> None:
    """The 3D points are measured from the middle of the hips, which moves too."""
    count = len(inside)
    crossed = cross_columns(look.points, relative)
    turning = product(LOADS @ relative, levers) + product_after(LOADS @ crossed, look.world)
    whole = relative.sum(axis=2)
    pull = np.concatenate([whole, turning.transpose(0, 2, 1, 3).reshape(3, -1, count)], axis=1)  # (3, 69, T)
    moved = np.zeros((3, 3 + 3 * len(_HIP_JOINTS), count))
    moved[:, :3] = np.eye(3)[..., None]
    for column, joint in enumerate(_HIP_JOINTS):
        part = moved[:, 3 + 3 * column : 6 + 3 * column]
        for point in HIPS:
            if POINTS.moves_with[point, joint]:
                part += 0.5 * (
                    levers[:, :, joint] - cross_columns(look.points[:, point], look.world[:, :, joint])
                )
    columns = _columns(_HIP_JOINTS)
    other = pull[:, columns] - np.einsum("ijt,jct->ict", whole, moved)
    change = -np.einsum("irt,ict->rct", pull, moved)
    change[columns] -= np.einsum("irt,ict->rct", moved, other)
    for c, column in enumerate(columns):
        inside[:, column, column:STATE] += change[column:, c].T


def _add_standing(flat: Array, terms: Terms, look: Look, levers: Array) -> None:
    """Feet that stand couple a frame with the next one."""
    for side, joints in _FEET:
        columns = _columns(joints)
        moved = np.zeros((terms.count, 2, 3, len(columns)))
        moved[..., :3] = np.eye(3)
        for k, joint in enumerate(joints):
            for end, point in enumerate(FOOT_ROWS[side]):
                if POINTS.moves_with[point, joint]:
                    own = levers[:, :, joint] - cross_columns(look.points[:, point], look.world[:, :, joint])
                    moved[:, end, :, 3 + 3 * k : 6 + 3 * k] = np.moveaxis(own, -1, 0)
        weighted = moved[1:] * -terms.standing[side].T[..., None, None]
        rows = len(columns)
        before = moved[:-1].reshape(-1, 6, rows).swapaxes(1, 2)
        coupling = before @ weighted.reshape(-1, 6, rows)
        places = columns[:, None] * BAND + STATE + columns
        flat[:-1, places.reshape(-1)] += coupling.reshape(-1, rows * rows)


def _add_smoothness(band: Array, terms: Terms) -> None:
    weights = terms.second_difference
    for first in range(3):
        for second in range(first, 3):
            both = (weights[first] * weights[second])[:, None] * terms.smooth_precision
            band[first : terms.count - 2 + first, :, STATE * (second - first)] += both


def _scales(terms: Terms, look: Look, picture: Array) -> tuple[Array, Array]:
    """The border (69 T, S) and the corner (S, S) of the shared scales."""
    if look.grown is None:
        return np.zeros((terms.count * STATE, 0)), np.zeros((0, 0))
    forces = np.einsum("ijpt,jpgt->gipt", picture, look.grown)
    border = [pulled(look.world, look.arms, look.points, part).reshape(-1) for part in forces]
    corner = np.einsum("ipgt,hipt->gh", look.grown, forces) + terms.scale_precision
    return np.stack(border, axis=1), corner
