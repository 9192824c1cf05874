"""Sparse data: one small loop reads offsets and weights. For layers whose generated code would not fit the cache.

Some rows are summed side by side for some tiles at once, so that an offset and a weight, once loaded, serve several
samples. Inputs are cut into stretches that stay in the first-level cache; rows of about equal length go together, so
that they end together. An offset takes two bytes: it counts from the beginning of its stretch, in units of 8 bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ._blocks import even
from ._isa import Function, Isa
from ._rows import rows as rows_of

CACHE = 32_768
"""Bytes of inputs that a stretch may take, over all tiles that are summed at once."""
UNIT = 8
"""Bytes that an offset counts, which an address can multiply by."""


def generate(name: str, layer: Layer, isa: Isa) -> Function:
    """The layer's function. Data grows with the weights that are left: 6 bytes each, once per shape."""
    stream: list[NDArray[np.float32]] = [layer.bias_O.astype(np.float32)]
    lines = [".text", f".globl {name}", ".p2align 6", f"{name}:", "pushq %rbx", "pushq %r12", "pushq %r13"]
    for n, (tiles, rows) in enumerate(isa.shapes):
        packed, begins = pack(layer, isa, tiles, rows), []
        for part in (packed.heads.view(np.float32), packed.weights, _words(packed.offsets)):
            begins.append(4 * sum(map(len, stream)))
            stream.append(part)
        lines += _Writer(f".L{name}_{n}", layer, isa, tiles, rows).passes(*begins)
    lines += ["popq %r13", "popq %r12", "popq %rbx", "vzeroupper", "ret"]
    return Function(name, lines, np.concatenate(stream), 8 * len(lines))


@dataclass(frozen=True, eq=False)
class Packed:
    """A layer as the loop reads it."""

    heads: NDArray[np.uint32]
    """Per stretch: where it begins, in bytes; then for groups of several rows and for single rows: their number, and of
    each its length and its rows."""
    weights: NDArray[np.float32]
    offsets: NDArray[np.uint16]


def pack(layer: Layer, isa: Isa, tiles: int, rows: int) -> Packed:
    """Groups of `rows` rows, longest first.

    A shorter row of a group ends in zeros at an input that it reads anyway: no NaN comes from where it does not look.
    """
    heads: list[NDArray[np.int64]] = []
    weights, offsets = [np.zeros(0, np.float32)], [np.zeros(0, np.uint16)]
    stretches, kept, values_K = _stretches(layer, isa, tiles), rows_of(layer.alive_OI), layer.kept_weights
    lengths_OT = kept.parts(np.array([0, *(stretch.stop for stretch in stretches)]))
    begins_OT = (np.cumsum(lengths_OT) - lengths_OT.ravel()).reshape(lengths_OT.shape)
    for stretch, lengths_O, begins_O in zip(stretches, lengths_OT.T, begins_OT.T, strict=True):
        heads.append(np.array([stretch.start * isa.bytes]))
        order = np.argsort(-lengths_O, kind="stable")[: np.count_nonzero(lengths_O)]
        whole = len(order) // rows * rows
        for groups in (order[:whole].reshape(-1, rows), order[whole:].reshape(-1, 1)):
            longest_G = lengths_O[groups[:, 0]]
            heads += [np.array([len(groups)]), np.column_stack([longest_G, groups * isa.bytes]).ravel()]
            source_E, missing_E = _entries(begins_O[groups], lengths_O[groups], longest_G)
            weights.append(values_K[source_E])
            weights[-1][missing_E] = 0
            offsets.append(((kept.inputs_K[source_E] - stretch.start) * (isa.bytes // UNIT)).astype(np.uint16))
    return Packed(np.concatenate(heads).astype(np.uint32), np.concatenate(weights), np.concatenate(offsets))


def _entries(
    begins_GR: NDArray[np.int64], lengths_GR: NDArray[np.int64], longest_G: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Number of each entry's weight, group by group, step by step, row by row; and the entries beyond a row's last."""
    group_S = np.repeat(np.arange(len(longest_G)), longest_G)
    step_S = np.arange(len(group_S)) - (np.cumsum(longest_G) - longest_G)[group_S]
    beyond_SR = step_S[:, None] - (lengths_GR - 1)[group_S]
    source_SR = (begins_GR + lengths_GR - 1)[group_S] + np.minimum(beyond_SR, 0)
    return source_SR.ravel(), beyond_SR.ravel() > 0


def _words(offsets: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.pad(offsets, (0, len(offsets) % 2)).view(np.float32)


def _stretches(layer: Layer, isa: Isa, tiles: int) -> list[range]:
    return even(layer.weight_OI.shape[1], max(1, CACHE // (isa.bytes * tiles)))


class _Writer:
    """rdi, rsi: the tiles at hand; r13: the stretch. r8: weights, r12: offsets, r9: heads.

    r10, r11: groups and steps to go, rbx: stretches to go.
    """

    def __init__(self, label: str, layer: Layer, isa: Isa, tiles: int, rows: int) -> None:
        self.label, self.layer, self.isa, self.tiles, self.rows = label, layer, isa, tiles, rows
        self.units, inputs = layer.weight_OI.shape
        self.x, self.y = inputs * isa.bytes, self.units * isa.bytes

    def passes(self, heads: int, weights: int, offsets: int) -> Iterator[str]:
        """While there are as many tiles as are summed at once."""
        yield from (f"{self.label}:", f"cmpq ${self.tiles}, %rcx", f"jb {self.label}_end")
        yield from self.rows_of(f"{self.label}_fill", self.bias)
        yield from (f"leaq {heads}(%rdx), %r9", f"leaq {weights}(%rdx), %r8", f"leaq {offsets}(%rdx), %r12")
        yield f"movl ${len(_stretches(self.layer, self.isa, self.tiles))}, %ebx"
        yield from (f"{self.label}_stretch:", "movl (%r9), %eax", "leaq (%rdi,%rax), %r13", "addq $4, %r9")
        yield from self.groups(f"{self.label}_some", self.rows)
        yield from self.groups(f"{self.label}_one", 1)
        yield from ("decl %ebx", f"jnz {self.label}_stretch")
        if self.layer.relu:
            yield self.isa.zero(0)
            yield from self.rows_of(f"{self.label}_relu", self.floor)
        yield from (f"addq ${self.tiles * self.x}, %rdi", f"addq ${self.tiles * self.y}, %rsi")
        yield from (f"subq ${self.tiles}, %rcx", f"jmp {self.label}", f"{self.label}_end:")

    def rows_of(self, label: str, body: Callable[[], Iterator[str]]) -> Iterator[str]:
        """For each unit: r11 counts them, rax points at its row of the first tile."""
        yield from ("movq %rsi, %rax", "xorl %r11d, %r11d", f"{label}:")
        yield from body()
        yield from (f"addq ${self.isa.bytes}, %rax", "incl %r11d", f"cmpl ${self.units}, %r11d", f"jb {label}")

    def bias(self) -> Iterator[str]:
        r = self.isa.register
        yield f"vbroadcastss (%rdx,%r11,4), %{r}0"
        yield from (f"vmovups %{r}0, {a * self.y}(%rax)" for a in range(self.tiles))

    def floor(self) -> Iterator[str]:
        """Maximum by vmaxps, which gives the second of two operands if either is NaN: NaN stays NaN."""
        r = self.isa.register
        for a in range(self.tiles):
            yield from (f"vmaxps {a * self.y}(%rax), %{r}0, %{r}1", f"vmovups %{r}1, {a * self.y}(%rax)")

    def groups(self, label: str, rows: int) -> Iterator[str]:
        """All groups of so many rows in this stretch."""
        r, cells = self.isa.register, [(j, a) for j in range(rows) for a in range(self.tiles)]
        yield from ("movl (%r9), %r10d", "addq $4, %r9", "testl %r10d, %r10d", f"jz {label}_end", f"{label}:")
        for j in range(rows):
            yield f"movl {4 * j + 4}(%r9), %eax"
            yield from (f"vmovups {a * self.y}(%rsi,%rax), %{r}{cells.index((j, a))}" for a in range(self.tiles))
        yield from ("movl (%r9), %r11d", f"{label}_step:")
        for j in range(rows):
            weight = len(cells) + j % 2
            yield from (f"movzwl {2 * j}(%r12), %eax", f"vbroadcastss {4 * j}(%r8), %{r}{weight}")
            for a in range(self.tiles):
                yield f"vfmadd231ps {a * self.x}(%r13,%rax,{UNIT}), %{r}{weight}, %{r}{cells.index((j, a))}"
        yield from (f"addq ${4 * rows}, %r8", f"addq ${2 * rows}, %r12", "decl %r11d", f"jnz {label}_step")
        for j in range(rows):
            yield f"movl {4 * j + 4}(%r9), %eax"
            yield from (f"vmovups %{r}{cells.index((j, a))}, {a * self.y}(%rsi,%rax)" for a in range(self.tiles))
        yield from (f"addq ${4 * rows + 4}, %r9", "decl %r10d", f"jnz {label}", f"{label}_end:")
