# SPDX-License-Identifier: GPL-3.0-or-later
"""A take from disk into Blender: what the operators and the command line are made of."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..inference.errors import RigError, TakeError, VideoError
from ..inference.take import Take
from ..retarget.bone_map import BoneMap
from . import correct_apply, face_shapes, retarget, scene_from_take
from .camera import look_through
from .motion_files import MOTION
from .retarget import RetargetSettings
from .scene_from_take import ApplyReport, Footage, Person

NEW = "new"


def read_people(take: Take, people: str = "all") -> list[Person]:
    """The people of a take with their motion, the main one first. TakeError if there are none."""
    if people not in ("all", "main", "picked"):
        raise TakeError(f"people: expected all, main or picked, got {people!r}")
    records = sorted(take.people, key=lambda record: not record.main)
    if people == "main":
        records = records[:1]
    if not records:
        if take.status == "no_person":
            raise TakeError(
                f"{take.path.name}: nobody was found in the video; "
                "capture a part in which a person is seen from head to feet"
            )
        raise TakeError(
            f"{take.path.name}: is not finished yet; let its capture end, or capture it again to go on"
        )
    return [
        Person(record.name, record.colour, take.sequence(record), take.path, record.number)
        for record in records
    ]


def one_of(people: list[Person], name: str) -> list[Person]:
    """Only the person of that name, everybody if no name is given. TakeError if nobody is called so."""
    chosen = [person for person in people if person.name == name]
    if name and not chosen:
        there = ", ".join(person.name for person in people)
        raise TakeError(f"the take has nobody named {name!r}; it has {there}: choose one of them")
    return chosen or people


def footage_of(take: Take) -> Footage | None:
    """The video behind a take, wherever it is now; a missing one is noted when it is shown.

    None for imported motion, see `motion_files`.
    """
    if take.video.codec == MOTION:
        return None
    try:
        path = take.video_file()
    except VideoError:
        path = Path(take.video.path)
    return Footage(path, (take.video.width, take.video.height), take.video.fps, take.video.rotation_deg)


def apply_new(scene: bpy.types.Scene, take: Take, people: list[Person]) -> ApplyReport:
    """New armatures with bodies, and the camera over the video, in `scene`: see `add_people`."""
    report = scene_from_take.add_people(scene, people, footage_of(take), title=take.path.stem)
    report.warnings.extend(take.warnings)
    return report


def show(context: bpy.types.Context, report: ApplyReport) -> None:
    """Leave the animator with the new armature selected and active, seen through the camera."""
    layer, objects = context.view_layer, context.scene.objects
    for thing in list(layer.objects.selected):
        thing.select_set(False)
    for name in report.armatures:
        objects[name].select_set(True)
    layer.objects.active = objects[report.armatures[0]]
    if report.camera is not None:
        look_through(context, objects[report.camera])


def apply_to(
    scene: bpy.types.Scene,
    armature: bpy.types.Object | None,
    take: Take,
    people: list[Person],
    *,
    settings: RetargetSettings | None = None,
    bone_map: BoneMap | None = None,
    source: str = "",
) -> ApplyReport:
    """The main person onto an armature that is there, see `retarget.retarget`. RigError if it cannot be.

    source: of an earlier result that this one replaces; without it the same person of the same take.
    """
    person, title, read = people[0], take.path.stem, take.read
    # The same part of the same video, captured again, is the same source.
    source = source or f"{take.video.fingerprint[:16]} {read.start_frame}-{read.end_frame} {person.name}"
    # What the animator has put right of this person on this armature goes along.
    sequence, settings = correct_apply.prepared(scene, armature, person, settings or RetargetSettings())
    faces = face_shapes.meshes_of(armature, scene) if armature and settings.transfer.face else []
    done = retarget.retarget(
        scene, armature, face_shapes.without_bones(sequence, [shapes for _, shapes in faces]),
        name=f"{title} {person.name}", source=source, settings=settings, bone_map=bone_map,
    )  # fmt: skip
    for mesh, shapes in faces:
        face_shapes.write(
            mesh, shapes, sequence, done.timeline, name=f"{title} {person.name} face", source=f"{source} face"
        )
    report = ApplyReport(armatures=[done.armature], keys=done.keys, retargeted=done)
    report.warnings.extend(done.warnings)
    scene_from_take.mark_gaps(scene, person.name, done.timeline)
    scene_from_take.list_performance(scene, person, armature, done.timeline, source=source)
    scene_from_take.set_frame_range(scene, [done.timeline], report, grow=True)
    if len(people) > 1:
        others = ", ".join(person.name for person in people[1:])
        report.warnings.append(f"one armature takes one person: {people[0].name}; not applied: {others}")
    report.warnings.extend(take.warnings)
    return report


def apply_face(
    scene: bpy.types.Scene, mesh: bpy.types.Object | None, take: Take, people: list[Person]
) -> ApplyReport:
    """The main person's face onto a mesh with shape keys of a face. RigError if it cannot be."""
    person = people[0]
    shapes = face_shapes.map_of(mesh)
    if mesh is None or shapes is None:
        raise RigError(
            f"{'no object' if mesh is None else mesh.name}: has no shape keys of a face. Rotocap knows "
            "ARKit's names (jawOpen, eyeBlinkLeft ...), VRM's and VRoid's; rename the shape keys, or choose "
            "the head's mesh"
        )
    timeline = scene_from_take.timeline_of(scene, person.sequence)
    title, read = take.path.stem, take.read
    source = f"{take.video.fingerprint[:16]} {read.start_frame}-{read.end_frame} {person.name} face"
    name = f"{title} {person.name} face"
    written = face_shapes.write(mesh, shapes, person.sequence, timeline, name=name, source=source)
    if not written:
        raise RigError(f"{person.name}: no face was seen in this take, so {mesh.name} stays as it is")
    report = ApplyReport(keys=written * len(timeline), bodies=[mesh.name])
    scene_from_take.set_frame_range(scene, [timeline], report, grow=True)
    return report


def open_rig(rig: str) -> bpy.types.Object:
    """Open FILE.blend of `FILE.blend:Armature` and return the armature. RigError says what is there."""
    file, colon, name = rig.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".blend":
        raise RigError(f"rig: expected new or FILE.blend:Armature, got {rig!r}")
    if not path.is_file():
        raise RigError(f"{path}: no such file; check the path of the rig")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False)
    except RuntimeError as error:
        why = " ".join(str(error).split())
        raise RigError(f"{path}: Blender could not open it ({why}); choose another file") from error
    armature = bpy.context.scene.objects.get(name)
    if armature is None or armature.type != "ARMATURE":
        there = [ob.name for ob in bpy.context.scene.objects if ob.type == "ARMATURE"]
        raise RigError(
            f"{path.name}: has no armature named {name!r} in its scene; "
            f"it has {', '.join(there) or 'no armature at all'}"
        )
    return armature


def save(out: Path) -> None:
    """Save the .blend that is open. TakeError if it cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(out.resolve()), check_existing=False)
    except (OSError, RuntimeError) as error:
        why = " ".join(str(error).split())  # Blender's end with a line break
        raise TakeError(f"{out}: could not be written ({why}); choose another folder") from error
