# SPDX-License-Identifier: GPL-3.0-or-later
"""A video that waits in the queue, as it is saved with the scene."""

from __future__ import annotations

import bpy


class RotocapQueued(bpy.types.PropertyGroup):
    """One video of the queue; its `name` is what the list shows."""

    video: bpy.props.StringProperty(name="Video", description="The video to capture", subtype="FILE_PATH")
    use_range: bpy.props.BoolProperty(
        name="Part of the Video", description="Capture only from one frame of the video to another"
    )
    first: bpy.props.IntProperty(
        name="First Frame", description="The frame to begin with, counted from 1", default=1, min=1
    )
    last: bpy.props.IntProperty(name="Last Frame", description="The frame to end with", default=250, min=1)
    status: bpy.props.EnumProperty(
        name="Status",
        description="How far this video is",
        items=(
            ("waiting", "Waiting", "It is captured when its turn comes", "TIME", 0),
            ("running", "Running", "It is being captured", "PLAY", 1),
            ("done", "Done", "It was captured", "CHECKMARK", 2),
            ("stopped", "Stopped", "What was read of it is kept, and goes on with the next run", "PAUSE", 3),
            ("failed", "Failed", "It could not be captured; the line below says why", "ERROR", 4),
        ),
        default="waiting",
    )
    message: bpy.props.StringProperty(name="Message", description="What came of it")
    take: bpy.props.StringProperty(
        name="Take", description="The folder that keeps its capture", subtype="DIR_PATH"
    )
