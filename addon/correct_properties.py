# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator has put right of a performance. It is saved with the scene."""

from __future__ import annotations

import bpy

from ..correct import parts
from ..correct.lanes import LANES

_PARTS = (
    ("all", "Whole Body", "Everything, the path through the room included"),
    ("root", "Hips and Path", "Where the body is in the room, and how the hips are turned"),
    ("trunk", "Trunk", "The spine"),
    ("head", "Head", "Neck and head"),
    ("face", "Face", "Jaw, eyes and face shapes"),
    ("arms", "Arms", "Both arms, hands as stiff as they were"),
    ("left_arm", "Left Arm", "From the collar to the wrist"),
    ("right_arm", "Right Arm", "From the collar to the wrist"),
    ("hands", "Fingers", "The fingers of both hands"),
    ("left_hand", "Left Fingers", "The fingers of the left hand"),
    ("right_hand", "Right Fingers", "The fingers of the right hand"),
    ("legs", "Legs", "Both legs"),
    ("left_leg", "Left Leg", "From the hip to the toes"),
    ("right_leg", "Right Leg", "From the hip to the toes"),
)
assert {name for name, _, _ in _PARTS} == set(parts.GROUPS)

KINDS = (
    ("smooth", "Smooth", "Take the trembling out of a part of the body, without lag", "SMOOTHCURVE", 0),
    (
        "fill",
        "Fill",
        "Make frames in which the capture guessed anew, from those beside them",
        "IPO_BEZIER",
        1,
    ),
    ("swap", "Swap Sides", "Left and right were taken for each other: exchange them", "ARROW_LEFTRIGHT", 2),
    ("hold", "Hold", "Keep a part of the body as it is at one frame", "PINNED", 3),
    (
        "take_over",
        "Captured Again",
        "A range as it was captured again, or as another person has it",
        "REC",
        4,
    ),
)


def _changed(step: RotocapCleanStep, _: bpy.types.Context) -> None:
    """The motion does not show the settings any more, until the clean-up is applied."""
    owner = step.id_data.rotocap.performances
    for entry in owner:
        if any(step == other for other in entry.corrections.steps):
            entry.corrections.stale = True


class RotocapCleanStep(bpy.types.PropertyGroup):
    """One step of the clean-up. Frames are the scene's."""

    kind: bpy.props.EnumProperty(name="Step", items=KINDS, options={"HIDDEN"})
    on: bpy.props.BoolProperty(
        name="On", description="Let this step work; off: as if it were not there", default=True,
        update=_changed,
    )  # fmt: skip
    part: bpy.props.EnumProperty(
        name="Part", description="Which part of the body", items=_PARTS, default="all", update=_changed
    )
    what: bpy.props.EnumProperty(
        name="Exchange",
        description="What was taken for the other side's",
        items=(
            ("legs", "Legs", "Each leg goes where the other one was; the trunk stays"),
            ("arms", "Arms", "Each arm goes where the other one was; the trunk stays"),
            ("body", "Whole Body", "The body faces the other way, with every joint where the picture has it"),
        ),
        default="legs",
        update=_changed,
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How much is averaged: at 1, a quarter of a second to both sides",
        default=0.4, min=0.0, max=1.0, subtype="FACTOR", update=_changed,
    )  # fmt: skip
    use_range: bpy.props.BoolProperty(
        name="Only a Range", description="Work from one frame to another, instead of on the whole take",
        update=_changed,
    )  # fmt: skip
    first: bpy.props.IntProperty(
        name="First", description="The scene's frame that it begins at", update=_changed
    )
    last: bpy.props.IntProperty(name="Last", description="The scene's frame that it ends at", update=_changed)
    only_doubt: bpy.props.BoolProperty(
        name="Only Where in Doubt",
        description="Fill a part only in frames in which the capture itself says that it may be off",
        default=True, update=_changed,
    )  # fmt: skip
    doubt_m: bpy.props.FloatProperty(
        name="Doubt Above",
        description="Frames count as guessed when a joint of the part may be off by more than this",
        default=0.10, min=0.005, max=2.0, unit="LENGTH", update=_changed,
    )  # fmt: skip
    at: bpy.props.IntProperty(
        name="As at Frame", description="The scene's frame whose pose is kept", update=_changed
    )
    ease: bpy.props.IntProperty(
        name="Ease", description="Frames before and after the range over which it goes there and leaves",
        default=5, min=0, max=250, update=_changed,
    )  # fmt: skip
    # The file in the take's folder that a range was captured to again.
    file: bpy.props.StringProperty(options={"HIDDEN"})
    said: bpy.props.StringProperty(options={"HIDDEN"})  # what it did, when it was applied last
    most: bpy.props.IntProperty(options={"HIDDEN"})  # and the scene's frame in which it did most


class RotocapPin(bpy.types.PropertyGroup):
    """A point of the picture that the animator put where it is."""

    frame: bpy.props.IntProperty(name="Video Frame", description="The frame of the video, counted from 0")
    keypoint: bpy.props.IntProperty(name="Point", description="Which of the 133 points")
    x: bpy.props.FloatProperty(name="X", description="Pixels from the left of the picture")
    y: bpy.props.FloatProperty(name="Y", description="Pixels from the top of the picture")


class RotocapCorrections(bpy.types.PropertyGroup):
    """Everything between the raw capture of a performance and the keys on its armature."""

    clean_on: bpy.props.BoolProperty(
        name="Clean-up", description="Play the motion with the clean-up's steps", default=True
    )
    contacts_on: bpy.props.BoolProperty(
        name="Contacts", description="Hold feet and hands where the lanes of contacts say", default=True
    )
    pins_on: bpy.props.BoolProperty(
        name="Points", description="Use the points that you put right in the picture", default=True
    )
    steps: bpy.props.CollectionProperty(type=RotocapCleanStep)
    step: bpy.props.IntProperty(name="Step", description="The step that is chosen")
    pins: bpy.props.CollectionProperty(type=RotocapPin)
    pin: bpy.props.IntProperty(name="Point", description="The point that is chosen")
    stale: bpy.props.BoolProperty(options={"HIDDEN"})  # settings were changed and not applied yet
    # The contacts (lane: spans, as JSON) that the keys on the armature were made with; empty: without lanes.
    solved_lanes: bpy.props.StringProperty(options={"HIDDEN"})


LANE_NAMES = {lane: lane.replace("_", " ").title() for lane in LANES}
