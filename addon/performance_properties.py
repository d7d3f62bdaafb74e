# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performances: who of which take moves which armature. It is saved with the scene."""

from __future__ import annotations

import bpy

from .correct_properties import RotocapCorrections


def _is_armature(_: object, thing: bpy.types.Object) -> bool:
    return bool(thing.type == "ARMATURE")


def _renamed(entry: RotocapPerformance, context: bpy.types.Context) -> None:
    from . import performances

    performances.renamed(entry, context)


def _shown(entry: RotocapPerformance, context: bpy.types.Context) -> None:
    from . import performances

    performances.show_or_hide(entry, context)


def selected(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Another entry of the list is chosen: what it moves is selected."""
    from . import performances

    performances.select(context)


def _coloured(entry: RotocapPerformance, _: bpy.types.Context) -> None:
    from . import performances

    performances.coloured(entry)


class RotocapPerformance(bpy.types.PropertyGroup):
    """One person of one take on one armature.

    `take` and `person` say where its data lies: the file person_NN.npz in the take's folder. They, not
    the name, tell performances apart; the same person may be on several armatures.
    """

    name: bpy.props.StringProperty(
        name="Name",
        description="What this person is called: in the list, on the armature and in the take",
        update=_renamed,
    )
    take: bpy.props.StringProperty(
        name="Take", description="The folder that keeps the capture", subtype="DIR_PATH"
    )
    person: bpy.props.IntProperty(
        name="Person", description="The number of the person's file in the take, as in person_01.npz", min=0
    )
    colour: bpy.props.FloatVectorProperty(
        name="Colour",
        description="The colour of this person's body, points and skeleton",
        subtype="COLOR_GAMMA",
        size=3,
        min=0.0,
        max=1.0,
        default=(0.9, 0.62, 0.0),
        update=_coloured,
    )
    visible: bpy.props.BoolProperty(
        name="Visible",
        description="Show this person's armature, body, points and skeleton",
        default=True,
        update=_shown,
    )
    armature: bpy.props.PointerProperty(
        name="Armature",
        description="The armature that this person moves",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    # The collection that was made for armature and body; none where the armature is the animator's own.
    collection: bpy.props.PointerProperty(type=bpy.types.Collection, options={"HIDDEN"})
    doubt: bpy.props.FloatProperty(
        name="Doubt",
        description="How far the joints of the body may typically be from where they were, by the capture's "
        "own estimate",
        unit="LENGTH",
        min=0.0,
    )
    frames: bpy.props.IntProperty(
        name="Frames", description="Frames of the video in which this person was seen", min=0
    )
    first: bpy.props.IntProperty(name="First Frame", description="The scene's frame that this person enters")
    last: bpy.props.IntProperty(name="Last Frame", description="The scene's frame that this person leaves")
    # What the motion on a character of the animator's was made from, see `tracks.play`.
    source: bpy.props.StringProperty(options={"HIDDEN"})
    corrections: bpy.props.PointerProperty(type=RotocapCorrections)


class RotocapTakeEdition(bpy.types.PropertyGroup):
    """Which edition of a take's people the scene knows, see `inference.take_people`; `name` is its folder."""

    edition: bpy.props.IntProperty(options={"HIDDEN"})
