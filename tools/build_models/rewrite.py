# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a graph so that it needs less arithmetic and gives the same result."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .tflite_reader import Graph, Operator


def convolve_before_enlarging(graph: Graph) -> Graph:
    """Swaps a bilinear enlargement with the 1 x 1 convolution that follows it.

    Both are linear, one over the picture and one over the channels, and an enlargement's
    weights sum to one, so the bias passes through: the order does not matter to the result,
    but before it there are four times fewer pixels to convolve.
    """
    uses = Counter(k for op in graph.operators for k in op.inputs) + Counter(graph.outputs)
    shapes = dict(graph.shapes)
    operators: list[Operator] = []
    enlarged: dict[int, Operator] = {}
    for op in graph.operators:
        if op.kind == "RESIZE_BILINEAR" and uses[op.outputs[0]] == 1:
            enlarged[op.outputs[0]] = op
        resize = enlarged.get(op.inputs[0])
        if op.kind == "CONV_2D" and resize and graph.constants[op.inputs[1]].shape[1:3] == (1, 1):
            operators.remove(resize)
            # A tensor number of its own for the small result: the one between them is free now.
            between = resize.outputs[0]
            height, width = graph.shapes[resize.inputs[0]][1:3]
            shapes[between] = (1, height, width, graph.shapes[op.outputs[0]][3])
            activation = op.options["activation"]
            operators += [
                replace(
                    op,
                    inputs=(resize.inputs[0], *op.inputs[1:]),
                    outputs=(between,),
                    options={**op.options, "activation": ""},
                ),
                replace(
                    resize,
                    inputs=(between, *resize.inputs[1:]),
                    outputs=op.outputs,
                    options={**resize.options, "activation": activation},
                ),
            ]
        else:
            operators.append(op)
    return replace(graph, operators=tuple(operators), shapes=shapes)
