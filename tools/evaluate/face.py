# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions against their truth: rendered faces, read by the real face graph and fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.body import FreeBody
from ...inference.fit.face import FaceFit, fit_face
from ...inference.landmarks.face import FaceNetworks
from ...inference.raster import Surface, draw
from ...training.face.heads import on_lips
from .face_clips import FaceClip, clip

Array = NDArray[np.float64]

CLIPS = 20  # of ten, two hold almost half of the coefficients that move
_MOVES = 0.1  # what a coefficient's range is at least in a clip, to be said to move
_FAR = 4  # frames around a blink in which its peak is looked for


def measure(
    folder: Path, say: Callable[[str], None], *, clips: int = CLIPS, keep: bool = False
) -> dict[str, float]:
    """`face.*`: see docs/face.md. Draws each clip beside the body that its coefficients give.

    keep: what the graphs said of a clip in the last run is used again.
    """
    networks: FaceNetworks | None = None
    names = FreeBody.load().face_names
    errors: list[Array] = []
    plain: list[Array] = []
    by_name: dict[str, list[float]] = {}
    jaw, blinks, missed, known = [], [], 0, []
    rows = []
    for number in range(clips):
        kept = folder / f"face_clip_{number}.npz"
        if keep and kept.is_file():
            made = FaceClip.load(kept)
        else:
            networks = networks or FaceNetworks(threads=1)
            made = clip(number, networks)
            made.save(kept)
        fit = fit_face(time_s=made.time_s, face=made.face, keypoints=made.keypoints)
        got = np.nan_to_num(fit.arkit)
        known.append(np.isfinite(fit.arkit).mean())
        moving = np.flatnonzero(np.ptp(made.arkit, axis=0) > _MOVES)
        error = np.abs(got - made.arkit)[:, moving].mean(axis=0)
        errors.append(error)
        plain.append(made.arkit[:, moving].mean(axis=0))
        for i, e in zip(moving, error, strict=True):
            by_name.setdefault(names[i], []).append(float(e))
        wide = names.index("jawOpen")
        if wide in moving:
            jaw.append(lag(got[:, wide], made.arkit[:, wide]))
        lids = got[:, [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]].mean(axis=1)
        for frame in made.blinks:
            found = peak(lids, int(frame))
            if found is None:
                missed += 1
            else:
                blinks.append(abs(found - frame))
        say(
            f"face clip {number} ({made.kind}): mean error {error.mean():.3f} over {len(moving)} coefficients"
        )
        rows.append(_row(made, fit))
    for name, values in sorted(by_name.items(), key=lambda item: -float(np.mean(item[1]))):
        say(f"face {name:22} {np.mean(values):.3f}")
    sheet = folder / "face.png"
    cv2.imwrite(str(sheet), np.vstack(rows))
    say(f"face: drawn in {sheet}")
    total = len(blinks) + missed
    return {
        "face.arkit_mae": float(np.concatenate(errors).mean()),
        "face.arkit_mae_if_still": float(np.concatenate(plain).mean()),
        "face.jaw_lag_frames": float(np.mean(np.abs(jaw))),
        "face.blink_frames": float(np.mean(blinks)) if blinks else float("nan"),
        "face.timing_frames": max(float(np.mean(np.abs(jaw))), float(np.mean(blinks)) if blinks else 9.0),
        "face.blinks_found": len(blinks) / total,
        "face.known": float(np.mean(known)),
    }


def lag(got: Array, wanted: Array, *, most: int = 6) -> float:
    """Frames, in tenths, that `got` (T,) comes after `wanted` (T,): where they agree best."""
    times = np.arange(len(wanted))
    shifts = np.arange(-most, most + 0.05, 0.1)
    agree = [
        np.corrcoef(np.interp(times + s, times, got)[most:-most], wanted[most:-most])[0, 1] for s in shifts
    ]
    return float(shifts[int(np.nanargmax(agree))])


def peak(lids: Array, frame: int) -> int | None:
    """The frame of the highest value near `frame`; None if it does not stand out from what is around it."""
    low = max(frame - _FAR, 0)
    near = lids[low : frame + _FAR + 1]
    top = int(near.argmax())
    return low + top if near[top] - np.median(near) > 0.2 else None


def _row(made: FaceClip, fit: FaceFit) -> NDArray[np.uint8]:
    """Pictures of a clip over the free body's face as it was read, and as it should be."""
    step = len(made.time_s) / len(made.pictures)
    tops, reads, truths = [], [], []
    for k, image in enumerate(made.pictures[::2]):
        t = int(2 * k * step)
        tops.append(cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA))
        reads.append(head_picture(np.nan_to_num(fit.arkit[t]), 160))
        truths.append(head_picture(made.arkit[t], 160))
    return np.vstack([np.hstack(tops), np.hstack(reads), np.hstack(truths)])


def head_picture(arkit: Array, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) BGR: the free body's face from the front with coefficients arkit (52,)."""
    body = FreeBody.load()
    v = body.vertices.copy()
    v[body.face_vertices] += np.tensordot(arkit, body.face_deltas, axes=1)
    face = v[:, 1] > 1.42
    camera = np.stack([v[:, 0], 1.572 - v[:, 1], 0.95 - v[:, 2]], axis=1)
    colours = np.tile(np.array([150.0, 180.0, 225.0]), (len(v), 1))
    for index in (23, 24):
        eye = body.weights.argmax(axis=1) == index
        rest = body.vertices[eye] - body.vertices[eye].mean(axis=0)
        colours[eye] = 235.0
        colours[np.flatnonzero(eye)[rest[:, 2] > 0.0135]] = (90.0, 60.0, 30.0)
    lips = on_lips(body.vertices)
    colours[lips] = (110.0, 110.0, 200.0)
    surface = Surface(
        camera.astype(np.float32), body.faces[face[body.faces].all(axis=1)], colours.astype(np.float32)
    )
    focal = 3.6 * side
    K = np.array([[focal, 0, side / 2 - 0.5], [0, focal, side / 2 - 0.5], [0, 0, 1]])
    return draw(np.full((side, side, 3), 60, np.uint8), [surface], K)
