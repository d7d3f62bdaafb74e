# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of the SMPL family in `.npz` files, in and out: of AMASS, the SMPL-X add-on, the `smplx` package.

The published bodies are not straight at rest: in SMPL-X the upper arms hang 16 degrees, the forearms
rise 5, the thighs go 8 out, the shanks 6 in. Our rotations refer to straight limbs, so each is turned
by what lies between the two rest poses. With the rest joints of the user's own model that is exact;
without, the angles of the mean body stand in.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence, save_arrays
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, PARENTS, rest_joints
from . import quaternions
from .axes import BLENDER_FROM_SMPLX
from .imported import locals_of, sequence_of
from .timeline import Timeline

Array = NDArray[np.float64]

# Of the mean bodies: the pelvis at rest, where limbs point in degrees from straight (upper arm and
# forearm down, thigh and shank out), and the legs' length. SMPL-X's angles were measured; the others are
# rounded figures that are often quoted, not checked against the models, which are not ours to carry.
_PELVIS = {"smplx": (0.0031, -0.3514, 0.0120), "smpl": (-0.0018, -0.2233, 0.0282)}
_ANGLES = {"smplx": (16.0, -5.0, 8.0, -6.0), "smpl": (2.6, -2.0, 5.2, -2.0)}
_LEG = {"smplx": 0.79, "smpl": 0.77}  # m, thigh and shank
_SWINGS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
BETAS = 16  # that AMASS writes

# Widths of `poses`, with the model that it is of and which of the 55 joints the columns are.
_WIDTHS: dict[int, tuple[str, tuple[int, ...]]] = {
    165: ("smplx", tuple(range(JOINT_COUNT))),
    156: ("smpl", (*range(BODY_JOINT_COUNT), *range(25, JOINT_COUNT))),  # SMPL+H
    72: ("smpl", tuple(range(BODY_JOINT_COUNT))),  # its two hand joints turn no finger
    66: ("smplx", tuple(range(BODY_JOINT_COUNT))),
}
# Other names and shapes: AMASS's own parts, then those of the `smplx` package. Name, first joint, joints.
_PARTS: tuple[tuple[tuple[str, ...], int, int], ...] = (
    (("root_orient", "global_orient"), 0, 1),
    (("pose_body", "body_pose"), 1, 21),
    (("pose_jaw", "jaw_pose"), 22, 1),
    (("leye_pose",), 23, 1),
    (("reye_pose",), 24, 1),
    (("pose_eye",), 23, 2),
    (("left_hand_pose",), 25, 15),
    (("right_hand_pose",), 40, 15),
    (("pose_hand",), 25, 30),
)


@dataclass(frozen=True, eq=False)
class ModelMotion:
    """What a file says, in its own axes and of its own rest pose. T frames, evenly spaced."""

    poses: Array  # (T, 55, 3) axis-angle; joints that the model does not have are at rest
    trans: Array  # (T, 3) metres, as in the `smplx` package: pelvis = rest pelvis + trans
    betas: Array  # (K,)
    expression: Array | None  # (T, K)
    gender: str
    fps: float
    model: str  # smplx, or smpl (SMPL and SMPL+H, whose bodies are the same)
    up: str  # y or z
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.poses)


# --- reading ---------------------------------------------------------------------------------------


def read(path: Path, *, fps: float | None = None, up: str | None = None) -> ModelMotion:
    """Read an `.npz` of SMPL, SMPL+H or SMPL-X motion. SequenceError says what it lacks.

    fps: frames a second, for files that do not say. up: "y" or "z"; without it the axis that the
    person's back follows most of the time is up.
    """
    arrays = _load(path)
    poses, model, notes = _poses(path, arrays)
    trans = _find(arrays, "trans", "transl")
    if trans is None:
        trans, notes = np.zeros((len(poses), 3)), [*notes, f"{path.name}: has no trans, so nobody walks"]
    if trans.shape != (len(poses), 3):
        raise SequenceError(f"{path.name}: trans: expected ({len(poses)}, 3), got {trans.shape}")
    if not (np.isfinite(poses).all() and np.isfinite(trans).all()):
        bad = ~(np.isfinite(poses).all(axis=(1, 2)) & np.isfinite(trans).all(axis=1))
        raise SequenceError(f"{path.name}: frame {int(np.argmax(bad))} has values that are not finite")
    betas = _find(arrays, "betas")
    betas = np.zeros(10) if betas is None else betas.reshape(-1, betas.shape[-1])[0]
    expression = _find(arrays, "expression", "expressions")
    if expression is not None and (expression.ndim != 2 or len(expression) != len(poses)):
        expression = None
    return ModelMotion(
        poses, trans, betas, expression, _gender(arrays), _rate(path, arrays, fps), model,
        up or _up(poses[:, 0]), tuple(notes),
    )  # fmt: skip


def is_ours(path: Path) -> bool:
    """Whether an `.npz` is a person of a take: straight at rest, with all that a capture knows."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"rest_joints.npy", "joints_camera.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _load(path: Path) -> dict[str, NDArray[Any]]:
    wanted = {
        "poses", "trans", "transl", "betas", "expression", "expressions", "gender", "mocap_frame_rate",
        "mocap_framerate", "fps", *(name for names, _, _ in _PARTS for name in names),
    }  # fmt: skip
    name = ""
    out = {}
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            raise SequenceError(f"{path.name}: is a single array; expected an .npz with poses and trans")
        with opened as file:
            for name in wanted & set(file.files):
                out[name] = file[name]
    except FileNotFoundError as error:
        raise SequenceError(f"{path}: no such file; check the path") from error
    except SequenceError:
        raise
    except ValueError as error:
        if "pickle" in str(error):
            where = f"{name} is" if name else "it is, or holds,"
            raise SequenceError(
                f"{path.name}: {where} a pickled Python object, which is never loaded since it can run any "
                "program; save it again with plain arrays"
            ) from error
        raise SequenceError(f"{path.name}: not a readable .npz ({error}); copy it again") from error
    except (OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise SequenceError(f"{path.name}: not a readable .npz ({error}); copy it again") from error
    return out


def _find(arrays: dict[str, NDArray[Any]], *names: str) -> Array | None:
    for name in names:
        if name in arrays:
            try:
                return np.asarray(arrays[name], dtype=np.float64)
            except ValueError as error:
                kind = arrays[name].dtype
                raise SequenceError(f"{name}: expected numbers, got an array of {kind}") from error
    return None


def _poses(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[Array, str, list[str]]:
    whole = _find(arrays, "poses")
    if whole is not None:
        whole = whole.reshape(len(whole), -1) if whole.ndim == 3 else whole
        if whole.ndim != 2 or whole.shape[1] not in _WIDTHS or not len(whole):
            widths = ", ".join(f"(T, {width})" for width in _WIDTHS)
            raise SequenceError(f"{path.name}: poses: expected one of {widths}, got {whole.shape}")
        model, joints = _WIDTHS[whole.shape[1]]
        out = np.zeros((len(whole), JOINT_COUNT, 3))
        out[:, joints] = whole.reshape(len(whole), -1, 3)[:, : len(joints)]
        return out, model, []
    root, body = _find(arrays, "root_orient", "global_orient"), _find(arrays, "pose_body", "body_pose")
    if root is None or body is None or not len(root):
        there = ", ".join(sorted(arrays)) or "none of them"
        raise SequenceError(
            f"{path.name}: lacks poses, or root_orient and pose_body (or global_orient and body_pose); "
            f"of what is known it has {there}. Is it SMPL, SMPL+H or SMPL-X motion?"
        )
    out, notes = np.zeros((len(root), JOINT_COUNT, 3)), []
    for names, first, count in _PARTS:
        part = _find(arrays, *names)
        if part is None:
            continue
        part = part.reshape(len(part), -1)
        smpl = first == 1 and part.shape[1] == 69  # SMPL's body has its two hand joints at the end
        if len(part) != len(root) or (part.shape[1] != 3 * count and not smpl):
            what = f"{path.name}: {names[0]}: expected ({len(root)}, {3 * count}), got {part.shape}"
            if "hand" not in names[0] or len(part) != len(root):
                raise SequenceError(what)
            notes.append(f"{what}: principal components need the model; hands are left at rest")
            continue
        out[:, first : first + count] = part[:, : 3 * count].reshape(len(root), count, 3)
    return out, "smpl" if body.reshape(len(root), -1).shape[1] == 69 else "smplx", notes


def _gender(arrays: dict[str, NDArray[Any]]) -> str:
    value = arrays.get("gender", np.array("neutral")).reshape(-1)
    first = value[0] if len(value) else "neutral"
    text = first.decode("ascii", "replace") if isinstance(first, bytes) else str(first)
    return text if text in ("male", "female") else "neutral"


def _rate(path: Path, arrays: dict[str, NDArray[Any]], fps: float | None) -> float:
    if fps is not None:
        return fps
    value = _find(arrays, "mocap_frame_rate", "mocap_framerate", "fps")
    if value is None:
        raise SequenceError(f"{path.name}: lacks mocap_frame_rate; say how many frames a second it has")
    rate = float(value.reshape(-1)[0]) if value.size else 0.0
    if not 0.0 < rate < 1e5:
        raise SequenceError(f"{path.name}: mocap_frame_rate: expected a number above 0, got {rate}")
    return rate


def _up(orient: Array) -> str:
    """The axis, y or z, that the pelvis's own up (T, 3 axis-angle in) is nearer to, over the take."""
    back = matrix_from_axis_angle(orient)[:, :, 1].mean(axis=0)
    return "z" if abs(back[2]) > abs(back[1]) else "y"


# --- between the rest poses -------------------------------------------------------------------------


def to_sequence(motion: ModelMotion, *, model_rest: Array | None = None) -> SmplxSequence:
    """The motion on a straight rest skeleton, +Y up, standing on y = 0.

    model_rest (55, 3): the rest joints of the very body, of the user's own model. With them bone
    lengths and places are the file's own; without, the body is the neutral one of 1.70 m.
    """
    ours, turns = _rest_pair(motion.model, model_rest)
    pelvis_rest = np.array(_PELVIS[motion.model]) if model_rest is None else model_rest[0]
    upright = np.eye(3) if motion.up == "y" else BLENDER_FROM_SMPLX.T
    pelvis = (motion.trans + pelvis_rest) @ upright.T
    if model_rest is None:  # the path of a body whose legs are not quite as long
        pelvis *= _leg(ours) / _LEG[motion.model]
    poses = np.empty((len(motion), 3 * JOINT_COUNT), np.float32)
    for block in in_blocks(len(motion)):
        world = upright @ _world(motion.poses[block]) @ turns
        poses[block] = locals_of(world, PARENTS)
    return sequence_of(
        poses, pelvis, ours, fps=motion.fps, betas=motion.betas, expression=motion.expression,
        gender=motion.gender,
    )  # fmt: skip


def write(
    path: Path,
    sequence: SmplxSequence,
    *,
    model_rest: Array | None = None,
    up: str = "z",
    fps: float | None = None,
) -> list[str]:
    """Write a sequence as AMASS writes SMPL-X; returns what the reader of the file should know.

    model_rest (55, 3): the rest joints of the body that will show it, see `to_sequence`. up: "z" as
    AMASS has it, or "y". fps: what it is sampled at, a whole rate near the take's own without it: the
    SMPL-X add-on cuts off what comes after the point. TakeError if the disk refuses.
    """
    fps = float(max(round(sequence.mocap_frame_rate), 1)) if fps is None else fps
    timeline = _evenly(sequence.time_s, fps)
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    _, turns = _rest_pair("smplx", model_rest, like=rest)
    upright = np.eye(3) if up == "y" else BLENDER_FROM_SMPLX
    local = quaternions.from_axis_angle(sequence.poses.reshape(len(sequence), JOINT_COUNT, 3))
    poses = np.empty((len(timeline), 3 * JOINT_COUNT), np.float32)
    for block in in_blocks(len(timeline)):
        part = Timeline(
            timeline.frames[block], timeline.before[block], timeline.after[block], timeline.weight[block], ()
        )
        axis_angle = axis_angle_from_matrix(quaternions.to_matrix(part.sample_rotations(local)))
        world = upright @ _world(axis_angle) @ np.swapaxes(turns, -1, -2)
        poses[block] = locals_of(world, PARENTS)
    pelvis_rest = np.array(_PELVIS["smplx"]) if model_rest is None else model_rest[0]
    leg = _LEG["smplx"] if model_rest is None else _leg(model_rest)
    pelvis = timeline.sample(rest[0] + sequence.trans) * (leg / _leg(rest))
    arrays = {
        "gender": np.array(sequence.gender),
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(fps),
        "mocap_time_length": np.array(len(timeline) / fps),
        "trans": (pelvis @ upright.T - pelvis_rest).astype(np.float32),
        "poses": poses,
        "betas": np.pad(np.asarray(sequence.betas, dtype=np.float64), (0, BETAS - len(sequence.betas))),
        "num_betas": np.array(BETAS),
        "root_orient": poses[:, :3],
        "pose_body": poses[:, 3:66],
        "pose_jaw": poses[:, 66:69],
        "pose_eye": poses[:, 69:75],
        "pose_hand": poses[:, 75:],
    }
    if np.any(sequence.expression):
        arrays["expression"] = timeline.sample(sequence.expression).astype(np.float32)
    save_arrays(path, arrays)
    notes = []
    if model_rest is None:
        notes.append(
            f"{path.name}: turned to SMPL-X's rest pose by the mean body's angles; "
            "give your SMPL-X model for the exact ones"
        )
    steps = np.diff(sequence.time_s)
    if len(steps) and steps.max() > 2.5 * np.median(steps):
        notes.append(
            f"{path.name}: the person is out of the picture for up to {steps.max():.1f} s; "
            "the file has no gaps, so those frames are in-betweens"
        )
    return notes


def _world(axis_angle: Array) -> Array:
    """World rotations (T, 55, 3, 3) of parent-relative axis-angles (T, 55, 3)."""
    local = matrix_from_axis_angle(axis_angle)
    return forward(local, np.zeros((len(local), 3)), np.zeros((JOINT_COUNT, 3)))[1]


def _leg(rest: NDArray[np.floating[Any]]) -> float:
    hip, knee, ankle = (rest[INDEX[f"left_{name}"]] for name in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))


def _evenly(time_s: NDArray[np.floating[Any]], fps: float) -> Timeline:
    """Rows at an even rate from the first to the last, straight through gaps."""
    elapsed = np.asarray(time_s, dtype=np.float64) - time_s[0] if len(time_s) else np.zeros(0)
    if not len(elapsed):
        raise SequenceError("the take has no frames of this person; capture the video again")
    frames = np.arange(int(np.floor(elapsed[-1] * fps + 0.05)) + 1)
    before = np.clip(np.searchsorted(elapsed, frames / fps, side="right") - 1, 0, len(elapsed) - 1)
    after = np.minimum(before + 1, len(elapsed) - 1)
    step = np.where(after > before, elapsed[after] - elapsed[before], 1.0)
    weight = np.clip((frames / fps - elapsed[before]) / step, 0.0, 1.0)
    return Timeline(frames, before, after, weight, ((0, len(frames) - 1),))


def _rest_pair(model: str, model_rest: Array | None, *, like: Array | None = None) -> tuple[Array, Array]:
    """The straight skeleton (55, 3) that stands for a model's, and turns (55, 3, 3): ours = theirs @ turn.

    Both are world rotations. A turn takes a limb's straight direction to that of the model at rest;
    trunk, head and feet are upright in both. like: our skeleton, where there is one already.
    """
    straight = rest_joints() if like is None else like
    turns = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    if model_rest is None:
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for (joint, child), angle in zip(_SWINGS, _ANGLES[model], strict=True):
                j = INDEX[f"{side}_{joint}"]
                out = angle if joint in ("hip", "knee") else -angle
                # Down for arms and out for legs are both turns about the axis that points ahead.
                about = matrix_from_axis_angle(np.array([0.0, 0.0, sign * np.radians(out)]))
                mine = straight[INDEX[f"{side}_{child}"]] - straight[j]
                nominal = np.array([0.0, -1.0, 0.0] if joint in ("hip", "knee") else [sign, 0.0, 0.0])
                turns[j] = about @ _swing(mine, nominal)
        return straight, turns
    theirs = np.asarray(model_rest, dtype=np.float64)
    if theirs.shape != (JOINT_COUNT, 3):
        raise SequenceError(f"model_rest: expected ({JOINT_COUNT}, 3), got {theirs.shape}")
    ours = theirs.copy()
    for side in ("left", "right"):
        hand = [("wrist", "middle1")] + [(f"{f}{k}", f"{f}{k + 1}") for f in _FINGERS for k in (1, 2)]
        for joint, child in (*_SWINGS, *hand):
            j, c = INDEX[f"{side}_{joint}"], INDEX[f"{side}_{child}"]
            inherited = turns[PARENTS[j]] if child[-1].isdecimal() else np.eye(3)
            mine, other = straight[c] - straight[j], theirs[c] - theirs[j]
            turns[j] = _swing(inherited @ mine, other) @ inherited
        for finger in _FINGERS:  # a fingertip goes on as the joint before it
            turns[INDEX[f"{side}_{finger}3"]] = turns[INDEX[f"{side}_{finger}2"]]
    for j, parent in enumerate(PARENTS):
        if parent >= 0:  # what the turn undoes: every joint comes to lie where the model has it
            ours[j] = ours[parent] + turns[parent].T @ (theirs[j] - theirs[parent])
    ankle = INDEX["left_ankle"]
    ours[:, 1] += straight[ankle, 1] * _leg(ours) / _leg(straight) - ours[ankle, 1]
    return ours, turns


def _swing(old: Array, new: Array) -> Array:
    """The smallest rotation (3, 3) from one direction to another, neither of them opposite."""
    old, new = old / np.linalg.norm(old), new / np.linalg.norm(new)
    x, y, z = np.cross(old, new)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + float(old @ new)))
