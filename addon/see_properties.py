# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the video and along the timeline. It is saved with the scene."""

from __future__ import annotations

import bpy


def _redraw(_: object, context: bpy.types.Context) -> None:
    from .overlay import redraw

    redraw()


class RotocapSee(bpy.types.PropertyGroup):
    overlay: bpy.props.BoolProperty(
        name="Over the Video",
        description="Draw what was detected and what was made of it over the video, seen through the camera",
        default=True,
        update=_redraw,
    )
    points: bpy.props.BoolProperty(
        name="Points",
        description="The points of body, hands and face that were found in the picture",
        default=True,
        update=_redraw,
    )
    skeleton: bpy.props.BoolProperty(
        name="Skeleton",
        description="The captured skeleton as the camera sees it. Where it leaves the points, look closer",
        default=True,
        update=_redraw,
    )
    fine: bpy.props.BoolProperty(
        name="Hands and Face",
        description="Points and bones of fingers and face as well",
        default=True,
        update=_redraw,
    )
    colour_by: bpy.props.EnumProperty(
        name="Colour",
        description="What the colours say",
        items=(
            ("person", "Person", "Each person's own colour; what is unsure is pale"),
            ("certainty", "Certainty", "From green where the capture is sure to red where it guesses"),
        ),
        default="person",
        update=_redraw,
    )
    ghost: bpy.props.EnumProperty(
        name="Ghost",
        description="The raw capture as a skeleton in the scene, to compare the corrected motion with",
        items=(
            ("none", "Off", "No ghost"),
            ("place", "In Place", "Where it was captured, over the body"),
            ("beside", "Beside", "Next to the body, to its left as the camera sees it"),
        ),
        default="none",
        update=_redraw,
    )
    ghost_distance: bpy.props.FloatProperty(
        name="Distance",
        description="How far beside the body the ghost stands, to the left as the camera sees it. Less than "
        "nothing: to the right, where the sidebar lies",
        default=1.0,
        unit="LENGTH",
        update=_redraw,
    )
    strip: bpy.props.BoolProperty(
        name="Doubt in Timeline",
        description="A strip for each person along the timeline, from green where the capture is sure to "
        "red where it guesses",
        default=True,
        update=_redraw,
    )
    doubtful: bpy.props.FloatProperty(
        name="Doubtful From",
        description="A frame is doubtful where an arm, a leg, the head or the trunk may be off by more than "
        "this",
        default=0.10,
        min=0.01,
        soft_max=0.5,
        unit="LENGTH",
        update=_redraw,
    )
    slide: bpy.props.FloatProperty(
        name="Slide From",
        description="A foot slides if it moves by more than this while it stands",
        default=0.03,
        min=0.001,
        soft_max=0.2,
        unit="LENGTH",
    )
