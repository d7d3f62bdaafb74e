# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the lift network: synthetic pictures are true to their motion, a run trains, stops and goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: tools/setup.sh reference")

from rotocap.inference import models  # noqa: E402
from rotocap.inference.lift import layout  # noqa: E402
from rotocap.inference.lift.points import INDEX as POINT  # noqa: E402
from rotocap.inference.lift.points import MIRROR_POINTS  # noqa: E402
from rotocap.inference.skeleton import INDEX  # noqa: E402
from rotocap.training.export import export, load  # noqa: E402
from rotocap.training.losses import Prediction, loss, tokens  # noqa: E402
from rotocap.training.measure import measure  # noqa: E402
from rotocap.training.model import Lift, ModelOptions  # noqa: E402
from rotocap.training.motion_data import MotionSequence, MotionSet  # noqa: E402
from rotocap.training.synthesis import AS_RECORDED, Batch, Synthesis, Variety  # noqa: E402

SMALL = ModelOptions(width=64, trunk=1, layers=2, side=32, side_layers=1, heads=4, joint_width=8)
PERFECT = Variety(
    mirrored=0.0, mixed_halves=0.0, offsets=0.0, tempo=0.0, straightened=0.0, cut_off=0.0,
    focal_error=0.0, errors=False,
)  # fmt: skip


def motion(*, frames: int = 90, standing: bool = False) -> MotionSet:
    """One made-up person who swings the arms, and bends the knees or stands."""
    t = np.arange(frames) / 30.0
    pose = np.zeros((frames, 22, 3), np.float32)
    pose[:, INDEX["left_shoulder"], 2] = -1.0 + 0.4 * np.sin(2.0 * t)
    pose[:, INDEX["right_shoulder"], 2] = 1.0 - 0.4 * np.sin(2.0 * t)
    trans = np.tile(np.float32([0.0, 0.975, 0.0]), (frames, 1))
    if not standing:
        pose[:, INDEX["left_hip"], 0] = -0.5 - 0.4 * np.sin(3.0 * t)
        pose[:, INDEX["left_knee"], 0] = 0.9 + 0.5 * np.sin(3.0 * t)
        trans[:, 0] = 0.4 * t
    sequence = MotionSequence(
        name="made/up/1_1", label="", licence="CC0", source="", pose=pose, trans=trans,
        hand_pose=np.zeros((frames, 30, 3), np.float32), has_hands=False,
    )  # fmt: skip
    return MotionSet.of([sequence])


def test_perfect_points_lie_on_the_true_body() -> None:
    batch = Synthesis(motion(), variety=PERFECT, seed=1).batch(8, 20)
    turn, spread = batch.camera_from_virtual, batch.spread
    depth = torch.exp(batch.root[..., 2]) / spread
    ahead = torch.cat([batch.root[..., :2] * (spread * depth)[..., None], depth[..., None]], dim=-1)
    pelvis = torch.einsum("btij,btj->bti", turn, ahead)
    torch.testing.assert_close(pelvis, batch.pelvis, atol=1e-4, rtol=1e-4)
    joints = torch.einsum("btij,btkj->btki", turn, batch.places) + pelvis[:, :, None]
    for point, joint in (("left_wrist", "left_wrist"), ("right_knee", "right_knee")):
        place = joints[:, :, INDEX[joint]]
        seen = batch.certainty[..., POINT[point]] > 0
        off = (place[..., :2] / place[..., 2:] - batch.points[..., POINT[point], :]).norm(dim=-1)
        # A point is a centimetre or two from its joint, and people differ by another.
        metres = (off * place[..., 2])[seen]
        assert len(metres) and metres.max() < 0.06
    lengths = (batch.places[..., INDEX["left_knee"], :] - batch.places[..., INDEX["left_hip"], :]).norm(
        dim=-1
    )
    torch.testing.assert_close(lengths, lengths[:, :1].expand_as(lengths), atol=1e-4, rtol=1e-4)


def test_up_is_against_gravity_and_feet_that_stand_touch() -> None:
    batch = Synthesis(motion(standing=True), variety=PERFECT, seed=2).batch(16, 20)
    trunk = batch.places[..., INDEX["neck"], :]
    cosine = torch.nn.functional.cosine_similarity(trunk, batch.up, dim=-1)
    assert cosine.min() > 0.99
    assert batch.contacts.min() == 1.0


def test_mirroring_exchanges_left_and_right() -> None:
    """A mirrored window of an asymmetric motion has the other knee bent."""
    one = Synthesis(motion(), variety=PERFECT, seed=3)
    other = Synthesis(motion(), variety=Variety(**{**vars(PERFECT), "mirrored": 1.0}), seed=3)
    where = (torch.zeros(4, dtype=torch.long), torch.full((4,), 10.0), torch.ones(4), 10)
    plain, mirrored = one.windows(*where), other.windows(*where)

    def bend(batch: object, side: str) -> float:
        turns = batch.turns  # type: ignore[attr-defined]
        thigh, shank = turns[..., INDEX[f"{side}_hip"], :, 1], turns[..., INDEX[f"{side}_knee"], :, 1]
        return float((thigh * shank).sum(-1).mean())

    assert bend(plain, "left") < 0.9 < bend(plain, "right")
    assert bend(mirrored, "right") < 0.9 < bend(mirrored, "left")
    assert len(set(MIRROR_POINTS.tolist())) == layout.POINTS


def test_straightened_legs_keep_their_feet_under_the_hips_and_level() -> None:
    where = (torch.zeros(24, dtype=torch.long), torch.full((24,), 10.0), torch.ones(24), 10)
    plain = Synthesis(motion(), variety=PERFECT, seed=3).windows(*where)
    straight = Synthesis(motion(), variety=Variety(**{**vars(PERFECT), "straightened": 1.0}), seed=3)
    less = straight.windows(*where)

    def parts(batch: Batch) -> tuple[torch.Tensor, ...]:
        """In the pelvis's axes: the knee's flexion, the foot's world turn, hip to ankle in leg lengths."""
        back = batch.turns[..., 0, :, :].transpose(-1, -2)
        thigh, shank = batch.turns[..., INDEX["left_hip"], :, 1], batch.turns[..., INDEX["left_knee"], :, 1]
        flexion = torch.rad2deg(torch.acos((thigh * shank).sum(-1).clamp(-1.0, 1.0)))
        leg = (back @ (batch.places[..., INDEX["left_ankle"], :] - batch.places[..., 1, :])[..., None])[
            ..., 0
        ]
        return (
            flexion,
            back @ batch.turns[..., INDEX["left_ankle"], :, :],
            leg / leg.norm(dim=-1, keepdim=True),
        )

    bent, foot, leg = parts(plain)
    new, new_foot, new_leg = parts(less)
    assert (new < bent - 1.0).all() and (new >= 0.0).all()
    assert (bent - new).max() > 15.0
    torch.testing.assert_close(new_foot, foot, atol=1e-3, rtol=0.0)
    assert (new_leg * leg).sum(-1).min() > np.cos(np.radians(6.0))


def test_the_same_seed_gives_the_same_samples() -> None:
    one, two, other = (Synthesis(motion(), seed=seed).batch(4, 12).inputs for seed in (7, 7, 8))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_the_loss_of_the_truth_is_smaller_than_of_anything_near_it() -> None:
    batch = Synthesis(motion(), variety=PERFECT, seed=4).batch(4, 12)
    spreads = torch.full((*batch.places.shape[:-1], 2), -5.0)
    truth = Prediction(
        places=batch.places, spreads=spreads, turns=batch.turns, root=batch.root,
        root_spread=torch.zeros(*batch.root.shape[:-1], 1), up=batch.up,
        contacts=20.0 * (batch.contacts * 2 - 1),
    )  # fmt: skip
    best, parts = loss(truth, batch)
    # Bones of the truth, put together from rotations and offsets, give its places.
    assert parts["chained"] < 1e-4
    for name in ("places", "root", "up"):
        moved = {**vars(truth), name: getattr(truth, name) + 0.01}
        worse, _ = loss(Prediction(**moved), batch)
        assert worse > best


def test_no_frame_passes_by_the_first_layer() -> None:
    """A frame chooses what past and future it looks at, but hands on nothing of itself.

    Among frames that are all alike the choice is no matter: then a frame that differs
    changes the features of others, not its own.
    """
    model = Lift(SMALL).eval()
    alike = torch.randn(SMALL.side).expand(1, 9, -1).clone()
    other = alike.clone()
    other[:, 4] = torch.randn(SMALL.side)
    with torch.inference_mode():
        past = (model.past(alike) - model.past(other)).abs().sum(-1)[0]
        future = (model.future(alike) - model.future(other)).abs().sum(-1)[0]
    assert past[4] < 1e-3 < past[5]
    assert future[4] < 1e-3 < future[3]


def test_training_lowers_the_error_is_killed_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "motion"
    folder.mkdir()
    motion(frames=200).save(folder / "train_00.npz")
    motion(frames=120).save(folder / "heldout.npz")
    sizes = [f"{name}={value}" for name, value in SMALL.to_dict().items() if not isinstance(value, bool)]
    quick = [
        "batch=256",
        "window_batch=256",
        "long=32",
        "warm_up=5",
        "save_every_s=1",
        "average=0.9",
        "log_every=5",
    ]
    out = tmp_path / "run"

    def start(minutes: float) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "rotocap.training.train", "--motion", folder, "--out", out,
             "--minutes", str(minutes), "--threads", "1", "--set", *sizes, *quick],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    running = start(5.0)
    deadline = time.monotonic() + 90.0
    while not (out / "checkpoint.pt").is_file():
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    stopped = torch.load(out / "checkpoint.pt", weights_only=True)
    text, _ = start(stopped["spent"] / 60.0 + 0.15).communicate(timeout=120)
    assert f"goes on from step {stopped['step']}" in text
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps) and steps[-1] > stopped["step"]
    assert lines[-1]["places"] < lines[0]["places"]

    model = load(out)
    difference = export(model, tmp_path / "out" / "lift.onnx")
    assert difference < 1e-4
    session = models.session(tmp_path / "out" / "lift.onnx")
    inputs = tokens(Synthesis(motion(), seed=5).batch(2, 30).inputs)
    (found,) = session.run(["body"], {"tokens": inputs.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, model(inputs).numpy(), atol=1e-4)
    figures = measure(model, MotionSet.load(folder, ["heldout"], purpose="evaluation"), windows=32)
    assert np.isfinite(list(figures.values())).all()
    assert 0.0 < figures["pa_mpjpe_mm"] <= figures["mpjpe_mm"] < 1000.0


def test_as_recorded_changes_no_motion() -> None:
    data = Synthesis(motion(standing=True), variety=AS_RECORDED, seed=6)
    batch = data.batch(4, 16)
    straight = batch.turns[..., INDEX["left_hip"], :, 1] * batch.turns[..., INDEX["left_knee"], :, 1]
    assert straight.sum(-1).min() > 0.9999
