# SPDX-License-Identifier: GPL-3.0-or-later
"""People to train on: bone lengths, and where on them a detector puts its points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..inference.fit.model_points import GROUPS, JOINT_GROUP
from ..inference.lift import layout
from ..inference.lift.points import POINT_NAMES
from ..inference.lift.surface import ANCHORS, OFFSETS
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, PARENTS, rest_joints

# How far people's bones stray from the template's share of their height (ANSUR II: 4 to 6 %, and
# a little more, since a rig's joints are not a person's).
_GROUP_SPREAD = {"hips": 0.10, "torso": 0.06, "shoulders": 0.08, "head": 0.05, "foot": 0.06, "hand": 0.06}
# How people on film differ from the template, as our networks see them: a man in four views and
# another who stands before the camera have trunks 7 to 13 % longer against their legs, and shanks
# 5 to 9 % shorter against their thighs. Half of it, since rendered people are like the template.
_GROUP_MEAN = {
    "torso": 0.05,
    "shank": -0.035,
    "thigh": -0.01,
    "shoulders": 0.03,
    "hips": 0.03,
    "forearm": -0.02,
}
_USUAL_SPREAD = 0.055
_CROWN = 0.167  # metres from the head joint to the crown of the template
_POINT_SPREAD = 0.004  # metres: what people differ in beyond the detector's errors


@dataclass(frozen=True)
class Bodies:
    """B people of `layout.STATURE` metres."""

    offsets: Tensor  # (B, 22, 3) from the parent joint at rest
    points: Tensor  # (B, P, 3) of a point from its anchor, in its carrier's axes
    leg: Tensor  # (B,) leg length over the template's

    @classmethod
    def draw(cls, count: int, generator: torch.Generator) -> Bodies:
        """People at random."""
        spread = torch.tensor([_GROUP_SPREAD.get(name, _USUAL_SPREAD) for name in GROUPS])
        mean = torch.tensor([_GROUP_MEAN.get(name, 0.0) for name in GROUPS])
        log_scale = mean + torch.randn(count, len(GROUPS), generator=generator) * spread
        template = torch.tensor(np.asarray(rest_joints()), dtype=torch.float32)
        parents = torch.tensor(PARENTS[1:BODY_JOINT_COUNT])
        groups = torch.tensor(JOINT_GROUP[1:BODY_JOINT_COUNT])
        offsets = torch.zeros(count, BODY_JOINT_COUNT, 3)
        bones = template[1:BODY_JOINT_COUNT] - template[parents]
        offsets[:, 1:] = bones * torch.exp(log_scale[:, groups])[..., None]
        carriers = [_point_group(name) for name in POINT_NAMES]
        points = torch.tensor(OFFSETS, dtype=torch.float32) * torch.exp(log_scale[:, carriers])[..., None]
        points = points + _POINT_SPREAD * torch.randn(points.shape, generator=generator)
        scale = layout.STATURE / _stature(offsets, log_scale)
        offsets, points = offsets * scale[:, None, None], points * scale[:, None, None]
        return cls(offsets, points, _leg(offsets) / _leg(_template_offsets())[0])


def _point_group(name: str) -> int:
    joint = ANCHORS[POINT_NAMES.index(name)]
    if joint == INDEX["head"]:
        return GROUPS.index("head")
    plain = name.removeprefix("left_").removeprefix("right_")
    if plain.startswith("hand_"):
        return GROUPS.index("hand")
    return GROUPS.index("foot") if plain in ("heel", "big_toe") else GROUPS.index("torso")


def _template_offsets() -> Tensor:
    template = torch.tensor(np.asarray(rest_joints()), dtype=torch.float32)
    offsets = torch.zeros(1, BODY_JOINT_COUNT, 3)
    parents = torch.tensor(PARENTS[1:BODY_JOINT_COUNT])
    offsets[0, 1:] = template[1:BODY_JOINT_COUNT] - template[parents]
    return offsets


def _leg(offsets: Tensor) -> Tensor:
    return (
        offsets[:, INDEX["left_knee"]].norm(dim=-1)
        + offsets[:, INDEX["left_ankle"]].norm(dim=-1)
        - offsets[:, INDEX["left_hip"], 1]
    )


def _stature(offsets: Tensor, log_scale: Tensor) -> Tensor:
    """Height (B,) of the crown over the sole at rest."""
    height = torch.zeros(len(offsets))
    for name in ("spine1", "spine2", "spine3", "neck", "head"):
        height = height + offsets[:, INDEX[name], 1]
    for name in ("left_hip", "left_knee", "left_ankle"):
        height = height - offsets[:, INDEX[name], 1]
    sole = float(rest_joints()[INDEX["left_ankle"], 1])
    return (
        height
        + _CROWN * torch.exp(log_scale[:, GROUPS.index("head")])
        + sole * torch.exp(log_scale[:, GROUPS.index("foot")])
    )
