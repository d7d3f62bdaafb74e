# SPDX-License-Identifier: GPL-3.0-or-later
"""BVH files: a skeleton and its motion, as plain arrays.

The format was never written down in one place (Biovision, about 1995), so files differ: channels in
any order, positions on any joint, frames broken over lines or several on one, no word about the unit
or which way is up. All of that is read; `guess_scale` finds the unit from the person's size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError

Array = NDArray[np.float64]

# Metres a unit: metre, centimetre, millimetre, inch, foot, and that of the CMU data (0.45 inch to one).
UNITS: tuple[float, ...] = (1.0, 0.01, 0.001, 0.0254, 0.3048, 0.0254 / 0.45)
# From fingertip to toe along the bones is about 1.4 times a person's stature, whatever the rest pose.
_REACH = 1.4
_STATURE = (1.15, 2.3)  # m: from a small child to a giant; narrower than the ratio of any two units
_USUAL_STATURE = 1.7


@dataclass(frozen=True, eq=False)
class Bvh:
    """J joints over T frames, in the file's own unit and axes. At rest every joint frame is the file's."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for a root; parents come before their children
    offsets: Array  # (J, 3) from the parent at rest
    end_sites: dict[int, Array]  # joint: (3,) where its end lies from it; joints without one are absent
    rotations: Array  # (T, J, 3, 3) parent-relative
    positions: Array  # (T, J, 3) from the parent; the offset where the file has no position channels
    frame_time: float  # seconds
    warnings: tuple[str, ...] = ()  # what was wrong with the file and could be read all the same

    def __len__(self) -> int:
        return len(self.rotations)

    def rest(self) -> Array:
        """Joints (J, 3) with all rotations zero, every root at its offset."""
        out = np.array(self.offsets, dtype=np.float64)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                out[joint] += out[parent]
        return out

    def world(self) -> tuple[Array, Array]:
        """Rotations (T, J, 3, 3) and places (T, J, 3) of the joints in the file's own axes and unit."""
        rotations, places = np.empty_like(self.rotations), np.empty_like(self.positions)
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                rotations[:, joint], places[:, joint] = self.rotations[:, joint], self.positions[:, joint]
                continue
            rotations[:, joint] = rotations[:, parent] @ self.rotations[:, joint]
            turned = rotations[:, parent] @ self.positions[:, joint, :, None]
            places[:, joint] = places[:, parent] + turned[..., 0]
        return rotations, places


def guess_scale(bvh: Bvh) -> float:
    """Metres a unit of the file, from the size of all of its skeleton, whatever the joints are.

    Where it is known which are the legs, `unit_of` with their length says more. SequenceError if all
    bones have no length.
    """
    # The two longest ways from the root to a tip: an arm and a leg (or both arms, of a short trunk).
    reach = np.linalg.norm(bvh.offsets, axis=1)
    reach[[joint for joint, parent in enumerate(bvh.parents) if parent < 0]] = 0.0
    ends = np.array([np.linalg.norm(bvh.end_sites.get(j, np.zeros(3))) for j in range(len(reach))])
    down = ends.copy()  # longest way from a joint to a tip below it
    longest = 0.0
    for joint in reversed(range(len(reach))):
        parent = bvh.parents[joint]
        if parent >= 0:
            way = reach[joint] + down[joint]
            longest = max(longest, down[parent] + way)
            down[parent] = max(down[parent], way)
    if longest <= 0.0:
        raise SequenceError("the BVH's bones have no length; export it with its OFFSETs")
    return unit_of(longest / _REACH)


def unit_of(stature: float) -> float:
    """Metres a unit, for somebody who is so tall in the file: a usual unit, or what makes them 1.70 m."""
    for unit in UNITS:
        if _STATURE[0] <= stature * unit <= _STATURE[1]:
            return unit
    return float(_USUAL_STATURE / stature)


def read(path: Path) -> Bvh:
    """Read a BVH file. SequenceError names the line and what was expected there."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SequenceError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise SequenceError(f"{path}: could not be read ({error.strerror}); check the path") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # never fails; names of bones in another alphabet may look odd
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "BVH") -> Bvh:
    """Read a BVH's text; `name` is what errors call it."""
    lines = text.splitlines()
    at = next((n for n, line in enumerate(lines) if line.strip().upper() == "MOTION"), None)
    if at is None:
        raise SequenceError(f"{name}: has no line MOTION; is it a whole BVH file?")
    skeleton = _Hierarchy(name)
    skeleton.read(lines[:at])
    frames, frame_time, body = _motion_header(name, lines, at + 1)
    values, warnings = _values(name, lines, body, frames, sum(map(len, skeleton.channels)))
    rotations, positions = _channels(values, skeleton)
    return Bvh(
        tuple(skeleton.names), tuple(skeleton.parents), np.array(skeleton.offsets), skeleton.end_sites,
        rotations, positions, frame_time, warnings,
    )  # fmt: skip


class _Hierarchy:
    """What stands before MOTION."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[Array] = []
        self.channels: list[tuple[str, ...]] = []  # "xp", "zr": axis, and position or rotation
        self.end_sites: dict[int, Array] = {}

    def read(self, lines: list[str]) -> None:
        open_: list[int] = []  # joints whose braces are open; ~joint for the end site of one
        coming: int | None = None  # what the next brace opens
        number = 0
        for number, words in _statements(lines):
            word = words[0].upper()
            if word == "{":
                if coming is None:
                    raise self._error(number, "a brace without a joint before it")
                open_.append(coming)
                coming = None
            elif word == "}":
                if not open_:
                    raise self._error(number, "one closing brace too many")
                open_.pop()
            elif word == "HIERARCHY":
                continue
            elif word == "ROOT" or (word == "JOINT" and open_ and open_[-1] >= 0):
                coming = self._joint(number, words, parent=open_[-1] if word == "JOINT" else -1)
            elif word == "END" and open_ and open_[-1] >= 0:
                coming = ~open_[-1]
            elif word == "OFFSET" and open_:
                self._offset(number, words, open_[-1])
            elif word == "CHANNELS" and open_ and open_[-1] >= 0:
                self.channels[open_[-1]] = self._channel_names(number, words)
            else:
                raise self._error(number, f"{' '.join(words)[:60]!r} does not belong here")
        if open_:
            raise self._error(number, f"the braces of {len(open_)} joint(s) are not closed before MOTION")
        if not self.names:
            raise SequenceError(f"{self._name}: has no joints before MOTION; is it a whole BVH file?")

    def _joint(self, number: int, words: list[str], *, parent: int) -> int:
        name = " ".join(words[1:])
        if not name:
            raise self._error(number, f"{words[0]} without a name")
        if name in self.names:
            raise self._error(number, f"a second joint is named {name!r}; rename one")
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append(np.zeros(3))
        self.channels.append(())
        return len(self.names) - 1

    def _offset(self, number: int, words: list[str], joint: int) -> None:
        try:
            x, y, z = map(float, words[1:])
        except ValueError as error:
            raise self._error(
                number, f"expected OFFSET and three numbers, got {' '.join(words)!r}"
            ) from error
        offset = np.array([x, y, z])
        if not np.isfinite(offset).all():
            raise self._error(number, f"OFFSET is not finite: {' '.join(words[1:])}")
        if joint >= 0:
            self.offsets[joint] = offset
        else:
            self.end_sites[~joint] = offset

    def _channel_names(self, number: int, words: list[str]) -> tuple[str, ...]:
        names = words[2:]
        if len(words) < 2 or not words[1].isdecimal() or int(words[1]) != len(names):
            raise self._error(number, f"expected CHANNELS, their count and names, got {' '.join(words)!r}")
        kinds = []
        for name in names:
            match = re.fullmatch(r"([xyz])(position|rotation)", name.lower())
            if match is None:
                raise self._error(
                    number, f"unknown channel {name!r}; expected Xposition, Zrotation or the like"
                )
            kinds.append(match[1] + match[2][0])
        if len(set(kinds)) < len(kinds):
            raise self._error(number, f"a channel stands twice: {' '.join(names)}")
        return tuple(kinds)

    def _error(self, number: int, what: str) -> SequenceError:
        return SequenceError(f"{self._name}, line {number}: {what}")


def _statements(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words, braces apart: some programs put them at the end of a joint's line."""
    for number, line in enumerate(lines, start=1):
        for part in re.split(r"([{}])", line):
            words = part.split()
            if words:
                yield number, words


def _motion_header(name: str, lines: list[str], start: int) -> tuple[int, float, int]:
    """Frames, frame time in seconds, and the line (from 0) at which the values begin."""
    found: list[str] = []
    for pattern, what in (
        (r"frames\s*:\s*(\d+)", "Frames: N"),
        (r"frame\s+time\s*:\s*(\S+)", "Frame Time: S"),
    ):
        while start < len(lines) and not lines[start].strip():
            start += 1
        line = lines[start].strip() if start < len(lines) else ""
        match = re.fullmatch(pattern, line, re.IGNORECASE)
        if match is None:
            raise SequenceError(f"{name}, line {start + 1}: expected {what!r}, got {line[:60]!r}")
        found.append(match[1])
        start += 1
    try:
        frame_time = float(found[1])
    except ValueError:
        frame_time = 0.0
    if not 1e-5 < frame_time < 1e3:
        raise SequenceError(f"{name}, line {start}: Frame Time: expected seconds above 0, got {found[1]!r}")
    return int(found[0]), frame_time, start


def _values(
    name: str, lines: list[str], start: int, frames: int, channels: int
) -> tuple[Array, tuple[str, ...]]:
    """The motion's numbers (T, channels), wherever the lines break."""
    if channels == 0:
        raise SequenceError(f"{name}: no joint has CHANNELS, so nothing moves; export the motion too")
    try:
        values = np.array(" ".join(lines[start:]).split(), dtype=np.float64)
    except ValueError as error:
        for number, line in enumerate(lines[start:], start=start + 1):
            for word in line.split():
                try:
                    float(word)
                except ValueError:
                    raise SequenceError(f"{name}, line {number}: expected a number, got {word!r}") from error
        raise
    if not np.isfinite(values).all():
        number = next(
            n for n, line in enumerate(lines[start:], start=start + 1)
            if not all(np.isfinite(float(word)) for word in line.split())
        )  # fmt: skip
        raise SequenceError(f"{name}, line {number}: a value is not finite")
    there, over = divmod(len(values), channels)
    if over or not there:
        raise SequenceError(
            f"{name}, line {len(lines)}: the file ends within frame {there + 1}: "
            f"{over} of its {channels} values are there; copy or export the file again"
        )
    if there == frames:
        return values.reshape(there, channels), ()
    said = f"{name}: says {frames} frames and has {there}; all {there} are read"
    return values.reshape(there, channels), (said,)


def _channels(values: Array, skeleton: _Hierarchy) -> tuple[Array, Array]:
    """Rotations (T, J, 3, 3) and positions (T, J, 3) of the channels' values (T, C)."""
    count = len(values)
    rotations = np.tile(np.eye(3), (count, len(skeleton.names), 1, 1))
    positions = np.tile(np.array(skeleton.offsets), (count, 1, 1))
    column = 0
    for joint, kinds in enumerate(skeleton.channels):
        for kind in kinds:
            axis = "xyz".index(kind[0])
            if kind[1] == "p":
                positions[:, joint, axis] = values[:, column]
            else:  # in the order of the file, each in the frame that the ones before it left
                rotations[:, joint] = rotations[:, joint] @ about(axis, np.radians(values[:, column]))
            column += 1
    return rotations, positions


def about(axis: int, angles: Array) -> Array:
    """Rotations (T, 3, 3) by angles (T,) in radians about the axis 0 (x), 1 (y) or 2 (z)."""
    out = np.zeros((len(angles), 3, 3))
    j, k = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, j, j] = out[:, k, k] = np.cos(angles)
    out[:, k, j] = np.sin(angles)
    out[:, j, k] = -out[:, k, j]
    return out
