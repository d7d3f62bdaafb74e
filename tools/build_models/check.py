# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an ONNX graph with the TFLite graph that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ...inference.errors import ModelError
from .recipes import Recipe

# Of the largest value of an output. Summation order alone gives 1e-6 to 1e-4.
LIMIT = 1e-3


def tflite_interpreter(source: bytes, *, threads: int = 1) -> Interpreter:
    interpreter = Interpreter(model_content=source, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def tflite_outputs(interpreter: Interpreter, image: NDArray[np.float32]) -> list[NDArray[Any]]:
    """All outputs for one picture (1, 3, S, S)."""
    nhwc = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], nhwc)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def errors(
    recipe: Recipe, source: bytes, model: bytes, images: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """For each output, the worst |ONNX - TFLite| over the pictures, relative to max |TFLite|.

    A probability's largest value is 1: on noise they are 1e-20 and say nothing relative to that.
    The pictures are run one by one and then all together.
    """
    interpreter = tflite_interpreter(source)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [name for name, _ in recipe.outputs]
    expected = [tflite_outputs(interpreter, image) for image in images]
    calls = [session.run(names, {"image": image}) for image in images]
    together = session.run(names, {"image": np.concatenate(list(images))})
    calls += [[value[i : i + 1] for value in together] for i in range(len(images))]
    expected += expected
    worst = dict.fromkeys(names, 0.0)
    for ours, theirs in zip(calls, expected, strict=True):
        for (name, index), value in zip(recipe.outputs, ours, strict=True):
            reference = theirs[index]
            if reference.ndim == 4:
                reference = reference.transpose(0, 3, 1, 2)
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
