# SPDX-License-Identifier: GPL-3.0-or-later
"""The clean-up of a performance: steps in an order, each of which can be muted.

Frames are those of the video, both ends included; none means the whole take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..inference.errors import SequenceError
from ..inference.sequence import SmplxSequence
from . import fill, hold, smooth, swap
from .measure import Change, change
from .rows import between

Range = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Smooth:
    part: str
    strength: float  # 0 to 1
    frames: Range | None = None


@dataclass(frozen=True, kw_only=True)
class Fill:
    part: str
    frames: Range | None = None
    sigma_m: float | None = None  # only where the part is less sure than this; None: all of the range


@dataclass(frozen=True, kw_only=True)
class Swap:
    what: str  # legs, arms or body
    frames: Range


@dataclass(frozen=True, kw_only=True)
class Hold:
    part: str
    frames: Range
    at: int  # the frame whose pose is held
    ease: int = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class TakeOver:
    """A range as another capture of the same frames has it."""

    frames: Range
    other: SmplxSequence
    ease: int = 5
    part: str = "all"


Step = Smooth | Fill | Swap | Hold | TakeOver


def applied(sequence: SmplxSequence, step: Step) -> SmplxSequence:
    """The sequence after one step. SequenceError says what of the step does not fit the sequence."""
    match step:
        case Smooth():
            rows = None if step.frames is None else between(sequence, *step.frames)
            return smooth.smoothed(sequence, part=step.part, strength=step.strength, rows=rows)
        case Fill():
            rows = None if step.frames is None else between(sequence, *step.frames)
            if step.sigma_m is not None:
                return fill.filled_where_doubtful(sequence, part=step.part, sigma_m=step.sigma_m, rows=rows)
            if rows is None:
                raise SequenceError("a whole take cannot be filled from its neighbours; choose a range")
            return fill.filled(sequence, part=step.part, rows=rows)
        case Swap():
            return swap.swapped(sequence, what=step.what, rows=between(sequence, *step.frames))
        case Hold():
            at = int(np.argmin(np.abs(sequence.frame - step.at)))
            rows = between(sequence, *step.frames)
            return hold.held(sequence, part=step.part, rows=rows, at=at, ease=step.ease)
        case TakeOver():
            rows = between(sequence, *step.frames)
            return hold.taken_over(sequence, step.other, rows=rows, ease=step.ease, part=step.part)


def clean(
    sequence: SmplxSequence, steps: Sequence[Step], *, measured: bool = True
) -> tuple[SmplxSequence, list[Change | None]]:
    """The sequence after all steps, and what each did to what the one before left (None: not measured)."""
    done: list[Change | None] = []
    for step in steps:
        after = applied(sequence, step)
        done.append(change(sequence, after) if measured else None)
        sequence = after
    return sequence, done
