# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator sets for a capture. It is saved with the scene."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import bpy

from ..inference.errors import VideoError
from ..inference.take import RECORD, Take, fingerprint
from .camera import load_clip
from .jobs import CaptureRequest
from .performance_properties import RotocapPerformance, RotocapTakeEdition, selected
from .preferences import takes_folder, threads
from .retarget_properties import RotocapRetargetSettings
from .see_properties import RotocapSee

_FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)


class RotocapSettings(bpy.types.PropertyGroup):
    retarget: bpy.props.PointerProperty(
        type=RotocapRetargetSettings,
        name="Retarget",
        description="How a take is put on a character of your own",
    )
    see: bpy.props.PointerProperty(
        type=RotocapSee, name="See", description="What is drawn over the video and along the timeline"
    )
    performances: bpy.props.CollectionProperty(
        type=RotocapPerformance, name="Performances", description="Who was captured, and what they move"
    )
    performance_index: bpy.props.IntProperty(
        name="Performance",
        description="The performance that the buttons below the list work on",
        update=selected,
    )
    take_editions: bpy.props.CollectionProperty(type=RotocapTakeEdition, options={"HIDDEN"})
    video: bpy.props.StringProperty(
        name="Video",
        description="The video to capture from",
        subtype="FILE_PATH",
    )
    take: bpy.props.StringProperty(
        name="Take",
        description="The folder that keeps the capture. A capture that was interrupted goes on in it; "
        "another video, or another part of it, gets a folder of its own",
        subtype="DIR_PATH",
    )
    people: bpy.props.EnumProperty(
        name="People",
        description="Whom to capture",
        items=(
            ("all", "Everybody", "Every person in the video gets an armature"),
            ("main", "Main Person", "Only the person who is in the picture longest and largest"),
        ),
        default="all",
    )
    use_range: bpy.props.BoolProperty(
        name="Part of the Video",
        description="Capture only from one frame of the video to another",
    )
    first: bpy.props.IntProperty(
        name="First Frame",
        description="The video's frame to begin with, counted from 1",
        default=1,
        min=1,
    )
    last: bpy.props.IntProperty(
        name="Last Frame",
        description="The video's frame to end with",
        default=250,
        min=1,
    )
    use_lens: bpy.props.BoolProperty(
        name="Known Lens",
        description="Give the focal length, if you know it. Otherwise a usual phone lens is assumed",
    )
    lens_mm: bpy.props.FloatProperty(
        name="Focal Length",
        description="As for a full-frame camera: a phone's main camera is about 26 mm",
        default=26.0,
        min=5.0,
        max=1000.0,
        unit="CAMERA",
    )
    use_height: bpy.props.BoolProperty(
        name="Known Height",
        description="Give the main person's height, so that the character's path has the right length",
    )
    height_m: bpy.props.FloatProperty(
        name="Height",
        description="How tall the main person is",
        default=1.70,
        min=0.5,
        max=2.6,
        unit="LENGTH",
    )
    apply_when_done: bpy.props.BoolProperty(
        name="Apply When Done",
        description="Make an armature with a body for every person as soon as the capture is finished",
        default=True,
    )


def default_take(video: Path) -> Path:
    """The take beside its video, or in the folder that the preferences name."""
    beside = video.with_suffix(".take")
    folder = takes_folder(bpy.context)
    return beside if folder is None else folder / beside.name


def request(context: bpy.types.Context) -> CaptureRequest:
    """The capture that the scene's settings ask for. VideoError if there is no video to capture."""
    settings = context.scene.rotocap
    if not settings.video:
        raise VideoError("No video yet: import one first")
    video = Path(bpy.path.abspath(settings.video))
    if not video.is_file():
        raise VideoError(f"{video}: no such file; import the video from where it is now")
    if settings.use_range and settings.last < settings.first:
        raise VideoError(
            f"Frames {settings.first} to {settings.last}: the last one comes before the first; "
            "change one of them under Part of the Video"
        )
    start_frame = settings.first - 1 if settings.use_range else None
    end_frame = settings.last if settings.use_range else None
    chosen = Path(bpy.path.abspath(settings.take)) if settings.take else default_take(video)
    take = _own_take(chosen, video, start_frame or 0, end_frame)
    focal_px = None
    if settings.use_lens:
        focal_px = settings.lens_mm / _FULL_FRAME_DIAGONAL_MM * math.hypot(*_picture_size(video))
    return CaptureRequest(
        video=video,
        take=take,
        people=settings.people,
        start_frame=start_frame,
        end_frame=end_frame,
        focal_px=focal_px,
        height_m=settings.height_m if settings.use_height else None,
        threads=threads(context),
    )


def _own_take(chosen: Path, video: Path, start_frame: int, end_frame: int | None) -> Path:
    """`chosen`, unless it holds another capture: then a take beside it, which this capture goes on in."""
    candidates = itertools.chain(
        (chosen, default_take(video)),
        (chosen.with_name(f"{chosen.stem} {number}{chosen.suffix}") for number in itertools.count(2)),
    )
    for take in candidates:
        if not (take / RECORD).is_file():
            return take
        there = Take.open(take)
        same_part = (there.read.start_frame, there.read.end_frame) == (start_frame, end_frame)
        if same_part and there.read.stride == 1 and there.video.fingerprint == fingerprint(video):
            return take
    raise AssertionError("the numbers never end")


def _picture_size(video: Path) -> tuple[int, int]:
    try:
        width, height = load_clip(video).size
    except RuntimeError as error:
        raise VideoError(f"{video.name}: could not be opened ({error}); choose a video file") from error
    if not (width and height):
        raise VideoError(f"{video.name}: is not a video that Blender can read; convert it to MP4 (H.264)")
    return width, height
