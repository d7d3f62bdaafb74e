# SPDX-License-Identifier: GPL-3.0-or-later
"""Acclaim's motion capture files: a skeleton (.asf) and motion of it (.amc), as the CMU database has them.

A bone is turned in a frame of its own: with the rotation C that its `axis` gives, and M of
the frame's values about the axes that `dof` names, it is turned by C M C^-1 from the zero
pose, relative to its parent. Several rotations are applied in the order they are written,
about fixed axes. The bone begins where its parent ends and points along `direction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import matrix_from_axis_angle
from .motion_data import MotionError

Array = NDArray[np.float64]

ROOT = "root"
_AXES = "xyz"


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The root and the bones of an .asf file; parents come before their children. The file's own unit."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root, which is first
    offsets: Array  # (J, 3) in the zero pose, from where the parent begins to where the bone begins
    tips: Array  # (J, 3) in the zero pose, from where the bone begins to where it ends
    dof: tuple[tuple[str, ...], ...]  # for each bone its values in an .amc: rx, ry, rz; tx to tz and l
    axes: Array  # (J, 3, 3) C
    radians: bool  # whether the .amc's angles are radians, unless it says otherwise


@dataclass(frozen=True, eq=False)
class Motion:
    """T frames of a skeleton."""

    skeleton: Skeleton
    rotations: Array  # (T, J, 3, 3) from the zero pose, relative to the parent
    root: Array  # (T, 3) the root's place, the file's own unit


def read_asf(path: Path) -> Skeleton:
    """Read a skeleton. MotionError names the line and what was expected there."""
    sections = _sections(path)
    radians = any(words[:2] == ["angle", "rad"] for _, words in sections.get("units", ()))
    root = {words[0]: words[1:] for _, words in sections.get("root", ())}
    order = tuple(word.lower() for word in root.get("order", ["tx", "ty", "tz", "rx", "ry", "rz"]))
    axis = root.get("axis", ["xyz"])[0].lower()
    turn = _floats(path, 0, root.get("orientation", ["0", "0", "0"]), 3)
    names, dof = [ROOT], [order]
    tips, axes = [np.zeros(3)], [_about(axis, turn if radians else np.radians(turn))]
    for bone in _bones(path, sections.get("bonedata", [])):
        line, name = bone["line"][0], " ".join(bone["name"])
        number = int(line)
        if name in names:
            raise _error(path, number, f"a second bone is named {name!r}")
        along = _floats(path, number, bone["direction"], 3)
        length = _floats(path, number, bone["length"], 1)[0]
        *turn_words, axis = bone["axis"]
        turn = _floats(path, number, turn_words, 3)
        names.append(name)
        dof.append(tuple(word.lower() for word in bone.get("dof", [])))
        tips.append(length * along / max(float(np.linalg.norm(along)), 1e-12))
        axes.append(_about(axis.lower(), turn if radians else np.radians(turn)))
    parents = _parents(path, names, sections.get("hierarchy", []))
    for values in dof:
        if unknown := set(values) - {"tx", "ty", "tz", "rx", "ry", "rz", "l"}:
            raise MotionError(
                f"{path}: unknown degree of freedom {sorted(unknown)[0]!r}; expected rx, ry, rz"
            )
    offsets = np.array([tips[p] if p >= 0 else np.zeros(3) for p in parents])
    return _sorted(
        Skeleton(tuple(names), parents, offsets, np.array(tips), tuple(dof), np.array(axes), radians)
    )


def read_amc(path: Path, skeleton: Skeleton) -> Motion:
    """Read a motion of the skeleton. MotionError names the line, a frame that ends early included.

    Of a file that was cut off the last frame is left out.
    """
    radians = skeleton.radians
    frames: list[dict[str, list[str]]] = []
    lines: list[int] = []
    index = {name: i for i, name in enumerate(skeleton.names)}
    for number, words in _words(path):
        if words[0].startswith(":"):
            radians = words[0].lower() == ":radians" or (radians and words[0].lower() != ":degrees")
        elif len(words) == 1 and words[0].isdecimal():
            frames.append({})
            lines.append(number)
        elif not frames:
            raise _error(path, number, f"expected the number of a frame, got {' '.join(words)[:40]!r}")
        elif words[0] not in index:
            raise _error(path, number, f"{words[0]!r} is no bone of the skeleton; is this its .asf?")
        else:
            frames[-1][words[0]] = words[1:]
    moved = [name for name, values in zip(skeleton.names, skeleton.dof, strict=True) if values]
    # Only the last frame may be short, of a file that was cut off.
    whole = [all(len(f.get(b, ())) == len(skeleton.dof[index[b]]) for b in moved) for f in frames]
    if whole and not whole[-1]:
        frames, whole = frames[:-1], whole[:-1]
    if not frames:
        raise MotionError(f"{path}: has no frames; is it a whole .amc file?")
    if not all(whole):
        bad = whole.index(False)
        wrong = next(b for b in moved if len(frames[bad].get(b, ())) != len(skeleton.dof[index[b]]))
        wanted, got = len(skeleton.dof[index[wrong]]), len(frames[bad].get(wrong, ()))
        raise _error(path, lines[bad], f"{wrong}: expected {wanted} values, got {got}")
    rotations = np.tile(np.eye(3), (len(frames), len(skeleton.names), 1, 1))
    root = np.zeros((len(frames), 3))
    for name in moved:
        joint = index[name]
        try:
            values = np.array([frame[name] for frame in frames], dtype=np.float64)
        except ValueError as error:
            raise MotionError(f"{path}: {name}: {error}") from error
        if not np.isfinite(values).all():
            raise MotionError(f"{path}: {name}: has values that are not finite")
        turn = np.tile(np.eye(3), (len(frames), 1, 1))
        for column, kind in enumerate(skeleton.dof[joint]):
            if kind.startswith("r"):
                vector = np.zeros((len(frames), 3))
                vector[:, _AXES.index(kind[1])] = (
                    values[:, column] if radians else np.radians(values[:, column])
                )
                turn = matrix_from_axis_angle(vector) @ turn
            elif kind.startswith("t") and joint == 0:
                root[:, _AXES.index(kind[1])] = values[:, column]
        rotations[:, joint] = skeleton.axes[joint] @ turn @ skeleton.axes[joint].T
    return Motion(skeleton, rotations, root)


def _words(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers, from 1, and words of the lines that say something."""
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise MotionError(f"{path}: could not be read ({error.strerror}); check the path") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words:
            yield number, words


def _sections(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    out: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, words in _words(path):
        if words[0].startswith(":"):
            current = out.setdefault(words[0][1:].lower(), [])
        else:
            current.append((number, words))
    if missing := {"bonedata", "hierarchy"} - out.keys():
        raise MotionError(f"{path}: has no :{sorted(missing)[0]}; is it a whole .asf file?")
    return out


def _bones(path: Path, lines: list[tuple[int, list[str]]]) -> Iterator[dict[str, list[str]]]:
    """Each bone's fields by name, and the `line` that it begins at."""
    bone: dict[str, list[str]] | None = None
    for number, words in lines:
        if words[0] == "begin":
            bone = {"line": [str(number)]}
        elif bone is None:
            raise _error(path, number, f"expected begin, got {words[0]!r}")
        elif words[0] == "end":
            if missing := {"name", "direction", "length", "axis"} - bone.keys():
                raise _error(path, number, f"the bone has no {sorted(missing)[0]}")
            yield bone
            bone = None
        else:  # lines of limits after the first begin with a bracket, and are not needed
            bone[words[0]] = words[1:]
    if bone is not None:
        raise _error(path, int(bone["line"][0]), "the bone that begins here has no end")


def _parents(path: Path, names: list[str], lines: list[tuple[int, list[str]]]) -> tuple[int, ...]:
    index = {name: i for i, name in enumerate(names)}
    out = dict.fromkeys(range(len(names)), -1)
    for number, words in lines:
        if words[0] in ("begin", "end"):
            continue
        if unknown := [word for word in words if word not in index]:
            raise _error(path, number, f"{unknown[0]!r} is no bone of the file")
        for child in words[1:]:
            out[index[child]] = index[words[0]]
    if lost := [names[i] for i, parent in out.items() if parent < 0 and i > 0]:
        raise MotionError(f"{path}: {lost[0]!r} hangs on nothing; its :hierarchy is not whole")
    return tuple(out[i] for i in range(len(names)))


def _sorted(skeleton: Skeleton) -> Skeleton:
    """The same with parents before their children."""
    depth = []
    for joint in range(len(skeleton.names)):
        steps, at = 0, joint
        while at >= 0 and steps <= len(skeleton.names):
            at, steps = skeleton.parents[at], steps + 1
        if at >= 0:
            raise MotionError(f"{skeleton.names[joint]!r} hangs on itself; the :hierarchy is damaged")
        depth.append(steps)
    order = sorted(range(len(depth)), key=lambda joint: depth[joint])
    place = {old: new for new, old in enumerate(order)}
    return Skeleton(
        names=tuple(skeleton.names[i] for i in order),
        parents=tuple(place.get(skeleton.parents[i], -1) for i in order),
        offsets=skeleton.offsets[order],
        tips=skeleton.tips[order],
        dof=tuple(skeleton.dof[i] for i in order),
        axes=skeleton.axes[order],
        radians=skeleton.radians,
    )


def _about(order: str, angles: Array) -> Array:
    """Rotation (3, 3) about fixed axes, one after the other, by angles (3,) in radians."""
    out = np.eye(3)
    for letter, angle in zip(order, angles, strict=True):
        out = matrix_from_axis_angle(angle * np.eye(3)[_AXES.index(letter)]) @ out
    return np.asarray(out)


def _floats(path: Path, number: int, words: list[str], count: int) -> Array:
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise _error(path, number, str(error)) from error
    if len(values) != count or not np.isfinite(values).all():
        raise _error(path, number, f"expected {count} numbers, got {' '.join(words)!r}")
    return values


def _error(path: Path, number: int, what: str) -> MotionError:
    return MotionError(f"{path.name}, line {number}: {what}")
