"""One sample at a time on AVX2: eight units in the lanes of a register, each picking from a window of eight inputs.

At every step the window begins at the first input that one of the eight units still waits for, `vpermps` picks an input
for every lane, and a lane that needs none inside multiplies by zero. The window may begin anywhere, so a step is eight
weights, eight picks of three bits, and where it begins. Weights stay exact: only the order of the sums is another.

Zero times NaN is NaN. So a layer looks at its inputs first, and where one is not finite another loop answers, which
drops what a lane without a weight picked.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ._greedy import Steps
from ._greedy import steps as greedy
from ._isa import AVX2, Function
from ._rows import Rows, rows

UNITS = WINDOW = 8
BITS, TURN = 3, 10
"""Bits of a pick; and steps of a turn of the loop, which are the picks in a word of 32."""
LOOKS = 4
"""Registers of inputs that are looked at in one turn."""
NARROW = 1 << 16
"""Inputs that a place of two bytes reaches."""
AHEAD = 3072
"""Bytes from what is read to what is fetched: it comes faster than by the processor's own foresight."""
LINE = 64
"""Bytes of a line of the cache."""


def generate(name: str, layer: Layer) -> Function:
    """`name`(inputs, outputs, stream, 1): inputs are `pell.padded` floats, outputs whole groups of 8, in this order."""
    kept, inputs = rows(layer.alive_OI), layer.weight_OI.shape[1]
    steps = greedy(kept, UNITS, WINDOW)
    turns_G = -(-steps.lengths_G // TURN)
    groups = len(turns_G)
    bias = np.zeros(groups * UNITS, np.float32)
    bias[: len(layer.bias_O)] = layer.bias_O
    heads = np.zeros((-(-groups // 4) * 4, 2), np.int32)
    heads[:groups] = np.stack([turns_G, turns_G * TURN - steps.lengths_G], 1)
    place = 2 if inputs <= NARROW else 4
    lines = [".text", f".globl {name}", ".p2align 6", f"{name}:", f"leaq {bias.nbytes}(%rdx), %r9"]
    lines += [f"leaq {bias.nbytes + heads.nbytes}(%rdx), %r8", *_look(name, inputs)]
    for label, careful in ((f".L{name}", False), (f".L{name}_careful", True)):
        lines += _groups(label, groups, place, layer.relu, careful)
    parts = [bias, heads.view(np.float32).ravel(), _turns(layer, kept, steps, turns_G, place)]
    return Function(name, lines, np.concatenate(parts), 6 * len(lines))


def _turns(layer: Layer, kept: Rows, steps: Steps, turns_G: NDArray[np.int64], place: int) -> NDArray[np.float32]:
    """Data of all turns: weights of the steps, a word of picks for every lane, and where the windows begin.

    Steps that a group lacks are left out at the beginning of its first turn. A weight that is kept and zero is -0.
    """
    turns, lacks_G = int(turns_G.sum()), turns_G * TURN - steps.lengths_G
    at_S = np.arange(len(steps.starts_S)) + np.repeat(np.cumsum(lacks_G), steps.lengths_G)
    step_K, lane_K = np.divmod(steps.slots_K, UNITS)
    at_K, weight_K = at_S[step_K], layer.kept_weights
    weights, picks = np.zeros((turns * TURN, UNITS), np.float32), np.zeros((turns * TURN, UNITS), np.uint32)
    weights[at_K, lane_K] = np.where(weight_K == 0, np.float32(-0.0), weight_K)
    picks[at_K, lane_K] = (kept.inputs_K - steps.starts_S[step_K]) << BITS * (at_K % TURN)
    starts = np.zeros((turns, _room(place) // place), f"u{place}")
    starts[at_S // TURN, at_S % TURN] = steps.starts_S
    words = np.bitwise_or.reduce(picks.reshape(turns, TURN, UNITS), 1)
    parts = [weights.reshape(turns, TURN * UNITS), words.view(np.float32), starts.view(np.float32)]
    data = np.concatenate(parts, 1)
    there, has = np.ones(data.shape, bool), turns_G > 0
    there[(np.cumsum(turns_G) - turns_G)[has]] = np.arange(data.shape[1]) >= UNITS * lacks_G[has, None]
    return data[there]


def _room(place: int) -> int:
    """Bytes of the places of a turn: whole registers, so that weights never lie across a line of the cache."""
    return -(-TURN * place // 32) * 32


def _look(name: str, inputs: int) -> Iterator[str]:
    """Go to the careful loop if an input is not finite: zero times it is not zero."""
    yield from (*(AVX2.zero(n) for n in range(LOOKS)), AVX2.zero(15), "movq %rdi, %rax")
    yield from (f"movl ${max(1, -(-inputs // (LOOKS * WINDOW)))}, %ecx", f".L{name}_look:")
    yield from (f"vfmadd231ps {32 * n}(%rax), %ymm15, %ymm{n}" for n in range(LOOKS))
    yield from (f"addq ${32 * LOOKS}, %rax", "decl %ecx", f"jnz .L{name}_look", *_sum())
    yield from ("vcmpunordps %ymm0, %ymm0, %ymm0", "vmovmskps %ymm0, %eax")
    yield from ("testl %eax, %eax", f"jnz .L{name}_careful")


def _sum() -> Iterator[str]:
    yield from ("vaddps %ymm1, %ymm0, %ymm0", "vaddps %ymm3, %ymm2, %ymm2", "vaddps %ymm2, %ymm0, %ymm0")


def _groups(label: str, groups: int, place: int, relu: bool, careful: bool) -> Iterator[str]:
    """rdx: biases, r9: turns of each group and steps that its first turn lacks, r8: the turn's data.

    r11, ecx: groups and turns to go. ymm14 has the picks, ymm15 zeros; four sums hide the latency of an addition.
    """
    words, starts, whole = 32 * TURN, 32 * TURN + 32, 32 * TURN + 32 + _room(place)
    fetched = range(0, whole, LINE)
    yield from (f"{label}:", f"movl ${groups}, %r11d", f"leaq {label}_entries(%rip), %r10", f"{label}_group:")
    yield from ("vmovups (%rdx), %ymm0", *(AVX2.zero(n) for n in (1, 2, 3)))
    yield from ("movl (%r9), %ecx", "testl %ecx, %ecx", f"jz {label}_sum")
    yield from ("movl 4(%r9), %eax", "shlq $5, %rax", "subq %rax, %r8", "shrq $3, %rax")
    yield from (f"vmovdqu {words}(%r8), %ymm14", "movslq (%r10,%rax), %rax", "addq %r10, %rax", "jmp *%rax")
    yield from (".p2align 5", f"{label}_turn:", f"vmovdqu {words}(%r8), %ymm14")
    for n in range(TURN):
        yield f"{label}_{n}:"
        yield from _step(n, starts + n * place, place, careful)
        if n >= TURN - len(fetched):  # by the last steps, which a first turn has too
            yield f"prefetcht0 {AHEAD + fetched[n - TURN]}(%r8)"
    yield from (f"addq ${whole}, %r8", "decl %ecx", f"jnz {label}_turn", f"{label}_sum:", *_sum())
    if relu:  # of two operands vmaxps gives the second if either is NaN: NaN stays NaN
        yield "vmaxps %ymm0, %ymm15, %ymm0"
    yield from ("vmovups %ymm0, (%rsi)", "addq $32, %rdx", "addq $32, %rsi", "addq $8, %r9")
    yield from ("decl %r11d", f"jnz {label}_group", "vzeroupper", "ret", ".p2align 2", f"{label}_entries:")
    yield from (f".long {label}_{n}-{label}_entries" for n in range(TURN))


def _step(n: int, start: int, place: int, careful: bool) -> Iterator[str]:
    """A permutation reads the lowest bits of a word: a shift uncovers the next pick."""
    pick, picked = f"%ymm{4 + n % 4}" if n else "%ymm14", f"%ymm{8 + n % 4}"
    yield f"movzwl {start}(%r8), %eax" if place == 2 else f"movl {start}(%r8), %eax"
    if n:
        yield f"vpsrld ${BITS * n}, %ymm14, {pick}"
    yield f"vpermps (%rdi,%rax,4), {pick}, {picked}"
    if careful:
        yield from (f"vpcmpeqd {32 * n}(%r8), %ymm15, %ymm12", f"vandnps {picked}, %ymm12, {picked}")
    yield f"vfmadd231ps {32 * n}(%r8), {picked}, %ymm{n % 4}"
