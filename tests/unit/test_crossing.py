# SPDX-License-Identifier: GPL-3.0-or-later
"""People in front of one another: whose each pixel is, and what the one behind is read from."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from rotocap.inference.landmarks import crossing
from rotocap.inference.landmarks.crop import Roi
from rotocap.inference.landmarks.crossing import Masked, covering, meet, painted_out
from rotocap.inference.landmarks.pose import SIDE, Look, Pose

EMPTY = np.zeros((1, 1, 1, 1), np.float32)
HERE = Roi(100.0, 100.0, SIDE, 0.0)  # its pixels are the picture's


def look(roi, *, points=None):
    pose = None
    if points is not None:
        points = np.asarray(points, np.float64)
        count = len(points)
        pose = Pose(points, np.ones(count), np.zeros((count, 3)), 1.0, roi)
    return Look(roi, pose, EMPTY, EMPTY)


def masked(roi, box, *, logit=2.0):
    """A person who fills the box (x0, y0, x1, y1) of the picture, as a region sees them."""
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    places = roi.to_image(np.stack([columns.ravel(), rows.ravel()], axis=1), SIDE)
    inside = ((places >= box[:2]) & (places < box[2:])).all(axis=1).reshape(SIDE, SIDE)
    return Masked(look(roi), np.where(inside, logit, -logit).astype(np.float32))


def area(covered, roi):
    """Of the picture, in its pixels squared."""
    return covered.sum() * (roi.size / SIDE) ** 2


@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi])
@pytest.mark.parametrize("size", [SIDE, 400.0])
def test_somebody_beside_is_covered_where_they_are_whatever_the_regions(angle, size):
    roi, other = Roi(100.0, 90.0, size, angle), Roi(140.0, 120.0, 300.0, -1.2)
    box = np.array([110.0, 80.0, 150.0, 140.0])
    covered = covering(masked(roi, (40, 80, 90, 140)), [masked(other, box)])
    expected = masked(roi, box).logits > 0
    assert (covered & expected).sum() > 0.9 * (covered | expected).sum()


def test_nobody_near_covers_nothing():
    assert not covering(
        masked(HERE, (40, 40, 80, 160)), [masked(Roi(900.0, 100.0, 200.0, 0.0), (860, 60, 940, 140))]
    ).any()


def test_a_pixel_that_both_claim_is_whose_network_is_surer():
    arm = (90, 60, 100, 140)  # of 60 x 80 and 60 x 80 pixels
    sure, unsure = masked(HERE, (40, 60, 100, 140), logit=3.0), masked(HERE, (90, 60, 150, 140), logit=1.0)
    claimed = masked(HERE, arm).logits > 0
    assert not (covering(sure, [unsure]) & claimed).any()
    assert (covering(unsure, [sure]) & claimed)[claimed].all()


@pytest.mark.parametrize("logit", [0.5, 5.0])
def test_who_has_nothing_else_stands_in_front(logit):
    """Half of somebody is hidden, and their network takes who hides them for a part of them, and is sure."""
    front, behind = masked(HERE, (60, 40, 100, 160)), masked(HERE, (60, 40, 150, 160), logit=logit)
    both = front.logits > 0
    assert not (covering(front, [behind]) & both).any()
    assert (covering(behind, [front]) == both).all()
    # What only the hidden one has is painted out of the other's region.
    assert (covering(front, [behind]) == ((behind.logits > 0) & ~both)).all()


def test_several_others_are_covered_together():
    boxes = [(20, 40, 60, 160), (120, 40, 160, 160)]
    covered = covering(masked(HERE, (70, 40, 110, 160)), [masked(HERE, box) for box in boxes])
    assert area(covered, HERE) == sum((b[2] - b[0]) * (b[3] - b[1]) for b in boxes)


def test_what_is_covered_becomes_like_its_surroundings_and_the_rest_stays():
    picture = np.full((SIDE, SIDE, 3), (200, 120, 40), np.uint8)
    covered = np.zeros((SIDE, SIDE), np.bool_)
    covered[80:180, 60:120] = True
    cv2.rectangle(picture, (60, 80), (119, 179), (0, 0, 255), -1)
    picture[:20] = 7
    painted = painted_out(picture, covered)
    np.testing.assert_array_equal(painted[~covered], picture[~covered])
    assert np.abs(painted[covered].astype(int) - (200, 120, 40)).max() <= 20


def test_a_region_that_is_all_covered_is_painted_without_a_fault():
    painted = painted_out(np.full((SIDE, SIDE, 3), 90, np.uint8), np.ones((SIDE, SIDE), np.bool_))
    assert painted.shape == (SIDE, SIDE, 3)


def test_only_bodies_that_overlap_meet():
    here = look(HERE, points=[(40, 40), (80, 160)])
    beside = look(HERE, points=[(70, 50), (120, 150)])
    apart = look(HERE, points=[(130, 50), (170, 150)])
    nobody = look(HERE)
    assert meet(here, beside)
    assert meet(beside, here)
    assert not meet(here, apart)
    assert not meet(here, nobody)
    # Somebody who is not seen may be so just because another stands in front.
    assert meet(nobody, here)
    assert not meet(look(Roi(900.0, 100.0, 100.0, 0.0)), here)


def test_the_flesh_around_the_points_counts():
    margin = crossing._FLESH * SIDE
    a, b = look(HERE, points=[(0, 0), (50, 100)]), look(HERE, points=[(50 + 1.5 * margin, 0), (150, 100)])
    assert meet(a, b)
