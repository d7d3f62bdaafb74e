# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points of a face are kept for its expression: 162 of MediaPipe's mesh, and 21 of each eye.

The 133 points of `wholebody` hold 68 of a face, which is too few for cheeks and lips. The points
here are those that Google's own coefficients are read from, and more of cheeks and nose. An eye's
are its lids (16, in the order of `LIDS`) and the iris (middle, then four of its rim).
"""

from __future__ import annotations

import numpy as np

# fmt: off
MESH = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70,
    78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149,
    150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195,
    197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300,
    308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375,
    377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454,
    466,
    2, 36, 48, 50, 98, 101, 117, 118, 123, 129, 164, 187, 205, 207,
    266, 278, 280, 327, 330, 346, 347, 352, 358, 411, 425, 427,
])
# Of the right eye, from the outer corner: along the lower lid to the inner corner, then the upper lid.
LIDS_RIGHT = np.array([33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173])
LIDS_LEFT = np.array([263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398])
# fmt: on
EYE = len(LIDS_RIGHT) + 5
MESH_PART = slice(0, len(MESH))
RIGHT_EYE_PART = slice(len(MESH), len(MESH) + EYE)
LEFT_EYE_PART = slice(len(MESH) + EYE, len(MESH) + 2 * EYE)
COUNT = len(MESH) + 2 * EYE
# Of an eye's points: corners, and the lids' middles.
OUTER, INNER, LOWER, UPPER, IRIS = 0, 8, 4, 12, 16


def index(mesh_point: int) -> int:
    """Where a point of the mesh is among those that are kept."""
    return int(np.flatnonzero(mesh_point == MESH)[0])
