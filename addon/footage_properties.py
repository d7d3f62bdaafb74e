# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scene keeps of its video beside the path: the clip, the camera over it, and the solve."""

from __future__ import annotations

import bpy


class RotocapFootage(bpy.types.PropertyGroup):
    clip: bpy.props.PointerProperty(
        type=bpy.types.MovieClip,
        name="Movie Clip",
        description="The clip of the video, as the Movie Clip Editor shows it",
    )
    camera: bpy.props.PointerProperty(
        type=bpy.types.Object,
        name="Camera",
        description="The camera that was made with the import. The first capture of the video takes it over",
    )
    use_solved_camera: bpy.props.BoolProperty(
        name="Solved Camera",
        description="Capture with the camera that was solved for this video in the Movie Clip Editor: "
        "with its lens, and moving as it does, so that the person walks through the world",
        default=True,
    )
    in_tracked_scene: bpy.props.BoolProperty(
        name="In the Tracked Scene",
        description="Put the person where your camera that follows the solve stands: on the floor and in the "
        "scale that you have set in the Movie Clip Editor. Otherwise the person's feet set both",
        default=True,
    )
    match_rate: bpy.props.BoolProperty(
        name="Match Frame Rate",
        description="Whether a scene in which nothing is animated takes over the video's frame rate",
        default=True,
        options={"HIDDEN"},
    )
