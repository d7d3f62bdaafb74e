# SPDX-License-Identifier: GPL-3.0-or-later
"""A take onto any armature: rig read, bones mapped, motion transferred, feet held, keys written, measured.

Everything that can fail is done before the first thing is written, so that a message
leaves the file as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import bpy
import numpy as np

from ..inference.sequence import SmplxSequence
from ..retarget.bone_map import IK_STRETCH, BoneMap, Setting
from ..retarget.certificate import Certificate
from ..retarget.certify import certify
from ..retarget.channels import Channel
from ..retarget.contacts import ContactOptions
from ..retarget.grounding import ground
from ..retarget.ik_keys import on_controls
from ..retarget.keyed import Keyed, Reduction, every_frame, few, held_shares, play
from ..retarget.motion import Motion
from ..retarget.rig import Rig
from ..retarget.solve import RetargetOptions, solve
from ..retarget.timeline import Timeline
from . import keys, rig_map, rig_ready, tracks
from .blender_versions import Channels
from .motion import NOTHING_HELD, Lanes, as_said
from .rig_follow import with_followed
from .rig_reader import read_rig
from .scene_from_take import scene_fps, timeline_of


@dataclass(frozen=True, kw_only=True)
class RetargetSettings:
    """What the animator chooses, beside the bone map."""

    transfer: RetargetOptions = field(default_factory=RetargetOptions)
    contacts: ContactOptions | None = field(default_factory=ContactOptions)  # None: nothing is held
    limbs: Literal["fk", "ik"] = "fk"
    reduce: tuple[float, float] | None = None  # degrees and millimetres; None: a key at every frame
    subframes: bool = False  # keys at the capture's own times
    lanes: Lanes | None = None  # where the animator says when feet stand and hands rest; None: as captured


@dataclass(frozen=True, eq=False)
class Retargeted:
    """What was written, and how good it is."""

    armature: str
    bone_map: BoneMap
    timeline: Timeline
    keys: int
    certificate: Certificate
    reduction: Reduction | None
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people: what is mapped, how far it is off, what was saved."""
        said = [line for line in self.certificate.lines() if line not in self.certificate.warnings]
        return said if self.reduction is None else [*said, self.reduction.line()]

    def to_json(self) -> str:
        """The certificate, with what the reduction of keys did under `reduction`."""
        out = json.loads(self.certificate.to_json())
        out["reduction"] = asdict(self.reduction) if self.reduction is not None else None
        return json.dumps(out, indent=1, allow_nan=False)


def retarget(
    scene: bpy.types.Scene,
    armature: bpy.types.Object | None,
    sequence: SmplxSequence,
    *,
    name: str,
    source: str,
    settings: RetargetSettings | None = None,
    bone_map: BoneMap | None = None,
    layer: bpy.types.ViewLayer | None = None,
) -> Retargeted:
    """Put one person's motion on `armature`, as an Action on an NLA track.

    name: of Action and track. source: what the motion is from; what was applied from the same one
    before is replaced. bone_map: None searches, or takes the one that is kept with the armature.

    Raises RigError, SequenceError: then nothing was changed.
    """
    settings = settings or RetargetSettings()
    armature = rig_ready.require(armature, layer)
    tracks.require_replaceable(armature, source)
    rig = read_rig(armature)
    bone_map, found = bone_map or rig_map.read(armature), ()
    if bone_map is None:
        search = rig_map.find(rig)
        bone_map, found = search.bone_map, search.notes
    bone_map.check(rig)
    rig = with_followed(armature, rig, bone_map, ik=settings.limbs == "ik")
    timeline = timeline_of(scene, sequence, subframes=settings.subframes)
    motion = Motion.from_sequence(sequence, timeline, fps=scene_fps(scene))
    contacts = settings.contacts
    if settings.lanes is not None:
        motion, contacts = as_said(motion, settings.lanes, contacts or NOTHING_HELD)
    transferred = solve(motion, rig, bone_map, settings.transfer)
    grounded = ground(transferred, motion, contacts) if contacts is not None else None
    end = grounded.solved if grounded is not None else transferred
    controls = on_controls(end) if settings.limbs == "ik" else None
    given: Sequence[Channel] = end.channels() if controls is None else controls.channels
    keyed, posed, reduction = every_frame(given), None, None
    if settings.reduce is not None:
        degrees, millimetres = settings.reduce
        keyed, played, reduction = few(
            given, rig, motion.frames, motion.spans, degrees=degrees, millimetres=millimetres,
            shares=held_shares(rig, bone_map, grounded.holds if grounded else (), len(motion)),
        )  # fmt: skip
        if controls is None:  # what IK makes of keys, only Blender knows
            posed = play(rig, played, len(motion))
    certificate = certify(motion, transferred, grounded, posed=posed)
    switches = _switches(rig, bone_map.settings if controls is None else controls.settings)
    count, notes = _write(armature, keyed, switches, timeline, name=name, source=source)
    _keep(armature, bone_map, certificate, reduction)
    on_fk = controls.notes if controls is not None else ()
    warnings = (*found, *end.warnings, *on_fk, *notes, *_unplayed(armature))
    return Retargeted(armature.name, bone_map, timeline, count, certificate, reduction, warnings)


def settings_of(scene: bpy.types.Scene) -> RetargetSettings:
    """What the animator has set in the sidebar."""
    shown = scene.rotocap.retarget
    held = shown.hold_feet or shown.hold_hands
    return RetargetSettings(
        transfer=RetargetOptions(root_motion=shown.root_motion, fingers=shown.fingers, face=shown.face),
        contacts=ContactOptions(feet=shown.hold_feet, hands=shown.hold_hands) if held else None,
        limbs=shown.limbs,
        reduce=(shown.degrees, shown.millimetres) if shown.reduce else None,
        subframes=shown.subframes,
    )


def _switches(rig: Rig, settings: Sequence[Setting]) -> list[Setting]:
    """The settings whose bone and property are there: rigs of one kind differ in what they offer."""
    return [s for s in settings if s.property in rig.properties.get(s.bone, ())]


def _write(
    armature: bpy.types.Object,
    keyed: Sequence[Keyed],
    switches: Sequence[Setting],
    timeline: Timeline,
    *,
    name: str,
    source: str,
) -> tuple[int, list[str]]:
    channels = Channels(name, armature)
    try:
        count = keys.write_bones(channels, keyed, frames=timeline.frames, spans=timeline.spans)
        # Keyed, not set: with the track muted, the rig is as the animator left it.
        for switch in switches:
            bone, prop = (bpy.utils.escape_identifier(text) for text in (switch.bone, switch.property))
            of_bone = f'pose.bones["{bone}"]'
            keys.write(
                channels, f"{of_bone}.{prop}" if prop == IK_STRETCH else f'{of_bone}["{prop}"]',
                np.array([switch.value]),
                frames=timeline.frames[:1], kinds=keys.stepped(1), group=switch.bone,
            )  # fmt: skip
        notes = tracks.play(armature, channels, track=name, source=source)
    except BaseException:
        bpy.data.actions.remove(channels.action)
        raise
    return count + len(switches), notes


def _keep(
    armature: bpy.types.Object, bone_map: BoneMap, certificate: Certificate, reduction: Reduction | None
) -> None:
    """With the armature, for the sidebar."""
    kept = getattr(armature, "rotocap", None)
    if kept is None:  # in a script, without the extension being enabled
        return
    if not kept.text:
        rig_map.show(armature, bone_map)
    kept.certificate = certificate.to_json()
    kept.reduction = json.dumps({**asdict(reduction), "line": reduction.line()}) if reduction else ""


def _unplayed(armature: bpy.types.Object) -> list[str]:
    animation = armature.animation_data
    if animation.use_nla and not any(track.is_solo for track in animation.nla_tracks):
        return []
    return [
        f"{armature.name} does not play the take's track now: in the NLA editor, "
        "switch its animation on and take the star off the track that plays alone"
    ]
