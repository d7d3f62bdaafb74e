# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotocap.inference.kinematics import forward_poses  # noqa: E402
from rotocap.inference.lift.points import INDEX, POINT_NAMES  # noqa: E402
from rotocap.inference.skeleton import INDEX as JOINT  # noqa: E402
from rotocap.inference.skeleton import rest_joints  # noqa: E402
from rotocap.training.detector_errors import PARTNER, ErrorModel  # noqa: E402
from rotocap.training.detector_errors.chance import Chance  # noqa: E402
from rotocap.training.detector_errors.model import facing_us, showing_back  # noqa: E402
from rotocap.training.detector_errors.occlusion import hidden  # noqa: E402
from rotocap.training.detector_errors.points import rows  # noqa: E402
from rotocap.training.detector_errors.scenes import Camera, Clip, render  # noqa: E402
from rotocap.training.detector_errors.truth import CARRIER, OFFSET, rest_places, sight  # noqa: E402

MODEL = ErrorModel.load()


def standing(*, turned: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (P, 3), joints (22, 3) and rotations (22, 3, 3) of a T-pose 4 m before a level camera."""
    poses = np.zeros((1, 55, 3))
    poses[0, 0, 1] = turned
    joints, turns = forward_poses(poses, np.zeros((1, 3)), rest_joints())
    camera = np.diag([1.0, -1.0, -1.0])
    joints, turns = joints[0] @ camera + (0.0, 0.9, 4.0), camera @ turns[0]
    places = joints[CARRIER] + np.einsum("pij,pj->pi", turns[CARRIER], OFFSET)
    return places, joints[:22], turns[:22]


def in_picture(places: np.ndarray, *, takes: int, frames: int) -> torch.Tensor:
    """Points (B, T, P, 2) of one pose, in statures."""
    flat = places[:, :2] / places[:, 2:] * 4.0 / 1.7
    return torch.tensor(flat).float().expand(takes, frames, -1, 2).clone()


def corrupted(points: torch.Tensor, *, seed: int = 0, **more: object) -> tuple[torch.Tensor, torch.Tensor]:
    visible = more.pop("visible", torch.ones(points.shape[:3], dtype=torch.bool))
    return MODEL.corrupt(points, visible, generator=torch.Generator().manual_seed(seed), **more)


def test_a_seed_decides_everything_and_the_input_stays() -> None:
    points = in_picture(standing()[0], takes=5, frames=20)
    before = points.clone()
    first, again, other = corrupted(points), corrupted(points), corrupted(points, seed=1)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(points, before)


def test_nothing_but_numbers_comes_back() -> None:
    points = torch.zeros(3, 1, len(POINT_NAMES), 2)  # all on one spot, one frame
    bounds = torch.tensor([[-0.5, -0.5], [0.5, 0.5]]).expand(3, 2, 2)
    out, certainty = corrupted(points, bounds=bounds, size_px=torch.tensor([1.0, 100.0, 5000.0]))
    assert torch.isfinite(out).all()
    assert torch.isfinite(certainty).all()
    assert ((certainty >= 0) & (certainty <= 1)).all()


def test_errors_are_of_the_size_that_was_measured() -> None:
    points = in_picture(standing()[0], takes=400, frames=10)
    out, _ = corrupted(points)
    median = 1.7 * (out - points).norm(dim=-1).flatten(0, 1).median(dim=0).values
    for name, least, most in (
        ("left_eye", 0.008, 0.025),
        ("right_wrist", 0.01, 0.03),
        ("left_hip", 0.012, 0.03),
    ):
        assert least < float(median[INDEX[name]]) < most


def test_hidden_and_small_and_fast_points_err_more_and_are_less_certain() -> None:
    points = in_picture(standing()[0], takes=300, frames=12)
    visible = torch.ones(points.shape[:3], dtype=torch.bool)
    elbow = INDEX["left_elbow"]
    seen, certain = corrupted(points, visible=visible)
    visible[..., elbow] = False
    covered, less = corrupted(points, visible=visible)

    def off(out: torch.Tensor, true: torch.Tensor = points) -> float:
        return float((out - true)[..., elbow, :].norm(dim=-1).median())

    assert off(covered) > 1.8 * off(seen)
    assert less[..., elbow].median() < certain[..., elbow].median() - 0.2
    small, _ = corrupted(points, size_px=torch.full((300,), 90.0))
    assert off(small) > 1.15 * off(seen)
    moving = points + torch.linspace(0, 1, 12)[:, None, None]  # 2.75 statures a second
    fast, _ = corrupted(moving)

    def step(out: torch.Tensor, true: torch.Tensor) -> float:
        error = (out - true)[..., elbow, :]
        return float((error[:, 1:] - error[:, :-1]).norm(dim=-1).median())

    assert step(fast, moving) > 1.3 * step(seen, points)


def test_jitter_is_correlated_over_time_and_along_the_body() -> None:
    points = in_picture(standing()[0], takes=400, frames=30)
    out, _ = corrupted(points)
    error = (out - points).clamp(-0.1, 0.1)

    def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt())

    hip = error[:, :, INDEX["left_hip"]]
    near, far = correlation(hip[:, 1:], hip[:, :-1]), correlation(hip[:, 25:], hip[:, :-25])
    assert near > 0.75
    assert 0.2 < far < near - 0.1  # a part lasts for the take
    eyes = correlation(error[:, :, INDEX["left_eye"]], error[:, :, INDEX["right_eye"]])
    feet = correlation(error[:, :, INDEX["left_heel"]], error[:, :, INDEX["right_wrist"]])
    assert eyes > 0.5
    assert abs(feet) < 0.3


def test_back_views_are_exchanged_more_often_than_front_views() -> None:
    shares = []
    for turned in (0.0, np.pi):
        points = in_picture(standing(turned=turned)[0], takes=600, frames=20)
        out, _ = corrupted(points)
        trunk = rows("shoulder", "hip")
        own = (out - points)[:, :, trunk].norm(dim=-1).sum(-1)
        other = (out - points[:, :, list(PARTNER)])[:, :, trunk].norm(dim=-1).sum(-1)
        shares.append(float((other < 0.5 * own).float().mean()))
    assert 0.001 < shares[0] < 0.02
    assert shares[1] > 2 * shares[0]


def test_points_beyond_the_edge_are_gone_or_come_back_within_it() -> None:
    points = in_picture(standing()[0], takes=300, frames=8)
    low = points.amin(dim=(1, 2)) - 1.0
    high = points.amax(dim=(1, 2)) + 1.0
    ankle = INDEX["left_ankle"]
    high[:, 1] = points[:, 0, ankle, 1] - 0.03  # the picture ends above the ankles
    inside = (points[..., 1] < high[:, None, None, 1]) & (points[..., 1] > -10)
    out, certainty = corrupted(points, inside=inside)
    assert (certainty[..., ankle] == 0).all()
    out, certainty = corrupted(points, inside=inside, bounds=torch.stack([low, high], dim=1))
    back = certainty[..., ankle] > 0
    assert 0.2 < float(back.float().mean()) < 0.8
    assert (out[..., ankle, 1] <= high[:, None, 1])[back].all()


def test_a_lost_hand_leaves_its_wrist_and_three_knuckles() -> None:
    points = in_picture(standing()[0], takes=300, frames=8)
    out, certainty = corrupted(points, size_px=torch.full((300,), 120.0))
    middle, index, root = (INDEX[f"left_hand_{name}"] for name in ("middle", "index", "wrist"))
    lost = (certainty[..., middle] == 0) & (certainty[..., root] > 0) & (certainty[..., index] > 0)
    assert 0.4 < float(lost.float().mean()) < 0.99
    assert torch.equal(out[..., root, :][lost], out[..., INDEX["left_wrist"], :][lost])
    assert (certainty[..., root][lost] <= 0.5).all()


def test_nobody_sees_a_face_from_behind() -> None:
    shares = []
    for turned in (0.0, np.pi):
        body = standing(turned=turned)
        points = in_picture(body[0], takes=200, frames=5)
        covered = hidden(*(torch.tensor(part)[None] for part in body))[0]
        visible = (~covered).expand(points.shape[:3])
        _, certainty = corrupted(points, visible=visible, size_px=torch.full((200,), 500.0))
        shares.append(float((certainty[..., INDEX["chin"]] > 0).float().mean()))
    assert shares[0] > 0.65
    assert shares[1] < 0.15


def test_front_and_back_are_told_from_the_points() -> None:
    views = [in_picture(standing(turned=turned)[0], takes=1, frames=1) for turned in (0.0, np.pi)]
    assert [round(float(showing_back(view))) for view in views] == [0, 1]
    assert [round(float(facing_us(view))) for view in views] == [1, -1]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(B, T, 35, 2\).*got \(1, 2, 34, 2\)"):
        MODEL.corrupt(torch.zeros(1, 2, 34, 2), torch.ones(1, 2, 34, dtype=torch.bool))


def test_spans_are_as_frequent_and_long_as_asked() -> None:
    draw = Chance(torch.Generator().manual_seed(0), torch.device("cpu"), 1 / 30)
    rates = torch.tensor([0.5, 0.25]).expand(4000, 90, 2)
    states = draw.spans(rates, 0.2)
    share = [float((states == k).float().mean()) for k in (1, 2)]
    # On for 0.2 s and a frame each, off in between.
    assert share[0] == pytest.approx(0.5 * 0.2333 / (1 + 0.75 * 0.2333), rel=0.15)
    assert share[1] == pytest.approx(share[0] / 2, rel=0.15)


def test_noise_lasts_as_long_as_asked() -> None:
    draw = Chance(torch.Generator().manual_seed(0), torch.device("cpu"), 1 / 30)
    noise = draw.process((2000, 60), 0.2)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.03)
    later = float((noise[:, 6:] * noise[:, :-6]).mean())
    assert later == pytest.approx(np.exp(-1.0), abs=0.04)


def test_spheres_hide_what_the_rendered_body_hides() -> None:
    rng = np.random.default_rng(3)
    agree, total = 0, 0
    for number, yaw in enumerate(np.linspace(0, 2 * np.pi, 8, endpoint=False)):
        poses = np.zeros((1, 55, 3))
        poses[0, :22] = rng.normal(0, 0.35, (22, 3))
        poses[0, 0] = (0.0, yaw, 0.0)
        rotation = np.diag([1.0, -1.0, -1.0])
        K = np.array([[300.0, 0, 119.5], [0, 300, 159.5], [0, 0, 1]])
        camera = Camera(K, rotation, np.array([0.0, 0.9, 2.6]), 240, 320)
        clip = Clip(poses, np.zeros((1, 3)), rest_joints(), camera, number, 1)
        (frame,) = render(clip)
        places, covered, inside = sight(frame, clip, rest_places(clip.rest))
        guess = hidden(*(torch.tensor(x)[None] for x in (places, frame.joints[:22], frame.turns[:22])))[
            0
        ].numpy()
        agree += int((guess == covered)[inside].sum())
        total += int(inside.sum())
    assert total > 200
    assert agree / total > 0.85


def test_the_sides_of_a_body_hide_each_other() -> None:
    places, joints, turns = standing(turned=np.pi / 2)  # its left towards the camera's far side or near
    covered = hidden(*(torch.tensor(x)[None] for x in (places, joints, turns)))[0]
    left, right = (covered[INDEX[f"{side}_hip"]] for side in ("left", "right"))
    nearer = "left" if joints[JOINT["left_hip"], 2] < joints[JOINT["right_hip"], 2] else "right"
    assert (bool(left), bool(right)) == ((False, True) if nearer == "left" else (True, False))


def test_two_million_points_take_about_a_second() -> None:
    torch.set_num_threads(1)
    points = in_picture(standing()[0], takes=64, frames=64)
    corrupted(points)
    begun = time.process_time()
    corrupted(points)
    # A quarter of what a quiet core does: tests run beside other work.
    assert points.shape[:3].numel() / (time.process_time() - begun) > 0.5e6


def test_the_file_is_small() -> None:
    assert (Path(__file__).parents[2] / "training/detector_errors/measured.json").stat().st_size < 40_000
