# SPDX-License-Identifier: GPL-3.0-or-later
"""SmplxSequence: one person's motion, as captured, on disk and on its way to a rig.

The arrays carry the names that AMASS and the SMPL-X Blender add-on use, so other
tools read the file; what is ours beside them is documented field by field.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SequenceError, TakeError
from .skeleton import JOINT_COUNT

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

# Coefficients of a face, in the order of `arkit` and of the free body's shapes.
ARKIT = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft",
    "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight",
    "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SmplxSequence:
    """One person over T frames. World frame: +Y up, floor at y = 0, metres, radians, seconds.

    Frames that the person is not in are absent: `frame` has gaps, never rows of zeros.
    """

    poses: Floats  # (T, 165) axis-angle of the 55 joints, parent-relative, 0-2 the pelvis in the world
    trans: Floats  # (T, 3) as in smplx: pelvis in the world = rest_joints[0] + trans
    betas: Floats  # (10,) SMPL-X shape; zeros unless the user's own SMPL-X model was fitted
    expression: Floats  # (T, 10) SMPL-X expression; zeros unless the user's own model was fitted
    rest_joints: Floats  # (55, 3) this person's rest skeleton: one set of bone lengths for the take
    frame: Ints  # (T,) index of the video frame, increasing
    time_s: Floats  # (T,) the file's own timestamp of it, increasing
    mocap_frame_rate: float  # frames a second, on average
    camera_K: Floats  # (3, 3) pinhole intrinsics, pixels
    world_from_camera: Floats  # (4, 4), or (T, 4, 4) for a moving camera
    joints_camera: Floats  # (T, 55, 3) joints in the camera frame (x right, y down, z forward)
    sigma: Floats  # (T, 55) standard deviation of each joint's place, metres
    contact: Floats  # (T, 4) 0 to 1: left heel, left toe, right heel, right toe on the floor
    keypoints: Floats  # (T, 133, 3) COCO-WholeBody in pixels, with certainty
    arkit: Floats  # (T, 52) ARKit coefficients in the order of the free body; NaN where unknown
    gender: str = "neutral"

    def __post_init__(self) -> None:
        count = len(self.frame)
        expected: dict[str, tuple[tuple[int, ...], ...]] = {
            "poses": ((count, JOINT_COUNT * 3),),
            "trans": ((count, 3),),
            "betas": ((10,),),
            "expression": ((count, 10),),
            "rest_joints": ((JOINT_COUNT, 3),),
            "frame": ((count,),),
            "time_s": ((count,),),
            "camera_K": ((3, 3),),
            "world_from_camera": ((4, 4), (count, 4, 4)),
            "joints_camera": ((count, JOINT_COUNT, 3),),
            "sigma": ((count, JOINT_COUNT),),
            "contact": ((count, 4),),
            "keypoints": ((count, 133, 3),),
            "arkit": ((count, 52),),
        }
        for name, shapes in expected.items():
            got = getattr(self, name).shape
            if got not in shapes:
                wanted = " or ".join(str(shape) for shape in shapes)
                raise SequenceError(f"{name}: expected {wanted}, got {got}")
            if name != "arkit" and not np.isfinite(getattr(self, name)).all():
                raise SequenceError(f"{name}: has values that are not finite")
        if count and (np.diff(self.frame) <= 0).any():
            raise SequenceError("frame: expected increasing frame numbers")
        if count and (np.diff(self.time_s) <= 0).any():
            raise SequenceError("time_s: expected increasing times")

    def __len__(self) -> int:
        return len(self.frame)

    def save(self, path: Path) -> None:
        """Write the arrays to `path` (.npz, no pickle): a temporary name first, then renamed."""
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> SmplxSequence:
        """Read what `save` wrote. TakeError if the file is damaged, SequenceError if it does not fit."""
        arrays = load_arrays(path)
        names = {f.name for f in fields(cls)}
        missing = sorted(names - arrays.keys())
        if missing:
            raise SequenceError(f"{path.name}: lacks {', '.join(missing)}; capture the video again")
        values: dict[str, Any] = {name: arrays[name] for name in names}
        values["mocap_frame_rate"] = float(values["mocap_frame_rate"])
        values["gender"] = str(values["gender"])
        return cls(**values)


def save_arrays(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays so that `path` either does not exist or is whole. TakeError if the disk refuses."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            # As np.savez_compressed does, whose archive complains on stderr when the disk is full.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)  # type: ignore[no-untyped-call]
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if not path.parent.is_dir():
            raise TakeError(
                f"{path.parent}: was taken away while it was written to; capture again, or put it back"
            ) from error
        raise TakeError(
            f"{path}: could not be written ({error.strerror}); free some space or choose another folder"
        ) from error


def load_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of an .npz. TakeError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except FileNotFoundError as error:
        raise TakeError(f"{path}: no such file; capture the video again") from error
    except Exception as error:  # zipfile, zlib, ValueError, EOFError: numpy's ways to say "damaged"
        raise TakeError(f"{path}: damaged ({error}); delete it and capture the video again") from error
