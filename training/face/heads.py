# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads of people who do not exist, with expressions in known ARKit coefficients.

The free body's head in other shapes and colours. It is drawn as a cloud of close points whose
colours are decided once a head: brows, lips and stubble are then as fine as the points are, not
as the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from ...inference.body import FreeBody
from ...inference.skeleton import INDEX

Array = NDArray[np.float64]
Points = NDArray[np.float32]

_CUT_Y = 1.40  # m: below it nothing is drawn
_SPACING, _FINE = 0.0014, 0.00085  # m between points: on the head, and on eyes and mouth
_MOUTH = np.array([0.0, 1.532, 0.14])
_OPENING_Y = -0.0015  # m from an eyeball's middle: the height of the opening's own
_EYE_SIDES = ("left", "right")
_LOOKS = ("Down", "In", "Out", "Up")


@dataclass(frozen=True)
class _Cloud:
    """What all heads share."""

    vertices: Array  # (V, 3) rest vertices of the free body
    faces: NDArray[np.int64]  # (F, 3) those of the head without eyeballs
    samples: csr_matrix  # (P, V) points as weights of vertices
    rest: Array  # (P, 3)
    lids: NDArray[np.bool_]  # (P,) of the lids, where they lie on the eyeball
    inside: NDArray[np.bool_]  # (P,) in the mouth
    tongue: NDArray[np.bool_]  # (P,)
    lips: NDArray[np.int64]  # numbers of points on the lips
    rims: tuple[NDArray[np.int64], ...]  # and on the lids' rims of the left and the right eye
    eye_centres: Array  # (2, 3) left, right
    eye_radius: float
    looks: Array  # (2, 4, 3) rotation vectors of `_LOOKS` at 1


@cache
def cloud() -> _Cloud:
    body = FreeBody.load()
    v, part = body.vertices, body.weights.argmax(axis=1)
    eyes = [part == INDEX[f"{side}_eye_smplhf"] for side in _EYE_SIDES]
    head = (v[:, 1] > _CUT_Y) & ~eyes[0] & ~eyes[1] & (np.abs(v[:, 0]) < 0.13)
    faces = body.faces[head[body.faces].all(axis=1)]
    corners = v[faces]
    centre = corners.mean(axis=1)
    centres = np.array([v[eye].mean(axis=0) for eye in eyes])
    near = np.linalg.norm(centre - _MOUTH, axis=1) < 0.045
    for c in centres:
        near |= np.linalg.norm(centre - c, axis=1) < 0.028
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    # Skin stretches: lids over closing eyes, lips over an opening mouth.
    wanted = np.where(near, 1.6 * area / _FINE**2, area / _SPACING**2)
    for c in centres:
        wanted[np.linalg.norm(centre - c - (0, 0, 0.008), axis=1) < 0.017] *= 3.0
    wanted = np.where(centre[:, 2] < 0.0, 0.0, wanted)
    # What lies deep inside, the back of the mouth and of the sockets, is not seen.
    deep = np.zeros(len(centre), bool)
    for c in centres:
        deep |= (np.linalg.norm(centre - c, axis=1) < 0.03) & (centre[:, 2] < c[2] - 0.004)
    wanted = np.where(deep & (np.abs(centre[:, 0]) < 0.05), 0.0, wanted)
    rng = np.random.default_rng(1)
    number = np.floor(wanted + rng.random(len(wanted))).astype(int)
    triangle = np.repeat(np.arange(len(faces)), number)
    a, b = rng.random((2, len(triangle)))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    weights = np.stack([1 - a - b, a, b], axis=1)
    rows = np.repeat(np.arange(len(triangle)), 3)
    samples = csr_matrix(
        (weights.ravel().astype(np.float32), (rows, faces[triangle].ravel())), (len(triangle), len(v))
    )
    rest = np.asarray(samples @ v)
    radius = float(np.linalg.norm(v[eyes[0]] - centres[0], axis=1).mean())
    lids = np.zeros(len(rest), bool)
    for c in centres:
        away = np.linalg.norm(rest - c, axis=1)
        lids |= (away < radius + 0.0009) & (rest[:, 2] > c[2])
    tongue_vertices = np.zeros(len(v), bool)
    tongue_vertices[body.face_vertices[np.linalg.norm(body.face_deltas[-1], axis=1) > 1e-4]] = True
    tongue = tongue_vertices[faces[triangle, 0]]
    reach = np.abs(rest[:, 0]) / 0.024
    inside = (reach < 1.3) & (np.abs(rest[:, 1] - 1.532) < 0.03) & (rest[:, 2] < 0.1255 - 0.014 * reach**2)
    inside &= rest[:, 2] > 0.03
    looks = np.zeros((2, len(_LOOKS), 3))
    place = {vertex: i for i, vertex in enumerate(body.face_vertices.tolist())}
    for e, (side, eye) in enumerate(zip(("Left", "Right"), eyes, strict=True)):
        members = np.flatnonzero(eye)
        rows_of = [place[m] for m in members.tolist()]
        for k, look in enumerate(_LOOKS):
            delta = body.face_deltas[body.face_names.index(f"eyeLook{look}{side}")][rows_of]
            turn, _ = Rotation.align_vectors(v[members] + delta - centres[e], v[members] - centres[e])
            looks[e, k] = turn.as_rotvec()
    lips = np.flatnonzero(on_lips(rest))
    rims = tuple(_rim(rest, lids, c) for c in centres)
    return _Cloud(v, faces, samples, rest, lids, inside, tongue, lips, rims, centres, radius, looks)


def _rim(rest: Array, lids: NDArray[np.bool_], centre: Array) -> NDArray[np.int64]:
    """Which of the lids' points (P, 3) lie at the opening of the eye at `centre`: its border."""
    x, y = (rest - centre)[:, :2].T
    own = lids & (np.abs(x) < 0.02)
    column = np.rint(x / 0.001).astype(int)
    rim = np.zeros(len(rest), bool)
    for k in np.unique(column[own]):
        for upper in (True, False):
            here = own & (column == k) & ((y > _OPENING_Y) == upper)
            if here.any():
                away = np.abs(y[here] - _OPENING_Y)
                rim[np.flatnonzero(here)[away < away.min() + 0.001]] = True
    return np.flatnonzero(rim)


def on_lips(rest: Array) -> NDArray[np.bool_]:
    """(P,) which points (P, 3) of the free body at rest lie between the curves that end its lips.

    They meet at 1.5257 m, and have a bow above.
    """
    wide, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    across = wide / 0.0255
    upper = 1.5275 + 0.0135 * (1 - across**2) * (1 - 0.18 * np.exp(-((wide / 0.004) ** 2)))
    lower = 1.5245 - 0.0105 * np.sqrt(np.clip(1 - across**2, 0, 1))
    return np.asarray((across < 1) & (y < upper) & (y > lower) & (z > 0.10))


@dataclass(frozen=True)
class Head:
    """One person: a shape, colours, and the small expression that their face has at rest."""

    vertices: Array  # (V, 3) with a neutral face
    stretch: Array  # (3,) of the face shapes
    eye_shift: Array  # (2, 3)
    colours: Points  # (P, 3) BGR 0 to 1
    iris: Array  # (3,) BGR 0 to 1
    iris_radius: float  # m
    pupil_radius: float
    resting: Array  # (52,) what the coefficients are counted from

    def points(self, arkit: Array) -> tuple[Points, Points, Points]:
        """Places (P, 3), normals (P, 3) and colours (P, 3) with coefficients arkit (52,), eyes included."""
        body, shared = FreeBody.load(), cloud()
        total = np.maximum(arkit + self.resting, 0.0)
        v = self.vertices.copy()
        # An eye may turn further than its lids follow.
        v[body.face_vertices] += self.stretch * np.tensordot(np.minimum(total, 1.2), body.face_deltas, axes=1)
        normals = _normals(v, shared.faces)
        both = np.asarray(shared.samples @ np.concatenate([v, normals], axis=1).astype(np.float32))
        places, directions, colours = [both[:, :3]], [both[:, 3:]], [self.colours]
        for e, side in enumerate(("Left", "Right")):
            look = np.array([total[body.face_names.index(f"eyeLook{k}{side}")] for k in _LOOKS])
            turn = Rotation.from_rotvec(look @ shared.looks[e]).as_matrix()
            ball, colour = self._eye()
            centre = shared.eye_centres[e] + self.eye_shift[e]
            out = ball @ turn.T
            places.append((centre + shared.eye_radius * out).astype(np.float32))
            directions.append(out.astype(np.float32))
            colours.append(colour)
        return np.concatenate(places), np.concatenate(directions), np.concatenate(colours)

    def _eye(self) -> tuple[Array, Points]:
        ball = _ball()
        away = np.arccos(np.clip(ball[:, 2], -1, 1)) * cloud().eye_radius
        colour = np.where((away < self.iris_radius)[:, None], self.iris, (0.82, 0.86, 0.90))
        rim = (away < self.iris_radius) & (away > self.iris_radius - 0.0009)
        colour = np.where(rim[:, None], 0.5 * self.iris, colour)
        colour = np.where((away < self.pupil_radius)[:, None], (0.03, 0.03, 0.03), colour)
        return ball, colour.astype(np.float32)


def ball_points() -> int:
    """How many points an eyeball has; behind the head's own come the left eye's and the right eye's."""
    return len(_ball())


@cache
def _ball() -> Array:
    """Directions (N, 3) evenly over the front of an eyeball."""
    count = 2500
    k = np.arange(count)
    z = 1 - 1.1 * (k + 0.5) / count
    angle = k * np.pi * (3 - np.sqrt(5))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


def _normals(v: Array, faces: NDArray[np.int64]) -> Array:
    a, b, c = (v[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.empty_like(v)
    flat = faces.ravel(order="F")
    for axis in range(3):
        total[:, axis] = np.bincount(flat, np.tile(normal[:, axis], 3), minlength=len(v))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def random_head(rng: np.random.Generator) -> Head:
    """A person drawn at random: another skull, nose, mouth and eyes, other colours."""
    body, shared = FreeBody.load(), cloud()
    v = body.vertices
    stretch = np.exp(rng.normal(0, 0.045, 3))
    pivot = np.array([0.0, 1.55, 0.03])
    shape = pivot + (v - pivot) * stretch
    eyes = pivot + (shared.eye_centres - pivot) * stretch
    moved_eyes = eyes.copy()
    face = v[body.face_vertices]
    for _ in range(14):
        centre = face[rng.integers(len(face))]
        size = rng.uniform(0.014, 0.04)
        push = rng.normal(0, 0.0025, 3) * size / 0.03
        for mirror in (1.0, -1.0):
            at = centre * (mirror, 1, 1)
            direction = push * (mirror, 1, 1) * (1 + rng.normal(0, 0.12))
            shape += np.exp(-((v - at) ** 2).sum(1) / (2 * size**2))[:, None] * direction
            bump = np.exp(-((shared.eye_centres - at) ** 2).sum(1) / (2 * size**2))
            moved_eyes += bump[:, None] * direction
    resting = np.where(rng.random(52) < 0.35, rng.uniform(0, 0.12, 52), 0.0)
    for name in body.face_names:
        if name.startswith(("eyeLook", "jaw", "mouthClose", "tongue", "mouthRoll", "mouthFunnel")):
            resting[body.face_names.index(name)] *= 0.3
    return Head(
        vertices=shape,
        stretch=stretch,
        eye_shift=moved_eyes - shared.eye_centres,
        colours=_colours(shared, rng),
        iris=np.array([(0.15, 0.25, 0.35), (0.45, 0.40, 0.30), (0.08, 0.12, 0.2)])[rng.integers(3)]
        * rng.uniform(0.6, 1.3),
        iris_radius=rng.uniform(0.0054, 0.0064),
        pupil_radius=rng.uniform(0.0012, 0.0028),
        resting=resting,
    )


def _colours(shared: _Cloud, rng: np.random.Generator) -> Points:
    x, y, z = shared.rest.T
    wide = np.abs(x)
    skin = np.array([0.55, 0.67, 0.87]) * rng.uniform(0.45, 1.08) * rng.normal(1, 0.04, 3)
    colour = np.tile(skin, (len(x), 1))
    colour *= 1 + 0.05 * np.sin(shared.rest @ rng.normal(0, 60, 3))[:, None]
    hair = np.array([[0.03, 0.04, 0.06], [0.10, 0.16, 0.25], [0.35, 0.55, 0.70], [0.5, 0.5, 0.5]])[
        rng.integers(4)
    ]
    front = z > 0.07
    if rng.random() < 0.5:  # cheeks
        red = np.exp(-(((wide - 0.042) / 0.015) ** 2 + ((y - 1.565) / 0.015) ** 2))
        colour *= 1 - red[:, None] * front[:, None] * rng.uniform(0, 0.3) * np.array([1, 0.9, 0])
    if rng.random() < 0.3:  # stubble or a beard
        beard = front & (y < 1.556) & ~((wide < 0.026) & (np.abs(y - 1.532) < 0.012))
        part = rng.uniform(0.1, 0.8) * np.clip((1.556 - y) / 0.01, 0, 1) * (beard | (z > 0.0) & (y < 1.545))
        colour += part[:, None] * (hair - colour) * (y > 1.46)[:, None]
    # Brows: an arch above the eye, darker in the middle.
    height, thick = rng.normal(1.6175, 0.0018), rng.uniform(0.003, 0.0065)
    arch = height + rng.uniform(0.08, 0.2) * (0.012 - np.abs(wide - 0.036)) * 0.8
    brow = np.exp(-(((y - arch) / thick) ** 4)) * front * (wide > rng.uniform(0.009, 0.014)) * (wide < 0.055)
    colour += (rng.uniform(0.5, 0.95) * brow * rng.uniform(0.7, 1.0, len(x)))[:, None] * (hair * 0.8 - colour)
    lips = on_lips(shared.rest)
    colour[lips] = colour[lips] * rng.uniform((0.5, 0.45, 0.75), (0.85, 0.8, 1.02))
    # In the mouth it is dark; teeth at the top in some.
    colour[shared.inside] = np.array([0.10, 0.10, 0.25]) * rng.uniform(0.4, 1.2)
    colour[shared.tongue] = np.array([0.35, 0.35, 0.65]) * rng.uniform(0.5, 1.0)
    # Lashes and the shade of the lids' rims.
    colour[shared.lids] = colour[shared.lids] * rng.uniform(0.15, 0.6)
    nostril = (np.abs(wide - 0.0075) < 0.0045) & (np.abs(y - 1.556) < 0.0025) & (z > 0.12)
    colour[nostril] *= 0.45
    top = rng.uniform(1.64, 1.67)
    scalp = (y + 0.55 * (0.06 - z) > top) | ((z < 0.0) & (y > 1.50 if rng.random() < 0.5 else z < -0.03))
    if rng.random() < 0.9:
        colour[scalp] = hair * rng.uniform(0.7, 1.1, (int(scalp.sum()), 1))
    below = y < 1.44
    colour[below & (z < 0.3)] = np.where(
        (y[below] < rng.uniform(1.38, 1.44))[:, None], rng.uniform(0.05, 0.9, 3), colour[below]
    )
    return np.clip(colour, 0.01, 1.0).astype(np.float32)
