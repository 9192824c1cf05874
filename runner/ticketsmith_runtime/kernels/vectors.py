"""One sample at a time, for tickets of vectors: 16 units in the lanes of a register, one index for all of them.

Where a mask is no set of vectors, lanes without a weight hold zeros. Of a dense matrix it is the dense product.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ._isa import AVX512, Function

UNITS = 16
FULL = 0.5
"""Share of the lanes: with fewer weights in them `pell` reads less."""
STEP = 4
"""Vectors of a turn of the loop, each with a sum of its own: four hide the latency of an addition."""


def fill(layers: Sequence[Layer]) -> float:
    """Share of the lanes that would hold weights, over all layers; 1 if there is none to hold."""
    lanes = sum(UNITS * len(inputs) for layer in layers for inputs in _inputs(layer))
    return sum(layer.kept for layer in layers) / lanes if lanes else 1.0


def arrange(layers: Sequence[Layer]) -> tuple[NDArray[np.int64], list[Layer]]:
    """Everything stays where it is."""
    return np.arange(layers[0].weight_OI.shape[1]), list(layers)


def generate(name: str, layer: Layer) -> Function:
    """`name`(inputs, outputs, stream, 1): outputs are whole groups of 16."""
    groups = _inputs(layer)
    bias = np.zeros(UNITS * len(groups), np.float32)
    bias[: len(layer.bias_O)] = layer.bias_O
    weights, offsets = [np.zeros(0, np.float32)], [np.zeros(0, np.int32)]
    for g, inputs in enumerate(groups):
        weight_NU = np.zeros((-(-len(inputs) // STEP) * STEP, UNITS), np.float32)
        rows = layer.weight_OI[UNITS * g : UNITS * (g + 1), inputs].T
        weight_NU[: len(inputs), : rows.shape[1]] = rows
        weights.append(weight_NU.ravel())
        # What fills the last turn reads an input that is read anyway: no NaN comes from where nobody looks.
        offsets.append(np.pad(inputs, (0, len(weight_NU) - len(inputs)), mode="edge" if len(inputs) else "constant"))
    turns = np.array([len(part) // STEP for part in offsets[1:]], np.int32)
    parts = [bias, *weights, *(part.astype(np.int32).view(np.float32) for part in offsets), turns.view(np.float32)]
    begins = [4 * len(bias), 4 * sum(map(len, weights)), 4 * sum(map(len, offsets))]
    lines = list(_code(name, len(groups), begins, layer.relu))
    return Function(name, lines, np.concatenate(parts), 6 * len(lines))


def _inputs(layer: Layer) -> list[NDArray[np.int64]]:
    """Inputs that any unit reads, for each group of units."""
    edges = range(0, len(layer.alive_OI), UNITS)
    return [np.flatnonzero(layer.alive_OI[first : first + UNITS].any(0)) for first in edges]


def _code(name: str, groups: int, begins: list[int], relu: bool) -> Iterator[str]:
    """rdx: biases, r8: weights, r9: offsets, r10: turns of each group; r11: groups to go."""
    bias, weights, offsets = begins
    yield from (".text", f".globl {name}", ".p2align 6", f"{name}:", f"leaq {bias}(%rdx), %r8")
    yield from (f"leaq {weights}(%r8), %r9", f"leaq {offsets}(%r9), %r10", f"movl ${groups}, %r11d", AVX512.zero(15))
    yield from (f".L{name}_group:", "vmovups (%rdx), %zmm0", *(f"vmovaps %zmm15, %zmm{a}" for a in (1, 2, 3)))
    yield from ("movl (%r10), %ecx", "testl %ecx, %ecx", f"jz .L{name}_sum", f".L{name}_turn:")
    for n in range(STEP):
        yield from (f"movslq {4 * n}(%r9), %rax", f"vmovups {64 * n}(%r8), %zmm{4 + n}")
        yield f"vfmadd231ps (%rdi,%rax,4){{1to16}}, %zmm{4 + n}, %zmm{n}"
    yield from (f"addq ${64 * STEP}, %r8", f"addq ${4 * STEP}, %r9", "decl %ecx", f"jnz .L{name}_turn")
    yield f".L{name}_sum:"
    yield from ("vaddps %zmm1, %zmm0, %zmm0", "vaddps %zmm3, %zmm2, %zmm2", "vaddps %zmm2, %zmm0, %zmm0")
    if relu:  # of two operands vmaxps gives the second if either is NaN: NaN stays NaN
        yield "vmaxps %zmm0, %zmm15, %zmm0"
    yield from ("vmovups %zmm0, (%rsi)", "addq $64, %rdx", "addq $64, %rsi", "addq $4, %r10")
    yield from ("decl %r11d", f"jnz .L{name}_group", "vzeroupper", "ret")
