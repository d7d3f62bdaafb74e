# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap apply` as it is run: many sources, several rigs, exports, and what happens when one fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import errors
from rotocap.inference.skeleton import INDEX, rest_joints
from rotocap.retarget import amass, bvh
from rotocap.retarget.imported import sequence_of

pytest.importorskip("bpy", reason="needs Blender as a module (pip install bpy)")

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 20
BUILD = """
import sys
sys.path.insert(0, {root!r})
import bpy
from tests.rigs import build
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 30
for name in ("mixamo", "unreal5"):
    build.armature(name)
bpy.ops.wm.save_as_mainfile(filepath={path!r})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, and a .blend with two rigs."""
    path = tmp_path_factory.mktemp("batch")
    poses = np.zeros((FRAMES, 165))
    poses[:, 3 * INDEX["left_elbow"] + 1] = -np.linspace(0, 1.5, FRAMES)
    poses[:, 3 * INDEX["right_knee"]] = np.linspace(0, 1.0, FRAMES)
    pelvis = rest_joints()[0] + np.linspace(0, 1, FRAMES)[:, None] * [0.5, 0.0, 0.3]
    walk = sequence_of(poses, pelvis, rest_joints(), fps=30.0)
    amass.write(path / "walk.npz", walk)
    amass.write(path / "run.npz", walk, up="y")
    script = BUILD.format(root=str(ROOT), path=str(path / "rigs.blend"))
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    return path


def apply(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rotocap.cli", "apply", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_many_sources_on_many_rigs_and_one_that_fails(folder: Path) -> None:
    before = (folder / "rigs.blend").read_bytes()
    result = apply(
        folder, "walk.npz", "missing.take", "run.npz", "--rig", "rigs.blend:Mixamo", "--rig", "new",
        "--export", "bvh", "--export", "npz", "--no-blend", "--reduce", "0.5", "2", "--no-contacts",
        "--certificate", "out/report.json", "--out", "out",
    )  # fmt: skip
    assert result.returncode == errors.TakeError.exit_code
    assert "missing.take: no such take" in result.stderr
    assert "2 of 6 failed" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "report.json", "run_Mixamo.bvh", "run_Mixamo.npz", "run_new.bvh", "run_new.npz",
        "walk_Mixamo.bvh", "walk_Mixamo.npz", "walk_new.bvh", "walk_new.npz",
    ]  # fmt: skip
    assert (folder / "rigs.blend").read_bytes() == before
    items = json.loads((folder / "out/report.json").read_text("utf-8"))["items"]
    assert [("error" in item, item["rig"]) for item in items] == [
        (False, "rigs.blend:Mixamo"), (False, "new"), (True, "rigs.blend:Mixamo"), (True, "new"),
        (False, "rigs.blend:Mixamo"), (False, "new"),
    ]  # fmt: skip
    assert items[0]["certificate"]["frames"] == FRAMES
    assert items[0]["certificate"]["reduction"] is not None
    assert items[1]["certificate"] is None
    # The one that came after the failure moves as its source does.
    motion = bvh.read(folder / "out" / "run_Mixamo.bvh")
    _, places = motion.world()
    place = motion.names.index
    arm, hand = (places[:, place(f"mixamorig:Left{part}")] for part in ("ForeArm", "Hand"))
    way = (hand - arm) / np.linalg.norm(hand - arm, axis=1, keepdims=True)
    bent = np.degrees(np.arccos(np.clip(way @ way[0], -1, 1)))
    np.testing.assert_allclose(bent, np.degrees(np.linspace(0, 1.5, FRAMES)), atol=1.5)


def test_one_on_one_with_a_preset_and_the_root_bone(folder: Path) -> None:
    rig = "rigs.blend:Unreal 5 mannequin"
    done = apply(
        folder, "walk.npz", "--rig", rig, "--preset", "unreal5", "--root-motion", "--out", "one.blend",
        "--export", "bvh",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "wrote: one.blend" in done.stdout
    assert "preset unreal5" in done.stdout
    wrong = apply(folder, "walk.npz", "--rig", rig, "--preset", "mixamo", "--out", "two.blend")
    assert wrong.returncode == errors.RigError.exit_code
    assert "has no hips bone as Mixamo names it" in wrong.stderr
    assert not (folder / "two.blend").exists()
    none = apply(folder, "walk.npz", "--rig", rig, "--preset", "nosuch", "--out", "two.blend")
    assert "no preset is named 'nosuch'" in none.stderr
    assert len(none.stderr.splitlines()) == 1


def test_what_other_files_lack_is_told(folder: Path) -> None:
    (folder / "broken.bvh").write_text("HIERARCHY\n")
    result = apply(folder, "broken.bvh", "--rig", "new", "--out", "three.blend")
    assert result.returncode == errors.SequenceError.exit_code
    assert "broken.bvh: has no line MOTION" in result.stderr
    several = apply(folder, "walk.npz", "run.npz", "--out", "three.blend")
    assert several.returncode == 1
    assert "name a folder" in several.stderr


def test_a_captured_video_on_a_new_armature_with_its_camera(tmp_path: Path) -> None:
    """The main way of the command line, in scenes that no extension has settings in."""
    sample = Path(__file__).parents[1] / "data" / "sample" / "sample.mp4"
    take = tmp_path / "sample.take"
    captured = subprocess.run(
        [sys.executable, "-m", "rotocap.cli", "capture", sample, "--out", take, "--end", "30f"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert captured.returncode == 0, captured.stderr
    done = apply(tmp_path, str(take), "--rig", "new", "--out", str(tmp_path / "sample.blend"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "camera over the video" in done.stdout
    assert (tmp_path / "sample.blend").stat().st_size > 1_000_000
