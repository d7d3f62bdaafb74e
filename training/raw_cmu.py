# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion files as published by the CMU database, and two BVH releases of it, to one file of motion.

    python -m rotocap.training.raw_cmu FOLDER OUT.npz [--heldout HELD_OUT.npz] [--fps 120]

Reads every NN_MM.amc (with the subject's NN.asf beside it) and .bvh below FOLDER. Of a take
that is there as both, the .amc is used. Subjects 3, 5 and 12 are what networks are judged on:
they are left out, or written to the file that --heldout names. A file that cannot be read is
named and passed over. The database is at mocap.cs.cmu.edu; its terms allow use, not resale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RotocapError
from ..inference.kinematics import axis_angle_from_matrix
from ..retarget.bvh import read as read_bvh
from .asf_amc import read_amc, read_asf
from .motion_data import HAND_JOINT_COUNT, HELD_OUT_SUBJECTS, MotionError, MotionSequence, MotionSet
from .recorded import (
    Family,
    Recorded,
    Source,
    head_pitch,
    stretches,
    to_body,
    with_head_level,
    without_spikes,
)

Array = NDArray[np.float64]

LICENCE = "CMU mocap: free for research and commercial use"
AMC_RATE = 120.0  # frames a second of most takes; an .amc does not say


def _sided(table: dict[str, Source], left: str, right: str) -> dict[str, Source]:
    """Our left joints' sources for both sides: names that begin with `left` begin with `right` there."""

    def other(name: str) -> str:
        return right + name.removeprefix(left)

    out = {f"left_{joint}": source for joint, source in table.items()}
    for joint, source in table.items():
        out[f"right_{joint}"] = (
            other(source) if isinstance(source, str) else (other(source[0]), other(source[1]), source[2])
        )
    return out


def _bones(table: dict[str, str], left: str, right: str) -> dict[str, str]:
    return {name: str(source) for name, source in _sided(dict(table), left, right).items()}


_FEET_AS_LEGS = ("left_ankle", "left_foot", "right_ankle", "right_foot")

# The zero pose spreads the legs by 20 degrees, and the feet are rolled with them.
ASF = Family(
    name="asfamc",
    source={
        "pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax",
        "neck": ("lowerneck", "upperneck", 0.5), "head": "head",
        **_sided({
            "hip": "lfemur", "knee": "ltibia", "ankle": "lfoot", "foot": "ltoes", "collar": "lclavicle",
            "shoulder": "lhumerus", "elbow": ("lradius", "lwrist", 0.5), "wrist": "lhand",
        }, "l", "r"),
    },
    bone=_bones({
        "hip": "ltibia", "knee": "lfoot", "shoulder": "lradius", "elbow": "lwrist", "wrist": "lfingers",
    }, "l", "r"),
    as_parent=_FEET_AS_LEGS,
)  # fmt: skip

# B. Hahne's release for MotionBuilder: the zero pose of the .asf, one frame of it before the motion.
MOTION_BUILDER = Family(
    name="mb",
    source={
        "pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1",
        "neck": ("Neck", "Neck1", 0.5), "head": "Head",
        **_sided({
            "hip": "LeftUpLeg", "knee": "LeftLeg", "ankle": "LeftFoot", "foot": "LeftToeBase",
            "collar": "LeftShoulder", "shoulder": "LeftArm",
            "elbow": ("LeftForeArm", "LeftHand", 0.5), "wrist": "LeftFingerBase",
        }, "Left", "Right"),
    },
    bone=_bones({
        "hip": "LeftLeg", "knee": "LeftFoot", "shoulder": "LeftForeArm", "elbow": "LeftHand",
        "wrist": "LeftHandIndex1",
    }, "Left", "Right"),
    as_parent=_FEET_AS_LEGS,
    leading=1,
)  # fmt: skip

# His release for Daz, hips corrected: a T-pose with forearms bent by 17 degrees that count as straight,
# and a blend into the motion. What its limbs are off was measured on takes that are there as .amc too.
DAZ = Family(
    name="daz",
    source={
        "pelvis": "hip", "spine1": ("hip", "abdomen", 0.6), "spine2": ("abdomen", "chest", 0.5),
        "spine3": "chest", "neck": "neck", "head": "head",
        **_sided({
            "hip": "lThigh", "knee": "lShin", "ankle": "lFoot", "foot": "lFoot", "collar": "lCollar",
            "shoulder": "lShldr", "elbow": "lForeArm", "wrist": "lHand",
        }, "l", "r"),
    },
    bone=_bones({
        "hip": "lShin", "knee": "lFoot", "shoulder": "lForeArm", "elbow": "lHand", "wrist": "lMid1",
    }, "l", "r"),
    as_parent=("left_elbow", "left_wrist", "right_elbow", "right_wrist"),
    correction={
        "left_hip": (2, 0, 0), "right_hip": (2, 0, 0), "left_knee": (-6, 0, 0), "right_knee": (-6, 0, 0),
        "left_shoulder": (0, 0, -5), "right_shoulder": (0, 0, 5),
        "left_elbow": (0, 0, -5), "right_elbow": (0, 0, 5),
    },
    leading=24,
)  # fmt: skip


def convert(
    folder: Path, *, frame_rate: float = AMC_RATE, say: Callable[[str], None] = print
) -> tuple[MotionSet | None, MotionSet | None]:
    """Everything below a folder: what may be trained on, and what is held out. None where there is none.

    MotionError if nothing could be read.
    """
    takes: dict[str, tuple[Family, Array, Array]] = {}
    for path in _files(folder):
        if path.stem in takes:
            continue
        try:
            family, recorded = _read(path, frame_rate)
            takes[path.stem] = (family, *to_body(recorded, family))
        except RotocapError as error:
            say(f"passed over {path}: {error}")
    if not takes:
        raise MotionError(f"{folder}: no .amc with its .asf and no .bvh could be read; check the folder")
    # How somebody holds his head is told from all of his takes of one family.
    people: dict[tuple[str, str], list[str]] = {}
    for take, (family, _, _) in takes.items():
        people.setdefault((family.name, take.split("_")[0]), []).append(take)
    parts: dict[bool, list[MotionSequence]] = {False: [], True: []}
    for (family_name, _), members in people.items():
        pitch = head_pitch(np.concatenate([takes[take][1] for take in members]))
        for take in members:
            _, local, pelvis = takes[take]
            ready = with_head_level(without_spikes(local), pitch)
            sequences = list(_sequences(f"cmu/{family_name}/{take}", stretches(ready, pelvis), folder.name))
            if not sequences:
                say(f"passed over {take}: no second of it is without glitches")
            for sequence in sequences:
                parts[sequence.subject in HELD_OUT_SUBJECTS].append(sequence)
    training, heldout = (MotionSet.of(part) if part else None for part in (parts[False], parts[True]))
    return training, heldout


def _files(folder: Path) -> list[Path]:
    """Those with the most exact zero pose first."""
    return [*sorted(folder.rglob("*.amc")), *sorted(folder.rglob("*.bvh"))]


_skeleton = cache(read_asf)


def _read(path: Path, frame_rate: float) -> tuple[Family, Recorded]:
    if path.suffix == ".amc":
        motion = read_amc(path, _skeleton(path.with_name(f"{path.stem.split('_')[0]}.asf")))
        skeleton = motion.skeleton
        recorded = Recorded(
            names=skeleton.names,
            parents=skeleton.parents,
            offsets=skeleton.offsets,
            rotations=motion.rotations,
            root=motion.root,
            frame_time=1.0 / frame_rate,
        )
        return ASF, recorded
    bvh = read_bvh(path)
    family = next((f for f in (MOTION_BUILDER, DAZ) if f.source["left_knee"] in bvh.names), None)
    if family is None:
        raise MotionError(
            "its joints have the names of neither BVH release of the database "
            f"(no {MOTION_BUILDER.source['left_knee']}, no {DAZ.source['left_knee']})"
        )
    recorded = Recorded(
        names=bvh.names,
        parents=bvh.parents,
        offsets=bvh.offsets,
        rotations=bvh.rotations,
        root=bvh.positions[:, 0],
        frame_time=bvh.frame_time,
    )
    return family, recorded


def _sequences(name: str, parts: Sequence[tuple[Array, Array]], source: str) -> Iterator[MotionSequence]:
    for number, (local, pelvis) in enumerate(parts):
        yield MotionSequence(
            name=name if number == 0 else f"{name}#{number}",
            label="",
            licence=LICENCE,
            source=source,
            pose=axis_angle_from_matrix(local).astype(np.float32),
            trans=pelvis.astype(np.float32),
            hand_pose=np.zeros((len(local), HAND_JOINT_COUNT, 3), np.float32),
            has_hands=False,
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="raw_cmu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, help="what may be trained on")
    parser.add_argument("--heldout", type=Path, help="where the held-out subjects go; they are dropped else")
    parser.add_argument("--fps", type=float, default=AMC_RATE, help="frames a second of the .amc files (120)")
    options = parser.parse_args(arguments)
    training, heldout = convert(options.folder, frame_rate=options.fps)
    for motion, path in ((training, options.out), (heldout, options.heldout)):
        if motion is not None and path is not None:
            motion.save(path)
            print(f"{path}: {len(motion)} sequences, {motion.frames / motion.frame_rate / 60:.1f} minutes")
    if heldout is not None and options.heldout is None:
        print(f"left out: {len(heldout)} sequences of subjects 3, 5 and 12; --heldout FILE keeps them")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RotocapError as error:
        print(f"raw_cmu: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
