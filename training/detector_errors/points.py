# SPDX-License-Identifier: GPL-3.0-or-later
"""The 35 points whose errors are known, by kind: left and right share their figures."""

from __future__ import annotations

from ...inference import wholebody

# COCO-WholeBody: body; big toes and heels; the face's chin, bridge and outer eye corners; each
# hand's root, thumb base, and knuckles of index, middle and little finger.
KEYPOINTS: tuple[int, ...] = (
    *range(17), 17, 19, 20, 22, 31, 50, 59, 68, 91, 93, 96, 100, 108, 112, 114, 117, 121, 129,
)  # fmt: skip

_HAND_KINDS = {0: "hand_root", 2: "hand_thumb", 5: "hand_index", 9: "hand_middle", 17: "hand_pinky"}
_FACE_KINDS = {8: "chin", 27: "bridge", 36: "eye_corner", 45: "eye_corner"}


def _kind(keypoint: int) -> str:
    if keypoint >= wholebody.RIGHT_HAND.start:
        return _HAND_KINDS[keypoint - wholebody.RIGHT_HAND.start]
    if keypoint >= wholebody.LEFT_HAND.start:
        return _HAND_KINDS[keypoint - wholebody.LEFT_HAND.start]
    if keypoint >= wholebody.FACE.start:
        return _FACE_KINDS[keypoint - wholebody.FACE.start]
    return wholebody.NAMES[keypoint].removeprefix("left_").removeprefix("right_")


_KINDS = [_kind(k) for k in KEYPOINTS]
KINDS: tuple[str, ...] = tuple(dict.fromkeys(_KINDS))
KIND_OF: tuple[int, ...] = tuple(KINDS.index(kind) for kind in _KINDS)  # (35,) row of KINDS
# (35,) row of the same point on the other side; its own row on the midline.
PARTNER: tuple[int, ...] = tuple(KEYPOINTS.index(wholebody.MIRROR[k]) for k in KEYPOINTS)


def rows(*kinds: str, side: str | None = None) -> list[int]:
    """Rows of KEYPOINTS of these kinds, of both sides or of 'left' or 'right'."""
    found = []
    for row, kind in enumerate(_KINDS):
        own, other = KEYPOINTS[row], KEYPOINTS[PARTNER[row]]
        # Of each pair the body lists the left point first; the face (iBUG) the right one.
        left = own < other if kind != "eye_corner" else own > other
        if kind in kinds and (side is None or own == other or left == (side == "left")):
            found.append(row)
    return found
