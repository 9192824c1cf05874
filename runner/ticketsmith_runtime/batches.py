"""Programs for batches: tiles of samples through all layers."""

from collections.abc import Sequence

from . import planes, tiles
from .chain import Layer, compact
from .gelu import bent, used
from .graph import Conv, Graph, Unsuited
from .kernels import codegen, datadriven
from .kernels._isa import Isa
from .llvm import Machine
from .program import Program, bounded, declared, joined

GENERATORS = {"codegen": codegen.generate, "datadriven": datadriven.generate}
LARGE = 1_000_000
"""Bytes of code that are worth more tiles per pass."""
FEW_TILES, MANY_TILES = 4, 16
"""Tiles of a pass: how often code is used once it was fetched, against how much of the cache the tiles take."""


def suits(graph: Graph, kernel: str | Sequence[str], isa: Isa) -> None:
    """Raises Unsuited if `planar` is not written for it."""
    arranged = planes.arrange(graph)
    convolutions = [node.layer for node in arranged.body if isinstance(node, Conv)]
    kernels = [kernel] * len(arranged.head) if isinstance(kernel, str) else kernel
    if len(kernels) != len(arranged.head) or set(kernels) - GENERATORS.keys():
        raise Unsuited(f"no program has {'+'.join(kernels)} for its {len(arranged.head)} last layers")
    generated = [layer for name, layer in zip(kernels, arranged.head, strict=True) if name == "codegen"]
    bounded([*convolutions, *generated], isa)


def planar(graph: Graph, kernel: str | Sequence[str], isa: Isa, machine: Machine) -> Program:
    """For batches: convolutions as code, the layers at the end by a kernel of GENERATORS, or by one each.

    Raises Unsuited.
    """
    suits(graph, kernel, isa)
    arranged = planes.arrange(graph)
    head, functions = compact(arranged.head), []
    kernels = [kernel] * len(head) if isinstance(kernel, str) else list(kernel)[-len(head) :]
    if not arranged.body:
        return tiled(head, kernels, isa, machine)
    for n, node in enumerate(arranged.body):
        if isinstance(node, Conv):
            layer, reach = planes.reach(node, arranged.values[node.reads], isa.bytes)
            functions.append(codegen.generate(f"conv{n}", layer, isa, reach))
    body = len(functions)
    functions += [
        GENERATORS[kernel](f"layer{n}", layer, isa) for n, (kernel, layer) in enumerate(zip(kernels, head, strict=True))
    ]
    stream, begins = joined([function.stream for function in functions])
    names = [function.name for function in functions]
    widths = [arranged.values[-1].rows, *(len(layer.bias_O) for layer in head)]
    ir = [
        *declared(functions),
        "declare i64 @llvm.umin.i64(i64, i64)",
        *used(graph.layers(), isa.lanes),
        f"declare <{isa.lanes} x float> @llvm.maximum.v{isa.lanes}f32(<{isa.lanes} x float>, <{isa.lanes} x float>)",
        *planes.code(arranged, isa.lanes, names[:body], begins[:body]),
        *tiles.scatter(isa.lanes, widths[-1]),
        *tiles.passes(
            "run", isa.lanes, FEW_TILES, graph.inputs.size, widths, names[body:], begins[body:], "body", bent(head)
        ),
    ]
    work = tiles.work_floats(isa.lanes, FEW_TILES, widths) + isa.lanes * arranged.scratch
    return Program(ir, machine, functions, graph.inputs.size, widths[-1], work, stream)


def tiled(layers: Sequence[Layer], kernels: Sequence[str], isa: Isa, machine: Machine) -> Program:
    """For batches: tiles of samples through a kernel per layer, of GENERATORS."""
    functions = [
        GENERATORS[kernel](f"layer{n}", layer, isa)
        for n, (kernel, layer) in enumerate(zip(kernels, layers, strict=True))
    ]
    stream, begins = joined([function.stream for function in functions])
    widths = [layers[0].weight_OI.shape[1], *(len(layer.bias_O) for layer in layers)]
    count = MANY_TILES if sum(function.code_bytes for function in functions) > LARGE else FEW_TILES
    names = [function.name for function in functions]
    ir = [
        *declared(functions),
        "declare i64 @llvm.umin.i64(i64, i64)",
        *tiles.gather(isa.lanes, widths[0], widths[0]),
        *tiles.scatter(isa.lanes, widths[-1]),
        *used(layers, isa.lanes),
        *tiles.passes("run", isa.lanes, count, widths[0], widths, names, begins, gelus=bent(layers)),
    ]
    return Program(ir, machine, functions, widths[0], widths[-1], tiles.work_floats(isa.lanes, count, widths), stream)
