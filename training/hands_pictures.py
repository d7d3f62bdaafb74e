# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered hands that look more like pictures: lamps, skins, gloves, shadows, backgrounds, blur.

What reads the picture itself learns the renderer as well, unless that looks different each time. All of
it is drawn by chance; no photographs.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference.landmarks.crop import Image
from ..inference.raster import Floats, Surface, draw, draw_with_depth, vertex_normals

Array = NDArray[np.float64]
Chance = np.random.Generator

_SIDE = 320  # as `hands_rendered` renders
_BANK, _BANK_SIDE = 160, 420  # backgrounds that are drawn once, and how large, to be cut from
_PLAIN = 0.25  # of the pictures are left as they were rendered
_SKIN = np.array([0.55, 0.67, 0.87])  # BGR, of which `hands_rendered` makes every skin
_LAMP, _AMBIENT, _DIFFUSE = np.array([0.35, -0.55, -0.76]), 0.42, 0.62  # as `raster` shades


class Painter:
    """Draws surfaces in place of `raster.draw`."""

    def __init__(self, rng: Chance) -> None:
        self.rng = rng

    def __call__(self, image: Image, surfaces: list[Surface], K: Array) -> Image:
        rng, surface = self.rng, surfaces[0]
        if rng.random() < _PLAIN:
            return draw(image, surfaces, K)
        colours = _coloured(surface, rng)
        painted, depth = draw_with_depth(
            _background(rng), [Surface(surface.vertices, surface.faces, colours)], K
        )
        out = _shadowed(painted.astype(np.float32), depth, float(K[0, 0]), rng)
        if rng.random() < 0.5:
            out = 255 * (np.clip(out, 0, 255) / 255) ** rng.uniform(0.6, 1.6)
        if rng.random() < 0.5:
            out = out * rng.normal(1, 0.1, 3)
        if rng.random() < 0.4:
            out = out * rng.uniform(0.6, 1.2)
        return np.asarray(np.clip(out, 0, 255), np.uint8)

    def worn(self, image: Image) -> Image:
        """The same picture by another camera: its colours, a moved exposure, noise."""
        rng = self.rng
        out = image.astype(np.float32) * (1 + rng.normal(0, 0.08, 3)) * rng.uniform(0.7, 1.2)
        if rng.random() < 0.25:
            way, length = rng.uniform(0, np.pi), rng.uniform(1, 4)
            dx, dy = length * np.cos(way), length * np.sin(way)
            trace = np.zeros((9, 9), np.float32)
            cv2.line(trace, (int(4 - dx), int(4 - dy)), (int(4 + dx), int(4 + dy)), 1.0, 1)
            out = cv2.filter2D(out, -1, trace / trace.sum())
        if rng.random() < 0.2:
            out = out + rng.uniform(2, 12) * np.roll(_noise(), tuple(rng.integers(0, _SIDE, 2)), (0, 1))
        return np.asarray(np.clip(out, 0, 255), np.uint8)


def _coloured(surface: Surface, rng: Chance) -> Floats:
    """Colours (V, 3) that `raster` shades into another skin under other lamps."""
    places, plain = surface.vertices, surface.colours
    share = plain / _SKIN
    skin = np.abs(share - share.mean(axis=1, keepdims=True)).max(axis=1) < 1.0
    tone = _tone(rng) if rng.random() < 0.93 else rng.uniform(5, 245, 3)
    mottle = plain[:, 2:] / max(float(plain[skin, 2].mean()) if skin.any() else 1.0, 1e-6)
    own = np.where(skin[:, None], tone * mottle ** rng.uniform(0.3, 1.5), plain)
    waves = [np.sin(places @ rng.normal(0, rng.uniform(60, 250), 3) + rng.uniform(0, 6)) for _ in range(3)]
    own = own * (1 + rng.uniform(0, 0.05) * np.sum(waves, axis=0)[:, None])
    normal = vertex_normals(places, surface.faces)
    shade = _light(normal, rng)
    fixed = _AMBIENT + _DIFFUSE * np.clip(normal @ _LAMP, 0, 1)
    return np.asarray(np.clip(own * shade, 0, 255) / fixed[:, None], np.float32)


def _light(normal: Floats, rng: Chance) -> Array:
    """What each vertex (V, 3) gets: a lamp and the sky, often a second lamp and a shine."""
    lamp = rng.normal(0, 1, 3)
    lamp[2] = -1.2 * abs(lamp[2])
    lamp /= np.linalg.norm(lamp)
    ambient = rng.uniform(0.2, 0.8)
    lit = np.clip(normal @ lamp, 0, 1) if rng.random() < 0.7 else 0.5 + 0.5 * (normal @ lamp)
    shade = ambient * (1 + rng.normal(0, 0.06, 3))
    shade = shade + (1.08 - ambient) * lit[:, None] * (1 + rng.normal(0, 0.12, 3))
    if rng.random() < 0.4:
        lamp = rng.normal(0, 1, 3)
        lamp /= np.linalg.norm(lamp)
        rim = np.clip(normal @ lamp, 0, 1)[:, None]
        shade = shade + rng.uniform(0.1, 0.5) * rim * (1 + rng.normal(0, 0.2, 3))
    if rng.random() < 0.5:
        half = lamp + np.array([0.0, 0.0, -1.0])
        half /= np.linalg.norm(half)
        shine = np.clip(normal @ half, 0, 1)[:, None] ** rng.uniform(8, 40)
        shade = shade + rng.uniform(0, 0.5) * shine
    return np.asarray(shade)


def _shadowed(image: Floats, depth: Floats, focal: float, rng: Chance) -> Floats:
    """Darker where a finger lies close behind another, sometimes a shadow on the background."""
    hit = np.isfinite(depth)
    if not hit.any():
        return image
    pixels = focal / float(np.median(depth[hit]))  # a metre
    mask = hit.astype(np.float32)
    if rng.random() < 0.8:
        blur = max(0.7, pixels * rng.uniform(0.006, 0.015))
        near = cv2.GaussianBlur(np.where(hit, depth, 0), (0, 0), blur)
        near /= np.maximum(cv2.GaussianBlur(mask, (0, 0), blur), 1e-3)
        behind = np.where(hit, np.clip((np.where(hit, depth, 0) - near) / rng.uniform(0.008, 0.02), 0, 1), 0)
        image = image * (1 - rng.uniform(0.2, 0.75) * behind)[..., None]
    if rng.random() < 0.2:
        cast = np.roll(mask, tuple(rng.integers(-12, 13, 2)), (0, 1))
        cast = cv2.GaussianBlur(cast, (0, 0), max(1.0, 0.02 * pixels))
        image = np.where(hit[..., None], image, image * (1 - rng.uniform(0.1, 0.6) * cast)[..., None])
    return np.asarray(image, np.float32)


def _tone(rng: Chance) -> Array:
    """BGR of skin, from dark to light, from pinkish to yellowish."""
    dark, light = np.array([35.0, 50.0, 80.0]), np.array([165.0, 190.0, 235.0])
    colour = dark + (light - dark) * rng.uniform(0, 1)
    return np.asarray(colour * [rng.uniform(0.8, 1.15), rng.uniform(0.9, 1.08), 1.0] * rng.uniform(0.8, 1.1))


def _background(rng: Chance) -> Image:
    bank = _bank()
    whole = bank[rng.integers(len(bank))]
    y, x = rng.integers(0, _BANK_SIDE - _SIDE, 2)
    out = whole[y : y + _SIDE, x : x + _SIDE][:: rng.choice([1, -1]), :: rng.choice([1, -1])]
    if rng.random() < 0.6:
        out = out[..., rng.permutation(3)]
    return np.ascontiguousarray(255 - out if rng.random() < 0.2 else out)


@cache
def _noise() -> Floats:
    return np.random.default_rng(9).standard_normal((_SIDE, _SIDE, 3), dtype=np.float32)


@cache
def _bank() -> tuple[Image, ...]:
    rng = np.random.default_rng(123)
    return tuple(_scene(rng, _BANK_SIDE) for _ in range(_BANK))


def _scene(rng: Chance, side: int) -> Image:
    """Roughness, things of skin's and other colours, stripes, out of focus or not."""
    image = np.empty((side, side, 3), np.float32)
    image[:] = (
        rng.uniform(10, 245, 3) if rng.random() < 0.5 else rng.uniform(10, 245) * rng.normal(1, 0.06, 3)
    )
    image += cv2.resize(rng.normal(0, 30, (2, 2, 3)).astype(np.float32), (side, side))
    for _ in range(rng.integers(1, 3)):
        cells = int(rng.integers(3, 60))
        rough = rng.normal(0, 1, (cells, cells, 1 if rng.random() < 0.6 else 3)).astype(np.float32)
        rough = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC).reshape(side, side, -1)
        image += rng.uniform(2, 28) * rough
    for _ in range(rng.integers(0, 9)):
        image += rng.uniform(0.4, 1) * (_thing(image.copy(), rng, side) - image)
    if rng.random() < 0.15:
        rate, way = rng.uniform(0.05, 0.6), rng.uniform(0, np.pi)
        y, x = np.mgrid[:side, :side]
        image += rng.uniform(5, 40) * np.sin(rate * (np.cos(way) * x + np.sin(way) * y))[..., None]
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 5))
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _thing(image: Floats, rng: Chance, side: int) -> Floats:
    colour = (_tone(rng) if rng.random() < 0.4 else rng.uniform(0, 255, 3)).tolist()
    x, y = (int(v) for v in rng.uniform(-20, side + 20, 2))
    kind = rng.random()
    if kind < 0.35:
        axes = tuple(int(v) for v in rng.uniform(10, 110, 2))
        cv2.ellipse(image, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    elif kind < 0.6:
        end = tuple(int(v) for v in rng.uniform(-20, side + 20, 2))
        cv2.line(image, (x, y), end, colour, int(rng.integers(1, 40)), cv2.LINE_AA)
    elif kind < 0.8:
        corners = rng.uniform(0, side, (int(rng.integers(3, 6)), 2)).astype(np.int32)
        cv2.fillPoly(image, [corners], colour, cv2.LINE_AA)
    else:
        width, height = (int(v) for v in rng.integers(8, 150, 2))
        cv2.rectangle(image, (x, y), (x + width, y + height), colour, -1)
    if rng.random() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 6)), np.float32)
    return image
