"""Sparse code: the mask is in the instructions, the weights stream past them. For layers whose code fits the cache.

A unit's sum for one tile of samples stays in a register. An input is loaded once per group of units, and each weight
that is left costs one fused multiply-add (two instructions on AVX2). SparseRT (Wang, PACT 2020, arXiv 2008.11849) and
SparseDNN (Wang 2021, arXiv 2101.07948) do so on GPUs and CPUs.
"""

from collections.abc import Iterator

import numpy as np

from ..chain import Layer
from ._blocks import chunks, even
from ._instructions import data, sums
from ._isa import Function, Isa, Reach

BLOCK = 22_000
"""Bytes of code of a block. It runs for every tile of a pass, and stays in the first-level cache meanwhile."""
INPUTS = 256
"""Inputs of a block: on AVX-512 16 KB of a tile."""


def generate(name: str, layer: Layer, isa: Isa, reach: Reach | None = None) -> Function:
    """The layer's function. Code grows with the weights that are left: 7 bytes each on AVX-512, 13 on AVX2."""
    writer = _Writer(name, layer, isa, reach or Reach.tiles(layer, isa))
    lines = [".text", f".globl {name}", ".p2align 6", f"{name}:", "pushq %rbx", "movq %r8, %r9"]
    for group in even(len(layer.bias_O), isa.registers - 2):
        lines += writer.group(group)
    lines += ["popq %rbx", "vzeroupper", "ret", *writer.masks()]
    return Function(name, lines, np.concatenate(writer.stream, dtype=np.float32), writer.size)


class _Writer:
    """r9: how far from an output that is which is added to it; rbx: masks of what is written."""

    def __init__(self, name: str, layer: Layer, isa: Isa, reach: Reach) -> None:
        self.name, self.layer, self.isa, self.reach = name, layer, isa, reach
        self.at: list[int] = reach.at_I.tolist()
        self.stream = [layer.bias_O]
        self.blocks, self.size = 0, 0

    def group(self, units: range) -> Iterator[str]:
        """All blocks of some units: the first begins with the biases, the others go on from what is stored."""
        reads_I = self.layer.alive_OI[units.start : units.stop].sum(0)
        inputs = np.flatnonzero(reads_I)
        sizes = 8 + self.isa.weight_bytes * reads_I[inputs]
        self.size += int(sizes.sum())
        pieces = list(chunks(sizes, BLOCK, INPUTS))
        for n, piece in enumerate(pieces):
            ends = n == len(pieces) - 1
            yield from self.block(units, inputs[piece].tolist(), n == 0, ends and self.layer.relu)

    def block(self, units: range, inputs: list[int], first: bool, relu: bool) -> Iterator[str]:
        """A loop over points. Pointers are set to the middle of what is addressed: displacements stay short."""
        r, reach = self.isa.register, self.reach
        label, self.blocks = f".L{self.name}_{self.blocks}", self.blocks + 1
        x = (self.at[inputs[0]] + self.at[inputs[-1]]) // 2 if inputs else 0
        y = (units.start + units.stop) // 2
        yield from (f"leaq {x}(%rdi), %r10", f"leaq {y * reach.spread}(%rsi), %r11", "movq %rcx, %rax")
        if reach.written is not None:
            yield f"leaq .L{self.name}_masks(%rip), %rbx"
        yield f"{label}:"
        begin = 4 * sum(map(len, self.stream))
        for j, o in enumerate(units):
            yield (
                f"vbroadcastss {4 * o}(%rdx), %{r}{j}" if first else f"vmovups {(o - y) * reach.spread}(%r11), %{r}{j}"
            )
            if first and reach.adds:
                yield f"vaddps {(o - y) * reach.spread}(%r11,%r9), %{r}{j}, %{r}{j}"
        yield from self.sums(units, inputs, x, begin)
        if relu:
            yield from self.relu(len(units))
        yield from self.stores({j: f"{(o - y) * reach.spread}(%r11)" for j, o in enumerate(units)})
        yield from (f"addq ${reach.step}, %r10", f"addq ${reach.onward}, %r11", "decq %rax", f"jnz {label}")

    def sums(self, units: range, inputs: list[int], x: int, begin: int) -> Iterator[str]:
        """Each input into the sums of the units that read it. r8 moves along the weights."""
        reach = 128 if self.isa.fused_broadcast else 32  # weights that a one-byte displacement reaches to either side
        alive_IU = self.layer.alive_OI[units.start : units.stop, inputs].T
        self.stream.append(self.layer.weight_OI[units.start : units.stop, inputs].T[alive_IU])
        yield f"leaq {begin + 4 * reach}(%rdx), %r8"
        yield from data(sums(self.isa, alive_IU, np.array([self.at[i] - x for i in inputs], np.int64), reach))

    def stores(self, places: dict[int, str]) -> Iterator[str]:
        """Each register to its place, but for lanes that are not written: those keep what is there."""
        r, old = self.isa.register, self.isa.registers - 1
        if self.reach.written is None:
            yield from (f"vmovups %{r}{j}, {place}" for j, place in places.items())
        elif self.isa.masked:
            yield from ("kmovw (%rbx), %k1", "addq $2, %rbx")
            yield from (f"vmovups %{r}{j}, {place}{{%k1}}" for j, place in places.items())
        else:
            yield from (f"vpmovsxbd (%rbx), %{r}{old}", "addq $8, %rbx")
            for j, place in places.items():
                yield from (f"vblendvps %{r}{old}, {place}, %{r}{j}, %{r}{j}", f"vmovups %{r}{j}, {place}")

    def masks(self) -> Iterator[str]:
        """A bit for each lane that is written or, where what is there is written again, a byte for each that is not."""
        if (written := self.reach.written) is None:
            return
        bits = np.packbits(written, axis=1, bitorder="little").ravel()
        size, numbers = (".short", bits.view(np.uint16)) if self.isa.masked else (".byte", np.where(written, 0, 255))
        yield from (f".L{self.name}_masks:", f"{size} " + ",".join(map(str, numbers.ravel().tolist())))

    def relu(self, count: int) -> Iterator[str]:
        """ReLU by vmaxps, which gives the second of two operands if either is NaN: NaN stays NaN."""
        r, zero = self.isa.register, self.isa.registers - 1
        yield self.isa.zero(zero)
        yield from (f"vmaxps %{r}{j}, %{r}{zero}, %{r}{j}" for j in range(count))
