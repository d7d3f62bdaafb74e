# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's turn to the side, shared by the joints of the neck as vertebrae share it.

The fit knows where the face looks and where the head is, not which vertebra turned: it may put a
look over the shoulder into one joint. Of a turn about the neck's own axis the topmost pair of
vertebrae (atlas and axis: SMPL-X's head joint) does a little over half, the other cervical ones
(the neck joint) the rest; what is more than these can comes from the upper spine. Shares and
ranges: White and Panjabi, Clinical Biomechanics of the Spine (1990), as HACK (Zhang et al., 2023)
models them. A turn about the neck's axis moves no joint below the head's, so points stay where they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import matrix_from_axis_angle
from ..skeleton import INDEX

Array = NDArray[np.float64]

_HEAD_SHARE = 0.55
# Radians to one side: of head and neck together, and what the upper spine adds at most.
_CERVICAL, _THORACIC = np.radians(75.0), np.radians(12.0)
_SPINE, _NECK, _HEAD = INDEX["spine3"], INDEX["neck"], INDEX["head"]
_COLLARS = (INDEX["left_collar"], INDEX["right_collar"])


def share_turn(local: Array, rest_joints: Array) -> Array:
    """Rotations (T, J, 3, 3), parent-relative, with the head's turn shared; J covers head and collars.

    rest_joints (55, 3). The head keeps the way it looks, unless it was turned further than a neck
    goes: then it is brought back to that. Collars keep their own turn in the world.
    """
    axis = rest_joints[_HEAD] - rest_joints[_NECK]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
    neck, head = local[:, _NECK], local[:, _HEAD]
    # neck = bend @ twist, and head = twist @ nod: the twists of both are next to each other.
    bend_neck, twist_neck = _bend_and_twist(neck, axis)
    nod, twist_head = _bend_and_twist(np.swapaxes(head, -1, -2), axis)
    nod, twist_head = np.swapaxes(nod, -1, -2), -twist_head
    wanted = twist_neck + twist_head
    # Softly: the upper spine begins to follow before the neck is at its end.
    beyond = np.sign(wanted) * np.maximum(np.abs(wanted) - 0.8 * _CERVICAL, 0.0)
    thoracic = _THORACIC * np.tanh(beyond / (2.0 * _THORACIC))
    cervical = np.clip(wanted - thoracic, -_CERVICAL, _CERVICAL)
    out = local.copy()
    out[:, _NECK] = bend_neck @ _about(axis, (1.0 - _HEAD_SHARE) * cervical)
    out[:, _HEAD] = _about(axis, _HEAD_SHARE * cervical) @ nod
    turned = thoracic != 0.0
    if turned.any():
        spine = _about(axis, thoracic)
        # The neck's bend keeps its direction in the chest's old frame.
        out[:, _NECK] = (
            np.swapaxes(spine, -1, -2) @ bend_neck @ spine @ _about(axis, (1.0 - _HEAD_SHARE) * cervical)
        )
        out[:, _SPINE] = local[:, _SPINE] @ spine
        for collar in _COLLARS:
            out[:, collar] = np.swapaxes(spine, -1, -2) @ local[:, collar]
    return out


def _bend_and_twist(rotation: Array, axis: Array) -> tuple[Array, Array]:
    """rotation (T, 3, 3) = bend @ twist: the angle (T,) about `axis` and what else there is (T, 3, 3)."""
    # The quaternion's part along the axis, from the matrix: w and v.axis up to a common factor.
    sine = np.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        axis=1,
    )
    cosine = 1.0 + np.trace(rotation, axis1=1, axis2=2)
    angle = 2.0 * np.arctan2(sine @ axis, cosine)
    return rotation @ _about(axis, -angle), angle


def _about(axis: Array, angle: Array) -> Array:
    return matrix_from_axis_angle(angle[:, None] * axis)
