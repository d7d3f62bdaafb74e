# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from elsewhere as a source: BVH, and `.npz` of AMASS and SMPL-X. Read, or kept as a take.

A take of it has no video: what its record calls the video is the file itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..inference.errors import SequenceError
from ..inference.sequence import SmplxSequence
from ..inference.smplx_model import SmplxModel
from ..inference.take import (
    RECORD,
    PersonRecord,
    ReadSettings,
    SolveSettings,
    Take,
    VideoRecord,
    refuse_foreign,
    unwritable,
)
from ..retarget import amass, bvh, bvh_source
from ..retarget.bone_map import BoneMap
from ..retarget.imported import ten
from ..retarget.rig import Rig

MOTION = "motion"
"""What the record of a take says in place of a codec when its motion was imported."""

SUFFIXES = (".bvh", ".npz")
COLOUR = (0.35, 0.6, 0.9)
_PICTURE = (1920, 1080)


@dataclass(frozen=True, kw_only=True)
class MotionOptions:
    """What a file of motion may not say itself."""

    fps: float | None = None  # frames a second, for `.npz` files without
    scale: float | None = None  # metres a unit, of a BVH; guessed without it
    up: str | None = None  # y or z, of an `.npz`; seen from the motion without it
    model: Path | None = None  # the user's own SMPL-X model file, for `.npz`


def read(
    path: Path, find_map: Callable[[Rig], BoneMap], options: MotionOptions | None = None
) -> tuple[SmplxSequence, tuple[str, ...]]:
    """The motion of a file, and what the user should know of it.

    find_map: finds the roles of a BVH's joints. SequenceError, RigError or ModelError say what is wrong.
    """
    options = options or MotionOptions()
    kind = path.suffix.lower()
    if kind == ".bvh":
        sequence, _, notes = bvh_source.to_sequence(bvh.read(path), find_map, scale=options.scale)
        return sequence, notes
    if kind == ".npz":
        return _npz(path, options)
    raise SequenceError(f"{path.name}: expected a take, or a file that ends in .bvh or .npz")


def _npz(path: Path, options: MotionOptions) -> tuple[SmplxSequence, tuple[str, ...]]:
    if amass.is_ours(path):
        return SmplxSequence.load(path), ()
    motion = amass.read(path, fps=options.fps, up=options.up)
    if options.model is None:
        note = (
            f"{path.name}: turned from the published rest pose by the mean body's angles; "
            "give your SMPL-X model for the exact ones"
        )
        return amass.to_sequence(motion), (*motion.notes, note)
    model = SmplxModel.load(options.model)
    notes = list(motion.notes)
    if motion.model != "smplx":
        notes.append(f"{path.name}: is of SMPL or SMPL+H, so the body of the SMPL-X model is near, not exact")
    rest = model.joints(ten(motion.betas))
    return amass.to_sequence(motion, model_rest=rest), tuple(notes)


def record(path: Path, take: Path, sequence: SmplxSequence, notes: tuple[str, ...]) -> Take:
    """The record of a take of one person whose motion came from the file `path`. Nothing is written."""
    fps, count = sequence.mocap_frame_rate, len(sequence)
    data = path.read_bytes()
    video = VideoRecord(
        path=str(path.resolve()), name=path.name, bytes=len(data),
        fingerprint=hashlib.sha256(data).hexdigest(), fps=fps, width=_PICTURE[0], height=_PICTURE[1],
        frame_count=count, duration_s=count / fps, codec=MOTION, rotation_deg=0,
    )  # fmt: skip
    person = PersonRecord(
        name=path.stem, file="person_01.npz", colour=COLOUR, main=True, frames=count,
        first_frame=int(sequence.frame[0]), last_frame=int(sequence.frame[-1]), gaps=(), swaps_repaired=0,
    )  # fmt: skip
    return Take(
        path=take, status="complete", video=video, read=ReadSettings(backend=MOTION), solve=SolveSettings(),
        read_to_end=True, people=(person,), warnings=notes,  # no frames were read: it has no chunks
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def take_beside(path: Path) -> Path:
    """Where the take of a file is kept: not where a video of the same name would have it."""
    return path.with_name(f"{path.name}.take")


def save_take(path: Path, take: Path, sequence: SmplxSequence, notes: tuple[str, ...]) -> Take:
    """Keep a file's motion as a take of one person. TakeError if it cannot be written, or is not ours."""
    refuse_foreign(take)
    if (take / RECORD).exists() and Take.open(take).video.codec != MOTION:
        raise SequenceError(f"{take}: is a take of a video; move it, or rename {path.name}")
    made = record(path, take, sequence, notes)
    try:
        take.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(take, error) from error
    sequence.save(take / made.people[0].file)
    made.save()
    return made
