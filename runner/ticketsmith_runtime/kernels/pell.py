"""One sample at a time: sixteen units in the lanes of a register, their inputs picked by a permutation of registers.

A padded ELLPACK whose column indices reach into a window of 32 inputs that lie in two registers: `vpermi2ps` picks one
for every lane, where a gather from memory would cost twenty times as much. The window moves along the inputs in steps
of 16, and at every step a group of units has the same number of slots; what does not fit is spilled to slots with a
window of their own. Indices take five bits. Weights stay exact: only the order of the sums is another. Or, where that
is asked for, they keep 19 bits and hold their index in the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ._greedy import steps as greedy
from ._isa import AVX512, Function
from ._rows import Rows, rows

UNITS = STEP = 16
WINDOW = 32
BITS, SHARED = 5, 6
"""Bits of a pick; and picks in a word of 32."""
SHIFTS = BITS * np.arange(SHARED, dtype=np.uint32)[:, None]
TURN = 12
"""Spilled slots of a turn of their loop: whole words of picks, and every sum as often."""
SPILL = 2.5
"""Cost of a spilled slot, in slots: its window is loaded for it alone."""


def padded(features: int) -> int:
    """Floats that a layer's input takes: whole pairs of steps, and the window beyond the last."""
    return max(1, -(-features // WINDOW)) * WINDOW + WINDOW


def arrange(layers: Sequence[Layer]) -> tuple[NDArray[np.int64], list[Layer]]:
    """Inputs that are read, in an order that evens out how dense they are; and the layers for that order.

    Hidden units go by their number of weights, so that units of a group need about equally many slots. Outputs stay.
    """
    read = np.flatnonzero(layers[0].alive_OI.any(0))
    order = np.random.default_rng(0).permutation(read)
    arranged: list[Layer] = []
    columns = order
    for n, layer in enumerate(layers):
        moved = layer.with_inputs(columns)
        columns = np.argsort(-moved.alive_OI.sum(1), kind="stable")
        arranged.append(moved if n == len(layers) - 1 else moved.with_units(columns))
    return order, arranged


@dataclass(frozen=True, eq=False)
class Group:
    """Places of the weights of 16 units. The slots of all steps come first, then the spilled ones."""

    per_step: int
    weights: NDArray[np.float32]
    """(slots, 16), zero where a unit has no weight for the slot."""
    picks: NDArray[np.uint8]
    """(slots, 16), the input's place in the window."""
    windows: list[int]
    """First input of the window of each spilled slot."""

    @property
    def turns(self) -> int:
        """Pairs of steps."""
        return (len(self.weights) - len(self.windows)) // (2 * self.per_step)


def pack(layer: Layer) -> list[Group]:
    """A group per 16 units, each with the number of slots per step that costs it least."""
    kept = rows(layer.alive_OI)
    steps, groups = max(1, -(-layer.weight_OI.shape[1] // WINDOW)) * 2, kept.groups(UNITS)
    lengths_O = np.pad(kept.lengths_O, (0, groups * UNITS - len(kept.lengths_O)))
    blocks_SO = np.ascontiguousarray(kept.parts(STEP * np.arange(steps + 1)).T.astype(np.int8))
    blocks_SO = np.pad(blocks_SO, ((0, 0), (0, groups * UNITS - len(kept.lengths_O))))
    least, most = int(kept.lengths_O.min() / steps), int(lengths_O.max() / steps) + 3
    choices = np.arange(max(1, least), min(most, STEP) + 1)
    spilled_CO = np.array([lengths_O - np.sum(_fit(blocks_SO, n), (0, 1), np.int64) for n in choices])
    spilled_CG = spilled_CO.reshape(len(choices), groups, UNITS).max(2)
    best_G = choices[np.argmin(choices[:, None] * steps + SPILL * spilled_CG, 0)]
    return _groups(layer, kept, best_G, _slots(kept, blocks_SO, best_G), steps)


def _fit(blocks_SO: NDArray[np.int8], per_step: Any) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Weights of each 16 inputs that are taken in time, and at the step before that; the rest is spilled.

    At each step a unit takes the oldest weights in the window, `per_step` at most.
    """
    late_SO, early_SO = np.zeros_like(blocks_SO), np.zeros_like(blocks_SO)
    for step, (left_O, late_O) in enumerate(zip(blocks_SO - early_SO, late_SO, strict=True)):
        left_O -= early_SO[step]
        np.minimum(left_O, per_step, out=late_O)
        if step + 1 < len(blocks_SO):
            np.minimum(blocks_SO[step + 1], per_step - late_O, out=early_SO[step + 1])
    return late_SO, early_SO


def _slots(kept: Rows, blocks_SO: NDArray[np.int8], best_G: NDArray[np.int64]) -> NDArray[np.int64]:
    """The slot of each weight in its group, -1 where it is spilled: first those left from the step before."""
    best_O, units, steps = np.repeat(best_G, UNITS).astype(np.int8), len(kept.begins_O) - 1, len(blocks_SO)
    late_B, early_B, size_B = (
        counts_SO[:, :units].T.astype(np.int64).ravel() for counts_SO in (*_fit(blocks_SO, best_O), blocks_SO)
    )
    before_B = np.append(0, late_B[:-1])
    step_B, best_B = np.tile(np.arange(steps), units), np.repeat(best_O[:units].astype(np.int64), steps)
    early_at_B, late_at_B = (step_B - 1) * best_B + before_B, step_B * best_B - early_B
    rank_K = np.arange(len(kept.inputs_K)) - np.repeat(np.cumsum(size_B) - size_B, size_B)
    early_K = rank_K < np.repeat(early_B, size_B)
    slot_K = rank_K + np.where(early_K, np.repeat(early_at_B, size_B), np.repeat(late_at_B, size_B))
    return np.where(rank_K < np.repeat(early_B + late_B, size_B), slot_K, -1)


def _groups(layer: Layer, kept: Rows, best_G: NDArray[np.int64], slot_K: NDArray[np.int64], steps: int) -> list[Group]:
    """All groups, in one piece of memory."""
    spills_K, units_K = slot_K < 0, kept.units_K
    spilled = greedy(kept.some(spills_K), UNITS, WINDOW, align=STEP)
    regular_G = best_G * steps
    ends_G = np.cumsum(regular_G + spilled.lengths_G)
    begins_G, spilled_G = ends_G - regular_G - spilled.lengths_G, np.cumsum(spilled.lengths_G)
    group_K, step_S = units_K // UNITS, spilled.slots_K // UNITS
    windows_K = slot_K // best_G[group_K] * STEP
    windows_K[spills_K] = spilled.starts_S[step_S]
    at_K = begins_G[group_K] + slot_K
    at_K[spills_K] = (ends_G - spilled_G)[group_K[spills_K]] + step_S
    weights, picks = np.zeros((int(ends_G[-1]), UNITS), np.float32), np.zeros((int(ends_G[-1]), UNITS), np.uint8)
    weights[at_K, units_K % UNITS] = layer.kept_weights
    picks[at_K, units_K % UNITS] = kept.inputs_K - windows_K
    return [
        Group(int(best), weights[begin:end], picks[begin:end], spilled.starts_S[last - count : last].tolist())
        for best, begin, end, last, count in zip(best_G, begins_G, ends_G, spilled_G, spilled.lengths_G, strict=True)
    ]


def generate(name: str, layer: Layer, shared: bool = False) -> Function:
    """`name`(inputs, outputs, stream, 1): inputs are `padded` floats, outputs whole groups of 16, in this order.

    `shared`: a pick takes the lowest five bits of its weight, which has 19 of them left: less to read, other numbers.
    """
    groups = [_shared(group) if shared else group for group in pack(layer)]
    bias = np.zeros(len(groups) * UNITS, np.float32)
    bias[: len(layer.bias_O)] = layer.bias_O
    weights = np.concatenate([group.weights for group in groups]).ravel()
    words = [np.zeros((0, UNITS), np.uint32)] if shared else [turn for group in groups for turn in _turns(group)]
    picks = np.concatenate(words).ravel().view(np.float32)
    windows = [np.array(group.windows[: _turned(group)], np.int32) for group in groups]
    parts = [bias, weights, picks, np.concatenate(windows).view(np.float32)]
    begins = np.cumsum([part.nbytes for part in parts])
    lines = [".text", f".globl {name}", ".p2align 6", f"{name}:", AVX512.zero(27)]
    lines += [f"leaq {begin}(%rdx), %{register}" for register, begin in zip(("r8", "r9", "r11"), begins, strict=False)]
    for g, group in enumerate(groups):
        lines += _code(name, g, group, layer.relu, shared)
    lines += ["vzeroupper", "ret", *_spilled(f".L{name}_spilled", shared)]
    for per_step, turns in {group.per_step: group.turns for group in groups}.items():
        lines += _regular(f".L{name}_{per_step}", per_step, turns, shared)
    return Function(name, lines, np.concatenate(parts), 8 * len(lines))


def _turned(group: Group) -> int:
    """Spilled slots that whole turns of the loop for them take."""
    return len(group.windows) // TURN * TURN


def _shared(group: Group) -> Group:
    """Weights whose lowest bits are the picks: the nearest number of this kind. What is next to zero is zero."""
    mark, bits, picks = np.uint32(WINDOW - 1), group.weights.view(np.uint32), group.picks.astype(np.uint32)
    near = ((bits - picks + np.uint32(WINDOW // 2)) & ~mark) | picks
    nothing = np.abs(group.weights) < np.finfo(np.float32).tiny
    return replace(group, weights=np.where(nothing, np.uint32(0), near).view(np.float32))


def _turns(group: Group) -> Iterator[NDArray[np.uint32]]:
    """The picks of each turn of the loop, and of the spilled slots, SHARED slots to a word: (words, 16)."""
    regular = len(group.picks) - len(group.windows)
    for picks, slots in ((group.picks[:regular], 2 * group.per_step), (group.picks[regular:], len(group.windows))):
        turns = picks.reshape(-1, slots, UNITS) if slots else picks[None]
        words = np.zeros((len(turns), -(-slots // SHARED) * SHARED, UNITS), np.uint32)
        words[:, :slots] = turns
        yield np.bitwise_or.reduce(words.reshape(-1, SHARED, UNITS) << SHIFTS, axis=1)


def _code(name: str, g: int, group: Group, relu: bool, shared: bool) -> Iterator[str]:
    """A group: what all of its kind share is called. Four sums hide the latency."""
    yield from (f"vmovups {64 * g}(%rdx), %zmm0", *(f"vmovaps %zmm27, %zmm{a}" for a in (1, 2, 3)))
    yield f"call .L{name}_{group.per_step}"
    if turned := _turned(group):
        yield from (f"movl ${turned // TURN}, %ecx", f"call .L{name}_spilled")
    slot, advance = (_shared_slot, _advance_shared) if shared else (_slot, _advance)
    for n, window in enumerate(group.windows[turned:]):
        yield f"vmovups {4 * window}(%rdi), %zmm30"
        yield from slot(n, f"{4 * window + 64}(%rdi)", "%zmm30")
    yield from advance(len(group.windows) - turned)
    yield from ("vaddps %zmm1, %zmm0, %zmm0", "vaddps %zmm3, %zmm2, %zmm2", "vaddps %zmm2, %zmm0, %zmm0")
    if relu:
        yield "vmaxps %zmm0, %zmm27, %zmm0"
    yield f"vmovups %zmm0, {64 * g}(%rsi)"


def _regular(label: str, slots: int, turns: int, shared: bool) -> Iterator[str]:
    """Two steps per turn, since a window's upper half is the next one's lower half."""
    slot, advance = (_shared_slot, _advance_shared) if shared else (_slot, _advance)
    yield from (".p2align 6", f"{label}:", "movq %rdi, %r10", f"movl ${turns}, %eax", "vmovups (%r10), %zmm30")
    yield from (f"{label}_turn:", "vmovups 64(%r10), %zmm31")
    yield from (line for n in range(slots) for line in slot(n, "%zmm31", "%zmm30"))
    yield "vmovups 128(%r10), %zmm30"
    yield from (line for n in range(slots, 2 * slots) for line in slot(n, "%zmm30", "%zmm31"))
    yield from ("addq $128, %r10", *advance(2 * slots), "decl %eax", f"jnz {label}_turn", "ret")


def _spilled(label: str, shared: bool) -> Iterator[str]:
    """Turns of spilled slots; ecx: how many, r11: first inputs of their windows."""
    slot, advance = (_shared_slot, _advance_shared) if shared else (_slot, _advance)
    yield from (".p2align 6", f"{label}:")
    for n in range(TURN):
        yield from (f"movslq {4 * n}(%r11), %rax", "vmovups (%rdi,%rax,4), %zmm30")
        yield from slot(n, "64(%rdi,%rax,4)", "%zmm30")
    yield from (f"addq ${4 * TURN}, %r11", *advance(TURN), "decl %ecx", f"jnz {label}", "ret")


def _slot(n: int, high: str, low: str) -> Iterator[str]:
    """Shift of a pick, of which the permutation reads the lowest bits of a word: a shift uncovers the next one."""
    picked, shared = 4 + n % 8, n % SHARED
    if not shared:
        yield f"vmovdqu32 {64 * (n // SHARED)}(%r9), %zmm28"
    yield f"vpsrld ${BITS * shared}, %zmm28, %zmm{picked}" if shared else f"vmovdqa64 %zmm28, %zmm{picked}"
    yield f"vpermi2ps {high}, {low}, %zmm{picked}"
    yield f"vfmadd231ps {64 * n}(%r8), %zmm{picked}, %zmm{n % 4}"


def _shared_slot(n: int, high: str, low: str) -> Iterator[str]:
    picked = 4 + n % 8
    yield from (f"vmovups {64 * n}(%r8), %zmm{picked}", f"vpermi2ps {high}, {low}, %zmm{picked}")
    yield f"vfmadd231ps {64 * n}(%r8), %zmm{picked}, %zmm{n % 4}"


def _advance_shared(slots: int) -> Iterator[str]:
    yield f"addq ${64 * slots}, %r8"


def _advance(slots: int) -> Iterator[str]:
    yield from (f"addq ${64 * slots}, %r8", f"addq ${64 * -(-slots // SHARED)}, %r9")
