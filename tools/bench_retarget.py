# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a long take takes onto a rig of 55 bones with fingers, and how few keys it needs.

    python -m rotocap.tools.bench_retarget [--frames 10000] [--out build/bench.json]

Merges into the file, medians of three runs: `retarget.solve_write_s` (the transfer and its keys),
`retarget.apply_s` (with feet held and certificate, as from the sidebar), and of a reduction to
0.5 degrees and 2 mm: `retarget.reduce_s`, `retarget.reduced` (share of the keys that are gone),
`retarget.reduced_worst_mm` (how far any joint ends up from where it was). The motion is recorded
people, walking and dancing, from ../shared/motion, with fingers that change between signed letters;
without it a made-up one, which is said.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ..addon import keys, retarget, tracks
from ..addon.armature import new_armature
from ..addon.blender_versions import Channels
from ..addon.motion import joint_map
from ..addon.rig_reader import read_rig
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT, rest_joints
from ..retarget import quaternions
from ..retarget.grounding import ground
from ..retarget.imported import sequence_of
from ..retarget.keyed import every_frame, few, held_shares, play
from ..retarget.motion import Motion
from ..retarget.solve import solve
from ..retarget.timeline import on_scene_frames
from .bench_keys import ROOT, merge

MOTION = ROOT.parent / "shared" / "motion"
_RUNS = 3
_FPS = 30.0
_GESTURE = 20  # frames from one hand pose to the next


def recorded(folder: Path, frames: int) -> SmplxSequence | None:
    """Recorded people one after the other, again and again, up to so many frames; None if not there."""
    bodies, hands = folder / "heldout.npz", folder / "hand_bank.npz"
    if not (bodies.is_file() and hands.is_file()):
        return None
    with np.load(bodies) as data, np.load(hands) as bank:
        rows = np.arange(frames) % len(data["pose"])
        poses = np.zeros((frames, JOINT_COUNT, 3))
        poses[:, :22] = data["pose"][rows].astype(np.float64)
        poses[:, 25:40] = _gestures(bank["left"].astype(np.float64), frames, seed=1)
        poses[:, 40:] = _gestures(bank["left"].astype(np.float64), frames, seed=2) * [1.0, -1.0, -1.0]
        pelvis = rest_joints()[0] + data["trans"][rows].astype(np.float64) - data["trans"][0]
    return sequence_of(poses.reshape(frames, -1), pelvis, rest_joints(), fps=_FPS)


def _gestures(bank: np.ndarray, frames: int, *, seed: int) -> np.ndarray:
    """Axis-angles (frames, 15, 3) that go smoothly from one pose of the bank to another."""
    chosen = np.random.default_rng(seed).integers(0, len(bank), frames // _GESTURE + 2)
    poses = quaternions.from_axis_angle(bank[chosen])
    place = np.arange(frames) / _GESTURE
    first = place.astype(int)
    weight = (place - first) ** 2 * (3.0 - 2.0 * (place - first))
    turned = quaternions.slerp(poses[first], poses[first + 1], np.repeat(weight[:, None], 15, axis=1))
    turned *= np.where(turned[..., :1] < 0.0, -1.0, 1.0)
    size = np.linalg.norm(turned[..., 1:], axis=-1, keepdims=True)
    return 2.0 * np.arctan2(size, turned[..., :1]) * turned[..., 1:] / np.maximum(size, 1e-12)


def made_up(frames: int) -> SmplxSequence:
    """Slow swings of all joints."""
    random = np.random.default_rng(0)
    t = np.arange(frames)[:, None] / _FPS
    poses = sum(
        random.normal(0.0, 0.3 / hertz, (1, 165))
        * np.sin(2 * np.pi * hertz * t + random.uniform(0, 6.3, (1, 165)))
        for hertz in (0.5, 1.0, 2.0)
    )
    return sequence_of(np.asarray(poses), np.tile(rest_joints()[0], (frames, 1)), rest_joints(), fps=_FPS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench_retarget", description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--motion", type=Path, default=MOTION, help="folder of the recorded motion")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args(arguments)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sequence = recorded(options.motion, options.frames)
    if sequence is None:
        print(f"SKIPPED {options.motion}: no recorded motion there; measuring on a made-up one", flush=True)
        sequence = made_up(options.frames)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = round(_FPS), 1.0
    armature = new_armature("bench", sequence.rest_joints, scene.collection)
    print(f"Blender {bpy.app.version_string}, {options.frames} frames x {JOINT_COUNT} bones")
    figures = {
        "retarget.solve_write_s": _median(
            "retarget.solve_write_s", lambda: solve_and_write(armature, sequence), armature
        ),
        "retarget.apply_s": _median("retarget.apply_s", lambda: apply(scene, armature, sequence), armature),
        **reduction(armature, sequence),
    }
    merge(options.out, {name: round(value, 4) for name, value in figures.items()})
    return 0


def solve_and_write(armature: bpy.types.Object, sequence: SmplxSequence) -> None:
    """From a sequence in memory to keys on a track: rig read, transferred, a key at every frame."""
    rig, motion = read_rig(armature), _motion(sequence)
    solved = solve(motion, rig, joint_map(rig))
    channels = Channels("bench", armature)
    keys.write_bones(channels, every_frame(solved.channels()), frames=motion.frames, spans=motion.spans)
    tracks.play(armature, channels, track="bench", source="bench")


def apply(scene: bpy.types.Scene, armature: bpy.types.Object, sequence: SmplxSequence) -> None:
    """All of it: bones known, feet held, keys, certificate."""
    bone_map = joint_map(read_rig(armature))
    retarget.retarget(scene, armature, sequence, name="bench", source="bench", bone_map=bone_map)


def reduction(armature: bpy.types.Object, sequence: SmplxSequence) -> dict[str, float]:
    """Keys of a transfer with feet held, reduced to 0.5 degrees and 2 mm."""
    rig, motion = read_rig(armature), _motion(sequence)
    bone_map = joint_map(rig)
    grounded = ground(solve(motion, rig, bone_map), motion)
    given = grounded.solved.channels()
    shares = held_shares(rig, bone_map, grounded.holds, len(motion))
    seconds, work = [], []
    for _ in range(_RUNS):
        begin, worked = time.perf_counter(), time.process_time()
        _, played, report = few(
            given, rig, motion.frames, motion.spans, degrees=0.5, millimetres=2.0, shares=shares
        )
        seconds.append(time.perf_counter() - begin)
        work.append(time.process_time() - worked)
    print(
        f"{'retarget.reduce_s':26} {statistics.median(seconds):8.3f}, of work {statistics.median(work):.3f}"
    )
    bones = range(len(rig.bones))
    off = rig.to_world(play(rig, played, len(motion)).heads(bones)) - rig.to_world(
        grounded.solved.posed.heads(bones)
    )
    print(report.line())
    print(f"{'retarget.reduced_worst_mm':26} {1000.0 * np.linalg.norm(off, axis=-1).max():8.3f}")
    return {
        "retarget.reduce_s": statistics.median(seconds),
        "retarget.reduced": report.removed,
        "retarget.reduced_worst_mm": float(1000.0 * np.linalg.norm(off, axis=-1).max()),
    }


def _motion(sequence: SmplxSequence) -> Motion:
    timeline = on_scene_frames(sequence.time_s, sequence.frame, scene_fps=_FPS, first_frame=1)
    return Motion.from_sequence(sequence, timeline, fps=_FPS)


def _median(name: str, act: Callable[[], None], armature: bpy.types.Object) -> float:
    """Seconds of it; on a busy machine the processor's own, which are printed, are the steadier ones."""
    seconds, work = [], []
    for _ in range(_RUNS):
        begin, worked = time.perf_counter(), time.process_time()
        act()
        seconds.append(time.perf_counter() - begin)
        work.append(time.process_time() - worked)
        armature.animation_data_clear()
        for action in list(bpy.data.actions):
            bpy.data.actions.remove(action)
    print(f"{name:26} {statistics.median(seconds):8.3f}, of work {statistics.median(work):.3f}", flush=True)
    return statistics.median(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
