# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to write a long take's keys: 55 bones x 4 channels x 10,000 frames.

    python -m rotocap.tools.bench_keys [--frames 10000] [--out build/bench.json]

Prints the best and the median of five runs, and merges into the file: `keys.write_s` (the
median; the F-curves alone), `keys.apply_s` (a whole motion: resampling, rest pose, keys), and how
many times as long Blender's own ways take for a key: `keys.vs_keyframe_insert` and `keys.vs_bake`
(nla.bake). These run in turns with ours on a few hundred frames, where they are still at their
best: the time for one key of `keyframe_insert` grows with the keys that are there.
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
_TURNS = 3


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


def against_blender(armature: bpy.types.Object, quaternions: np.ndarray, *, short: int) -> dict[str, float]:
    """How many times as long as ours `keyframe_insert` and `nla.bake` take for a key; medians of turns."""
    count = JOINT_COUNT * 4
    inserted, baked = [], []
    for _ in range(_TURNS):
        ours = write_curves(armature, quaternions) / (len(quaternions) * count)
        inserted.append(insert_keys(armature, quaternions[:short]) / (short * count) / ours)
        baked.append(bake(armature, quaternions[:short]) / (short * count) / ours)
    return {"keys.vs_keyframe_insert": statistics.median(inserted), "keys.vs_bake": statistics.median(baked)}


def insert_keys(armature: bpy.types.Object, quaternions: np.ndarray) -> float:
    """Seconds to set (N, 55, 4) bone by bone and frame by frame, as scripts usually do."""
    bones = [armature.pose.bones[name] for name in JOINT_NAMES]
    begin = time.perf_counter()
    for row, pose in enumerate(quaternions):
        for bone, quaternion in zip(bones, pose, strict=True):
            bone.rotation_quaternion = quaternion
            bone.keyframe_insert("rotation_quaternion", frame=row + 1)
    seconds = time.perf_counter() - begin
    _forget(armature, armature.animation_data.action)
    return seconds


def bake(armature: bpy.types.Object, quaternions: np.ndarray) -> float:
    """Seconds of nla.bake for the same rotations, played by a track of ours."""
    channels = Channels("bench", armature)
    frames = np.arange(1, len(quaternions) + 1)
    kinds = keys.interpolation(len(frames), ((0, len(frames) - 1),))
    for joint, name in enumerate(JOINT_NAMES):
        path = f'pose.bones["{name}"].rotation_quaternion'
        keys.write(channels, path, quaternions[:, joint], frames=frames, kinds=kinds, group=name)
    tracks.play(armature, channels, track="bench")
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    begin = time.perf_counter()
    bpy.ops.nla.bake(
        frame_start=1, frame_end=len(frames), only_selected=False, visual_keying=False,
        bake_types={"POSE"}, channel_types={"ROTATION"},
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    bpy.ops.object.mode_set(mode="OBJECT")
    _forget(armature, *bpy.data.actions)
    return seconds


def _forget(armature: bpy.types.Object, *actions: bpy.types.Action) -> None:
    armature.animation_data_clear()
    for action in actions:
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
    parser.add_argument("--short", type=int, default=300, help="frames for Blender's own ways (300)")
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
    figures |= against_blender(armature, quaternions, short=options.short)
    ratios = [f"{name} {figures[name]:.0f}" for name in ("keys.vs_keyframe_insert", "keys.vs_bake")]
    print(f"times as long for a key, theirs on {options.short} frames: {', '.join(ratios)}")
    merge(options.out, {name: round(value, 4) for name, value in figures.items()})
    return 0


def merge(path: Path, figures: dict[str, float]) -> None:
    """Put figures into a JSON file of flat keys, beside those that are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**known, **figures}, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
