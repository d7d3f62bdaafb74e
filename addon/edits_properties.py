# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of the animator's edits of an armature; what they are stands in the keys of its edits track."""

from __future__ import annotations

import bpy


class RotocapEdit(bpy.types.PropertyGroup):
    """One pose that the animator put right."""

    name: bpy.props.StringProperty(
        name="Name", description="What this edit is about", override={"LIBRARY_OVERRIDABLE"}
    )
    frame: bpy.props.IntProperty(
        name="Frame", description="The frame that was posed", override={"LIBRARY_OVERRIDABLE"}
    )
    falloff: bpy.props.IntProperty(
        name="Falloff",
        description="Frames before and after in which the edit fades",
        min=1,
        default=12,
        override={"LIBRARY_OVERRIDABLE"},
    )
    # The channels that it changes, one a line: the property's path on the armature.
    channels: bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})


class RotocapEdits(bpy.types.PropertyGroup):
    """Lives on the armature object."""

    entries: bpy.props.CollectionProperty(type=RotocapEdit, override={"LIBRARY_OVERRIDABLE", "USE_INSERTION"})
    index: bpy.props.IntProperty(
        name="Edit", description="The edit that is chosen", override={"LIBRARY_OVERRIDABLE"}
    )
    falloff: bpy.props.IntProperty(
        name="Falloff",
        description="Over how many frames before and after this one a correction fades. "
        "Edits that are closer than that blend into one another",
        default=12,
        min=1,
        soft_max=100,
        max=10000,
        override={"LIBRARY_OVERRIDABLE"},
    )
