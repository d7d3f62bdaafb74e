# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator sets for a capture. It is saved with the scene."""

from __future__ import annotations

import bpy

from .footage_properties import RotocapFootage
from .performance_properties import RotocapPerformance, RotocapTakeEdition, selected
from .queue_properties import RotocapQueued
from .retarget_properties import RotocapRetargetSettings
from .see_properties import RotocapSee


def _other_video(settings: bpy.types.PropertyGroup, _: bpy.types.Context) -> None:
    """Who was picked, which part, and over which camera were said of the video that was there before."""
    settings.pick_frame, settings.use_range, settings.footage.camera = 0, False, None


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
        update=_other_video,
    )
    footage: bpy.props.PointerProperty(
        type=RotocapFootage, name="Footage", description="The clip and the camera of the video"
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
            ("picked", "Picked Person", "Only the person whom you click on in the picture"),
        ),
        default="all",
    )
    pick_frame: bpy.props.IntProperty(
        name="Picked In",
        description="The video's frame in which the person was clicked on, counted from 1; 0 for nobody yet",
        default=0,
        min=0,
    )
    pick_place: bpy.props.FloatVectorProperty(
        name="Picked At",
        description="Where the person was in that frame, in pixels from the left and from above",
        size=2,
    )
    hands: bpy.props.BoolProperty(
        name="Hands",
        description="Capture hands and fingers. Without them a capture is faster",
        default=True,
    )
    face: bpy.props.BoolProperty(
        name="Face",
        description="Capture the face. Without it a capture is faster",
        default=True,
    )
    follow: bpy.props.BoolProperty(
        name="Play Along",
        description="While a capture runs, show the frame that is being read. "
        "It stops as soon as you play or move the playhead yourself",
        default=True,
    )
    queue: bpy.props.CollectionProperty(
        type=RotocapQueued, name="Queue", description="Videos to capture one after the other"
    )
    queue_index: bpy.props.IntProperty(
        name="Queued Video", description="The video that the buttons beside the queue work on"
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
        description="Give the focal length, if you know it. Otherwise it is read from a phone's video if "
        "that says so, or else a 35 mm lens is assumed",
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
