# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator sets for a take on their own character, saved with the scene and with the character."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..inference.errors import RotocapError
from ..inference.take import Take
from .edits_properties import RotocapEdits


def _is_armature(_: object, thing: bpy.types.Object) -> bool:
    return bool(thing.type == "ARMATURE")


def _people(_: object, context: bpy.types.Context, typed: str) -> list[str]:
    """The people of the take that is chosen, for the field's list."""
    try:
        take = Take.open(Path(bpy.path.abspath(context.scene.rotocap.take)))
    except RotocapError:
        return []
    return [person.name for person in take.people if typed.lower() in person.name.lower()]


def _bone_changed(row: RotocapMappedBone, _: bpy.types.Context) -> None:
    from . import rig_map

    rig_map.row_changed(row)


class RotocapMappedBone(bpy.types.PropertyGroup):
    """One line of a bone map: a part of the body, and the bone that plays it, if any."""

    role: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    bone: bpy.props.StringProperty(
        name="Bone",
        description="The bone of your character that does what this part of the body does. "
        "Choose the control that you animate, not a bone that it drives. Empty: this part is left out",
        override={"LIBRARY_OVERRIDABLE"},
        update=_bone_changed,
    )


class RotocapRig(bpy.types.PropertyGroup):
    """A character's bone map and what its last take came out like; it lives on the armature object."""

    rows: bpy.props.CollectionProperty(
        type=RotocapMappedBone, override={"LIBRARY_OVERRIDABLE", "USE_INSERTION"}
    )
    row: bpy.props.IntProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    # The map as a preset's text: IK controls and switches have no rows of their own.
    text: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    preset: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    score: bpy.props.FloatProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    certificate: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    reduction: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    edits: bpy.props.PointerProperty(type=RotocapEdits, override={"LIBRARY_OVERRIDABLE"})


class RotocapRetargetSettings(bpy.types.PropertyGroup):
    rig: bpy.props.PointerProperty(
        name="Character",
        description="The armature that the take is put on. Empty: the active one",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    person: bpy.props.StringProperty(
        name="Person",
        description="Whose motion the character gets, by the name that the take has for them. "
        "Empty: the main person",
        search=_people,
    )
    shown: bpy.props.EnumProperty(
        name="Show",
        description="Which part of the bone map is listed",
        items=(
            ("body", "Body", "Trunk, arms and legs"),
            ("hands", "Fingers", "Thumbs and fingers"),
            ("face", "Face", "Jaw and eyes"),
            ("twist", "Twist", "Bones that share the twist of an arm or a leg"),
        ),
        default="body",
    )
    root_motion: bpy.props.EnumProperty(
        name="Path",
        description="Which bone travels through the room",
        items=(
            ("hips", "On the Hips", "The hips carry the whole way; the root bone stays where it is"),
            (
                "root",
                "On the Root Bone",
                "The root bone follows on the ground and turns with the body, as game engines want it. "
                "The map needs a root bone",
            ),
            ("in_place", "In Place", "The character does not travel; its hips only go up and down"),
        ),
        default="hips",
    )
    hold_feet: bpy.props.BoolProperty(
        name="Hold Feet",
        description="Keep heels and toes where they touch the ground, on this character's own legs. "
        "Off: angles as captured, feet may slide",
        default=True,
    )
    hold_hands: bpy.props.BoolProperty(
        name="Hold Hands",
        description="Keep hands that rest somewhere in their place, as on a table or a bar",
        default=False,
    )
    limbs: bpy.props.EnumProperty(
        name="Arms and Legs",
        description="Which controls get the keys, on characters that have both",
        items=(
            ("fk", "FK", "Keys turn every bone of the limb; the rig is switched to FK"),
            (
                "ik",
                "IK",
                "Keys place hands and feet and where elbows and knees point; the rig is switched to IK. "
                "Limbs without IK controls get FK keys",
            ),
        ),
        default="fk",
    )
    fingers: bpy.props.BoolProperty(
        name="Fingers",
        description="Animate the fingers. Off: they stay as they are",
        default=True,
    )
    face: bpy.props.BoolProperty(
        name="Jaw and Eyes",
        description="Animate the bones of jaw and eyes. Off: they stay as they are",
        default=True,
    )
    reduce: bpy.props.BoolProperty(
        name="Fewer Keys",
        description="Draw smooth curves with as few keys as the errors below allow, instead of a key "
        "on every frame",
        default=False,
    )
    degrees: bpy.props.FloatProperty(
        name="Rotation (°)",
        description="By how many degrees a bone may be off at any frame. More saves more keys",
        default=0.5,
        min=0.01,
        soft_max=5.0,
        max=45.0,
        precision=2,
    )
    millimetres: bpy.props.FloatProperty(
        name="Location (mm)",
        description="By how many millimetres, as large as the character stands in the scene, hips and "
        "other bones that move may be off",
        default=2.0,
        min=0.01,
        soft_max=20.0,
        max=1000.0,
        precision=1,
    )
    subframes: bpy.props.BoolProperty(
        name="Between Frames",
        description="Key every captured picture at its own time, between the scene's frames where the "
        "rates differ. Off: a key on every frame of the scene",
        default=False,
    )
