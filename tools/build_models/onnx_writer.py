# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a TFLite graph as ONNX with the same arithmetic, laid out NCHW.

Only what the named outputs need is written. fp16 constants stay fp16 in the file and are cast
to fp32 once, when a session is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...inference.errors import ModelError
from .recipes import Recipe
from .tflite_reader import Graph, Operator

OPSET = 17
IR_VERSION = 8


def needed(graph: Graph, outputs: tuple[int, ...], begins: tuple[int, ...] = ()) -> tuple[Operator, ...]:
    """The operators between the tensors of `begins`, or the graph's inputs, and the outputs, in order."""
    wanted = set(outputs)
    kept = []
    for op in reversed(graph.operators):
        if wanted.intersection(op.outputs).difference(begins):
            kept.append(op)
            wanted.update(op.inputs)
    return tuple(reversed(kept))


def same_pads(size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int]) -> list[int]:
    """TFLite's SAME padding as ONNX `pads`: top, left, bottom, right; the odd pixel goes last."""
    total = [max((-(-n // s) - 1) * s + w - n, 0) for n, w, s in zip(size, window, stride, strict=True)]
    before = [t // 2 for t in total]
    return [*before, *(t - b for t, b in zip(total, before, strict=True))]


class Writer:
    """Collects nodes and constants. Tensor k of the source is named `t<k>`."""

    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        self.graph = graph
        self.recipe = recipe
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.names: dict[int, str] = {}
        # Spatial padding waiting for the convolutions that read it: tensor -> (tensor, pads).
        self.padded: dict[int, tuple[int, list[int]]] = {}

    # -- pieces ------------------------------------------------------------------------------
    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{kind}_{output}", **attributes))
        return output

    def array(self, name: str, value: NDArray[Any]) -> str:
        """A constant, by name; written once however often it is used."""
        value = np.ascontiguousarray(value)
        if value.dtype != np.float16:
            if name not in self.initializers:
                self.initializers[name] = numpy_helper.from_array(value, name)
            return name
        if name not in self.initializers:
            half = f"{name}_fp16"
            self.initializers[name] = numpy_helper.from_array(value, half)
            self.node("Cast", [half], name, to=TensorProto.FLOAT)
        return name

    def constant(self, tensor: int) -> NDArray[Any]:
        try:
            return self.graph.constants[tensor]
        except KeyError:
            raise ModelError(f"tensor {tensor} should be a constant.") from None

    def activate(self, name: str, output: str, activation: str) -> None:
        if activation == "RELU":
            self.node("Relu", [name], output)
        elif activation == "RELU6":
            low, high = self.array("zero", np.float32(0)), self.array("six", np.float32(6))
            self.node("Clip", [name, low, high], output)

    def emit(self, kind: str, inputs: list[str], op: Operator, **attributes: Any) -> None:
        """A node and the activation that TFLite fuses into it."""
        output = f"t{op.outputs[0]}"
        activation = op.options.get("activation", "")
        before = f"{output}_linear" if activation else output
        self.node(kind, inputs, before, **attributes)
        if activation and kind != "Conv":
            # ONNX Runtime takes a Clip into a convolution, but not into a sum or an enlargement.
            before = self.same(before, self.graph.shapes[op.outputs[0]][3])
        self.activate(before, output, activation)

    def same(self, source: str, count: int) -> str:
        """A convolution that changes nothing, for an activation to be taken into."""
        ones = self.array(f"ones_{count}", np.ones((count, 1, 1, 1), dtype=np.float16))
        return self.pointwise(source, ones, f"{source}_same", group=count)

    def spatial(self, tensor: int) -> tuple[int, int]:
        return self.graph.shapes[tensor][1], self.graph.shapes[tensor][2]

    def source_and_pads(self, op: Operator, window: tuple[int, int]) -> tuple[str, list[int]]:
        source, pads = op.inputs[0], [0, 0, 0, 0]
        if source in self.padded:
            source, pads = self.padded[source]
            if op.options["padding"] != "VALID":
                raise ModelError("padding before a SAME convolution: the converter does not know it.")
        elif op.options["padding"] == "SAME":
            pads = same_pads(self.spatial(source), window, op.options["stride"])
        return f"t{source}", pads

    # -- operators ---------------------------------------------------------------------------
    def conv(self, op: Operator) -> None:
        weights = self.constant(op.inputs[1])
        depthwise = op.kind == "DEPTHWISE_CONV_2D"
        # OHWI, or 1HWC for a depthwise one, to OIHW.
        weights = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
        window = (weights.shape[2], weights.shape[3])
        source, pads = self.source_and_pads(op, window)
        inputs = [source, self.array(f"w{op.inputs[1]}", weights)]
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            inputs.append(self.array(f"b{op.inputs[2]}", self.constant(op.inputs[2])))
        group = weights.shape[0] if depthwise else 1
        self.emit(
            *("Conv", inputs, op),
            kernel_shape=window, strides=op.options["stride"], pads=pads, group=group,
        )  # fmt: skip

    def max_pool(self, op: Operator) -> None:
        source, pads = self.source_and_pads(op, op.options["window"])
        self.emit(
            *("MaxPool", [source], op),
            kernel_shape=op.options["window"], strides=op.options["stride"], pads=pads,
        )  # fmt: skip

    def pad(self, op: Operator) -> None:
        amounts = self.constant(op.inputs[1])
        if not amounts[[0, 3]].any():
            self.padded[op.outputs[0]] = (op.inputs[0], amounts[1:3].T.reshape(-1).tolist())
            return
        if amounts[:3].any():
            raise ModelError("padding of batch, or of picture and channels: the converter does not know it.")
        self.channels(op, int(amounts[3, 0]))

    def channels(self, op: Operator, first: int) -> None:
        """Adds empty channels, or takes some out, by a 1 x 1 convolution with ones and zeros.

        It costs less than a Pad or Slice, since those leave the convolutions' blocked layout.
        Source channel k becomes channel k + first.
        """
        count_in, count_out = (self.graph.shapes[k][3] for k in (op.inputs[0], op.outputs[0]))
        weights = np.eye(count_out, count_in, k=-first, dtype=np.float16)[:, :, None, None]
        name = self.array(f"channels_{count_in}_{count_out}_{first}", weights)
        self.pointwise(f"t{op.inputs[0]}", name, f"t{op.outputs[0]}")

    def prelu(self, op: Operator) -> None:
        """max(x, 0) + a min(x, 0), written as x + (1 - a) relu(-x).

        ONNX Runtime's PRelu leaves the blocked layout of its convolutions, and half of a graph's
        time goes into it. Two depthwise 1 x 1 convolutions stay inside: the first takes the Relu
        in, the second the sum.
        """
        slope = self.constant(op.inputs[1]).astype(np.float32).reshape(-1, 1, 1, 1)
        source, output = f"t{op.inputs[0]}", f"t{op.outputs[0]}"
        minus = self.array(f"minus_one_{len(slope)}", np.full_like(slope, -1))
        scale = self.array(f"one_minus_slope{op.inputs[1]}", 1 - slope)
        negative = self.pointwise(source, minus, f"{output}_minus", group=len(slope))
        self.node("Relu", [negative], f"{output}_below")
        below = self.pointwise(f"{output}_below", scale, f"{output}_scaled", group=len(slope))
        self.node("Add", [source, below], output)

    def pointwise(self, source: str, weights: str, output: str, *, group: int = 1) -> str:
        return self.node("Conv", [source, weights], output, kernel_shape=[1, 1], group=group)

    def resize(self, op: Operator) -> None:
        if not op.options["half_pixel"]:
            raise ModelError("a resize without half-pixel centres: the converter does not know it.")
        before, after = self.spatial(op.inputs[0]), self.spatial(op.outputs[0])
        scales = np.array([1, 1, *(b / a for a, b in zip(before, after, strict=True))], dtype=np.float32)
        name = self.array(f"scales{op.outputs[0]}", scales)
        self.emit(
            *("Resize", [f"t{op.inputs[0]}", "", name], op),
            mode="linear", coordinate_transformation_mode="half_pixel",
        )  # fmt: skip

    def reshape(self, op: Operator) -> None:
        source, shape = f"t{op.inputs[0]}", self.graph.shapes[op.outputs[0]]
        if self.spatial(op.inputs[0]) != (1, 1):
            source = self.node("Transpose", [source], f"{source}_nhwc_for_{op.outputs[0]}", perm=[0, 2, 3, 1])
        target = np.array([0, *shape[1:]], dtype=np.int64)
        self.emit("Reshape", [source, self.array("shape_" + "_".join(map(str, target)), target)], op)

    def concatenate(self, op: Operator) -> None:
        axis = op.options["axis"] % len(self.graph.shapes[op.outputs[0]])
        if len(self.graph.shapes[op.outputs[0]]) == 4:
            axis = (0, 2, 3, 1)[axis]
        self.emit("Concat", [f"t{k}" for k in op.inputs], op, axis=axis)

    def fully_connected(self, op: Operator) -> None:
        weights, bias = (self.array(f"w{k}", self.constant(k)) for k in op.inputs[1:3])
        self.emit("Gemm", [f"t{op.inputs[0]}", weights, bias], op, transB=1)

    def mean(self, op: Operator) -> None:
        if sorted(self.constant(op.inputs[1]).reshape(-1).tolist()) != [1, 2] or op.options["keep_dims"]:
            raise ModelError("a mean over something else than the picture: the converter does not know it.")
        pooled = self.node("GlobalAveragePool", [f"t{op.inputs[0]}"], f"t{op.outputs[0]}_pooled")
        self.emit("Flatten", [pooled], op, axis=1)

    def strided_slice(self, op: Operator) -> None:
        begin, end, step = (self.constant(k) for k in op.inputs[1:4])
        shape = self.graph.shapes[op.inputs[0]]
        starts = [0 if op.options["begin_mask"] >> i & 1 else int(b) for i, b in enumerate(begin)]
        ends = [
            n if op.options["end_mask"] >> i & 1 else int(e)
            for i, (e, n) in enumerate(zip(end, shape, strict=True))
        ]
        if starts[:3] != [0, 0, 0] or tuple(ends[:3]) != shape[:3] or step.tolist() != [1, 1, 1, 1]:
            raise ModelError("a slice that is not one of channels: the converter does not know it.")
        self.channels(op, -starts[3])

    def simple(self, kind: str, **attributes: Any) -> Callable[[Operator], None]:
        return lambda op: self.emit(kind, [f"t{k}" for k in op.inputs], op, **attributes)

    def write(self, op: Operator) -> None:
        table: dict[str, Callable[[Operator], None]] = {
            "CONV_2D": self.conv,
            "DEPTHWISE_CONV_2D": self.conv,
            "MAX_POOL_2D": self.max_pool,
            "PAD": self.pad,
            "PRELU": self.prelu,
            "RESIZE_BILINEAR": self.resize,
            "RESHAPE": self.reshape,
            "CONCATENATION": self.concatenate,
            "FULLY_CONNECTED": self.fully_connected,
            "MEAN": self.mean,
            "STRIDED_SLICE": self.strided_slice,
            "ADD": self.simple("Add"),
            "RELU": self.simple("Relu"),
            "LOGISTIC": self.simple("Sigmoid"),
            "DEPTH_TO_SPACE": self.simple("DepthToSpace", blocksize=op.options.get("block"), mode="DCR"),
        }
        table[op.kind](op)


def write(graph: Graph, recipe: Recipe) -> onnx.ModelProto:
    """The ONNX model: inputs and outputs as named in the recipe; the picture is `image` (N, 3, S, S)."""
    given = recipe.begins or (("image", graph.inputs[0]),)
    named = [(name, graph.outputs[index]) for name, index in recipe.outputs] + list(recipe.inner)
    writer = Writer(graph, recipe)
    for op in needed(graph, tuple(tensor for _, tensor in named), tuple(tensor for _, tensor in given)):
        writer.write(op)
    outputs = []
    for name, tensor in named:
        shape = graph.shapes[tensor]
        if len(shape) == 4 and shape[1:3] == (1, 1):
            writer.node("Flatten", [f"t{tensor}"], name, axis=1)
            shape = (shape[0], shape[3])
        else:
            writer.node("Identity", [f"t{tensor}"], name)
            shape = (shape[0], shape[3], *shape[1:3]) if len(shape) == 4 else shape
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape[1:]]))
    inputs = []
    for name, tensor in given:
        shape = graph.shapes[tensor]
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", shape[3], *shape[1:3]]))
        for node in writer.nodes:
            node.input[:] = [name if source == f"t{tensor}" else source for source in node.input]
    body = helper.make_graph(
        writer.nodes, recipe.name, inputs, outputs, initializer=list(writer.initializers.values())
    )
    model = helper.make_model(
        body, producer_name="rotocap", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    onnx.checker.check_model(model, full_check=True)
    return model
