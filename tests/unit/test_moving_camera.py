# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that moves on a known path: the walk comes out in the world, in metres, on a flat floor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference import fit, moving_camera, world
from rotocap.inference.camera_path import CameraPath, placed_as, undistorted
from rotocap.inference.capture import CaptureOptions, capture
from rotocap.inference.errors import RotocapError, TakeError
from rotocap.inference.fit.body import BodyOptions
from rotocap.inference.kinematics import matrix_from_axis_angle

from .filmed_walk import FilmedWalk, K, filmed
from .scripted_people import RED, Actor, ScriptedBackend, standing, write_video

Array = NDArray[np.float64]

UNIT = 3.7  # units of the solver to a metre


def solved_path(walk: FilmedWalk) -> CameraPath:
    """The camera's path as a solver knows it: any place, any turn, any unit."""
    any_turn = np.eye(4)
    any_turn[:3, :3] = matrix_from_axis_angle(np.array([0.4, -1.0, 0.3]))
    any_turn[:3, 3] = [3.0, 1.0, -2.0]
    camera = any_turn @ walk.camera
    camera[:, :3, 3] *= UNIT
    return CameraPath(time_s=walk.time_s, world_from_camera=camera, camera_K=K)


def seen_steps(walk: FilmedWalk, path: CameraPath, *, size: float = 1.0) -> moving_camera.Steps:
    """The feet as a fit places them: off by 1 cm, and all by up to 7 cm too near or too far, slowly."""
    feet = (walk.feet - walk.camera[:, None, :3, 3]) @ walk.camera[:, :3, :3] * size
    t = walk.time_s[:, None]
    rng = np.random.default_rng(5)
    feet += 0.02 * np.sin(
        2.0 * np.pi * (rng.uniform(0.5, 2.0, (4, 3)) * t[..., None] + rng.uniform(size=(4, 3)))
    )
    ray = feet / np.linalg.norm(feet, axis=-1, keepdims=True)
    feet += 0.07 * np.sin(2.0 * np.pi * 0.7 * t)[..., None] * ray
    return moving_camera.Steps(
        time_s=walk.time_s,
        camera=path.at(walk.time_s),
        feet=feet,
        seen=np.full(feet.shape[:2], 0.9),
    )


@pytest.mark.parametrize("move", ["beside", "around", "behind", "ahead"])
def test_feet_that_stand_tell_the_unit_of_the_path_and_which_of_them_do(move: str) -> None:
    walk = filmed(move)
    path = solved_path(walk)
    steps = seen_steps(walk, path)
    unit = moving_camera.unit_of([steps], path)
    # Behind and before the walker it is seen by the depth alone.
    assert unit.metres * UNIT == pytest.approx(1.0, abs=0.03 if move in ("beside", "around") else 0.12)
    assert unit.doubt < 0.2
    said, true = moving_camera.walking(steps, unit).standing > 0.5, walk.contact > 0.5
    assert (said & true).sum() > 0.75 * said.sum()
    assert (said & true).sum() > 0.7 * true.sum()


def test_a_person_taken_for_larger_makes_the_path_as_much_longer() -> None:
    walk = filmed("around")
    path = solved_path(walk)
    unit = moving_camera.unit_of([seen_steps(walk, path, size=1.1)], path)
    assert unit.metres * UNIT == pytest.approx(1.1, abs=0.03)


def test_a_path_in_metres_stays_where_it_is_and_tells_how_tall_the_person_is() -> None:
    walk = filmed("around")
    camera = walk.camera.copy()
    path = CameraPath(time_s=walk.time_s, world_from_camera=camera, camera_K=K, placed=True)
    steps = replace(seen_steps(walk, path, size=1.1), stature=1.87)  # taken for a tenth too tall
    plan = moving_camera.plan([steps], path)
    assert plan.placed and not plan.warnings
    assert plan.heights_m[0] == pytest.approx(1.70, abs=0.05)
    np.testing.assert_array_equal(plan.motions[0].camera, camera)
    assert plan.world_from_camera([])[0] is plan.motions[0].camera
    rests = (plan.motions[0].standing > 0.5) & (walk.contact > 0.5)
    assert rests.sum() > 0.7 * (walk.contact > 0.5).sum()


def test_a_tracked_scene_is_believed_where_no_feet_are_seen() -> None:
    walk = filmed("around")
    path = CameraPath(time_s=walk.time_s, world_from_camera=walk.camera, camera_K=K, placed=True)
    unseen = replace(seen_steps(walk, path), seen=np.zeros((len(walk.time_s), 4)))
    plan = moving_camera.plan([unseen], path)
    assert plan.placed and plan.heights_m == [None] and not plan.warnings


def test_a_path_is_brought_into_the_world_of_its_take() -> None:
    walk = filmed("around")
    path = solved_path(walk)
    part = slice(20, 50)
    placed = placed_as(path, walk.time_s[part], walk.camera[part])
    assert placed.placed
    np.testing.assert_allclose(placed.world_from_camera, walk.camera, atol=1e-9)


def test_a_tracked_scene_that_is_not_in_metres_is_told_and_left() -> None:
    walk = filmed("around")
    path = replace(solved_path(walk), placed=True)
    plan = moving_camera.plan([seen_steps(walk, path)], path)
    assert not plan.placed and plan.heights_m == [None]
    assert len(plan.warnings) == 1 and "one unit of it is about 0.27 m" in plan.warnings[0]


def test_a_tripod_needs_no_unit_and_unseen_feet_are_told() -> None:
    walk = filmed("around")
    path = solved_path(walk)
    tripod = path.world_from_camera.copy()
    tripod[:, :3, 3] = 0.0
    still = replace(path, world_from_camera=tripod)
    assert moving_camera.unit_of([seen_steps(walk, still)], still) == moving_camera.Unit(1.0, 0.0)
    unseen = replace(seen_steps(walk, path), seen=np.zeros((len(walk.time_s), 4)))
    unit = moving_camera.unit_of([unseen], path)
    assert unit.metres > 0.0
    (said,) = moving_camera.warnings(unit, [unseen], path)
    assert "not sure" in said and moving_camera.is_warning(said)


def test_a_part_that_is_not_solved_is_told_and_stands_still() -> None:
    walk = filmed("beside")
    path = solved_path(walk)
    short = replace(path, time_s=path.time_s[:60], world_from_camera=path.world_from_camera[:60])
    camera = short.at(walk.time_s)
    np.testing.assert_array_equal(camera[60:], np.broadcast_to(camera[59], camera[60:].shape))
    said = moving_camera.warnings(moving_camera.Unit(1.0, 0.0), [seen_steps(walk, short)], short)
    assert len(said) == 1 and "1.6 s" in said[0]


def test_the_walk_is_in_the_world_flat_and_on_its_feet() -> None:
    """The fits themselves, on what detectors see: 2 pixels and 3 cm of noise, a hand-held camera."""
    walk = filmed("beside", steps=4)
    path = solved_path(walk)
    cameras = path.at(walk.time_s)
    options = fit.FitOptions(body=BodyOptions(iterations=8))

    def solved(motion: moving_camera.CameraMotion) -> fit.FitResult:
        return fit.solve(
            time_s=walk.time_s,
            keypoints=walk.keypoints,
            points3d=walk.points3d,
            camera_K=K,
            options=options,
            motion=motion,
        )

    first = solved(moving_camera.turning(cameras))
    keypoints = walk.keypoints.astype(np.float32)
    steps = moving_camera.Steps.of(first, time_s=walk.time_s, camera=cameras, keypoints=keypoints)
    unit = moving_camera.unit_of([steps], path)
    motion = moving_camera.walking(steps, unit)
    person = solved(motion)
    (camera,) = moving_camera.world_from_camera([person], [motion.camera])
    sequence = world.to_sequence(
        person,
        frame=np.arange(len(camera)),
        time_s=walk.time_s,
        keypoints=keypoints,
        camera_K=K,
        world_from_camera=camera,
    )
    pelvis = sequence.rest_joints[0] + sequence.trans
    way, true_way = (path[-1] - path[0] for path in (pelvis, walk.pelvis))
    assert np.linalg.norm(way[[0, 2]]) == pytest.approx(np.linalg.norm(true_way[[0, 2]]), rel=0.04)
    assert abs(way[1] - true_way[1]) < 0.03
    feet = (camera[:, None, :3, :3] @ world.feet_of(person)[..., None])[..., 0] + camera[:, None, :3, 3]
    height = (feet[..., 1] - world.soles(person))[walk.contact > 0.5]
    assert np.abs(height).mean() < 0.03
    rests = walk.contact[1:] * walk.contact[:-1] > 0.5
    slide = np.linalg.norm(np.diff(feet, axis=0), axis=-1)[rests].mean()
    assert slide < 0.0015  # metres a frame; with a camera that stands still it is as much
    # And the picture is what the camera sees of it.
    back = (pelvis - camera[:, :3, 3])[:, None] @ camera[:, :3, :3]
    np.testing.assert_allclose(back[:, 0], sequence.joints_camera[:, 0], atol=1e-4)


def test_a_lens_that_bends_is_made_straight() -> None:
    rng = np.random.default_rng(0)
    straight = rng.uniform([50, 30], [900, 500], (5, 133, 2))
    x = (straight - K[:2, 2]) / K[0, 0]
    r2 = (x**2).sum(axis=-1, keepdims=True)
    bent = x * (1.0 - 0.12 * r2 + 0.03 * r2**2)
    keypoints = np.concatenate([bent * K[0, 0] + K[:2, 2], np.full((5, 133, 1), 0.9)], axis=-1)
    keypoints[0, 0, :2] = np.nan
    path = CameraPath(
        time_s=np.zeros(1),
        world_from_camera=np.eye(4)[None],
        camera_K=K,
        lens="POLYNOMIAL",
        lens_k=np.array([-0.12, 0.03, 0.0]),
    )
    out = undistorted(keypoints, path)
    assert np.isnan(out[0, 0, :2]).all()
    np.testing.assert_allclose(out[1:, :, :2], straight[1:], atol=0.01)
    division = replace(path, lens="DIVISION", lens_k=np.array([-0.1, 0.0]))
    off = undistorted(keypoints, division)[1:, :, :2] - keypoints[1:, :, :2]
    outwards = (off * x[1:]).sum(axis=-1)
    assert (outwards > 0.0).all()  # a barrel's points lie too far in


def test_a_path_is_kept_with_the_take_and_a_capture_without_forgets_it(tmp_path: Path) -> None:
    actors = [Actor(standing(150.0), RED)]
    video = write_video(tmp_path / "video.mp4", actors, 12)
    camera = np.tile(np.eye(4), (20, 1, 1))
    camera[:, 0, 3] = 0.01 * np.arange(20)
    lens = np.array([[400.0, 0.0, 159.5], [0.0, 400.0, 119.5], [0.0, 0.0, 1.0]])
    CameraPath(time_s=np.arange(20) / 30.0, world_from_camera=camera, camera_K=lens).save(tmp_path / "c.npz")
    options = CaptureOptions(video=video, out=tmp_path / "video.take", camera_path=tmp_path / "c.npz")
    take = capture(options, backend=lambda _: (ScriptedBackend(actors), {}))
    assert take.solve.moving_camera
    sequence = take.sequence(take.people[0])
    assert sequence.world_from_camera.shape == (12, 4, 4)
    np.testing.assert_array_equal(sequence.camera_K, lens)
    assert CameraPath.load(take.path / "camera.npz").time_s.shape == (20,)
    again = capture(replace(options, camera_path=None), backend=lambda _: (ScriptedBackend(actors), {}))
    assert again.sequence(again.people[0]).world_from_camera.shape == (4, 4)
    assert not any(moving_camera.is_warning(text) for text in again.warnings)


def test_paths_that_no_camera_has_are_refused_in_words(tmp_path: Path) -> None:
    good = {"time_s": np.arange(3.0), "world_from_camera": np.tile(np.eye(4), (3, 1, 1)), "camera_K": K}
    for name, value, words in (
        ("time_s", np.zeros(3), "increasing"),
        ("world_from_camera", 2.0 * good["world_from_camera"], "without scale"),
        ("world_from_camera", np.full((3, 4, 4), np.nan), "not finite"),
        ("camera_K", np.eye(4), r"expected \(3, 3\)"),
    ):
        with pytest.raises(RotocapError, match=words):
            CameraPath(**{**good, name: value})
    with pytest.raises(RotocapError, match="lens"):
        CameraPath(**good, lens="FISHEYE")
    with pytest.raises(TakeError, match="no such file"):
        CameraPath.load(tmp_path / "none.npz")
    np.savez(tmp_path / "half.npz", time_s=np.arange(3.0))
    with pytest.raises(RotocapError, match="lacks"):
        CameraPath.load(tmp_path / "half.npz")
