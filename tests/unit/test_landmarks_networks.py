# SPDX-License-Identifier: GPL-3.0-or-later
"""The landmark networks on real pictures. Needs the built models and the test clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference import wholebody
from rotocap.inference.errors import ModelError, TakeError
from rotocap.inference.landmarks.assembly import PersonLandmarks
from rotocap.inference.landmarks.backend import MediapipeBackend
from rotocap.inference.people.tracker import PeopleTracker
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.video import VideoReader

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "sample.mp4"
MEDIA = Path(__file__).parents[2].parent / "shared" / "media"


@pytest.fixture(scope="module")
def backend() -> MediapipeBackend:
    try:
        return MediapipeBackend()
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")


def frames(name: str, start: int, end: int) -> list[NDArray[np.uint8]]:
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"needs ../shared/media: {name}")
    with VideoReader(path, start_frame=start, end_frame=end) as reader:
        return [frame.image for frame in reader]


def first(backend: MediapipeBackend, image: NDArray[np.uint8]) -> PersonLandmarks:
    found = backend.detect(image)
    assert found
    result = backend.track(image, backend.begin(found[0]))
    assert result is not None
    return result[0]


def test_a_dancer_is_followed_through_every_frame(backend: MediapipeBackend) -> None:
    images = frames("mediapipe_dance_600.mp4", 0, 60)
    state = backend.begin(backend.detect(images[0])[0])
    heads, feet = [], []
    for image in images:
        result = backend.track(image, state)
        assert result is not None
        person, state = result
        keypoints = person.keypoints
        assert keypoints.shape == (133, 3)
        assert keypoints.dtype == np.float32
        assert ((keypoints[:, 2] >= 0) & (keypoints[:, 2] <= 1)).all()
        heads.append(keypoints[:5, 1].mean())
        feet.append(keypoints[17:23][keypoints[17:23, 2] > 0, 1].mean())
        assert np.isfinite(person.points3d[:17]).all()
    height = np.array(feet) - heads
    assert 380 < np.median(height) < 500  # of a picture of 600; measured by eye
    assert np.ptp(height) < 0.25 * np.median(height)


def test_what_is_right_becomes_left_in_the_mirror(backend: MediapipeBackend) -> None:
    """Body, face and hands: the flipped picture gives the flipped points with the sides exchanged."""
    image = frames("pexels_makeup_face_hand_720.mp4", 100, 101)[0]
    width = image.shape[1]
    straight, mirrored = first(backend, image), first(backend, cv2.flip(image, 1))
    back = mirrored.keypoints[list(wholebody.MIRROR)] * (-1, 1, 1) + (width - 1, 0, 0)
    both = (straight.keypoints[:, 2] > 0.5) & (back[:, 2] > 0.5)
    assert both[wholebody.FACE].all()
    assert both[wholebody.RIGHT_HAND].all()  # she holds the brush in her right hand
    apart = np.hypot(*(straight.keypoints - back)[:, :2].T)
    face_width = float(np.ptp(straight.keypoints[wholebody.FACE, 0]))
    assert np.median(apart[wholebody.FACE]) < 0.03 * face_width
    assert np.median(apart[wholebody.RIGHT_HAND]) < 0.06 * face_width
    # Fingers are told as a left hand's on either side; the hand that is not there has none.
    held, flipped = straight.fingers[1].astype(float), mirrored.fingers[0].astype(float)
    assert np.abs(held[:, 0] - flipped[:, 0]).mean() < 0.12 and (held[:, 1] > 0).all()


def test_depth_and_metres_are_in_camera_axes(backend: MediapipeBackend) -> None:
    """A face's nose is nearer to the camera than its ears, and its eye corners 9 cm apart."""
    image = frames("pexels_makeup_face_hand_720.mp4", 0, 1)[0]
    face = first(backend, image).points3d[wholebody.FACE]
    assert face[30, 2] < face[[0, 16], 2].min() - 0.03
    assert np.linalg.norm(face[45] - face[36]) == pytest.approx(0.089, abs=1e-3)
    assert face[45, 0] > face[36, 0]  # her left eye is on the right of the picture
    assert face[8, 1] > face[27, 1]  # the chin is below: y points down


def test_a_person_on_the_side_is_found_and_upright_in_3d(backend: MediapipeBackend) -> None:
    """A quarter turn of the picture turns the points with it: nothing depends on what is up."""
    image = frames("sports2d_lateral_raise_720p.mp4", 100, 101)[0]
    straight = first(backend, image)
    turned = first(backend, cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE))
    x, y = turned.keypoints[:17, 0], turned.keypoints[:17, 1]
    back = np.stack([y, image.shape[0] - 1 - x], axis=1)
    sure = (straight.keypoints[:17, 2] > 0.7) & (turned.keypoints[:17, 2] > 0.7)
    assert sure.sum() >= 12
    height = float(np.ptp(straight.keypoints[:17, 1]))
    assert np.median(np.hypot(*(straight.keypoints[:17, :2] - back)[sure].T)) < 0.03 * height
    body = turned.points3d
    down = body[[15, 16]].mean(axis=0) - body[[5, 6]].mean(axis=0)
    assert down[0] < -0.9  # feet are left of the head in the turned picture, in metres too


def test_a_state_from_a_file_goes_on_exactly(backend: MediapipeBackend) -> None:
    images = frames("mediapipe_dance_600.mp4", 30, 42)
    state = backend.begin(backend.detect(images[0])[0])
    for image in images[:6]:
        result = backend.track(image, state)
        assert result is not None
        state = result[1]
    resumed = backend.unpack(backend.pack(state))
    for image in images[6:]:
        a, b = backend.track(image, state), backend.track(image, resumed)
        assert a is not None
        assert b is not None
        assert np.array_equal(a[0].keypoints, b[0].keypoints)
        assert np.array_equal(a[0].points3d, b[0].points3d, equal_nan=True)
        (_, state), (_, resumed) = a, b


def test_two_lanes_and_a_look_ahead_change_no_answer(backend: MediapipeBackend) -> None:
    """Also where the following picture is told wrong, or the body is asked for elsewhere."""
    images = frames("sports2d_lateral_raise_720p.mp4", 50, 60)
    one_lane = MediapipeBackend(threads=1)
    alone, side_by_side = PeopleTracker(one_lane), PeopleTracker(backend)
    for t, image in enumerate(images):
        following = None if t == 9 else images[0 if t == 4 else t + 1]
        expected = alone.step(image, t / 25.0)
        seen = side_by_side.step(image, t / 25.0, following=following)
        assert len(seen) == len(expected) == 1
        for a, b in zip(seen, expected, strict=True):
            assert np.array_equal(a.landmarks.keypoints, b.landmarks.keypoints)
            assert np.array_equal(a.landmarks.points3d, b.landmarks.points3d, equal_nan=True)
            assert np.array_equal(a.landmarks.face, b.landmarks.face, equal_nan=True)


def test_a_hand_that_was_somebody_elses_is_looked_for_after_an_interval_only(
    backend: MediapipeBackend,
) -> None:
    """The body's wrist leads to the same hand again: a look a frame would find it as often for nothing."""
    images = frames("sports2d_lateral_raise_720p.mp4", 20, 30)
    for side, part in enumerate(("left_hand", "right_hand")):
        state = backend.begin(backend.detect(images[0])[0])
        taken = []
        for image in images:
            result = backend.track(image, state)
            assert result is not None
            state = result[1]
            taken.append(state.hands[side] is not None)
            if taken[-1]:
                state = backend.without(state, part)
        assert taken == [t % 4 == 0 for t in range(10)]


def test_a_capture_begun_by_another_version_says_what_to_do(backend: MediapipeBackend) -> None:
    with pytest.raises(TakeError, match=r"another version of Rotocap.*overwrite"):
        backend.unpack({"regions": np.zeros(25)})


def test_nobody_is_found_in_an_empty_picture(backend: MediapipeBackend) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    for image in (np.zeros((360, 640, 3), np.uint8), noise):
        assert backend.detect(image) == []


def test_all_six_people_of_a_wide_picture_are_found(backend: MediapipeBackend) -> None:
    image = frames("pexels_gym_class_720p.mp4", 380, 381)[0]
    places: list[float] = []
    for found in backend.detect(image):
        result = backend.track(image, backend.begin(found))
        if result is not None:
            hips = float(result[0].keypoints[11:13, 0].mean())
            if all(abs(hips - other) > 60 for other in places):
                places.append(hips)
    # Of their hips, from left to right; measured by eye.
    assert sorted(places) == pytest.approx([175, 360, 500, 770, 960, 1210], abs=45)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_face_of_a_head_that_lies_or_hangs_is_read_in_its_own_direction(
    backend: MediapipeBackend, turns: int
) -> None:
    with VideoReader(SAMPLE, end_frame=1) as reader:
        image = next(iter(reader)).image
    upright = first(backend, image).keypoints[wholebody.FACE]
    turned = first(backend, np.ascontiguousarray(np.rot90(image, turns))).keypoints[wholebody.FACE]
    back = turned[:, :2].astype(np.float64)
    for done in reversed(range(turns)):  # each turn puts (x, y) at (y, width - 1 - x)
        width = image.shape[1 - done % 2]
        back = np.stack([width - 1 - back[:, 1], back[:, 0]], axis=1)
    eyes = np.linalg.norm(upright[36, :2] - upright[45, :2])
    assert np.linalg.norm(back - upright[:, :2], axis=1).max() < 0.4 * eyes


def followed(backend: MediapipeBackend, images: list[NDArray[np.uint8]]) -> list[list[PersonLandmarks]]:
    """Everybody in each picture of a video."""
    tracker = PeopleTracker(backend)
    return [[row.landmarks for row in tracker.step(image, t / 25.0)] for t, image in enumerate(images)]


def test_a_hand_alone_is_somebody_without_a_body(backend: MediapipeBackend) -> None:
    """A hand that fills the picture: networks see a body in it, too."""
    images = [image[250:550, 0:220] for image in frames("pexels_makeup_face_hand_720.mp4", 50, 66)]
    seen = followed(backend, images)
    assert all(len(people) == 1 for people in seen)
    for (person,) in seen:
        assert (person.keypoints[: wholebody.FACE.stop, 2] == 0).all()
        assert (person.keypoints[wholebody.LEFT_HAND, 2] == 0).all()
        assert np.isnan(person.points3d[: wholebody.FACE.stop]).all()
        assert person.keypoints[wholebody.RIGHT_HAND, 2].max() > 0.8


def test_two_hands_alone_are_the_left_and_the_right_of_one(backend: MediapipeBackend) -> None:
    """A hand and its mirror image, of which one comes later; then a third hand, which is nobody's."""
    alone = [image[250:550, 0:220] for image in frames("pexels_makeup_face_hand_720.mp4", 100, 118)]
    images = []
    for t, image in enumerate(alone):
        picture = np.full((300, 700, 3), (150, 130, 110), np.uint8)
        picture[:, :220] = image
        if t >= 4:
            picture[:, -220:] = image[:, ::-1]
        if t >= 12:
            picture[60:240, 270:402] = cv2.resize(image, (132, 180))
        images.append(picture)
    seen = followed(backend, images)
    assert all(len(people) == 1 for people in seen)
    right = np.stack([people[0].keypoints[wholebody.RIGHT_HAND] for people in seen])
    left = np.stack([people[0].keypoints[wholebody.LEFT_HAND] for people in seen])
    assert (right[:, :, 2].max(axis=1) > 0.8).all()
    assert (right[:, :, 0].mean(axis=1) < 220).all()
    assert left[:4, :, 2].max() == 0
    assert (left[10:, :, 2].max(axis=1) > 0.8).all()
    assert (left[10:, :, 0].mean(axis=1) > 480).all()


def test_a_head_alone_is_somebody_from_the_first_frame(backend: MediapipeBackend) -> None:
    images = [image[170:470, 200:500] for image in frames("pexels_makeup_face_hand_720.mp4", 50, 56)]
    seen = followed(backend, images)
    assert all(len(people) == 1 for people in seen)
    for (person,) in seen:
        assert person.keypoints[wholebody.FACE, 2].mean() > 0.5
        assert person.keypoints[7:17, 2].max() < 0.3  # arms and legs lie outside
        assert person.keypoints[wholebody.LEFT_HAND, 2].max() < 0.3


def test_a_hand_that_the_pictures_edge_cuts_is_found(backend: MediapipeBackend) -> None:
    """Her wrist lies outside, as far as the body knows; thumb and forefinger are inside."""
    seen = followed(backend, frames("pexels_makeup_face_hand_720.mp4", 234, 242))
    right = [people[0].keypoints[wholebody.RIGHT_HAND] for people in seen]
    assert min(hand[:, 2].max() for hand in right[-3:]) > 0.4
    last = right[-1][right[-1][:, 2] > 0, :2]
    assert len(last) >= 8
    assert ((last > (0, 400)) & (last < (130, 720))).all()  # measured by eye
    assert all(people[0].keypoints[wholebody.LEFT_HAND, 2].max() < 0.4 for people in seen)


def test_a_hand_that_goes_away_fades_and_one_that_comes_grows_certain(backend: MediapipeBackend) -> None:
    """She brings her hand up from below the picture; then her hand is painted over."""
    images = frames("pexels_makeup_face_hand_720.mp4", 56, 72)
    for image in images[8:]:
        image[220:, :190] = (150, 130, 110)
    hands = [people[0].keypoints[wholebody.RIGHT_HAND, 2].max() for people in followed(backend, images)]
    assert min(hands[3:8]) > 0.9
    assert (np.diff(hands[7:11]) < 0).all()
    assert max(hands[13:]) < 0.5


def test_nothing_that_is_found_beside_a_body_is_a_hand(backend: MediapipeBackend) -> None:
    """Gloves of the background's colour: no hand is made up on the trunk or on the face."""
    with VideoReader(SAMPLE, end_frame=12) as reader:
        images = [frame.image for frame in reader]
    truth = SmplxSequence.load(SAMPLE.with_name("truth.npz"))
    focal, centre = truth.camera_K[0, 0], truth.camera_K[:2, 2]
    for t, image in enumerate(images):
        for wrist in (20, 21):
            x, y, z = truth.joints_camera[t, wrist]
            at = (focal * x / z + centre[0], focal * y / z + centre[1])
            fingers = truth.joints_camera[t, 28 if wrist == 20 else 43]
            end = fingers[:2] / fingers[2] * focal + centre
            middle = (np.array(at) + end) / 2
            cv2.circle(image, np.rint(middle).astype(int).tolist(), 46, (200, 205, 205), -1)
    for people in followed(backend, images)[2:]:
        for part in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND):
            assert (people[0].keypoints[part, 2] > 0.5).sum() < 12


def test_somebody_far_away_changes_nothing(backend: MediapipeBackend) -> None:
    with VideoReader(SAMPLE, start_frame=40, end_frame=41) as reader:
        image = next(iter(reader)).image
    state = backend.begin(backend.detect(image)[0])
    assert state.pose is not None
    alone = backend.track(image, state)
    away = replace(state, pose=replace(state.pose, x=state.pose.x + 5 * state.pose.size))
    assert alone is not None
    beside = backend.track(image, state, [away])
    assert beside is not None
    np.testing.assert_array_equal(beside[0].keypoints, alone[0].keypoints)


@pytest.mark.parametrize("threads", [1, 2])
def test_who_stands_in_front_does_not_lend_limbs_to_who_is_behind(threads: int) -> None:
    """A man who swings his leg behind a woman: both stay who they are, and where they are."""
    images = frames("two_people_four_views/cam03.mp4", 0, 100)
    tracker = PeopleTracker(MediapipeBackend(threads=threads, hands=False, face=False))
    hips: dict[int, list[float]] = {}
    seen = 0
    for number, image in enumerate(images):
        rows = tracker.step(image, number / 30.0)
        seen += len(rows)
        for row in rows if number >= 60 else ():
            hips.setdefault(row.track, []).append(float(row.landmarks.keypoints[[11, 12], 0].mean()))
    assert len(hips) == 2
    assert seen >= 195  # of 200; 181 if nobody is painted out
    woman, man = sorted(hips.values(), key=np.median)
    # She stands at x 270 to 300; he swings from 340 to 550, in front of her least at the end.
    assert max(woman) < 310
    assert min(man) > 330
