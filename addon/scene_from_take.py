# SPDX-License-Identifier: GPL-3.0-or-later
"""People of a take into a scene: new armatures with bodies, and the camera over the video.

Nothing of the scene is deleted; new data gets names of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..inference.errors import RigError
from ..inference.sequence import SmplxSequence
from ..retarget.timeline import Timeline, at_own_times, on_scene_frames
from . import armature, body, camera, performance_motion, performances

if TYPE_CHECKING:
    from .retarget import Retargeted

FIRST_FRAME = 1  # the scene frame that shows the video's first picture


@dataclass(frozen=True)
class Person:
    """One person to apply: their name, colour (red, green, blue from 0 to 1) and motion.

    take and number: the take's folder and the number of the person's file in it, for the list of
    performances; motion without a take of its own gets no entry there.
    """

    name: str
    colour: tuple[float, float, float]
    sequence: SmplxSequence
    take: Path | None = None
    number: int = 0


@dataclass(frozen=True)
class Footage:
    """The video that the take was captured from."""

    path: Path
    size: tuple[int, int]  # pixels, as shown (after the phone's rotation)
    fps: float
    rotation_deg: int = 0  # what the file says about turning it, clockwise


@dataclass
class ApplyReport:
    """What was made, for the animator's eyes and for scripts."""

    armatures: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    camera: str | None = None
    frame_start: int = 0
    frame_end: int = 0
    keys: int = 0
    warnings: list[str] = field(default_factory=list)
    retargeted: Retargeted | None = None  # how a take came out on an armature that was there

    def lines(self) -> list[str]:
        """The report as short sentences."""
        out = [f"{', '.join(self.armatures)}: frames {self.frame_start} to {self.frame_end}"]
        if self.camera:
            out.append(f"camera over the video: {self.camera}")
        if self.retargeted is not None:
            out += self.retargeted.lines()
        return out + [f"note: {warning}" for warning in self.warnings]


def list_performance(
    scene: bpy.types.Scene,
    person: Person,
    rig: bpy.types.Object,
    timeline: Timeline,
    *,
    collection: bpy.types.Collection | None = None,
    source: str = "",
) -> None:
    """Put who moves an armature now into the scene's list of performances, see `performances.enter`.

    Nothing on the command line, where a scene has no such list.
    """
    if person.take is None or _settings(scene) is None:
        return
    performances.enter(
        scene, rig, take=person.take, person=person.number, name=person.name, colour=person.colour,
        sequence=person.sequence, frames=(int(timeline.frames[0]), math.ceil(timeline.frames[-1])),
        collection=collection, source=source,
    )  # fmt: skip


def match_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Give the scene a frame rate."""
    # 29.97 and its like are 30 / 1.001: whole rates with a base, as Blender's presets have them.
    whole = round(fps)
    scene.render.fps = max(whole, 1)
    scene.render.fps_base = 1.0 if abs(fps - whole) < 1e-3 else max(whole, 1) / fps


def match_scene(scene: bpy.types.Scene, footage: Footage, *, rate: bool = True) -> None:
    """Give the scene the video's picture size, and its frame rate unless the animator wants their own."""
    if rate:
        match_rate(scene, footage.fps)
    scene.render.resolution_x, scene.render.resolution_y = footage.size
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0


def scene_fps(scene: bpy.types.Scene) -> float:
    """Frames a second of the scene."""
    return float(scene.render.fps / scene.render.fps_base)


def _settings(scene: bpy.types.Scene) -> bpy.types.PropertyGroup | None:
    """What the animator set in this scene; None on the command line, which enables no extension."""
    return getattr(scene, "rotocap", None)


def add_people(
    scene: bpy.types.Scene, people: list[Person], footage: Footage | None, *, title: str
) -> ApplyReport:
    """A new armature and body for every person, and the camera over the video.

    footage: None for motion that was not captured from a video; then there is no camera. A scene in
    which nothing is animated yet takes the video's rate, picture size and length, and the camera.
    """
    report = ApplyReport()
    fresh = not bpy.data.actions
    if fresh and footage is not None:
        settings = _settings(scene)
        match_scene(scene, footage, rate=settings is None or settings.footage.match_rate)
    elif fresh:
        match_rate(scene, people[0].sequence.mocap_frame_rate)
    timelines = [timeline_of(scene, person.sequence) for person in people]
    collection = bpy.data.collections.new(title)
    scene.collection.children.link(collection)
    for person, timeline in zip(people, timelines, strict=True):
        own = bpy.data.collections.new(person.name)
        collection.children.link(own)
        rig = armature.new_armature(person.name, person.sequence.rest_joints, own)
        mesh = body.new_body(
            f"{person.name} body", person.sequence.rest_joints, rig, own, colour=person.colour
        )
        performance_motion.write(rig, person.sequence, timeline, name=person.name)
        mark_gaps(scene, person.name, timeline)
        list_performance(scene, person, rig, timeline, collection=own)
        report.armatures.append(rig.name)
        report.bodies.append(mesh.name)
        report.keys += len(timeline) * (55 * 4 + 3)
    if footage is not None:
        view = camera.new_camera(
            f"{title} camera",
            people[0].sequence,
            timelines[0],
            collection,
            size=footage.size,
            kept=_import_camera(scene, footage),
        )
        report.camera = view.name
        if people[0].take is not None:
            view[performances.CAMERA_TAKE] = str(people[0].take)
        if fresh or scene.camera is None:
            scene.camera = view
        show_video(scene, view, footage, report)
    set_frame_range(scene, timelines, report, grow=not fresh)
    return report


def _import_camera(scene: bpy.types.Scene, footage: Footage) -> bpy.types.Object | None:
    """The camera that was made with the import of this video, once, if the animator left it as it was."""
    settings = _settings(scene)
    if settings is None:
        return None
    kept = settings.footage.camera
    same = Path(bpy.path.abspath(settings.video)) == footage.path
    if kept is None or not same or kept.name not in scene.objects or not camera.is_untouched(kept):
        return None
    settings.footage.camera = None
    return kept


def timeline_of(scene: bpy.types.Scene, sequence: SmplxSequence, *, subframes: bool = False) -> Timeline:
    """Which frames of the scene show a sequence, or where its own times lie. RigError if none does."""
    make = at_own_times if subframes else on_scene_frames
    timeline = make(sequence.time_s, sequence.frame, scene_fps=scene_fps(scene), first_frame=FIRST_FRAME)
    if not len(timeline):
        raise RigError("the take has no frames for this person; capture the video again")
    return timeline


def mark_gaps(scene: bpy.types.Scene, name: str, timeline: Timeline) -> None:
    """Markers where the person leaves the picture and is back: there are no keys in between."""
    for (_, last), (first, _) in zip(timeline.spans, timeline.spans[1:], strict=False):
        if timeline.frames[first] > timeline.frames[last] + 1:
            _marker(scene, f"{name} out", int(timeline.frames[last]) + 1)
            _marker(scene, f"{name} back", int(timeline.frames[first]))


def _marker(scene: bpy.types.Scene, text: str, frame: int) -> None:
    """A marker, unless a take that was applied before has left it there."""
    if not any(marker.name == text and marker.frame == frame for marker in scene.timeline_markers):
        scene.timeline_markers.new(text, frame=frame)


def show_video(scene: bpy.types.Scene, view: bpy.types.Object, footage: Footage, report: ApplyReport) -> None:
    """The video behind everything that a camera sees; a missing one is noted in the report."""
    if not footage.path.is_file():
        report.warnings.append(
            f"{footage.path}: the video is not there any more, so there is no picture behind the body; "
            "put it back, or beside the take, and apply again"
        )
        return
    try:
        clip = camera.load_clip(footage.path)
    except RuntimeError as error:
        report.warnings.append(f"{footage.path}: Blender cannot show this video behind the body ({error})")
        return
    camera.show_video(
        view,
        clip,
        size=footage.size,
        rotation_deg=footage.rotation_deg,
        first_frame=FIRST_FRAME,
        scene_fps=scene_fps(scene),
    )


def set_frame_range(
    scene: bpy.types.Scene, timelines: list[Timeline], report: ApplyReport, *, grow: bool
) -> None:
    report.frame_start = min(int(timeline.frames[0]) for timeline in timelines)
    report.frame_end = max(math.ceil(timeline.frames[-1]) for timeline in timelines)
    scene.frame_end = max(report.frame_end, scene.frame_end if grow else report.frame_end)
    scene.frame_start = min(report.frame_start, scene.frame_start if grow else report.frame_start)
