# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an ONNX graph with the TFLite graph that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from ...inference.errors import ModelError
from .recipes import Recipe

# Of the largest value of an output. Summation order alone gives 1e-6 to 1e-4.
LIMIT = 1e-3


def tflite_interpreter(source: bytes, *, threads: int = 1, keep_all: bool = False) -> Interpreter:
    """keep_all: tensors on the way can be read as well; then it runs without XNNPACK, ten times slower."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if keep_all else OpResolverType.AUTO
    interpreter = Interpreter(
        model_content=source,
        num_threads=threads,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=keep_all,
    )
    interpreter.allocate_tensors()
    return interpreter


def tflite_tensors(
    interpreter: Interpreter, image: NDArray[np.float32], tensors: Sequence[int]
) -> list[NDArray[Any]]:
    """These tensors for one picture (1, 3, S, S), pictures and maps as (1, C, H, W)."""
    nhwc = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], nhwc)
    interpreter.invoke()
    values = [interpreter.get_tensor(tensor) for tensor in tensors]
    return [value.transpose(0, 3, 1, 2) if value.ndim == 4 else value for value in values]


def errors(
    recipe: Recipe, source: bytes, model: bytes, images: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """For each output, the worst |ONNX - TFLite| over the pictures, relative to max |TFLite|.

    A probability's largest value is 1: on noise they are 1e-20 and say nothing relative to that.
    The pictures are run one by one and then all together. A graph that begins at inner tensors
    is given those that TFLite has for the picture.
    """
    interpreter = tflite_interpreter(source, keep_all=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    found = dict([(name, outputs[index]) for name, index in recipe.outputs] + list(recipe.inner))
    given = dict(recipe.begins)
    expected: list[dict[str, NDArray[Any]]] = []
    feeds: list[dict[str, NDArray[Any]]] = []
    for image in images:
        tensors = tflite_tensors(interpreter, image, [*found.values(), *given.values()])
        values = dict(zip([*found, *given], tensors, strict=True))
        expected.append({name: values[name] for name in found})
        feeds.append({name: np.ascontiguousarray(values[name]) for name in given} or {"image": image})
    calls = [session.run(list(found), feed) for feed in feeds]
    together = session.run(
        list(found), {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
    )
    calls += [[value[i : i + 1] for value in together] for i in range(len(feeds))]
    worst = dict.fromkeys(found, 0.0)
    for ours, theirs in zip(calls, expected + expected, strict=True):
        for name, value in zip(found, ours, strict=True):
            reference = theirs[name]
            difference = np.abs(value - reference.reshape(value.shape)).max()
            largest = 1.0 if name in recipe.probabilities else float(np.abs(reference).max())
            worst[name] = max(worst[name], float(difference) / largest)
    return worst


def require(recipe: Recipe, kind: str, measured: dict[str, float]) -> None:
    for name, error in measured.items():
        if not error <= LIMIT:
            raise ModelError(
                f"{recipe.name}, output {name}: differs from TFLite by {error:.2e} of its range on {kind} "
                f"pictures, at most {LIMIT:.0e} is allowed. The conversion is wrong: nothing was written."
            )
