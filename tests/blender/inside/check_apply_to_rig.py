# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on an armature that is there: other rest pose, axes, scale and place; keys that it has are kept."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

LIMBS = (
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"), ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("left_index1", "left_index2"),
    ("neck", "head"),
)  # fmt: skip


def build_rig(scene, module, *, turn: Euler, scale: float, arms_down: float, rolls: int, root: bool):
    """An armature with SMPL-X's names: A-pose, scrambled rolls, its object turned and scaled."""
    skeleton = module("inference.skeleton")
    rest = skeleton.rest_joints()
    heads = np.stack([rest[:, 0], -rest[:, 2], rest[:, 1]], axis=-1)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        members = [
            j for j, name in enumerate(skeleton.JOINT_NAMES)
            if name.startswith(side)
            and not any(p in name for p in ("hip", "knee", "ankle", "foot", "eye", "collar"))
        ]  # fmt: skip
        pivot = heads[skeleton.INDEX[f"{side}_shoulder"]]
        lower = np.array(Matrix.Rotation(sign * arms_down, 3, "Y"))
        heads[members] = (heads[members] - pivot) @ lower.T + pivot
    inverse = np.array((turn.to_matrix()).inverted())
    heads = heads @ inverse.T / scale
    data = bpy.data.armatures.new("Hero")
    rig = bpy.data.objects.new("Hero", data)
    scene.collection.objects.link(rig)
    rig.rotation_euler, rig.scale = turn, (scale,) * 3
    bpy.context.view_layer.objects.active = rig
    random = np.random.default_rng(rolls)
    bpy.ops.object.mode_set(mode="EDIT")
    if root:
        bone = data.edit_bones.new("root")
        bone.head, bone.tail = (0.0, 0.0, 0.0), tuple(inverse @ np.array([0.0, 0.2, 0.0]) / scale)
    for joint, name in enumerate(skeleton.JOINT_NAMES):
        bone = data.edit_bones.new(name)
        bone.head = Vector(heads[joint])
        bone.tail = Vector(heads[joint] + random.normal(0.0, 0.05, 3) / scale)
        bone.roll = float(random.uniform(-3.0, 3.0))
        parent = skeleton.PARENTS[joint]
        if parent >= 0:
            bone.parent = data.edit_bones[skeleton.JOINT_NAMES[parent]]
        elif root:
            bone.parent = data.edit_bones["root"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def directions(rig, joints, index) -> list[float]:
    """Angles in degrees between the rig's limbs and the captured ones."""
    out = []
    for a, b in LIMBS:
        got = np.array(rig.matrix_world @ rig.pose.bones[b].head) - np.array(
            rig.matrix_world @ rig.pose.bones[a].head
        )
        want = joints[index[b]] - joints[index[a]]
        cosine = got @ want / np.linalg.norm(got) / np.linalg.norm(want)
        out.append(math.degrees(math.acos(min(1.0, cosine))))
    return out


@pytest.fixture
def rig(scene, module):
    scene.render.fps = 30
    # As many imported characters are: in centimetres, turned on its back, in an A-pose.
    return build_rig(
        scene,
        module,
        turn=Euler((math.pi / 2, 0.0, 0.6)),
        scale=0.01,
        arms_down=math.radians(45),
        rolls=3,
        root=True,
    )


def test_limbs_point_as_captured_whatever_the_rest_pose(scene, module, rig, known_motion, known_take) -> None:
    sequence = known_motion(bend=0.6)
    scene.rotocap.take = str(known_take(sequence))
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    joints, _ = module("inference.kinematics").forward_poses(
        sequence.poses, sequence.trans, sequence.rest_joints
    )
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    index = module("inference.skeleton").INDEX
    for row in (0, 17, 39):
        scene.frame_set(1 + row)
        assert max(directions(rig, joints[row], index)) < 0.5
        pelvis = np.array(rig.matrix_world @ rig.pose.bones["pelvis"].head)
        assert np.abs(pelvis - joints[row, 0]).max() < 2e-3


def test_an_animators_keys_are_kept_beneath(scene, module, rig, known_motion, known_take) -> None:
    rig.pose.bones["head"].rotation_mode = "XYZ"
    rig.pose.bones["head"].keyframe_insert("rotation_euler", frame=3)
    mine = rig.animation_data.action
    scene.rotocap.take = str(known_take(known_motion()))
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    below, ours = rig.animation_data.nla_tracks
    assert below.strips[0].action == mine
    assert ours.strips[0].action != mine
    assert mine.frame_range[0] == 3.0
    assert rig.pose.bones["head"].rotation_mode == "XYZ"


def test_an_action_that_begins_between_frames_is_not_moved(scene, rig, known_motion, known_take) -> None:
    for frame, value in ((2.5, 0.0), (12.5, 1.0)):
        rig.location.x = value
        rig.keyframe_insert("location", frame=frame)
    rig.animation_data.action_extrapolation = "NOTHING"
    seen = []
    for _ in range(2):
        places = []
        for frame in (3, 5, 8, 12):
            scene.frame_set(frame)
            places.append(rig.location.x)
        seen.append(places)
        if len(seen) == 1:
            scene.rotocap.take = str(known_take(known_motion()))
            bpy.context.view_layer.objects.active = rig
            bpy.ops.rotocap.apply_to_armature()
    assert seen[0] == pytest.approx(seen[1], abs=1e-4)
    assert rig.animation_data.nla_tracks[0].strips[0].extrapolation == "NOTHING"


def test_what_stands_in_the_way_is_said_before(scene, module, rig, known_motion, known_take) -> None:
    unready = module("addon.rig_ready").why_not
    scene.rotocap.take = str(known_take(known_motion()))
    bpy.context.view_layer.objects.active = rig
    assert unready(rig) is None
    bpy.ops.object.mode_set(mode="EDIT")
    assert "leave it first (Tab)" in unready(rig)
    assert not bpy.ops.rotocap.apply_to_armature.poll()
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    animation = rig.animation_data
    animation.nla_tracks.active = animation.nla_tracks[0]
    animation.nla_tracks[0].select = animation.nla_tracks[0].strips[0].select = True
    animation.use_tweak_mode = True
    assert "tweak mode" in unready(rig)
    before = len(bpy.data.actions)
    with pytest.raises(RuntimeError):
        bpy.ops.rotocap.apply_to_armature()
    assert len(bpy.data.actions) == before
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.rotocap.apply_to_armature.poll()


def test_a_linked_armature_is_refused(scene, module, rig, tmp_path) -> None:
    file = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    with bpy.data.libraries.load(str(file), link=True) as (_, wanted):
        wanted.objects = ["Hero"]
    assert "library override" in module("addon.rig_ready").why_not(bpy.data.objects["Hero"])


def test_a_track_that_plays_alone_is_noted(scene, module, rig, known_motion, known_take) -> None:
    rig.keyframe_insert("location", frame=1)
    animation = rig.animation_data
    track = animation.nla_tracks.new()
    track.strips.new("mine", 1, animation.action)
    animation.action = None
    track.is_solo = True
    take = module("inference.take").Take.open(known_take(known_motion()))
    apply_take = module("addon.apply_take")
    report = apply_take.apply_to(scene, rig, take, apply_take.read_people(take))
    assert any("take the star off" in warning for warning in report.warnings)


def test_euler_bones_keep_their_mode_and_turn_as_captured(
    scene, module, rig, known_motion, known_take
) -> None:
    for mode, name in (("XYZ", "left_shoulder"), ("ZYX", "left_elbow"), ("AXIS_ANGLE", "right_hip")):
        rig.pose.bones[name].rotation_mode = mode
    sequence = known_motion(bend=0.6)
    scene.rotocap.take = str(known_take(sequence))
    bpy.context.view_layer.objects.active = rig
    bpy.ops.rotocap.apply_to_armature()
    joints, _ = module("inference.kinematics").forward_poses(
        sequence.poses, sequence.trans, sequence.rest_joints
    )
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    scene.frame_set(22)
    assert max(directions(rig, joints[21], module("inference.skeleton").INDEX)) < 0.5
    assert rig.pose.bones["left_shoulder"].rotation_mode == "XYZ"


def test_what_has_no_limbs_is_refused_with_what_it_needs(scene, known_motion, known_take) -> None:
    data = bpy.data.armatures.new("Robot")
    robot = bpy.data.objects.new("Robot", data)
    scene.collection.objects.link(robot)
    bpy.context.view_layer.objects.active = robot
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("pelvis", "neck", "antenna"):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    scene.rotocap.take = str(known_take(known_motion()))
    with pytest.raises(
        RuntimeError, match=r"cannot tell how it stands: .* a left and a right thigh or upper arm; add them"
    ):
        bpy.ops.rotocap.apply_to_armature()
    assert robot.animation_data is None


def test_the_command_lines_function_saves_a_file(
    scene, module, rig, known_motion, known_take, tmp_path
) -> None:
    source = tmp_path / "Hero file.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(source))
    before = source.read_bytes()
    batch = module("addon.batch")
    path, out = known_take(known_motion()), tmp_path / "out" / "Ergebnis.blend"

    def apply(rig: str) -> object:
        return batch.apply(path, rig, blend=out, exports=(), choices=batch.Choices())

    assert apply(f"{source}:Hero").wrote == (out,)
    assert source.read_bytes() == before
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert bpy.data.objects["Hero"].animation_data.nla_tracks
    with pytest.raises(module("inference.errors").RigError, match="it has Hero"):
        apply(f"{source}:Villain")
    with pytest.raises(module("inference.errors").RigError, match="expected new or FILE"):
        apply("Hero")
