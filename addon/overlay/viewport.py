# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, skeleton and ghost in the 3D viewport: what is drawn, from what the take says."""

from __future__ import annotations

from math import isfinite
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.skeleton import BODY_JOINT_COUNT, PARENTS
from ...inference.wholebody import FACE
from .. import captured
from ..captured import Captured
from ..performance_properties import RotocapPerformance
from ..performances import CAMERA_TAKE
from . import shapes
from .picture import Picture, camera_of, picture_in
from .shapes import Shapes

Floats = NDArray[np.floating[Any]]

_SEEN = 0.1  # certainty below which a point is not drawn
_UNSURE = 0.15  # metres: a joint this unsure is at its palest
_LARGE = 260.0  # pixels of a body in the region, from which on points are of their full size
_EDGES = np.array([(parent, joint) for joint, parent in enumerate(PARENTS) if parent >= 0])
# Bones of the body are drawn thicker than those of fingers, jaw and eyes.
_COARSE = _EDGES[:, 1] < BODY_JOINT_COUNT
_WIDTHS = np.where(_COARSE, 3.0, 1.5).astype(np.float32) + np.array([[2.0], [0.0]], np.float32)  # rims first
_RIM = np.array([0.6, 1.0], np.float32)[:, None, None]  # how strong a rim is beside what it surrounds
_FINE_POINTS = np.arange(133) >= FACE.start


def shapes_of(context: bpy.types.Context, region: bpy.types.Region, space: bpy.types.SpaceView3D) -> Shapes:
    """Everything that is drawn in a viewport now, in pixels of its region."""
    scene = context.scene
    settings = scene.rotocap
    see, ghost = settings.see, settings.see.ghost != "none"
    camera = camera_of(space, scene) if see.overlay and (see.points or see.skeleton) else None
    if camera is None and not ghost:
        return shapes.EMPTY
    parts: list[Shapes] = []
    pixel = context.preferences.system.ui_scale
    for entry in settings.performances:
        if not entry.visible:
            continue
        if ghost:
            parts += _ghost(
                entry, captured.row_of(entry, scene, raw=True), see, region, space.region_3d, pixel
            )
        there = captured.row_of(entry, scene) if camera is not None else None
        if camera is None or there is None or not shows(camera, entry, there[0]):
            continue
        data, row = there
        picture = picture_in(region, space.region_3d, camera, scene, data.size)
        if picture is None:
            continue
        size = pixel * smaller(data, row, picture, pixel)
        if see.skeleton:
            parts += skeleton(data, row, picture, colour=entry.colour, see=see, pixel=size)
        if see.points:
            parts += points(data, row, picture, colour=entry.colour, see=see, pixel=size)
    return shapes.together(parts)


def smaller(data: Captured, row: int, picture: Picture, pixel: float) -> float:
    """By how much points and bones are smaller than usual, 0.5 to 1: people in the distance are small."""
    share = picture.scale * float(data.extent[row]) / (pixel * _LARGE)
    return min(max(share, 0.5), 1.0) if isfinite(share) else 1.0


def points(
    data: Captured, row: int, picture: Picture, *, colour: Floats, see: Any, pixel: float
) -> list[Shapes]:
    """The points that were found: filled discs with a dark rim, paler the less sure they are."""
    found = data.keypoints[row]
    places, sure = picture.to_region(found), np.minimum(found[:, 2], 1.0)
    colours = np.zeros((2, len(found), 4), np.float32)  # rims, and what they surround
    colours[1, :, :3] = (
        shapes.doubt_colours(1.0 - sure, 0.5) if see.colour_by == "certainty" else np.asarray(colour[:])
    )
    colours[..., 3] = 0.25 + 0.75 * sure
    shown, parts = sure > _SEEN, []
    # Of points this small nobody sees that they have four corners, and there are many of them.
    for kind, radius, corners in ((_FINE_POINTS, 1.6 * pixel, 4), (~_FINE_POINTS, 3.4 * pixel, 8)):
        if kind is _FINE_POINTS and not see.fine:
            continue
        chosen = np.flatnonzero(kind & shown)
        radii = np.array([[radius + pixel], [radius]])
        parts.append(shapes.discs(places[chosen], radii, colours[:, chosen], corners=corners))
    return parts


def skeleton(
    data: Captured, row: int, picture: Picture, *, colour: Floats, see: Any, pixel: float
) -> list[Shapes]:
    """The captured skeleton as the camera sees it."""
    joints = picture.to_region(data.joints[row])
    return [_bones(joints, data.sigma[row], colour=colour, see=see, pixel=pixel, strength=1.0)]


def _bones(
    joints: Floats, sigma: Floats, *, colour: Floats, see: Any, pixel: float, strength: float
) -> Shapes:
    """Bones between joints (55, 2) of the region, which may be NaN, paler the less sure they are."""
    edges, widths = (_EDGES, _WIDTHS) if see.fine else (_EDGES[_COARSE], _WIDTHS[:, _COARSE])
    ends = joints[edges]
    if not isfinite(ends.sum()):
        shown = np.isfinite(ends).all(axis=(1, 2))
        ends, edges, widths = ends[shown], edges[shown], widths[:, shown]
    colours = np.zeros((2, len(ends), 2, 4), np.float32)  # rims, and what they surround
    if see.colour_by == "certainty":
        colours[1, ..., :3] = shapes.doubt_colours(sigma[edges], see.doubtful)
        alpha = np.full(ends.shape[:2], strength, np.float32)
    else:
        colours[1, ..., :3] = np.asarray(colour[:])
        alpha = strength * np.minimum(np.maximum(1.15 - sigma[edges] / _UNSURE, 0.25), 1.0)
    np.multiply(_RIM, alpha, out=colours[..., 3])
    return shapes.strokes(ends, pixel * widths, colours)


def _ghost(
    entry: RotocapPerformance,
    there: tuple[Captured, int] | None,
    see: Any,
    region: bpy.types.Region,
    region_3d: bpy.types.RegionView3D,
    pixel: float,
) -> list[Shapes]:
    """The raw capture in the scene, where the armature stands, seen through everything."""
    if there is None:
        return []
    data, row = there
    places = np.ones((data.places.shape[1], 4))
    places[:, :3] = data.places[row]
    if see.ghost == "beside":
        places[:, 0] -= see.ghost_distance  # to the right lies the sidebar
    if entry.armature is not None and entry.collection is not None:
        places = places @ np.array(entry.armature.matrix_world).T
    clip = places @ np.array(region_3d.perspective_matrix).T
    depth = np.where(clip[:, 3:] > 1e-3, clip[:, 3:], np.nan)
    joints = (0.5 + 0.5 * clip[:, :2] / depth) * np.array([region.width, region.height])
    pale = 0.4 * np.asarray(entry.colour[:]) + 0.6
    return [_bones(joints, data.sigma[row], colour=pale, see=see, pixel=pixel, strength=0.7)]


def shows(camera: bpy.types.Object, entry: RotocapPerformance, data: Captured) -> bool:
    """Whether what a camera shows is an entry's video: by its take, or by the name of the file behind it."""
    if camera.get(CAMERA_TAKE) == entry.take:
        return True
    behind = [
        part.clip if part.source == "MOVIE_CLIP" else part.image for part in camera.data.background_images
    ]
    names = {bpy.path.basename(shown.filepath) for shown in behind if shown is not None}
    return bool(data.video) and data.video in names
