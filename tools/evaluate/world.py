# SPDX-License-Identifier: GPL-3.0-or-later
"""The path through the room: captures of rendered walks against their truth.

A walk is captured whole, from its film. Three times from the same landmarks: with the
lens known, as a file's metadata or Blender's camera would tell it (the headline figures);
with nothing known (`_blind`); and with lens and the walker's height known (`_height`).
Walkers are 1.62 to 1.82 m tall, so that an average guess is not right by luck.

The captured path is put on the true one at its first frame and is not turned: the world's
axes come from the captured gravity and from the camera that both share.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.capture import CaptureOptions, capture
from ...inference.errors import NoPersonError
from ...inference.sequence import SmplxSequence
from ...training.motion_data import MotionSet
from .accuracy import against_truth
from .world_walks import WALKS, Walk, film, truth

Array = NDArray[np.float64]

HELD_OUT = "heldout.npz"
_VARIANTS = ("", "_blind", "_height")


def measure(
    motion: Path, folder: Path, say: Callable[[str], None], *, keep: bool = False
) -> dict[str, float]:
    """Film, capture and compare every walk; flat keys. Means over the walks.

    motion: folder with `heldout.npz`. folder: for films and takes. keep: read no film again
    whose landmarks are there. A walk in which nobody is found counts as a path all wrong.
    """
    walkers = MotionSet.load(motion, [HELD_OUT.removesuffix(".npz")], purpose="evaluation")
    rows: dict[str, list[float]] = {}
    for walk in WALKS:
        real = truth(walk, walkers)
        video = film(walk, walkers, folder, say)
        for variant in _VARIANTS:
            found = _captured(walk, video, variant, fresh=variant == "" and not keep)
            figures = {"walk_end_error": 1.0} if found is None else compare(found, real)
            said = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
            say(f"world {walk.name}{variant}: {said}")
            for name, value in figures.items():
                if variant == "" or name in ("walk_end_error", "distance_error"):
                    rows.setdefault(f"world.{name}{variant}", []).append(value)
    out = {name: float(np.mean(values)) for name, values in rows.items()}
    out["world.walk_end_error_worst"] = max(rows["world.walk_end_error"])
    return out


def _captured(walk: Walk, video: Path, variant: str, *, fresh: bool) -> SmplxSequence | None:
    try:
        take = capture(
            CaptureOptions(
                video=video,
                out=video.with_suffix(".take"),
                people="main",
                fov_deg=None if variant == "_blind" else walk.fov_deg,
                height_m=walk.stature_m if variant == "_height" else None,
                overwrite=fresh,
            )
        )
    except NoPersonError:
        return None
    return take.sequence(take.people[0])


def compare(captured: SmplxSequence, real: SmplxSequence) -> dict[str, float]:
    """Figures of one walk. ValueError if the sequences share fewer than 3 frames.

    walk_end_error: distance between the two last places of the pelvis over the length walked,
    both along the floor. distance_error: how much longer (or shorter, absolute) the straight
    way is, as a share. foot_slide_mm: a frame, of the ball of a foot that truly rests;
    truth_foot_slide_mm: the same of the truth.
    """
    frames, mine, theirs = np.intersect1d(captured.frame, real.frame, return_indices=True)
    accuracy = against_truth(captured, real)
    walked = _pelvis(real)[theirs]
    found = _pelvis(captured)[mine]
    length = float(np.linalg.norm(np.diff(walked, axis=0), axis=-1).sum())
    way, true_way = (path[-1] - path[0] for path in (found, walked))
    return {
        "walk_end_error": float(np.linalg.norm(way - true_way)) / length,
        "distance_error": abs(float(np.linalg.norm(way) / np.linalg.norm(true_way)) - 1.0),
        "foot_slide_mm": accuracy.foot_slide_mm,
        "truth_foot_slide_mm": against_truth(real, real).foot_slide_mm,
        "gravity_deg": accuracy.gravity_deg,
        "mpjpe_mm": accuracy.mpjpe_mm,
        "pa_mpjpe_mm": accuracy.pa_mpjpe_mm,
        "found": len(frames) / len(real),
    }


def _pelvis(sequence: SmplxSequence) -> Array:
    """The pelvis over the floor (T, 2), metres."""
    place = np.asarray(sequence.trans, np.float64) + np.asarray(sequence.rest_joints[0], np.float64)
    return place[:, [0, 2]]
