# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion to train and to measure on: sequences of SMPL-X body poses, read from .npz files.

Axis-angle, radians, parent-relative, for the neutral rest skeleton of
`inference/skeleton.py` (T-pose with straight limbs, +Y up, facing +Z); metres; floor
at y = 0; one frame rate for all. Such files are made by `raw_cmu`, or lie in a folder
beside the repository. What may not be trained on is refused by its contents, so that
a renamed file is refused too: what is under a non-commercial licence, and the people
that the networks are judged on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RotocapError
from ..inference.skeleton import BODY_JOINT_COUNT, JOINT_NAMES

Floats = NDArray[np.float32]
Purpose = Literal["training", "evaluation"]

SHARED = Path(__file__).parents[2] / "shared" / "motion"
HELD_OUT_SUBJECTS = frozenset({3, 5, 12})  # of the CMU database: all of its modern dance, and walks
FRAME_RATE = 30.0
HAND_JOINT_COUNT = 30  # left index, middle, pinky, ring, thumb of 3 joints each, then right

_EVALUATION_ONLY = ("bandai_nc/",)  # CC BY-NC 4.0: what we ship must be free for commercial animation
_LARGEST_ANGLE = np.pi + 0.01  # radians; half precision rounds half turns up
_SUBJECT = re.compile(r"^cmu/[^/]+/(\d+)_")


class MotionError(RotocapError):
    """A file of motion is missing, damaged, in another form, or may not be used for this."""

    code = "motion"


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionSequence:
    """One unbroken stretch of one person's motion, N frames. Arrays are read-only views."""

    name: str  # as in "cmu/asfamc/16_15"; "#1" and so on are later stretches of the same take
    label: str  # what is done, in words; may be empty
    licence: str
    source: str  # where it was taken from; may be empty
    pose: Floats  # (N, 22, 3)
    trans: Floats  # (N, 3) the pelvis joint in the world
    hand_pose: Floats  # (N, 30, 3); zeros where the hands are not known
    has_hands: bool

    def __len__(self) -> int:
        return len(self.pose)

    @property
    def subject(self) -> int | None:
        """Number of the CMU subject. None where the name does not tell."""
        found = _SUBJECT.match(self.name)
        return int(found[1]) if found else None


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionSet:
    """Sequences at one frame rate, and the same frames end to end: sequence i is start[i]:start[i + 1]."""

    sequences: tuple[MotionSequence, ...]
    pose: Floats  # (M, 22, 3)
    trans: Floats  # (M, 3)
    hand_pose: Floats  # (M, 30, 3)
    start: NDArray[np.int64]  # (S + 1,)
    frame_rate: float = FRAME_RATE

    def __len__(self) -> int:
        return len(self.sequences)

    def __iter__(self) -> Iterator[MotionSequence]:
        return iter(self.sequences)

    @property
    def frames(self) -> int:
        return len(self.pose)

    @classmethod
    def load(
        cls, folder: Path, names: Sequence[str] | None = None, *, purpose: Purpose = "training"
    ) -> MotionSet:
        """Read `NAME.npz` of a folder for every name; without names, all train_*.npz.

        MotionError if a file is missing, damaged or in another form, or if it holds
        what must not be trained on and the purpose is training.
        """
        if names is None:
            names = sorted(file.stem for file in folder.glob("train_*.npz"))
        if not names:
            raise MotionError(f"{folder}: no train_*.npz; make one with python -m rotocap.training.raw_cmu")
        parts = [_read(folder / f"{name}.npz") for name in names]
        sequences = [sequence for part in parts for sequence in part]
        if purpose == "training":
            _refuse_evaluation(sequences)
        return cls.of(sequences)

    @classmethod
    def of(cls, sequences: Sequence[MotionSequence]) -> MotionSet:
        """Lay sequences end to end. MotionError if there is none, or two have one name."""
        if not sequences:
            raise MotionError("no sequence is left; choose other files")
        seen: set[str] = set()
        for sequence in sequences:
            if sequence.name in seen:
                raise MotionError(f"{sequence.name}: is there twice; leave one of its files out")
            seen.add(sequence.name)
        start = np.cumsum([0, *(len(s) for s in sequences)])
        pose, trans, hand_pose = (
            _frozen(np.concatenate([getattr(s, name) for s in sequences]))
            for name in ("pose", "trans", "hand_pose")
        )
        views = tuple(
            MotionSequence(
                name=s.name,
                label=s.label,
                licence=s.licence,
                source=s.source,
                pose=pose[a:b],
                trans=trans[a:b],
                hand_pose=hand_pose[a:b],
                has_hands=s.has_hands,
            )
            for s, a, b in zip(sequences, start[:-1].tolist(), start[1:].tolist(), strict=True)
        )
        return cls(sequences=views, pose=pose, trans=trans, hand_pose=hand_pose, start=start)

    def only(self, chosen: Sequence[int]) -> MotionSet:
        """The sequences of these numbers, in this order."""
        return MotionSet.of([self.sequences[i] for i in chosen])

    def save(self, path: Path) -> None:
        """Write the form that `load` reads: half-precision angles, single-precision places."""
        np.savez_compressed(
            path,
            pose=self.pose.astype(np.float16),
            trans=self.trans,
            hand_pose=self.hand_pose.astype(np.float16),
            seq_start=self.start,
            seq_name=np.array([s.name for s in self]),
            seq_label=np.array([s.label for s in self]),
            has_hands=np.array([s.has_hands for s in self]),
            licence=np.array([s.licence for s in self]),
            source=np.array([s.source for s in self]),
            fps=np.float32(self.frame_rate),
            joints=np.array(JOINT_NAMES[:BODY_JOINT_COUNT]),
        )


def _read(path: Path) -> list[MotionSequence]:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except FileNotFoundError as error:
        raise MotionError(f"{path}: no such file; check the folder and the name") from error
    except Exception as error:  # zipfile, zlib, ValueError, EOFError: numpy's ways to say "damaged"
        raise MotionError(f"{path}: damaged ({error}); fetch or make it again") from error
    missing = {"pose", "trans", "seq_start", "seq_name", "fps"} - arrays.keys()
    if missing:
        raise MotionError(f"{path}: lacks {', '.join(sorted(missing))}; it is no file of motion")
    pose, trans, start = (arrays[name] for name in ("pose", "trans", "seq_start"))
    count, names = len(pose), [str(name) for name in arrays["seq_name"]]
    hands = arrays.get("hand_pose", np.zeros((count, HAND_JOINT_COUNT, 3), np.float16))
    has_hands = arrays.get("has_hands", np.zeros(len(names), bool))
    expected: dict[str, tuple[NDArray[np.generic], tuple[int, ...]]] = {
        "pose": (pose, (count, BODY_JOINT_COUNT, 3)),
        "trans": (trans, (count, 3)),
        "hand_pose": (hands, (count, HAND_JOINT_COUNT, 3)),
        "seq_start": (start, (len(names) + 1,)),
        "has_hands": (has_hands, (len(names),)),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            raise MotionError(f"{path}: {name}: expected {shape}, got {array.shape}")
    if len(start) < 2 or start[0] != 0 or start[-1] != count or (np.diff(start) <= 0).any():
        raise MotionError(
            f"{path}: seq_start: expected an increase from 0 to {count}, got {start.tolist()[:8]}"
        )
    if abs(float(arrays["fps"]) - FRAME_RATE) > 0.01:
        raise MotionError(f"{path}: fps: expected {FRAME_RATE:g}, got {float(arrays['fps']):g}; resample it")
    if "joints" in arrays and tuple(arrays["joints"].tolist()) != JOINT_NAMES[:BODY_JOINT_COUNT]:
        raise MotionError(f"{path}: joints: expected the first 22 of SMPL-X in their order")
    _check_values(path, pose=pose, trans=trans, hand_pose=hands)

    def text(name: str, i: int) -> str:
        return str(arrays[name][i]) if name in arrays else ""

    return [
        MotionSequence(
            name=names[i],
            label=text("seq_label", i),
            licence=text("licence", i) or ("CC BY-NC 4.0" if names[i].startswith(_EVALUATION_ONLY) else ""),
            source=text("source", i),
            pose=pose[a:b].astype(np.float32),
            trans=trans[a:b].astype(np.float32),
            hand_pose=hands[a:b].astype(np.float32),
            has_hands=bool(has_hands[i]),
        )
        for i, (a, b) in enumerate(zip(start[:-1].tolist(), start[1:].tolist(), strict=True))
    ]


def _check_values(path: Path, **arrays: NDArray[np.generic]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise MotionError(f"{path}: {name}: frame {row} has values that are not finite")
    largest = float(np.linalg.norm(arrays["pose"].astype(np.float32), axis=-1).max(initial=0.0))
    if largest > _LARGEST_ANGLE:
        raise MotionError(f"{path}: pose: expected radians up to pi, got {largest:.1f}; are these degrees?")


def _refuse_evaluation(sequences: Sequence[MotionSequence]) -> None:
    for sequence in sequences:
        why = ""
        if sequence.name.startswith(_EVALUATION_ONLY) or re.search(
            r"\bNC\b|non-?commercial", sequence.licence
        ):
            why = f"its licence is {sequence.licence}"
        elif sequence.subject in HELD_OUT_SUBJECTS:
            why = f"CMU subject {sequence.subject} is held out to measure on"
        if why:
            raise MotionError(
                f"{sequence.name}: must not be trained on ({why}); "
                'leave its file out, or load it with purpose="evaluation"'
            )


def _frozen(array: Floats) -> Floats:
    array = np.ascontiguousarray(array, dtype=np.float32)
    array.setflags(write=False)
    return array
