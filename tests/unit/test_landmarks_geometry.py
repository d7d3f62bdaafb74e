# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions, anchors, heat maps and the assembly of the 133 points: all that needs no network file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from standing_person import SCALE, hand_at, remembered, standing

from rotocap.inference import wholebody
from rotocap.inference.landmarks import anchors, draw, pose
from rotocap.inference.landmarks.assembly import assemble
from rotocap.inference.landmarks.crop import Picture, Roi, planes, upright_angle
from rotocap.inference.landmarks.hands import Side, region_from_pose, same_place, same_region
from rotocap.inference.landmarks.person_detector import Detection, distinct, region_from_points
from rotocap.inference.landmarks.state import Followed, PersonState


def blob(at: tuple[float, float], *, width: int = 1200, height: int = 900, sigma: float) -> NDArray[np.uint8]:
    """A picture with one soft white spot whose middle is at a place between pixels."""
    y, x = np.mgrid[:height, :width]
    spot = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2))
    return np.repeat(spot.astype(np.uint8)[:, :, None], 3, axis=2)


def centre(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of a spot, edges of the picture at 0 and its side."""
    weight = image[:, :, 0].astype(float)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("size", [100.0, 300.0, 620.0, 880.0])  # whole, whole, half and quarter picture
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
def test_a_point_of_a_cutout_goes_back_to_its_place(size: float, angle: float) -> None:
    roi = Roi(600.3, 420.8, size, angle)
    at = (roi.x + 0.11 * size, roi.y - 0.16 * size)
    cutout = Picture(blob(at, sigma=size / 40)).cut(roi, 192)
    back = roi.to_image(centre(cutout)[None], 192)[0]
    assert back == pytest.approx(at, abs=0.05 + size / 192 * 0.06)


def test_a_region_that_points_up_shows_its_direction_upwards() -> None:
    start, end = np.array([500.0, 400.0]), np.array([540.0, 460.0])
    roi = region_from_points(start, end)
    cut = roi.to_image(np.array([[128.0, 128.0], [128.0, 128.0 - 256 / 2.5]]), 256)
    assert cut[0] == pytest.approx(start)
    assert cut[1] == pytest.approx(end)
    assert upright_angle(np.zeros(2), np.array([0.0, -1.0])) == 0.0
    assert upright_angle(np.zeros(2), np.array([1.0, 0.0])) == pytest.approx(np.pi / 2)


def test_moving_a_region_up_goes_along_its_own_axis() -> None:
    roi = Roi(100.0, 100.0, 50.0, np.pi / 2).scaled(2.0, up=0.2)  # its top looks right
    assert (roi.x, roi.y, roi.size) == pytest.approx((110.0, 100.0, 100.0))


def test_depth_is_not_turned() -> None:
    turned = Roi(0, 0, 1, np.pi / 2).turn(np.array([[1.0, 0.0, 0.3], [0.0, 1.0, -0.2]]))
    assert turned == pytest.approx(np.array([[0.0, 1.0, 0.3], [-1.0, 0.0, -0.2]]))


def test_planes_are_rgb_and_in_range() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[1, 2] = (0, 51, 255)  # BGR
    unit, symmetric = planes(image), planes(image, symmetric=True)
    assert unit.shape == (1, 3, 4, 4)
    assert unit[0, :, 1, 2] == pytest.approx([1.0, 0.2, 0.0])
    assert symmetric[0, :, 1, 2] == pytest.approx([1.0, -0.6, -1.0], abs=1e-6)


@pytest.mark.parametrize(
    ("side", "strides", "count"),
    [(224, (8, 16, 32, 32, 32), 2254), (192, (8, 16, 16, 16), 2016), (128, (8, 16, 16, 16), 896)],
)
def test_anchor_counts_are_the_networks(side: int, strides: tuple[int, ...], count: int) -> None:
    assert anchors.grid(side, strides).shape == (count, 2)


def test_anchors_of_layers_with_one_stride_lie_interleaved() -> None:
    grid = anchors.grid(128, (8, 16, 16, 16))
    assert grid[0].tolist() == grid[1].tolist() == [4.0, 4.0]
    assert grid[2].tolist() == [12.0, 4.0]
    assert (grid[512:518] == 8.0).all()
    assert grid[518].tolist() == [24.0, 8.0]


def test_overlapping_finds_are_merged_and_distant_ones_kept() -> None:
    grid = np.array([[50.0, 50.0], [52.0, 50.0], [150.0, 50.0], [10.0, 10.0]])
    values = np.tile([0.0, 0.0, 40.0, 40.0, 5.0, -5.0], (4, 1))
    logits = np.array([2.0, 2.0, 1.0, -3.0])
    boxes, points, scores = anchors.decode(values, logits, grid, threshold=0.5)
    assert boxes == pytest.approx(np.array([[31.0, 30.0, 71.0, 70.0], [130.0, 30.0, 170.0, 70.0]]))
    assert points == pytest.approx(np.array([[[56.0, 45.0]], [[155.0, 45.0]]]))
    assert scores == pytest.approx(1 / (1 + np.exp([-2.0, -1.0])))


def test_no_finds_have_the_right_shapes() -> None:
    boxes, points, scores = anchors.decode(
        np.zeros((3, 12)), np.full(3, -9.0), np.zeros((3, 2)), threshold=0.5
    )
    assert (boxes.shape, points.shape, scores.shape) == ((0, 4), (0, 4, 2), (0,))


def test_one_person_found_twice_is_one() -> None:
    box = np.zeros(4, np.float32)
    found = [
        Detection(box, Roi(100, 100, 200, 0.0), 0.7),
        Detection(box, Roi(106, 100, 210, 0.1), 0.9),
        Detection(box, Roi(180, 100, 200, 0.0), 0.8),
    ]
    assert [d.score for d in distinct(found)] == [0.9, 0.8]


def test_heat_moves_a_point_and_cold_leaves_it() -> None:
    logits = np.full((2, 64, 64), -9.0)
    y, x = np.mgrid[:64, :64]
    logits[0] = 12.0 * np.exp(-((x - 21.0) ** 2 + (y - 31.0) ** 2) / 2) - 9.0
    points = np.array([[80.0, 120.0], [80.0, 120.0]])
    refined = pose._refined(points, logits)
    assert refined[0] == pytest.approx([21 * 4, 31 * 4], abs=0.1)
    assert refined[1] == pytest.approx(points[1])


def test_a_point_outside_the_heat_map_stays() -> None:
    points = np.array([[-20.0, 120.0], [300.0, 300.0]])
    assert pose._refined(points, np.full((2, 64, 64), 5.0)) == pytest.approx(points)


def test_the_bodys_scale_in_the_picture() -> None:
    assert standing().pixels_per_metre == pytest.approx(SCALE)


def test_two_hands_in_one_place_are_one() -> None:
    body = standing()
    assert same_place(hand_at(body.points[15]), hand_at(body.points[15] + 2))
    assert not same_place(hand_at(body.points[15]), hand_at(body.points[16]))


def test_regions_in_which_the_same_hand_is_seen() -> None:
    roi = Roi(100.0, 80.0, 40.0, 3.1)
    assert same_region(roi, roi) and same_region(roi, Roi(104.0, 77.0, 48.0, -3.0))
    for other in (
        Roi(110.0, 80.0, 40.0, 3.1), Roi(100.0, 80.0, 25.0, 3.1), Roi(100.0, 80.0, 40.0, 2.3)
    ):  # fmt: skip
        assert not same_region(roi, other) and not same_region(other, roi)


def test_the_hands_region_lies_on_the_hand_and_turns_with_it() -> None:
    body = standing()
    hand = hand_at(body.points[15])
    for roi in (hand.next_roi(), region_from_pose(body, Side.LEFT)):
        inside = np.abs((hand.points - (roi.x, roi.y)) @ roi.rotation) / roi.size
        assert inside.max() < 0.5
        assert abs(abs(roi.angle) - np.pi) < 0.4  # fingers down: upside down


def test_assembly_puts_left_on_the_left() -> None:
    body = standing()
    hands = [hand_at(body.points[15]), None]
    person = assemble(body, hands, None, (remembered(hands[0], Side.LEFT), None), size=(800, 600))
    for name, index in (("left_wrist", 15), ("right_ankle", 28), ("left_big_toe", 31), ("right_heel", 30)):
        assert person.keypoints[wholebody.INDEX[name], :2] == pytest.approx(body.points[index], abs=1e-3)
        assert person.points3d[wholebody.INDEX[name]] == pytest.approx(body.metres[index], abs=1e-6)
    assert person.keypoints[wholebody.LEFT_HAND, :2] == pytest.approx(hands[0].points, abs=1e-3)  # type: ignore[union-attr]
    assert (person.keypoints[wholebody.LEFT_HAND, 2] > 0.9).all()


def test_what_no_network_saw_has_no_certainty() -> None:
    person = assemble(standing(), [None, None], None, (None, None), size=(800, 600))
    toes = [wholebody.INDEX["left_small_toe"], wholebody.INDEX["right_small_toe"]]
    assert (person.keypoints[toes] == 0).all()
    assert np.isnan(person.points3d[toes]).all()
    assert (person.keypoints[wholebody.FACE, 2] == 0).all()
    assert np.isnan(person.points3d[wholebody.FACE]).all()


def test_a_lost_hand_keeps_the_bodys_knuckles_at_half_certainty() -> None:
    body = standing()
    person = assemble(body, [None, None], None, (None, None), size=(800, 600))
    hand = person.keypoints[wholebody.RIGHT_HAND]
    assert sorted(np.flatnonzero(hand[:, 2])) == [0, 2, 5, 17]
    assert hand[[0, 2, 5, 17], 2] == pytest.approx(0.45)
    assert hand[5, :2] == pytest.approx(body.points[20], abs=1e-3)
    assert person.points3d[wholebody.RIGHT_HAND][17] == pytest.approx(
        body.metres[18] - body.metres[16], abs=1e-6
    )


def test_points_outside_the_picture_have_no_certainty() -> None:
    person = assemble(standing(), [None, None], None, (None, None), size=(800, 420))  # cut above the ankles
    ankles = [wholebody.INDEX["left_ankle"], wholebody.INDEX["right_ankle"]]
    assert (person.keypoints[ankles, 2] == 0).all()
    assert (person.keypoints[[5, 6, 11, 12], 2] > 0.8).all()
    assert person.box[3] < 420


@pytest.mark.parametrize("whole", [True, False])
def test_a_state_comes_back_from_a_file_exactly(whole: bool) -> None:
    part = Followed(Roi(1 / 3, 2.5, 100.7, -0.1), (7.1, 1 / 7))
    hand = remembered(hand_at(standing().points[16] + 1 / 3, rightness=1 / 7), Side.RIGHT)
    state = PersonState(
        pose=Roi(100.123, 1 / 9, 3.0, 2.0) if whole else None,
        hands=(hand if whole else None, hand),
        face=None if whole else part,
        lost_hands=(0, 4) if whole else (12, 0),
        lost_face=3,
        exchanged=2,
    )
    assert PersonState.from_array(state.to_array()) == state


def test_a_state_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(256,\), got \(24,\)"):
        PersonState.from_array(np.zeros(24))


def test_drawing_marks_the_sides_and_leaves_out_the_uncertain() -> None:
    person = assemble(standing(), [None, None], None, (None, None), size=(800, 600))
    image = np.zeros((600, 800, 3), np.uint8)
    draw.draw_keypoints(image, person.keypoints)
    left, right = (image[tuple(standing().points[k].astype(int)[::-1])].astype(int) for k in (25, 26))
    assert left[0] > left[2] + 50  # blue
    assert right[2] > right[0] + 50  # orange

    nothing = np.zeros((600, 800, 3), np.uint8)
    draw.draw_keypoints(nothing, np.concatenate([person.keypoints[:, :2], np.zeros((133, 1))], axis=1))
    assert not nothing.any()


def test_drawing_outside_the_picture_changes_nothing() -> None:
    person = assemble(standing(), [None, None], None, (None, None), size=(800, 600))
    image = np.zeros((50, 60, 3), np.uint8)
    draw.draw_keypoints(image, person.keypoints)
    assert not image.any()
    assert cv2.countNonZero(image[:, :, 0]) == 0
