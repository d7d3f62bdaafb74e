# SPDX-License-Identifier: GPL-3.0-or-later
"""COCO-WholeBody: the 133 points that every landmark backend ends in.

Body 0-16, feet 17-22, face 23-90 (the 68 points of iBUG 300-W), left hand 91-111,
right hand 112-132 (wrist, then thumb to little finger, four points each).

A frame's points come in two arrays:

- keypoints (133, 3): x, y in pixels (origin at the centre of the top-left pixel)
  and certainty 0 to 1. A point that is not seen has certainty 0, never a made-up place.
- points3d (133, 3): metres, camera axes (x right, y down, z forward), relative to an
  origin of their own part: body and feet to the middle of the hips, the face to the
  middle of its points, a hand to its own wrist. NaN where the backend knows none.
"""

from __future__ import annotations

COUNT = 133
BODY = slice(0, 17)
FEET = slice(17, 23)
FACE = slice(23, 91)
LEFT_HAND = slice(91, 112)
RIGHT_HAND = slice(112, 133)

_BODY = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
_FEET = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")


def _hand(side: str) -> tuple[str, ...]:
    return (f"{side}_hand_root", *(f"{side}_{finger}{k}" for finger in _FINGERS for k in (1, 2, 3, 4)))


NAMES: tuple[str, ...] = (
    *_BODY, *_FEET, *(f"face-{i}" for i in range(68)), *_hand("left"), *_hand("right"),
)  # fmt: skip

INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}

# iBUG-68, mirrored left to right: jaw line, brows, nose, eyes, mouth.
_FACE_MIRROR = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def _mirror() -> tuple[int, ...]:
    swap = {"left": "right", "right": "left"}
    out: list[int] = []
    for i, name in enumerate(NAMES):
        side, _, rest = name.partition("_")
        if name.startswith("face-"):
            out.append(FACE.start + _FACE_MIRROR[i - FACE.start])
        else:
            out.append(INDEX[f"{swap[side]}_{rest}"] if side in swap else i)
    return tuple(out)


MIRROR: tuple[int, ...] = _mirror()

# Pairs to draw, and the sides they belong to (for colours).
BODY_EDGES: tuple[tuple[int, int], ...] = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6),
    (5, 7), (7, 9), (6, 8), (8, 10), (0, 1), (0, 2), (1, 3), (2, 4),
    (15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22),
)  # fmt: skip
HAND_EDGES: tuple[tuple[int, int], ...] = tuple(
    edge for f in range(5) for edge in ((0, 4 * f + 1), *((4 * f + k, 4 * f + k + 1) for k in (1, 2, 3)))
)
