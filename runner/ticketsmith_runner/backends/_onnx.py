"""A chain of layers as an ONNX model, which is how the dense runtimes take it."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ticketsmith_runtime.chain import Layer

OPSET, IR_VERSION = 17, 9
"""Old enough for every runtime that is pinned."""


def model(layers: Sequence[Layer]) -> bytes:
    """`inputs` (n, features) -> `outputs` (n, classes), float32, for any n."""
    nodes, constants, name = [], [], "inputs"
    for n, layer in enumerate(layers):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(layer.weight_OI), f"weight{n}"))
        constants.append(numpy_helper.from_array(layer.bias_O, f"bias{n}"))
        nodes.append(helper.make_node("Gemm", [name, f"weight{n}", f"bias{n}"], [f"sum{n}"], transB=1))
        name = f"sum{n}"
        if layer.relu:
            nodes.append(helper.make_node("Relu", [name], [f"unit{n}"]))
            name = f"unit{n}"
    nodes[-1].output[0] = "outputs"
    inputs = helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", layers[0].weight_OI.shape[1]])
    outputs = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", len(layers[-1].bias_O)])
    graph = helper.make_graph(nodes, "chain", [inputs], [outputs], constants)
    opset = [helper.make_opsetid("", OPSET)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString())
