# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion on rigs that Rigify generates for real: where Blender's own evaluation puts the deforming bones.

Keys go onto the FK controls; what is judged are the bones that deform the mesh, which
follow by constraints and drivers that the transfer knows little of.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.skeleton import INDEX
from ...retarget.automap import search
from ...retarget.bone_map import SIDES
from ...retarget.motion import Motion
from ...retarget.segments import angle
from ...retarget.solve import solve
from .retarget import motions

Array = NDArray[np.float64]

KINDS = ("basic", "human")
FRAMES = 40  # of each motion, spread over it: Blender takes some 10 ms for each
# A limb's deforming bones by where they start, and the source's joints there.
LIMBS = (
    ("upper_arm", "forearm", "shoulder", "elbow"),
    ("forearm", "hand", "elbow", "wrist"),
    ("thigh", "shin", "hip", "knee"),
    ("shin", "foot", "knee", "ankle"),
)


def measure(folder: Path, say: Callable[[str], None]) -> tuple[dict[str, float], list[str]]:
    """Keys of build/eval.json, and what was skipped for want of what. folder: ../shared/motion."""
    try:
        import bpy
    except ImportError:
        return {}, ["retarget.rigify: needs Blender as a module (pip install bpy)"]
    from ...tests.rigs import rigify

    found = motions(folder)
    if not found:
        return {}, [f"retarget.rigify: needs the motions of {folder}"]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    errors = []
    for kind in KINDS:
        armature = rigify.generated(kind)
        for name, motion in found.items():
            off = _errors(armature, motion)
            say(f"  rigify {kind:6} {name:6} mean {off.mean():.3f} max {off.max():.3f} degrees")
            errors.append(off)
    return {
        "retarget.rigify_direction_mean_deg": round(max(float(off.mean()) for off in errors), 3),
        "retarget.rigify_direction_max_deg": round(max(float(off.max()) for off in errors), 3),
    }, []


def _errors(armature: object, motion: Motion) -> Array:
    """Angles in degrees between the deforming limbs and the source's, over frames and limbs."""
    import bpy

    from ...addon.rig_reader import read_rig

    rig = read_rig(armature)
    bone_map = search(rig).bone_map
    pose = armature.pose.bones  # type: ignore[attr-defined]
    for setting in bone_map.settings:
        before = pose[setting.bone][setting.property]
        pose[setting.bone][setting.property] = type(before)(setting.value)
    solved = solve(motion, rig, bone_map)
    names = sorted({f"DEF-{part}.{side}" for limb in LIMBS for part in limb[:2] for side in "LR"})
    frames = np.unique(np.linspace(0, len(motion.rotations) - 1, FRAMES).astype(int))
    places: dict[str, list[Array]] = {name: [] for name in names}
    for frame in frames:
        for name, turns in solved.rotations.items():
            pose[name].rotation_mode = "QUATERNION"
            pose[name].rotation_quaternion = turns[frame]
        for name, moves in solved.locations.items():
            pose[name].location = moves[frame]
        armature.update_tag()  # type: ignore[attr-defined]
        bpy.context.view_layer.update()
        shown = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())  # type: ignore[attr-defined]
        for name in names:
            places[name].append(np.array(shown.matrix_world @ shown.pose.bones[name].head))
    out = []
    for side, letter in zip(SIDES, "LR", strict=True):
        for first, second, start, end in LIMBS:
            ends = [np.array(places[f"DEF-{part}.{letter}"]) for part in (first, second)]
            joints = [motion.joints[frames, INDEX[f"{side}_{joint}"]] for joint in (start, end)]
            out.append(angle(ends[1] - ends[0], joints[1] - joints[0]))
    return np.stack(out)


def main() -> None:
    """Print the measure, with the motions of ../shared."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "motion"
    figures, skipped = measure(folder, print)
    for key, value in figures.items():
        print(f"{key} = {value}")
    for what in skipped:
        print(f"skipped {what}")


if __name__ == "__main__":
    main()
