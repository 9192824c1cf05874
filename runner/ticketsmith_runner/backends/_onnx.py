"""A graph as an ONNX model, which is how the dense runtimes take it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool

OPSET, IR_VERSION = 17, 9
"""Old enough for every runtime that is pinned."""
GELU = {"sqrt2": 2**0.5, "one": 1.0, "half": 0.5}
POOLS = {"max": "MaxPool", "mean": "AveragePool"}


def model(graph: Graph) -> bytes:
    """`inputs` (n, features) -> `outputs` (n, classes), float32, for any n. A Linear is a Gemm."""
    shapes, constants = graph.shapes(), [numpy_helper.from_array(np.array([-1, *graph.inputs]), "plane")]
    if any(layer.gelu for layer in graph.layers()):
        constants += [numpy_helper.from_array(np.array(number, np.float32), name) for name, number in GELU.items()]
    nodes = [helper.make_node("Reshape", ["inputs", "plane"], ["v0"])]
    for n, node in enumerate(graph.nodes):
        x, y = shapes[node.reads], f"v{n + 1}"
        if isinstance(node, Pool):
            square: dict[str, Any] = {"kernel_shape": [node.size] * 2, "strides": [node.stride] * 2}
            nodes.append(helper.make_node(POOLS[node.kind], [f"v{node.reads}"], [y], **square))
            continue
        form = (-1,) if node.whole(node.reads, x) else (x.channels, *node.kernel)
        weight = np.ascontiguousarray(node.layer.weight_OI).reshape(len(node.layer.bias_O), *form)
        constants.append(numpy_helper.from_array(weight, f"w{n}"))
        constants.append(numpy_helper.from_array(node.layer.bias_O, f"b{n}"))
        nodes += _convolution(n, node, x, y)
    nodes.append(helper.make_node("Flatten", [f"v{len(graph.nodes)}"], ["outputs"]))
    inputs = helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", graph.inputs.size])
    outputs = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", shapes[-1].size])
    made = helper.make_graph(nodes, "ticket", [inputs], [outputs], constants)
    opset = [helper.make_opsetid("", OPSET)]
    return bytes(helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION).SerializeToString())


def _convolution(n: int, node: Conv, x: Plane, y: str) -> Iterator[NodeProto]:
    """The sum, what is added, the ReLU or GELU."""
    left = [f"sum{n}", *([f"added{n}"] if node.adds is not None else []), *([f"unit{n}"] if node.layer.bent else [])]
    left[-1] = y
    if node.whole(node.reads, x):
        yield helper.make_node("Flatten", [f"v{node.reads}"], [f"flat{n}"])
        yield helper.make_node("Gemm", [f"flat{n}", f"w{n}", f"b{n}"], [left[0]], transB=1)
    else:
        around: dict[str, Any] = {
            "pads": [node.padding] * 4,
            "strides": [node.stride] * 2,
            "kernel_shape": list(node.kernel),
        }
        yield helper.make_node("Conv", [f"v{node.reads}", f"w{n}", f"b{n}"], [left[0]], **around)
    if node.adds is not None:
        yield helper.make_node("Add", [left[0], f"v{node.adds}"], [left[1]])
    if node.layer.relu:
        yield helper.make_node("Relu", [left[-2]], [y])
    if node.layer.gelu:
        yield from _gelu(n, left[-2], y)


def _gelu(n: int, x: str, y: str) -> Iterator[NodeProto]:
    """In the form in which runtimes know it again and make it one operation; there is none before version 20."""
    for operation, inputs, output in (
        ("Div", [x, "sqrt2"], f"erf_of{n}"),
        ("Erf", [f"erf_of{n}"], f"erf{n}"),
        ("Add", [f"erf{n}", "one"], f"one_and{n}"),
        ("Mul", [x, f"one_and{n}"], f"twice{n}"),
        ("Mul", [f"twice{n}", "half"], y),
    ):
        yield helper.make_node(operation, inputs, [output])
