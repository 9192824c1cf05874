"""A graph of ours as an ONNX model, for `pack --onnx` and for what compaction leaves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool

from ..exporting import Models, fixed

OPSET, IR_VERSION = 17, 9
"""Old enough for every runtime that is pinned."""
GELU = {"sqrt2": 2**0.5, "one": 1.0, "half": 0.5}
POOLS = {"max": "MaxPool", "mean": "AveragePool"}


def models(graph: Graph) -> Models:
    """The model for each batch size."""
    whole = ModelProto.FromString(model(graph))
    return Models(lambda size: fixed(whole, size), flat=[True])


def model(graph: Graph) -> bytes:
    """`inputs` (n, features) -> `outputs` (n, classes), float32, for any n. A Linear is a Gemm."""
    shapes, last = graph.shapes(), len(graph.nodes)
    writer = _Writer()
    for n, node in enumerate(graph.nodes):
        x = shapes[node.reads]
        if isinstance(node, Pool):
            square = {"kernel_shape": [node.size] * 2, "strides": [node.stride] * 2}
            writer.node(POOLS[node.kind], [writer.as_plane(node.reads, x)], f"v{n + 1}", **square)
        else:
            writer.convolution(n, node, x)
    if last in writer.flat:
        writer.nodes[-1].output[:] = ["outputs"]
    else:
        writer.node("Flatten", [f"v{last}"], "outputs")
    inputs = helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", graph.inputs.size])
    outputs = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["n", shapes[-1].size])
    made = helper.make_graph(writer.nodes, "ticket", [inputs], [outputs], list(writer.constants.values()))
    opset = [helper.make_opsetid("", OPSET)]
    return bytes(helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION).SerializeToString())


class _Writer:
    """Value v is (n, channels, rows, columns), or (n, units) where a Gemm puts it out; value 0 comes flat."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.flat = {0}

    def node(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def as_vector(self, v: int) -> str:
        return _name(v) if v in self.flat else self.node("Flatten", [_name(v)], f"flat{v}_{len(self.nodes)}")

    def as_plane(self, v: int, x: Plane) -> str:
        if v not in self.flat:
            return _name(v)
        form = self.constant(f"form{v}", np.array([-1, *x]))
        return self.node("Reshape", [_name(v), form], f"plane{v}_{len(self.nodes)}")

    def convolution(self, n: int, node: Conv, x: Plane) -> None:
        """The sum, what is added, the ReLU or GELU."""
        layer, y = node.layer, f"v{n + 1}"
        dense = not node.padding and node.kernel == (x.height, x.width)
        steps = ["sum", *(["added"] if node.adds is not None else []), *(["bent"] if layer.bent else [])]
        names = [f"{step}{n}" for step in steps[:-1]] + [y]
        bias = self.constant(f"b{n}", layer.bias_O)
        if dense:
            self.flat.add(n + 1)
            weight = self.constant(f"w{n}", layer.weight_OI)
            self.node("Gemm", [self.as_vector(node.reads), weight, bias], names[0], transB=1)
        else:
            weight = self.constant(f"w{n}", layer.weight_OI.reshape(-1, x.channels, *node.kernel))
            around = {"pads": [node.padding] * 4, "strides": [node.stride] * 2, "kernel_shape": list(node.kernel)}
            self.node("Conv", [self.as_plane(node.reads, x), weight, bias], names[0], **around)
        if node.adds is not None:
            other = self.as_vector(node.adds) if dense else self.as_plane(node.adds, node.shape(x))
            self.node("Add", [names[0], other], names[1])
        if layer.relu:
            self.node("Relu", [names[-2]], y)
        if layer.gelu:
            self.gelu(n, names[-2], y)

    def gelu(self, n: int, x: str, y: str) -> None:
        """In the form in which runtimes know it again and make it one operation; there is none before version 20."""
        for name, number in GELU.items():
            self.constant(name, np.array(number, np.float32))
        self.node("Div", [x, "sqrt2"], f"erf_of{n}")
        self.node("Erf", [f"erf_of{n}"], f"erf{n}")
        self.node("Add", [f"erf{n}", "one"], f"one_and{n}")
        self.node("Mul", [x, f"one_and{n}"], f"twice{n}")
        self.node("Mul", [f"twice{n}", "half"], y)


def _name(v: int) -> str:
    return f"v{v}" if v else "inputs"
