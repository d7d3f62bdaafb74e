# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np

from rotocap.inference.raster import Surface, draw, vertex_normals

K = np.array([[100.0, 0, 49.5], [0, 100.0, 39.5], [0, 0, 1]])


def square(x: float, y: float, z: float, half: float, colour: tuple[int, int, int]) -> Surface:
    """A square that faces the camera, its middle at (x, y, z)."""
    vertices = np.array(
        [[x - half, y - half, z], [x + half, y - half, z], [x + half, y + half, z], [x - half, y + half, z]]
    )
    faces = np.array([[0, 2, 1], [0, 3, 2]])
    return Surface(vertices.astype(np.float32), faces, np.tile(np.array(colour, np.float32), (4, 1)))


def covered(image: np.ndarray) -> np.ndarray:
    return np.asarray((image != 0).any(axis=2))


def test_a_square_covers_the_pixels_it_projects_to() -> None:
    # At 2 m, half a side of 0.2 m is 10 pixels: columns 39.5 to 59.5, rows 29.5 to 49.5.
    image = draw(np.zeros((80, 100, 3), np.uint8), [square(0, 0, 2, 0.2, (200, 200, 200))], K)
    rows, columns = np.nonzero(covered(image))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (40, 59, 30, 49)
    assert len(rows) == 20 * 20


def test_many_small_triangles_cover_what_two_large_ones_do() -> None:
    large = square(0.1, -0.1, 1.5, 0.3, (90, 120, 150))
    n = 61
    u, v = np.meshgrid(np.linspace(-0.2, 0.4, n), np.linspace(-0.4, 0.2, n))
    vertices = np.stack([u.ravel(), v.ravel(), np.full(n * n, 1.5)], axis=1).astype(np.float32)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + n + 1, corner + 1], 1), np.stack([corner, corner + n, corner + n + 1], 1)]
    )
    small = Surface(vertices, faces, np.tile(np.array((90, 120, 150), np.float32), (n * n, 1)))
    blank = np.zeros((80, 100, 3), np.uint8)
    assert (draw(blank, [small], K) == draw(blank, [large], K)).mean() > 0.995


def test_the_nearer_surface_wins_in_any_order() -> None:
    near, far = square(0, 0, 1, 0.1, (0, 0, 250)), square(0, 0, 2, 0.6, (250, 0, 0))
    for order in ([near, far], [far, near]):
        image = draw(np.zeros((80, 100, 3), np.uint8), order, K)
        assert image[40, 50, 2] > 100 and image[40, 50, 0] == 0
        assert image[40, 25, 0] > 100 and image[40, 25, 2] == 0


def test_backs_and_what_is_behind_the_camera_are_not_drawn() -> None:
    back = square(0, 0, 2, 0.2, (200, 200, 200))
    back = Surface(back.vertices, back.faces[:, ::-1], back.colours)
    behind = square(0, 0, -2, 0.2, (200, 200, 200))
    image = draw(np.zeros((80, 100, 3), np.uint8), [back, behind], K)
    assert not covered(image).any()


def test_opacity_mixes_with_the_picture_and_leaves_the_input_alone() -> None:
    picture = np.full((80, 100, 3), 100, np.uint8)
    surface = square(0, 0, 2, 0.2, (200, 200, 200))
    solid = draw(picture, [surface], K)[40, 50].astype(int)
    mixed = draw(picture, [surface], K, opacity=0.5)[40, 50].astype(int)
    assert np.abs(mixed - (solid + 100) / 2).max() <= 1
    assert (picture == 100).all()


def test_normals_point_out_of_a_sphere() -> None:
    rng = np.random.default_rng(0)
    from scipy.spatial import ConvexHull

    points = rng.normal(size=(400, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    faces = hull.simplices.astype(np.int64)
    a, b, c = (points[faces[:, k]] for k in range(3))
    inward = (np.cross(b - a, c - a) * a).sum(axis=1) < 0
    faces[inward] = faces[inward][:, ::-1]
    normals = vertex_normals(points.astype(np.float32), faces)
    assert (normals * points).sum(axis=1).min() > 0.95
