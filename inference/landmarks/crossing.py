# SPDX-License-Identifier: GPL-3.0-or-later
"""People in front of one another: who stands in front is painted out before the one behind is read.

The pose network is made for one person. Where somebody else covers half of its region, it
gives the hidden person the other's legs, and follows the wrong one within a second. But it
can say as well which pixels of its region are the person's. So the regions of both are asked
whose each pixel is, and where it is the other's it becomes like its surroundings: what is
hidden is then missing, which the network knows how to doubt, instead of being wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from .crop import Image, Roi
from .pose import SIDE, Look, Pose

Logits = NDArray[np.float32]  # (SIDE, SIDE) that the pixel of a region is the person's

# Of a body's region: how far from its points its flesh reaches.
_FLESH = 0.05
_IN_SIGHT = 0.5
_FILL = SIDE // 4  # the side at which the surroundings are blurred: they hold no detail
_BLUR = 2.0  # of its pixels
_OUTSIDE = -99.0  # logit of what another region does not show
_SHARED = 0.5  # of the smaller mask: then both are of one person


@dataclass(frozen=True)
class Masked:
    """A look, and which pixels of its region are the person's."""

    look: Look
    logits: Logits


class PersonMask:
    """Which pixels of a region that was looked at are the person's."""

    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("pose_mask"), threads=threads)

    def __call__(self, look: Look) -> Masked:
        found = self._session.run(["mask"], {"fine": look.fine, "coarse": look.coarse})[0]
        return Masked(look, np.asarray(found[0, 0], np.float32))


def meet(look: Look, other: Look) -> bool:
    """Whether the body in the other look may cover some of the one in this, if there is one in it."""
    if other.pose is None:
        return False
    # A body that is not seen may be so just because it is covered.
    low, high = look.roi.box().reshape(2, 2) if look.pose is None else _box(look.pose)
    other_low, other_high = _box(other.pose)
    return bool((np.minimum(high, other_high) > np.maximum(low, other_low)).all())


def _box(pose: Pose) -> NDArray[np.float64]:
    """(2, 2) corners, in pixels."""
    seen = pose.points[pose.certainty >= _IN_SIGHT]
    points = seen if len(seen) else pose.points
    margin = _FLESH * pose.next_roi.size
    return np.stack([points.min(axis=0) - margin, points.max(axis=0) + margin])


def covering(one: Masked, others: Sequence[Masked]) -> NDArray[np.bool_]:
    """The pixels (SIDE, SIDE) of one's region that are others'."""
    own, roi = one.logits, one.look.roi
    paint = np.zeros(own.shape, np.bool_)
    for other in others:
        theirs = _seen_from(roi, other)
        alone, both = _shares(one, theirs)
        other_alone, other_both = _shares(other, _seen_from(other.look.roi, one))
        if max(both / max(alone + both, 1.0), other_both / max(other_alone + other_both, 1.0)) <= _SHARED:
            paint |= (theirs > 0) & (theirs > own)
        elif alone <= other_alone:
            paint |= (theirs > 0) & (own <= 0)
        else:
            paint |= theirs > 0
    return paint


def painted_out(cutout: Image, covered: NDArray[np.bool_]) -> Image:
    """A region's cut-out whose covered pixels are like their surroundings."""
    return np.where(covered[..., None], _surroundings(cutout, covered), cutout)


def _shares(one: Masked, theirs: Logits) -> tuple[float, float]:
    """How much of the picture one's mask has for itself, and how much with theirs, in its pixels squared."""
    own = one.logits > 0
    pixel = (one.look.roi.size / SIDE) ** 2
    return float((own & (theirs <= 0)).sum()) * pixel, float((own & (theirs > 0)).sum()) * pixel


def _seen_from(roi: Roi, masked: Masked) -> Logits:
    """Another region's logits at the pixels of this one."""
    other, logits = masked.look.roi, masked.logits
    scale = roi.size / other.size
    turn = roi.angle - other.angle
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    middle = other.rotation.T @ np.array([roi.x - other.x, roi.y - other.y]) * (SIDE / other.size)
    half = (SIDE - 1) / 2
    x, y = middle + half - (c * half - s * half, s * half + c * half)
    return np.asarray(
        cv2.warpAffine(
            logits,
            np.array([[c, -s, x], [s, c, y]]),
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(_OUTSIDE,),
        ),
        np.float32,
    )


def _surroundings(cutout: Image, hole: NDArray[np.bool_]) -> Image:
    """The picture blurred from what is around the hole: (SIDE, SIDE, 3)."""
    kept = np.where(hole[..., None], np.uint8(0), cutout)
    colours, share = (
        cv2.resize(values, (_FILL, _FILL), interpolation=cv2.INTER_AREA).astype(np.float32)
        for values in (kept, (~hole).astype(np.float32))
    )
    near, near_share = (cv2.GaussianBlur(values, (0, 0), _BLUR) for values in (colours, share))
    # Where no surroundings are near, the mean of all.
    everywhere = colours.mean(axis=(0, 1)) / max(float(share.mean()), 1e-6)
    filled = (near + 1e-3 * everywhere) / (near_share + 1e-3)[..., None]
    return np.asarray(cv2.resize(filled, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
