# SPDX-License-Identifier: GPL-3.0-or-later
"""Make tests/data/sample/: a four-second clip of the free body, and its exact truth.

    python -m rotocap.tools.make_sample [--out DIR] [--stills EVERY]

Rendered by Blender's Workbench (`bpy`, no display needed) with flat colours, which person
detectors take for a person. `sample.mp4` and `truth.npz` (an `SmplxSequence`) are committed,
so this runs again only when the motion or the look changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.body import FreeBody
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import INDEX, JOINT_NAMES, rest_joints
from .sample_motion import FPS, expressions, joints, motion, times

WIDTH, HEIGHT = 540, 720
FOCAL_PX = 800.0
CAMERA = np.array([0.30, 1.4, 2.42])  # metres
TARGET = np.array([0.15, 0.88, 0.0])
OUT = Path(__file__).parents[1] / "tests" / "data" / "sample"

_BLENDER_FROM_WORLD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_COLOURS = {
    "skin": (0.80, 0.52, 0.39), "lips": (0.55, 0.22, 0.20), "mouth": (0.12, 0.03, 0.03),
    "hair": (0.055, 0.035, 0.025),
    "white": (0.80, 0.80, 0.80), "iris": (0.03, 0.02, 0.02), "shirt": (0.10, 0.34, 0.55),
    "trousers": (0.13, 0.12, 0.11), "shoes": (0.65, 0.62, 0.58),
}  # fmt: skip
_CLOTHES = {
    "shirt": ("spine1", "spine2", "spine3", "left_collar", "right_collar", "left_shoulder", "right_shoulder"),
    "trousers": ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee"),
    "shoes": ("left_ankle", "right_ankle", "left_foot", "right_foot"),
}


def world_from_camera() -> NDArray[np.float64]:
    """Camera (x right, y down, z forward) to world, (4, 4)."""
    forward = TARGET - CAMERA
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    matrix[:3, 3] = CAMERA
    return matrix


def truth() -> SmplxSequence:
    """The clip's motion as a capture would state it. Keypoints are absent: certainty 0."""
    poses, trans, contact = motion()
    places, _ = joints()
    count = len(poses)
    camera = world_from_camera()
    in_camera = (places - camera[:3, 3]) @ camera[:3, :3]
    K = np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, (HEIGHT - 1) / 2], [0, 0, 1]])
    small = np.float32
    return SmplxSequence(
        poses=poses.reshape(count, -1).astype(small),
        trans=trans.astype(small),
        betas=np.zeros(10, small),
        expression=np.zeros((count, 10), small),
        rest_joints=rest_joints().astype(small),
        frame=np.arange(count),
        time_s=times(),
        mocap_frame_rate=FPS,
        camera_K=K,
        world_from_camera=camera,
        joints_camera=in_camera.astype(small),
        sigma=np.zeros((count, len(JOINT_NAMES)), small),
        contact=contact.astype(small),
        keypoints=np.zeros((count, 133, 3), small),
        arkit=_arkit().astype(small),
    )


def _arkit() -> NDArray[np.float64]:
    names = FreeBody.load().face_names
    values = np.zeros((len(times()), len(names)))
    for name, curve in expressions().items():
        values[:, names.index(name)] = curve
    return values


def vertex_colours(body: FreeBody) -> NDArray[np.float64]:
    """A flat colour (V, 3) for every vertex: clothes by the joint that moves it most, hair by place."""
    v = body.vertices
    dominant = body.weights.argmax(axis=1)
    colour = np.tile(_COLOURS["skin"], (len(v), 1))
    for name, members in _CLOTHES.items():
        colour[np.isin(dominant, [INDEX[j] for j in members])] = _COLOURS[name]
    # The hem, the collar and the trousers' ends are level lines, not borders of skin weights.
    trunk = np.isin(dominant, [INDEX[j] for j in ("pelvis", "spine1", "left_hip", "right_hip")])
    colour[trunk & (v[:, 1] > 0.95)] = _COLOURS["shirt"]
    colour[trunk & (v[:, 1] <= 0.95)] = _COLOURS["trousers"]
    chest = np.isin(dominant, [INDEX[j] for j in ("neck", "spine3", "left_collar", "right_collar")])
    neckline = chest & (np.hypot(v[:, 0], 0.8 * (v[:, 2] - 0.0)) < 0.078) & (v[:, 1] > 1.38)
    colour[chest] = _COLOURS["shirt"]
    colour[neckline | (chest & (v[:, 1] > 1.43))] = _COLOURS["skin"]
    shank = np.isin(dominant, [INDEX["left_knee"], INDEX["right_knee"]])
    colour[shank & (v[:, 1] < 0.115)] = _COLOURS["shoes"]
    head = np.isin(dominant, [INDEX["head"], INDEX["jaw"], INDEX["neck"]])
    crown = head & (v[:, 1] + 0.55 * (0.06 - v[:, 2]) > 1.645)
    nape = head & (v[:, 2] < 0.0) & (v[:, 1] > 1.535)
    colour[crown | nape] = _COLOURS["hair"]
    x = np.abs(v[:, 0])
    mouth = head & (x < 0.026) & (np.abs(v[:, 1] - 1.522) < 0.016)
    colour[mouth & (np.abs(v[:, 1] - 1.521) < 0.011) & (v[:, 2] > 0.128)] = _COLOURS["lips"]
    colour[mouth & (v[:, 2] < 0.124)] = _COLOURS["mouth"]
    brow = (
        head
        & (v[:, 2] > 0.1)
        & (np.abs(v[:, 1] - 1.622 + 0.15 * np.abs(x - 0.03)) < 0.005)
        & (x > 0.012)
        & (x < 0.05)
    )
    colour[brow] = _COLOURS["hair"]
    for side in ("left", "right"):
        eye = dominant == INDEX[f"{side}_eye_smplhf"]
        front = v[:, 2] > v[eye, 2].max() - 0.0035
        colour[eye] = _COLOURS["white"]
        colour[eye & front] = _COLOURS["iris"]
    return colour


def _scene(body: FreeBody) -> tuple[Any, Any]:
    """An empty scene with the body's mesh, a floor, a wall and the camera. Returns bpy and the mesh."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene

    def add(
        name: str, vertices: NDArray[np.float64], faces: list[list[int]], colours: NDArray[np.float64]
    ) -> Any:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata((vertices @ _BLENDER_FROM_WORLD.T).tolist(), [], faces)
        layer = mesh.color_attributes.new("Colour", "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", np.c_[colours, np.ones(len(colours))].astype(np.float32).ravel())
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
        scene.collection.objects.link(bpy.data.objects.new(name, mesh))
        return mesh

    mesh = add("Body", body.vertices, body.faces.tolist(), vertex_colours(body))
    floor = np.array([[-6, 0, -2.2], [6, 0, -2.2], [6, 0, 4], [-6, 0, 4]], np.float64)
    wall = np.array([[-6, 0, -2.2], [6, 0, -2.2], [6, 5, -2.2], [-6, 5, -2.2]], np.float64)
    add("Floor", floor, [[0, 3, 2, 1]], np.tile((0.55, 0.45, 0.36), (4, 1)))
    add("Wall", wall, [[0, 1, 2, 3]], np.tile((0.80, 0.80, 0.76), (4, 1)))

    camera = bpy.data.cameras.new("Camera")
    camera.sensor_fit = "VERTICAL"
    camera.sensor_height = 24.0
    camera.lens = 24.0 * FOCAL_PX / HEIGHT
    item = bpy.data.objects.new("Camera", camera)
    placed = world_from_camera() @ np.diag([1.0, -1, -1, 1])
    turn = np.eye(4)
    turn[:3, :3] = _BLENDER_FROM_WORLD
    from mathutils import Matrix

    item.matrix_world = Matrix((turn @ placed).tolist())
    scene.collection.objects.link(item)
    scene.camera = item

    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.exposure = 0.6
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "VERTEX"
    shading.show_shadows, shading.shadow_intensity = True, 0.35
    shading.show_cavity = shading.show_specular_highlight = False
    scene.display.light_direction = (0.35, 0.75, 0.55)
    scene.display.render_aa = "8"
    return bpy, mesh


def render(folder: Path, *, every: int = 1) -> list[Path]:
    """PNG files of every n-th frame."""
    body = FreeBody.load()
    sequence = truth()
    bpy, mesh = _scene(body)
    paths = []
    for i in range(0, len(sequence), every):
        vertices = body.posed(sequence.poses[i], sequence.trans[i], sequence.rest_joints, sequence.arkit[i])
        mesh.vertices.foreach_set("co", (vertices @ _BLENDER_FROM_WORLD.T).astype(np.float32).ravel())
        mesh.update()
        path = folder / f"{i:04d}.png"
        bpy.context.scene.render.image_settings.file_format = "PNG"
        bpy.context.scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        paths.append(path)
    return paths


def encode(pictures: list[Path], out: Path) -> None:
    """H.264 in MP4 of the pictures, by Blender's own FFmpeg."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.sequence_editor_create()
    strip = scene.sequence_editor.sequences.new_image(
        "Frames", str(pictures[0]), channel=1, frame_start=1, fit_method="ORIGINAL"
    )
    for path in pictures[1:]:
        strip.elements.append(path.name)
    scene.frame_start, scene.frame_end = 1, len(pictures)
    render_settings = scene.render
    render_settings.resolution_x, render_settings.resolution_y = WIDTH, HEIGHT
    render_settings.resolution_percentage = 100
    render_settings.fps, render_settings.fps_base = round(FPS), 1.0
    scene.view_settings.view_transform = "Standard"
    render_settings.image_settings.file_format = "FFMPEG"
    video = render_settings.ffmpeg
    video.format, video.codec, video.audio_codec = "MPEG4", "H264", "NONE"
    video.constant_rate_factor, video.gopsize = "MEDIUM", 30
    with tempfile.TemporaryDirectory() as folder:
        render_settings.filepath = str(Path(folder) / "clip")
        render_settings.use_file_extension = True
        bpy.ops.render.render(animation=True)
        (made,) = Path(folder).glob("clip*.mp4")
        shutil.move(made, out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder for sample.mp4 and truth.npz")
    parser.add_argument(
        "--stills", type=int, metavar="EVERY", help="only write every n-th frame as PNG into OUT"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    if options.stills:
        print(f"{len(render(options.out, every=options.stills))} pictures in {options.out}")
        return
    with tempfile.TemporaryDirectory() as folder:
        encode(render(Path(folder)), options.out / "sample.mp4")
    truth().save(options.out / "truth.npz")
    for name in ("sample.mp4", "truth.npz"):
        print(f"{options.out / name}  {(options.out / name).stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
