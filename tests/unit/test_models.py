# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded networks: found, checked, run; and what is said when a file is not right."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import models
from rotocap.inference.errors import ModelError

NAMES = {
    "pose_detection": (224, {"boxes": (2254, 12), "scores": (2254, 1)}),
    "pose_landmark": (
        256,
        {
            "landmarks": (195,),
            "presence": (1,),
            "heatmap": (39, 64, 64),
            "world": (117,),
            "fine": (16, 128, 128),
            "coarse": (48, 64, 64),
        },
    ),
    "pose_mask": (256, {"mask": (1, 256, 256)}),
    "palm_detection": (192, {"boxes": (2016, 18), "scores": (2016, 1)}),
    "hand_landmark": (
        224,
        {
            "landmarks": (63,),
            "presence": (1,),
            "handedness": (1,),
            "world": (63,),
            "inner": (112, 14, 14),
        },
    ),
    "hand_recrop": (256, {"crop": (4,)}),
    "face_landmark": (192, {"landmarks": (1404,), "presence": (1,)}),
    "face_detection": (128, {"boxes": (896, 16), "scores": (896, 1)}),
    "iris_landmark": (64, {"contour": (213,), "iris": (15,)}),
}

# What is given to one that does not begin at the picture.
GIVEN = {"pose_mask": {"fine": (16, 128, 128), "coarse": (48, 64, 64)}}


def _built(name: str) -> Path:
    path = models.MODELS / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"needs the networks: {path} is not there, run make models")
    return models.embedded(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good network."""
    shutil.copy(_built("hand_recrop"), tmp_path)
    shutil.copy(models.MODELS / models.MANIFEST, tmp_path)
    return tmp_path


def test_the_list_names_all_networks() -> None:
    assert models.hashes().keys() == NAMES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_and_outputs_are_as_documented(name: str) -> None:
    size, expected = NAMES[name]
    session = models.session(_built(name), threads=1)
    shapes = GIVEN.get(name, {"image": (3, size, size)})
    given = {key: np.full((2, *shape), 0.5, dtype=np.float32) for key, shape in shapes.items()}
    assert {each.name for each in session.get_inputs()} == given.keys()
    found = dict(zip(expected, session.run(list(expected), given), strict=True))
    assert {key: value.shape for key, value in found.items()} == {
        key: (2, *shape) for key, shape in expected.items()
    }
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in found.values())


def test_threads_do_not_spin() -> None:
    options = models.session(_built("hand_recrop"), threads=3).get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_good_file_is_found(folder: Path) -> None:
    assert models.embedded("hand_recrop", folder=folder) == folder / "hand_recrop.onnx"


def test_a_changed_file_is_refused_by_name(folder: Path) -> None:
    path = folder / "hand_recrop.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"hand_recrop\.onnx: its sha256 is .* `make models`") as caught:
        models.embedded("hand_recrop", folder=folder)
    assert models.hashes()["hand_recrop"] in str(caught.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"face_landmark\.onnx: cannot be read .* `make models`"):
        models.embedded("face_landmark", folder=folder)


def test_an_unknown_name_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"'foot': there is none; .*hand_recrop"):
        models.embedded("foot", folder=folder)


@pytest.mark.parametrize("text", ["", "{}", '{"models": {"hand_recrop": 3}}', "[1]"])
def test_a_damaged_list_is_named(folder: Path, text: str) -> None:
    (folder / models.MANIFEST).write_text(text)
    with pytest.raises(ModelError, match=r"models\.json: is damaged .* `make models`"):
        models.embedded("hand_recrop", folder=folder)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"models\.json: cannot be read"):
        models.hashes(tmp_path)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not a network.onnx"
    path.write_bytes(b"hello")
    with pytest.raises(ModelError, match=r"not a network\.onnx: ONNX Runtime cannot run it"):
        models.session(path)


def test_reading_hashes_and_catalogue_loads_no_runtime() -> None:
    code = (
        "import sys, rotocap.inference.models as m, rotocap.inference.catalogue as c;"
        "m.hashes(); c.catalogue(); print(sorted({'onnxruntime', 'numpy', 'cv2'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_committed_list_says_where_each_came_from() -> None:
    listed = json.loads((models.MODELS / models.MANIFEST).read_text(encoding="utf-8"))
    assert set(listed["wheel"]) == {"file", "sha256"}
    for about in listed["models"].values():
        assert set(about) == {"sha256", "bytes", "source", "source_sha256", "licence"}
