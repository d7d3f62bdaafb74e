# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to write a long take's keys: 55 bones x 4 channels x 10,000 frames.

    python -m rotocap.tools.bench_keys [--frames 10000] [--out build/bench.json]

Prints the best and the median of five runs, and merges into the file: `keys.write_s` (the
median; the F-curves alone) and `keys.apply_s` (a whole motion: resampling, rest pose, keys).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import bpy
import numpy as np

from ..addon import keys, tracks
from ..addon.armature import new_armature
from ..addon.blender_versions import Channels
from ..addon.motion import write_motion
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT, JOINT_NAMES, rest_joints
from ..retarget.timeline import on_scene_frames

ROOT = Path(__file__).resolve().parents[1]
_RUNS = 5


def write_curves(armature: bpy.types.Object, quaternions: np.ndarray) -> float:
    """Seconds to write (N, 55, 4) as keys on a new Action."""
    frames = np.arange(1, len(quaternions) + 1)
    begin = time.perf_counter()
    channels = Channels("bench", armature)
    kinds = keys.interpolation(len(frames), ((0, len(frames) - 1),))
    for joint, name in enumerate(JOINT_NAMES):
        path = f'pose.bones["{name}"].rotation_quaternion'
        keys.write(channels, path, quaternions[:, joint], frames=frames, kinds=kinds, group=name)
    tracks.play(armature, channels, track="bench")
    seconds = time.perf_counter() - begin
    _forget(armature, channels.action)
    return seconds


def apply_motion(armature: bpy.types.Object, sequence: SmplxSequence) -> float:
    """Seconds for everything between a sequence in memory and its keys."""
    begin = time.perf_counter()
    timeline = on_scene_frames(sequence.time_s, sequence.frame, scene_fps=30.0, first_frame=1)
    write_motion(armature, sequence, timeline, name="bench")
    seconds = time.perf_counter() - begin
    _forget(armature, armature.animation_data.nla_tracks[0].strips[0].action)
    return seconds


def _forget(armature: bpy.types.Object, action: bpy.types.Action) -> None:
    armature.animation_data_clear()
    bpy.data.actions.remove(action)


def random_motion(frames: int) -> SmplxSequence:
    """A long random walk of all joints."""
    random = np.random.default_rng(0)
    poses = np.cumsum(random.normal(0.0, 0.02, (frames, JOINT_COUNT * 3)), axis=0)
    return SmplxSequence(
        poses=poses, trans=np.zeros((frames, 3)), betas=np.zeros(10), expression=np.zeros((frames, 10)),
        rest_joints=rest_joints(), frame=np.arange(frames), time_s=np.arange(frames) / 30.0,
        mocap_frame_rate=30.0, camera_K=np.eye(3), world_from_camera=np.eye(4),
        joints_camera=np.zeros((frames, JOINT_COUNT, 3)), sigma=np.zeros((frames, JOINT_COUNT)),
        contact=np.zeros((frames, 4)), keypoints=np.zeros((frames, 133, 3)),
        arkit=np.full((frames, 52), np.nan),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench_keys", description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args(arguments)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sequence = random_motion(options.frames)
    armature = new_armature("bench", sequence.rest_joints, bpy.context.scene.collection)
    quaternions = np.random.default_rng(1).normal(size=(options.frames, JOINT_COUNT, 4))
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    written = [write_curves(armature, quaternions) for _ in range(_RUNS)]
    applied = [apply_motion(armature, sequence) for _ in range(_RUNS)]
    figures = {"keys.write_s": statistics.median(written), "keys.apply_s": statistics.median(applied)}
    print(f"Blender {bpy.app.version_string}, {options.frames} frames x {JOINT_COUNT} bones x 4 channels")
    for name, runs in (("keys.write_s", written), ("keys.apply_s", applied)):
        print(f"{name:14} median {statistics.median(runs):6.2f} s   best {min(runs):6.2f} s")
    merge(options.out, {name: round(value, 4) for name, value in figures.items()})
    return 0


def merge(path: Path, figures: dict[str, float]) -> None:
    """Put figures into a JSON file of flat keys, beside those that are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**known, **figures}, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
