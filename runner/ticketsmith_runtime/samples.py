"""Programs for one sample after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from . import neighbours, singles
from .chain import Layer, compact
from .gelu import bent, used
from .graph import Conv, Graph, Unsuited
from .kernels import codegen, pell, vectors, windows
from .kernels._isa import AVX2, AVX512, Function, Isa, widest
from .llvm import Machine
from .program import Program, bounded, declared, joined

INEXACT = ("pell19",)
"""Kernels whose weights are not those of the ticket: only for who measured them."""


@dataclass(frozen=True)
class Single:
    """A kernel for one sample after the other."""

    arrange: Callable[[Sequence[Layer]], tuple[NDArray[np.int64], list[Layer]]]
    """Inputs that it reads, in its order, and the layers for that order."""
    generate: Callable[[str, Layer], Function]
    isa: Isa = AVX512
    """The least that its code needs."""
    in_place: bool = False
    """True if it reads a sample where it is; otherwise a copy, with room behind it."""


SINGLES = {
    "pell": Single(pell.arrange, pell.generate),
    "pell19": Single(pell.arrange, partial(pell.generate, shared=True)),
    "vectors": Single(vectors.arrange, vectors.generate, in_place=True),
    "windows": Single(pell.arrange, windows.generate, AVX2),
}


@dataclass(frozen=True, kw_only=True)
class Body:
    """Everything before the layers: convolutions, their code, and what calls it."""

    layers: Sequence[Layer] = ()
    functions: Sequence[Function] = ()
    calls: Callable[[Sequence[int]], Iterator[str]] = lambda streams: iter(())
    """LLVM IR of `@body`; `streams`: where the functions' weights begin, in bytes."""
    inputs_I: NDArray[np.int64]
    """Places of the layers' inputs, in what it leaves or, without convolutions, in the sample."""
    scratch: int = 0
    """Floats."""


def suits(graph: Graph, machine: Machine, kernel: str) -> None:
    """Raises Unsuited if `flat` is not written for it."""
    arranged, own = neighbours.arrange(graph), SINGLES[kernel].isa
    if not machine.has(*own.features):
        raise Unsuited(f"{machine.cpu} has no {own.title}, which its code is made of")
    bounded([node.layer for node in arranged.body if isinstance(node, Conv)], widest(machine) or own)


def flat(graph: Graph, machine: Machine, kernel: str = "pell") -> Program:
    """Convolutions as code, the layers at the end by a kernel of SINGLES. Raises Unsuited."""
    suits(graph, machine, kernel)
    arranged = neighbours.arrange(graph)
    head, nodes, functions = compact(arranged.head), [], []
    if not arranged.body:
        return single(head, machine, kernel)
    isa = widest(machine) or SINGLES[kernel].isa
    for n, layer, reach in neighbours.layers(arranged, isa):
        nodes.append(n)
        functions.append(codegen.generate(f"conv{n}", layer, isa, reach))

    def calls(streams: Sequence[int]) -> Iterator[str]:
        names = {n: function.name for n, function in zip(nodes, functions, strict=True)}
        yield from (f"declare <{n} x float> @llvm.maximum.v{n}f32(<{n} x float>, <{n} x float>)" for n in range(1, 17))
        yield from neighbours.code(arranged, names, dict(zip(nodes, streams, strict=True)), isa)

    body = Body(
        layers=graph.layers(),
        functions=functions,
        calls=calls,
        inputs_I=arranged.inputs_I,
        scratch=arranged.floats,
    )
    return _program(body, head, machine, kernel, graph.inputs.size)


def single(layers: Sequence[Layer], machine: Machine, kernel: str = "pell") -> Program:
    """Linear layers by a kernel of SINGLES."""
    features = layers[0].weight_OI.shape[1]
    return _program(Body(inputs_I=np.arange(features)), layers, machine, kernel, features)


def _program(body: Body, layers: Sequence[Layer], machine: Machine, kernel: str, features: int) -> Program:
    own, before = SINGLES[kernel], len(body.functions)
    order, arranged = own.arrange(layers)
    functions = [*body.functions, *(own.generate(f"layer{n}", layer) for n, layer in enumerate(arranged))]
    indices = np.zeros(-(-len(order) // singles.UNROLLED) * singles.UNROLLED, np.int32)
    indices[: len(order)] = body.inputs_I[order]
    stream, (_, *begins) = joined([indices.view(np.float32), *(function.stream for function in functions)])
    buffers = [0, *accumulate(pell.padded(width) for width in (len(order), *(len(layer.bias_O) for layer in layers)))]
    names, outputs = [function.name for function in functions[before:]], len(layers[-1].bias_O)
    shape = singles.Shape(
        features=features,
        order=len(order),
        outputs=outputs,
        planes=body.scratch > 0,
        direct=own.in_place and not body.scratch,
        gelus=bent(layers),
    )
    ir = [
        *declared(functions),
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        *used([*body.layers, *layers], singles.ROW),
        *body.calls(begins[:before]),
        *singles.loop("run", shape, names, begins[before:], buffers),
    ]
    return Program(ir, machine, functions, features, outputs, buffers[-1] + body.scratch, stream)
