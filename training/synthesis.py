# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples made on the fly: known motion on a random body, as our detector would see it by some camera.

The motion at hand is little (ninety minutes), so most of the variety is made here:
mirrored, slower and faster, lower body of one take under the upper body of another,
joints turned by smooth offsets, collars that go with the arms (motion capture of the
time did not solve them), other bones, and cameras all round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..inference.lift import layout
from ..inference.lift.normalise import normalise
from ..inference.lift.points import INDEX as POINT
from ..inference.lift.surface import ANCHORS, CARRIERS
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, MIRROR, PARENTS
from . import rotations
from .bodies import Bodies
from .detector_errors import ErrorModel
from .detector_errors.occlusion import hidden
from .motion_data import MotionSet

_UPPER: Final = [
    INDEX[name]
    for name in (
        "spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    )
]  # fmt: skip
# Standard deviation of smooth joint offsets, radians about x, y, z of the left side's joint.
_OFFSETS: Final = {
    "spine1": (0.08, 0.06, 0.06), "spine2": (0.06, 0.06, 0.05), "spine3": (0.06, 0.06, 0.05),
    "neck": (0.12, 0.15, 0.10), "head": (0.15, 0.20, 0.12), "collar": (0.04, 0.08, 0.08),
    "shoulder": (0.25, 0.25, 0.25), "elbow": (0.30, 0.0, 0.0), "wrist": (0.30, 0.20, 0.35),
    "hip": (0.12, 0.10, 0.10), "knee": (0.0, 0.04, 0.0), "ankle": (0.15, 0.10, 0.08),
    "foot": (0.10, 0.0, 0.0),
}  # fmt: skip
_FLEXION: Final = {
    "left_elbow": (1, -0.25),
    "right_elbow": (1, 0.25),
    "left_knee": (0, 0.20),
    "right_knee": (0, 0.20),
}
# Recorded knees and elbows hardly ever straighten: in CMU's takes people stand with knees bent by 20 to
# 30 degrees, where people who stand have 0 to 5. Joint, axis, sign of flexion, radians at most.
_STRAIGHTENED: Final = (
    ("left", "knee", 0, 1.0, 0.55), ("right", "knee", 0, 1.0, 0.55),
    ("left", "elbow", 1, -1.0, 0.3), ("right", "elbow", 1, 1.0, 0.3),
)  # fmt: skip
_SWAY_FRAMES: Final = 32  # knots of a smooth offset lie so far apart
_CONTACT_SPEED: Final = 0.35  # metres a second
_CONTACT_HEIGHT: Final = 0.06  # metres above the lowest place of that point


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How far samples stray from the motion as it was recorded. Shares are of windows."""

    mirrored: float = 0.5
    mixed_halves: float = 0.3
    offsets: float = 0.6
    tempo: float = 0.3
    straightened: float = 0.7
    focal_error: float = 0.05  # sd of the log of the focal length that is believed
    cut_off: float = 0.12  # a desk or a wall hides all on one side of a line
    level_cameras: float = 0.55  # near eye height; the others anywhere from -60 to 60 degrees
    errors: bool = True  # detector-like errors; else perfect points, all seen


AS_RECORDED: Final = Variety(
    mirrored=0.0, mixed_halves=0.0, offsets=0.0, tempo=0.0, straightened=0.0, cut_off=0.0
)


@dataclass(frozen=True)
class Batch:
    """B windows of T frames: input of the network, and the truth in the virtual camera's axes."""

    inputs: Tensor  # (B, T, INPUTS)
    places: Tensor  # (B, T, 22, 3) joints from the pelvis
    turns: Tensor  # (B, T, 22, 3, 3) world rotations
    root: Tensor  # (B, T, 3) as layout.ROOT
    contacts: Tensor  # (B, T, 4) 0 or 1
    up: Tensor  # (B, T, 3) unit vector against gravity
    offsets: Tensor  # (B, 22, 3) bones at rest
    # What evaluation needs beyond it.
    camera_from_virtual: Tensor  # (B, T, 3, 3)
    spread: Tensor  # (B, T)
    pelvis: Tensor  # (B, T, 3) in the real camera
    points: Tensor  # (B, T, P, 2) as detected, on the plane z = 1
    certainty: Tensor  # (B, T, P)
    sequence: Tensor  # (B,) number of the take that the (lower) body comes from


class Synthesis:
    """Draws batches from motion. `generator` decides everything."""

    def __init__(
        self,
        motion: MotionSet,
        *,
        variety: Variety = Variety(),
        errors: ErrorModel | None = None,
        emphasis: Tensor | None = None,
        seed: int,
    ) -> None:
        """emphasis (S,): how much more often than usual each sequence is drawn (`examine`)."""
        self.variety = variety
        self.errors = errors or ErrorModel.load()
        self.generator = torch.Generator().manual_seed(seed)
        self.local = rotations.from_axis_angle(torch.tensor(motion.pose))
        self.trans = torch.tensor(motion.trans)
        self.start = torch.tensor(motion.start[:-1])
        self.length = torch.tensor(np.diff(motion.start))
        # Long takes of one person are much alike: they count for less than their frames.
        self.weight = self.length.float().clamp(min=30).pow(0.75)
        if emphasis is not None:
            self.weight = self.weight * emphasis

    def batch(self, count: int, frames: int) -> Batch:
        """B = count windows of T = frames, drawn at random."""
        sequence = torch.multinomial(self.weight, count, replacement=True, generator=self.generator)
        tempo = torch.ones(count)
        other = self._chance(count, self.variety.tempo)
        tempo = torch.where(other, torch.exp(self._normal(count) * 0.35).clamp(0.5, 2.0), tempo)
        room = (self.length[sequence] - 1 - tempo * (frames - 1)).clamp(min=0.0)
        begin = self._uniform(count, 0.0, 1.0) * room
        begin = torch.where(other, begin, begin.round())
        return self.windows(sequence, begin, tempo, frames)

    def windows(self, sequence: Tensor, begin: Tensor, tempo: Tensor, frames: int) -> Batch:
        """Windows of given sequences (B,), from frame `begin` (B,) on, `tempo` (B,) frames a frame."""
        local, trans = self._motion(sequence, begin, tempo, frames)
        bodies = Bodies.draw(len(sequence), self.generator)
        local, trans = self._varied(local, trans)
        world, joints = _forward(local, bodies.offsets)
        joints = joints + (trans * bodies.leg[:, None, None])[:, :, None]
        return self._seen(world, joints, bodies, sequence)

    # Motion.

    def _motion(self, sequence: Tensor, begin: Tensor, tempo: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        place = begin[:, None] + tempo[:, None] * torch.arange(frames)
        place = torch.minimum(place, (self.length[sequence] - 1).float()[:, None])
        before = place.floor().long()
        share = (place - before)[..., None]
        after = torch.minimum(before + 1, (self.length[sequence] - 1)[:, None])
        first = self.start[sequence][:, None]
        before, after = before + first, after + first
        local, trans = self.local[before], self.trans[before]
        between = (share[..., 0] > 0).any(dim=1)
        if between.any():
            part = share[between][..., None, None]
            blend = torch.lerp(local[between], self.local[after[between]], part)
            local[between] = rotations.from_columns(blend[..., 0], blend[..., 1])
            trans[between] = torch.lerp(trans[between], self.trans[after[between]], share[between])
        return local, trans

    def _varied(self, local: Tensor, trans: Tensor) -> tuple[Tensor, Tensor]:
        count, frames = trans.shape[:2]
        v = self.variety
        mixed = self._chance(count, v.mixed_halves)
        if mixed.any():
            other = torch.roll(torch.arange(count), 1)
            chosen = local[:, :, _UPPER]
            chosen[mixed] = local[other[mixed]][:, :, _UPPER]
            local[:, :, _UPPER] = chosen
        mirrored = self._chance(count, v.mirrored)
        if mirrored.any():
            flip = torch.tensor([-1.0, 1.0, 1.0])
            part = local[mirrored][:, :, list(MIRROR[:BODY_JOINT_COUNT])]
            local[mirrored] = part * flip[:, None] * flip
            trans = trans.clone()
            trans[mirrored] = trans[mirrored] * flip
        straight = self._chance(count, v.straightened)
        if straight.any():
            local[straight] = self._straightened(local[straight])
        turned = self._chance(count, v.offsets)
        if turned.any():
            local[turned] = self._with_offsets(local[turned], int(turned.sum()), frames)
        if v.offsets:
            local = self._with_collars(local)
        return local, trans

    def _with_offsets(self, local: Tensor, count: int, frames: int) -> Tensor:
        spread = torch.zeros(BODY_JOINT_COUNT, 3)
        for name, joint in INDEX.items():
            if joint < BODY_JOINT_COUNT:
                plain = name.removeprefix("left_").removeprefix("right_")
                spread[joint] = torch.tensor(_OFFSETS.get(plain, (0.0, 0.0, 0.0)))
        turn = self._smooth(count, frames, BODY_JOINT_COUNT * 3).unflatten(-1, (BODY_JOINT_COUNT, 3)) * spread
        # Each sample moves some joints much and others little.
        turn = turn * self._uniform(count * BODY_JOINT_COUNT, 0.0, 1.6).view(count, 1, BODY_JOINT_COUNT, 1)
        for name, (axis, size) in _FLEXION.items():
            # A hinge bends further, never backwards.
            turn[:, :, INDEX[name], axis] = self._smooth(count, frames, 1)[..., 0].abs() * size
        return local @ rotations.from_axis_angle(turn)

    def _straightened(self, local: Tensor) -> Tensor:
        """Limbs less bent, by less where they are straight. Feet stay under the hips, and level."""
        local = local.clone()
        share = self._uniform(len(local), 0.1, 1.0)[:, None]
        for side, name, axis, sign, most in _STRAIGHTENED:
            joint = INDEX[f"{side}_{name}"]
            bent = local[:, :, joint]
            across, over = (
                bent[..., (axis + 1) % 3, (axis + 1) % 3],
                bent[..., (axis + 2) % 3, (axis + 1) % 3],
            )
            flexion = (sign * torch.atan2(over, across)).clamp(min=0.0)
            less = most * share * (1.0 - torch.exp(-flexion / (most * share)))
            local[:, :, joint] = rotations.about(axis, -sign * less) @ bent
            if name == "knee":
                hip, ankle = INDEX[f"{side}_hip"], INDEX[f"{side}_ankle"]
                half = rotations.about(axis, 0.5 * less)
                local[:, :, hip] = local[:, :, hip] @ half
                local[:, :, ankle] = bent.transpose(-1, -2) @ half @ bent @ local[:, :, ankle]
        return local

    def _with_collars(self, local: Tensor) -> Tensor:
        """The collar takes a third of the arm's elevation beyond 30 degrees (scapulo-humeral rhythm)."""
        local = local.clone()
        share = self._uniform(len(local), 0.15, 0.45)[:, None]
        for side, sign in (("left", 1.0), ("right", -1.0)):
            collar, shoulder = INDEX[f"{side}_collar"], INDEX[f"{side}_shoulder"]
            along = local[:, :, shoulder, :, 0] * sign  # the arm in the chest's axes; hanging is -y
            elevation = torch.asin(along[..., 1].clamp(-0.999, 0.999)) + np.pi / 2
            raised = share * (elevation - 0.52).clamp(min=0.0)
            forward = 0.35 * share * along[..., 2].clamp(-1.0, 1.0)
            vectors = torch.stack([torch.zeros_like(raised), -sign * forward, sign * raised], dim=-1)
            turn = rotations.from_axis_angle(vectors)
            local[:, :, shoulder] = (local[:, :, collar] @ turn).transpose(-1, -2) @ (
                local[:, :, collar] @ local[:, :, shoulder]
            )
            local[:, :, collar] = local[:, :, collar] @ turn
        return local

    # Pictures.

    def _seen(self, world: Tensor, joints: Tensor, bodies: Bodies, sequence: Tensor) -> Batch:
        count, frames = joints.shape[:2]
        contacts = _contacts(world, joints, bodies)
        camera, tangent = self._cameras(count)
        middle = joints[:, :, 0].mean(dim=1)
        world = camera[:, None, None] @ world
        joints = torch.einsum("bij,btpj->btpi", camera, joints - middle[:, None, None])
        joints = joints + self._stands(tangent, joints)[:, None, None]
        anchors, carriers = torch.tensor(ANCHORS), torch.tensor(CARRIERS)
        points = joints[:, :, anchors] + (world[:, :, carriers] @ bodies.points[:, None, :, :, None])[..., 0]
        flat = points[..., :2] / points[..., 2:].clamp(min=0.1)
        inside = (flat.abs() < tangent[:, None, None]).all(dim=-1) & (points[..., 2] > 0.15)
        inside &= self._not_cut_off(flat, joints)
        if self.variety.errors:
            size = layout.STATURE / joints[:, :, 0, 2].mean(dim=1)
            # What the body hides changes little from one frame to the next.
            every = slice(None, None, 2)
            covered = hidden(points[:, every], joints[:, every], world[:, every])
            visible = ~covered.repeat_interleave(2, dim=1)[:, :frames]
            bounds = torch.stack([-tangent, tangent], dim=1) / size[:, None, None]
            pixels = size / (2.0 * tangent[:, 1]) * self._uniform(count, 480.0, 1080.0)
            unit = size[:, None, None, None]
            detected, certainty = self.errors.corrupt(
                flat / unit,
                visible,
                inside=inside,
                bounds=bounds,
                size_px=pixels,
                generator=self.generator,
            )
            flat = detected * unit
        else:
            certainty = inside.float()
        believed = torch.exp(self._normal(count) * self.variety.focal_error)[:, None, None, None]
        flat = flat * believed
        normal = normalise(flat.numpy(), certainty.numpy())
        turn = torch.tensor(normal.camera_from_virtual, dtype=torch.float32)
        spread = torch.tensor(normal.spread, dtype=torch.float32)
        pelvis = joints[:, :, 0]
        ahead = torch.einsum("btji,btj->bti", turn, pelvis)
        depth = ahead[..., 2].clamp(min=0.1)
        root = torch.cat(
            [ahead[..., :2] / (depth * spread)[..., None], torch.log(depth * spread)[..., None]], dim=-1
        )
        places = joints - pelvis[:, :, None]
        return Batch(
            inputs=torch.tensor(normal.inputs),
            places=places @ turn,
            turns=turn.transpose(-1, -2)[:, :, None] @ world,
            root=root,
            contacts=contacts,
            up=torch.einsum("btji,bj->bti", turn, camera[:, :, 1]),
            offsets=bodies.offsets,
            camera_from_virtual=turn,
            spread=spread,
            pelvis=pelvis,
            points=flat,
            certainty=certainty,
            sequence=sequence,
        )

    def _cameras(self, count: int) -> tuple[Tensor, Tensor]:
        """Camera-from-world rotations (B, 3, 3), and half the picture (B, 2) on the plane z = 1."""
        level = self._chance(count, self.variety.level_cameras)
        pitch = torch.where(level, 0.12 + 0.20 * self._normal(count), self._uniform(count, -1.05, 1.05))
        yaw, roll = self._uniform(count, -np.pi, np.pi), 0.06 * self._normal(count)
        # World +Y up to camera y down; then the camera looks down by its pitch.
        upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        turn = rotations.about(2, roll) @ rotations.about(0, pitch) @ upright @ rotations.about(1, yaw)
        long = torch.tan(0.5 * self._uniform(count, 25.0, 90.0) * np.pi / 180.0)
        shape = torch.tensor([[1.0, 9 / 16], [1.0, 3 / 4], [9 / 16, 1.0], [1.0, 1.0]])
        kind = torch.multinomial(torch.tensor([0.5, 0.1, 0.3, 0.1]), count, True, generator=self.generator)
        return turn, long[:, None] * shape[kind]

    def _stands(self, tangent: Tensor, joints: Tensor) -> Tensor:
        """Where (B, 3) the middle of the motion lies: from tiny to cut by the picture's edge."""
        count = len(tangent)
        share = torch.exp(self._uniform(count, np.log(0.18), np.log(1.35)))  # of the picture's shorter side
        depth = layout.STATURE / (2.0 * share * tangent.min(dim=1).values)
        # Nobody walks through the camera.
        nearest = joints[..., 2].flatten(1).min(dim=1).values
        depth = torch.maximum(depth, 0.35 - nearest)
        offset = (torch.rand(count, 2, generator=self.generator) * 2.0 - 1.0) * tangent
        # A person who fills the picture stands in its middle.
        offset = offset * (1.0 - 0.75 * share.clamp(max=1.0))[:, None]
        return torch.cat([offset * depth[:, None], depth[:, None]], dim=-1)

    def _not_cut_off(self, flat: Tensor, joints: Tensor) -> Tensor:
        """Points (B, T, P) that no line hides; in some windows one does, mostly below the waist."""
        count = len(flat)
        cut = self._chance(count, self.variety.cut_off)
        angle = torch.where(
            self._chance(count, 0.7), 0.15 * self._normal(count), self._uniform(count, -np.pi, np.pi)
        )
        normal = torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1)  # 0: what is below is hidden
        pelvis = joints[:, :, 0].mean(dim=1)
        size = layout.STATURE / pelvis[:, 2]
        where = (pelvis[:, :2] / pelvis[:, 2:] * normal).sum(-1) + size * self._uniform(count, -0.15, 0.3)
        beyond = torch.einsum("btpi,bi->btp", flat, normal) > where[:, None, None]
        return ~(beyond & cut[:, None, None])

    # Chance.

    def _normal(self, count: int) -> Tensor:
        return torch.randn(count, generator=self.generator)

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=self.generator)

    def _chance(self, count: int, share: float) -> Tensor:
        return torch.rand(count, generator=self.generator) < share

    def _smooth(self, count: int, frames: int, columns: int) -> Tensor:
        """Smooth random functions of time (B, T, C) of about unit size."""
        knots = frames // _SWAY_FRAMES + 2
        values = torch.randn(count, columns, knots, generator=self.generator)
        place = torch.arange(frames) / _SWAY_FRAMES
        before = place.floor().long()
        share = place - before
        share = share * share * (3.0 - 2.0 * share)
        return torch.lerp(values[..., before], values[..., before + 1], share).transpose(1, 2)


def _forward(local: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """World rotations (B, T, 22, 3, 3) and joints from the pelvis (B, T, 22, 3)."""
    world, joints = [local[:, :, 0]], [torch.zeros_like(local[:, :, 0, :, 0])]
    for j in range(1, BODY_JOINT_COUNT):
        parent = PARENTS[j]
        joints.append(joints[parent] + (world[parent] @ offsets[:, None, j, :, None])[..., 0])
        world.append(world[parent] @ local[:, :, j])
    return torch.stack(world, dim=2), torch.stack(joints, dim=2)


def _contacts(world: Tensor, joints: Tensor, bodies: Bodies) -> Tensor:
    """Heels and toes (B, T, 4) that rest on something: low for themselves, and slow."""
    rows = [POINT[name] for name in ("left_heel", "left_big_toe", "right_heel", "right_big_toe")]
    anchors, carriers = torch.tensor(ANCHORS[rows]), torch.tensor(CARRIERS[rows])
    arms = (world[:, :, carriers] @ bodies.points[:, None, rows, :, None])[..., 0]
    feet = joints[:, :, anchors] + arms
    speed = torch.zeros(feet.shape[:3])
    if feet.shape[1] > 1:
        step = (feet[:, 1:] - feet[:, :-1]).norm(dim=-1) * layout.FPS
        speed[:, 1:], speed[:, 0] = step, step[:, 0]
    low = feet[..., 1] - feet[..., 1].min(dim=1, keepdim=True).values < _CONTACT_HEIGHT
    return ((speed < _CONTACT_SPEED) & low).float()
