"""One sample at a time: sixteen units in the lanes of a register, their inputs picked by a permutation of registers.

A padded ELLPACK whose column indices reach into a window of 32 inputs that lie in two registers: `vpermi2ps` picks one
for every lane, where a gather from memory would cost twenty times as much. The window moves along the inputs in steps
of 16, and at every step a group of units has the same number of slots; what does not fit is spilled to slots with a
window of their own. Indices take five bits. Weights stay exact: only the order of the sums is another. Or, where that
is asked for, they keep 19 bits and hold their index in the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ._isa import AVX512, Function

UNITS = STEP = 16
WINDOW = 32
BITS, SHARED = 5, 6
"""Bits of a pick; and picks in a word of 32."""
FAR = np.iinfo(np.int64).max
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


def pack(layer: Layer) -> list[Group]:
    """A group per 16 units, each with the number of slots per step that costs it least."""
    units, inputs = layer.weight_OI.shape
    steps, groups = max(1, -(-inputs // WINDOW)) * 2, -(-units // UNITS)
    lengths_O = np.zeros(groups * UNITS, np.int64)
    lengths_O[:units] = layer.alive_OI.sum(1)
    kept_ON = np.full((len(lengths_O), 1 + int(lengths_O.max())), FAR)
    for kept_N, alive_I in zip(kept_ON, layer.alive_OI, strict=False):
        kept_N[: int(alive_I.sum())] = np.flatnonzero(alive_I)
    least, most = int(lengths_O[:units].min() / steps), int(lengths_O.max() / steps) + 3
    fits = {per_step: _fit(kept_ON, steps, per_step) for per_step in range(max(1, least), min(most, STEP) + 1)}
    spilled = {n: ((slot_ON < 0) & (kept_ON < FAR)).sum(1).reshape(groups, UNITS).max(1) for n, slot_ON in fits.items()}
    packed = []
    for g in range(groups):
        best = min(fits, key=lambda n: n * steps + SPILL * spilled[n][g])
        rows = slice(g * UNITS, (g + 1) * UNITS)
        packed.append(_group(layer, g * UNITS, kept_ON[rows], fits[best][rows], best, best * steps))
    return packed


def _fit(kept_ON: NDArray[np.int64], steps: int, per_step: int) -> NDArray[np.int64]:
    """The slot of each weight, -1 where it is spilled. At each step a unit takes the oldest weights in the window."""
    rows, slot_ON, at_O = np.arange(len(kept_ON)), np.full(kept_ON.shape, -1), np.zeros(len(kept_ON), np.int64)
    for step in range(steps):
        while (late_O := kept_ON[rows, at_O] < STEP * step).any():
            at_O += late_O
        for slot in range(per_step):
            takes_O = kept_ON[rows, at_O] < STEP * step + WINDOW
            slot_ON[rows[takes_O], at_O[takes_O]] = step * per_step + slot
            at_O += takes_O
    return slot_ON


def _group(
    layer: Layer, first: int, kept_UN: NDArray[np.int64], slot_UN: NDArray[np.int64], per_step: int, regular: int
) -> Group:
    places = [(u, int(kept_UN[u, n]), int(slot_UN[u, n])) for u, n in np.argwhere(slot_UN >= 0).tolist()]
    windows: list[int] = []
    left = [
        [int(i) for i in kept_N[(slot_N < 0) & (kept_N < FAR)]] for kept_N, slot_N in zip(kept_UN, slot_UN, strict=True)
    ]
    while any(left):
        window = min(inputs[0] for inputs in left if inputs) // STEP * STEP
        for u, inputs in enumerate(left):
            if inputs and inputs[0] < window + WINDOW:
                places.append((u, inputs.pop(0), regular + len(windows)))
        windows.append(window)
    weights = np.zeros((regular + len(windows), UNITS), np.float32)
    picks = np.zeros(weights.shape, np.uint8)
    for u, i, slot in places:
        weights[slot, u] = layer.weight_OI[first + u, i]
        picks[slot, u] = i - (slot // per_step * STEP if slot < regular else windows[slot - regular])
    return Group(per_step, weights, picks, windows)


def generate(name: str, layer: Layer, shared: bool = False) -> Function:
    """`name`(inputs, outputs, stream, 1): inputs are `padded` floats, outputs whole groups of 16, in this order.

    `shared`: a pick takes the lowest five bits of its weight, which has 19 of them left: less to read, other numbers.
    """
    groups = [_shared(group) if shared else group for group in pack(layer)]
    bias = np.zeros(len(groups) * UNITS, np.float32)
    bias[: len(layer.bias_O)] = layer.bias_O
    weights = np.concatenate([group.weights for group in groups]).ravel()
    words = [np.zeros((0, UNITS), np.uint32)] if shared else [each for group in groups for each in _turns(group)]
    picks = np.concatenate(words).ravel().view(np.float32)
    lines = [".text", f".globl {name}", ".p2align 6", f"{name}:", f"leaq {4 * len(bias)}(%rdx), %r8"]
    lines += [f"leaq {4 * (len(bias) + len(weights))}(%rdx), %r9", AVX512.zero(27)]
    for g, group in enumerate(groups):
        lines += _code(f".L{name}_{g}", g, group, layer.relu, shared)
    return Function(name, [*lines, "vzeroupper", "ret"], np.concatenate([bias, weights, picks]), 8 * len(lines))


def _shared(group: Group) -> Group:
    """Weights whose lowest bits are the picks: the nearest number of this kind. What is next to zero is zero."""
    mark, bits, picks = np.uint32(WINDOW - 1), group.weights.view(np.uint32), group.picks.astype(np.uint32)
    near = ((bits - picks + np.uint32(WINDOW // 2)) & ~mark) | picks
    nothing = np.abs(group.weights) < np.finfo(np.float32).tiny
    return replace(group, weights=np.where(nothing, np.uint32(0), near).view(np.float32))


def _turns(group: Group) -> Iterator[NDArray[np.uint32]]:
    """The picks of each turn of the loop, and of the spilled slots, SHARED slots to a word: (words, 16)."""
    regular, slots = len(group.picks) - len(group.windows), 2 * group.per_step
    turns = [group.picks[first : first + slots] for first in range(0, regular, slots)]
    for picks in (*turns, group.picks[regular:]):
        words = np.zeros((-(-len(picks) // SHARED), UNITS), np.uint32)
        for n, pick_U in enumerate(picks.astype(np.uint32)):
            words[n // SHARED] |= pick_U << (BITS * (n % SHARED))
        yield words


def _code(label: str, g: int, group: Group, relu: bool, shared: bool) -> Iterator[str]:
    """Two steps per turn, since a window's upper half is the next one's lower half. Four sums hide the latency."""
    yield from (f"vmovups {64 * g}(%rdx), %zmm0", *(f"vmovaps %zmm27, %zmm{a}" for a in (1, 2, 3)))
    slots, spills = group.per_step, len(group.windows)
    turns = (len(group.weights) - spills) // (2 * slots)
    yield from ("movq %rdi, %r10", f"movl ${turns}, %eax", "vmovups (%r10), %zmm30", f"{label}:")
    yield "vmovups 64(%r10), %zmm31"
    slot, advance = (_shared_slot, _advance_shared) if shared else (_slot, _advance)
    yield from (line for n in range(slots) for line in slot(n, "%zmm31", "%zmm30"))
    yield "vmovups 128(%r10), %zmm30"
    yield from (line for n in range(slots, 2 * slots) for line in slot(n, "%zmm30", "%zmm31"))
    yield from ("addq $128, %r10", *advance(2 * slots), "decl %eax", f"jnz {label}")
    for n, window in enumerate(group.windows):
        yield f"vmovups {4 * window}(%rdi), %zmm30"
        yield from slot(n, f"{4 * window + 64}(%rdi)", "%zmm30")
    yield from advance(spills)
    yield from ("vaddps %zmm1, %zmm0, %zmm0", "vaddps %zmm3, %zmm2, %zmm2", "vaddps %zmm2, %zmm0, %zmm0")
    if relu:
        yield "vmaxps %zmm0, %zmm27, %zmm0"
    yield f"vmovups %zmm0, {64 * g}(%rsi)"


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
