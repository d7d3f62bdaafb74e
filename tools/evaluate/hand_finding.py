# SPDX-License-Identifier: GPL-3.0-or-later
"""How often hands are found: on rendered crossings whose truth is known, and on clips, to be looked at.

What a clip's hands should be nobody has written down, so 30 frames of each are drawn, chosen
by chance but always the same: a person says how many are right.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.sequence import SmplxSequence
from ...inference.take import Take
from ...inference.video import VideoReader
from .hand_seen import found_in

Image = NDArray[np.uint8]

# The clips that are judged, by their names in `clips`, and how many people of each.
CLIPS = {"makeup": 1, "lateral_raise": 1, "gym": 3}
_SAMPLES = 30
_CELL, _COLUMNS = 150, 10
_COLOURS = ((255, 160, 40), (40, 140, 255))  # BGR, left and right


def crossings(
    folder: Path, say: Callable[[str], None], *, count: int = 24, pictures: bool = True
) -> dict[str, float]:
    """The figures of `hand_crossings`, and a sheet of its frames."""
    from . import hand_crossings  # what renders needs torch, and a clip can be judged without

    sheet: list[Image] = []
    figures = hand_crossings.measure(count=count, say=say, sheet=sheet if pictures else None)
    if sheet:
        path = folder / "hand_crossings.png"
        _write(path, sheet, columns=5)
        say(f"hand crossings: drawn in {path}")
    return figures


def in_take(name: str, take: Take, folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """In what percentage of a person's frames each hand was found, and a sheet of 30 of them to look at."""
    out: dict[str, float] = {}
    people = [take.sequence(person) for person in take.people[: CLIPS[name]]]
    for number, person in enumerate(people, start=1):
        found = [found_in(person.keypoints[:, part]) for part in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)]
        for side, hand in zip(("left", "right"), found, strict=True):
            out[f"hands_found.{name}.person_{number}.{side}_percent"] = 100.0 * float(hand.mean())
    path = folder / f"hands_found_{name}.png"
    if people:
        _write(path, _cells(take, people), columns=_COLUMNS)
        say(f"{name}: hands of {_SAMPLES} frames drawn in {path}; say how many are right")
    return out


def _cells(take: Take, people: list[SmplxSequence]) -> list[Image]:
    """Hands that were found in frames chosen by chance: left blue, right orange, certainty as a number."""
    rng = np.random.default_rng(0)
    rows = [(p, t) for p, person in enumerate(people) for t in range(len(person.frame))]
    hands = [
        (p, t, side)
        for p, t in rows
        for side, part in enumerate((wholebody.LEFT_HAND, wholebody.RIGHT_HAND))
        if found_in(people[p].keypoints[t : t + 1, part])[0]
    ]
    chosen = sorted(rng.choice(len(hands), min(_SAMPLES, len(hands)), replace=False).tolist())
    wanted: dict[int, list[tuple[int, int, int]]] = {}
    for k in chosen:
        p, t, side = hands[k]
        wanted.setdefault(int(people[p].frame[t]), []).append((p, t, side))
    cells: list[Image] = []
    if not wanted:
        return cells
    with VideoReader(take.video_file(), start_frame=min(wanted), end_frame=max(wanted) + 1) as reader:
        for frame in reader:
            for p, t, side in wanted.get(frame.index, []):
                label = f"{frame.index} {p + 1}{'LR'[side]}"
                cells.append(_cell(frame.image, people[p].keypoints[t], side, label))
    return cells


def _cell(image: Image, keypoints: NDArray[np.float32], side: int, label: str) -> Image:
    """The surroundings of one hand with its points."""
    part = (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)[side]
    hand = keypoints[part].astype(np.float64)
    middle, reach = hand[:, :2].mean(axis=0), 0.85 * float(np.ptp(hand[:, :2], axis=0).max())
    scale = _CELL / (2 * max(reach, 12.0))
    matrix = np.array([[scale, 0, _CELL / 2 - middle[0] * scale], [0, scale, _CELL / 2 - middle[1] * scale]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cell = np.asarray(cv2.warpAffine(image, matrix, (_CELL, _CELL), flags=flags), np.uint8)
    pixels = np.rint(hand[:, :2] * scale + matrix[:, 2]).astype(int).tolist()
    for a, b in wholebody.HAND_EDGES:
        cv2.line(cell, pixels[a], pixels[b], _COLOURS[side], 1, cv2.LINE_AA)
    text = f"{label} {hand[:, 2].max():.2f}"
    cv2.putText(cell, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(cell, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
    return cell


def _write(path: Path, cells: list[Image], *, columns: int) -> None:
    if not cells:
        return
    cells = cells + [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    cv2.imwrite(str(path), np.vstack(rows))
