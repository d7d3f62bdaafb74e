# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a TFLite flatbuffer into plain Python: operators, constants, shapes.

Constants that the file holds as fp16 behind DEQUANTIZE, or sparse behind DENSIFY, are given
as dense arrays of the file's own precision, and those two operators are gone.
Format: tensorflow/lite/schema/schema.fbs (the `tflite` package is generated from it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from ...inference.errors import ModelError

_OPERATOR_NAME = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_DTYPE = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}
_ACTIVATION = {
    tflite.ActivationFunctionType.NONE: "",
    tflite.ActivationFunctionType.RELU: "RELU",
    tflite.ActivationFunctionType.RELU6: "RELU6",
}


@dataclass(frozen=True)
class Operator:
    """kind: TFLite's name of it. inputs, outputs: tensor numbers (-1: left out)."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """operators in the order they run; constants and shapes by tensor number, layout NHWC."""

    operators: tuple[Operator, ...]
    constants: dict[int, NDArray[Any]]
    shapes: dict[int, tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _padding(value: int) -> str:
    return {tflite.Padding.SAME: "SAME", tflite.Padding.VALID: "VALID"}[value]


def _conv(o: Any) -> dict[str, Any]:
    if o.DilationHFactor() != 1 or o.DilationWFactor() != 1:
        raise ModelError("a dilated convolution: the converter does not know it.")
    return {
        "padding": _padding(o.Padding()),
        "stride": (o.StrideH(), o.StrideW()),
        "activation": _ACTIVATION[o.FusedActivationFunction()],
    }


def _pool(o: Any) -> dict[str, Any]:
    return {
        "padding": _padding(o.Padding()),
        "stride": (o.StrideH(), o.StrideW()),
        "window": (o.FilterHeight(), o.FilterWidth()),
        "activation": _ACTIVATION[o.FusedActivationFunction()],
    }


def _activated(o: Any) -> dict[str, Any]:
    return {"activation": _ACTIVATION[o.FusedActivationFunction()]}


def _concatenation(o: Any) -> dict[str, Any]:
    return {"axis": o.Axis(), **_activated(o)}


def _resize(o: Any) -> dict[str, Any]:
    return {"align_corners": bool(o.AlignCorners()), "half_pixel": bool(o.HalfPixelCenters())}


def _slice(o: Any) -> dict[str, Any]:
    if o.EllipsisMask() or o.NewAxisMask() or o.ShrinkAxisMask():
        raise ModelError("a strided slice that changes the number of axes: the converter does not know it.")
    return {"begin_mask": o.BeginMask(), "end_mask": o.EndMask()}


_OPTIONS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "CONV_2D": ("Conv2DOptions", _conv),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _conv),
    "MAX_POOL_2D": ("Pool2DOptions", _pool),
    "ADD": ("AddOptions", _activated),
    "CONCATENATION": ("ConcatenationOptions", _concatenation),
    "FULLY_CONNECTED": ("FullyConnectedOptions", _activated),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", _resize),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", lambda o: {"block": o.BlockSize()}),
    "MEAN": ("ReducerOptions", lambda o: {"keep_dims": bool(o.KeepDims())}),
    "STRIDED_SLICE": ("StridedSliceOptions", _slice),
}
_WITHOUT_OPTIONS = ("PAD", "PRELU", "RELU", "RESHAPE", "LOGISTIC", "DEQUANTIZE", "DENSIFY")


def _int_array(metadata: Any, which: str) -> NDArray[np.int64]:
    kinds = {
        tflite.SparseIndexVector.Int32Vector: (tflite.Int32Vector, np.int32),
        tflite.SparseIndexVector.Uint16Vector: (tflite.Uint16Vector, np.uint16),
        tflite.SparseIndexVector.Uint8Vector: (tflite.Uint8Vector, np.uint8),
    }
    vector, dtype = kinds[getattr(metadata, f"{which}Type")()]
    table = getattr(metadata, which)()
    typed = vector()
    typed.Init(table.Bytes, table.Pos)
    return np.asarray([typed.Values(i) for i in range(typed.ValuesLength())], dtype=dtype).astype(np.int64)


def _dense(sparsity: Any, shape: tuple[int, ...], values: NDArray[Any]) -> NDArray[Any]:
    """Expands a sparse constant. It is stored as a tree: one level per axis, in traversal order.

    Axes past the tensor's own are blocks: axis `len(shape) + i` lies inside axis block_map[i].
    """
    order = [sparsity.TraversalOrder(i) for i in range(sparsity.TraversalOrderLength())]
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    block_map = [sparsity.BlockMap(i) for i in range(sparsity.BlockMapLength())]
    # Every node reached so far: its number within its level, and its place on each axis.
    number = np.zeros(1, dtype=np.int64)
    places: dict[int, NDArray[np.int64]] = {}
    sizes: dict[int, int] = {}
    for axis, level in zip(order, levels, strict=True):
        if level.Format() == tflite.DimensionType.DENSE:
            size = level.DenseSize()
            sizes[axis] = size
            parent = np.repeat(np.arange(len(number)), size)
            place = np.tile(np.arange(size), len(number))
            number = number[parent] * size + place
        else:
            segments, indices = _int_array(level, "ArraySegments"), _int_array(level, "ArrayIndices")
            counts = segments[number + 1] - segments[number]
            parent = np.repeat(np.arange(len(number)), counts)
            within = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
            number = segments[number][parent] + within
            place = indices[number]
        places = {a: p[parent] for a, p in places.items()} | {axis: place}
    at = [places[a] for a in range(len(shape))]
    for i, axis in enumerate(block_map):
        inner = len(shape) + i
        at[axis] = at[axis] * sizes[inner] + places[inner]
    dense = np.zeros(shape, dtype=values.dtype)
    dense[tuple(at)] = values[number]
    return dense


def read(data: bytes) -> Graph:
    """Parses one TFLite file with one subgraph."""
    model = tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(f"expected one subgraph, got {model.SubgraphsLength()}.")
    subgraph = model.Subgraphs(0)
    constants: dict[int, NDArray[Any]] = {}
    shapes: dict[int, tuple[int, ...]] = {}
    sparsities: dict[int, Any] = {}
    for i in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(i)
        shapes[i] = tuple(int(s) for s in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            flat = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype=_DTYPE[tensor.Type()])
            if tensor.Sparsity() is not None:
                constants[i], sparsities[i] = flat, tensor.Sparsity()
            else:
                constants[i] = flat.reshape(shapes[i])
    operators = []
    for i in range(subgraph.OperatorsLength()):
        op = subgraph.Operators(i)
        code = model.OperatorCodes(op.OpcodeIndex())
        kind = _OPERATOR_NAME[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(int(k) for k in op.InputsAsNumpy())
        outputs = tuple(int(k) for k in op.OutputsAsNumpy())
        if kind == "DENSIFY":
            constants[outputs[0]] = _dense(sparsities[inputs[0]], shapes[outputs[0]], constants[inputs[0]])
        elif kind == "DEQUANTIZE" and constants[inputs[0]].dtype == np.float16:
            constants[outputs[0]] = constants[inputs[0]]
        elif kind in _WITHOUT_OPTIONS and kind != "DEQUANTIZE":
            operators.append(Operator(kind, inputs, outputs, {}))
        elif kind in _OPTIONS:
            table, parse = _OPTIONS[kind]
            options = getattr(tflite, table)()
            raw = op.BuiltinOptions()
            options.Init(raw.Bytes, raw.Pos)
            operators.append(Operator(kind, inputs, outputs, parse(options)))
        else:
            raise ModelError(f"operator {kind}: the converter does not know it.")
    return Graph(
        tuple(operators),
        constants,
        shapes,
        tuple(int(k) for k in subgraph.InputsAsNumpy()),
        tuple(int(k) for k in subgraph.OutputsAsNumpy()),
    )
