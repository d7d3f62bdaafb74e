# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the 133 COCO-WholeBody points the lift network reads.

Body and feet, and of hands and face as many as turn wrists and head. The small toes
are left out, since the embedded landmark graphs do not see them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .. import wholebody

_FEET = ("left_big_toe", "left_heel", "right_big_toe", "right_heel")
_HAND = {"wrist": 0, "thumb": 2, "index": 5, "middle": 9, "pinky": 17}  # root and first knuckles
_FACE = {"chin": 8, "bridge": 27, "right_eye_corner": 36, "left_eye_corner": 45}

_places: dict[str, int] = {name: i for i, name in enumerate(wholebody.NAMES[:17])}
_places |= {name: wholebody.INDEX[name] for name in _FEET}
_places |= {name: wholebody.FACE.start + i for name, i in _FACE.items()}
_places |= {f"left_hand_{name}": wholebody.LEFT_HAND.start + i for name, i in _HAND.items()}
_places |= {f"right_hand_{name}": wholebody.RIGHT_HAND.start + i for name, i in _HAND.items()}

POINT_NAMES: Final = tuple(_places)
KEYPOINTS: Final = np.array(list(_places.values()))  # (35,) COCO-WholeBody indices
INDEX: Final = {name: i for i, name in enumerate(POINT_NAMES)}


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name


MIRROR_POINTS: Final = np.array([POINT_NAMES.index(_other_side(name)) for name in POINT_NAMES])
