# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures inside Blender: the installed extension, empty scenes, and takes of known motion."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

PACKAGE = "bl_ext.user_default.rotocap"
ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "data" / "sample" / "sample.mp4"
# The rigs of tests/rigs, and `rotocap` for them where it is not installed (tools/setup.sh makes that link).
sys.path += [str(ROOT), str(ROOT / "build" / "typing")]


_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End at once: Blender as a module now and then hangs in its own clean-up, after all checks are done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


@pytest.fixture(scope="session", autouse=True)
def extension() -> Iterator[None]:
    """The zip, installed and enabled. Some versions of Blender do not survive a class left at exit."""
    bpy.ops.extensions.package_install_files(
        filepath=os.environ["ROTOCAP_ZIP"], repo="user_default", enable_on_install=True, overwrite=True
    )
    yield
    bpy.ops.preferences.addon_disable(module=PACKAGE)


@pytest.fixture(scope="session")
def module(extension: None) -> Callable[[str], ModuleType]:
    """Modules of the installed extension by name, `inference.take`."""
    return lambda name: importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def scene(extension: None) -> bpy.types.Scene:
    """An empty scene, with the add-on still enabled."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    return bpy.context.scene


@pytest.fixture
def known_motion(module: Callable[[str], ModuleType]) -> Callable[..., Any]:
    """Makes an SmplxSequence of random poses that is consistent: joints_camera is what its poses give."""
    kinematics = module("inference.kinematics")
    skeleton = module("inference.skeleton")
    sequence = module("inference.sequence")

    def make(
        *,
        frame: np.ndarray | None = None,
        fps: float = 30.0,
        seed: int = 1,
        moving_camera: bool = False,
        stature: float = 1.0,
        bend: float = 0.5,
    ) -> Any:
        random = np.random.default_rng(seed)
        frame = np.arange(40) if frame is None else frame
        count = len(frame)
        rest = skeleton.rest_joints() * stature
        poses = random.normal(0.0, bend, (count, 55, 3))
        trans = np.cumsum(random.normal(0.0, 0.03, (count, 3)), axis=0)
        tilt = kinematics.matrix_from_axis_angle(np.array([np.pi - 0.12, 0.05, 0.02]))
        camera = np.tile(np.eye(4), (count, 1, 1))
        camera[:, :3, :3] = tilt
        camera[:, :3, 3] = [0.1, 1.4, 4.0]
        if moving_camera:
            camera[:, :3, :3] = tilt @ kinematics.matrix_from_axis_angle(random.normal(0, 0.05, (count, 3)))
            camera[:, 0, 3] += np.linspace(0.0, 1.0, count)
        joints, _ = kinematics.forward_poses(poses, trans, rest)
        seen = np.einsum("tja,tab->tjb", joints - camera[:, None, :3, 3], camera[:, :3, :3])
        return sequence.SmplxSequence(
            poses=poses.reshape(count, 165),
            trans=trans,
            betas=np.zeros(10),
            expression=np.zeros((count, 10)),
            rest_joints=rest,
            frame=frame,
            time_s=frame / fps,
            mocap_frame_rate=fps,
            # The principal point is off the middle, as after a crop.
            camera_K=np.array([[900.0, 0.0, 350.0], [0.0, 900.0, 250.0], [0.0, 0.0, 1.0]]),
            world_from_camera=camera if moving_camera else camera[0],
            joints_camera=seen,
            sigma=np.full((count, 55), 0.01),
            contact=np.zeros((count, 4)),
            keypoints=np.zeros((count, 133, 3)),
            arkit=np.full((count, 52), np.nan),
        )

    return make


@pytest.fixture
def known_take(module: Callable[[str], ModuleType], tmp_path: Path) -> Callable[..., Path]:
    """Writes a take of given sequences, 720 x 540 pixels at 30 frames a second."""
    take = module("inference.take")

    def write(*sequences: Any, video: Path = SAMPLE, fps: float = 30.0) -> Path:
        path = tmp_path / "Wälzer im Park.take"
        path.mkdir()
        records = []
        for number, sequence in enumerate(sequences, start=1):
            sequence.save(path / f"person_{number:02d}.npz")
            records.append(
                take.PersonRecord(
                    name=f"Person {number}", file=f"person_{number:02d}.npz", colour=(0.9, 0.6, 0.1),
                    main=number == 1, frames=len(sequence), first_frame=int(sequence.frame[0]),
                    last_frame=int(sequence.frame[-1]), gaps=(), swaps_repaired=0,
                )
            )  # fmt: skip
        record = take.VideoRecord(
            path=str(video), name=video.name, bytes=1, fingerprint="0" * 64, fps=fps, width=720, height=540,
            frame_count=100, duration_s=100 / fps, codec="h264", rotation_deg=0,
        )  # fmt: skip
        take.Take(
            path=path, status="complete", video=record, read=take.ReadSettings(), solve=take.SolveSettings(),
            people=tuple(records),
        ).save()  # fmt: skip
        return path

    return write
