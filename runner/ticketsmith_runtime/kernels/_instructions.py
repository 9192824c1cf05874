"""Machine code of sums, all of a block at once: an assembler takes longer for an instruction than a layer has time.

I: inputs.  U: units.  K: weights.  N: instructions.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ._isa import Isa

Bytes = NDArray[np.uint8]


def sums(isa: Isa, alive_IU: NDArray[np.bool_], at_I: NDArray[np.int64], reach: int) -> Bytes:
    """Each input, `at_I` bytes from r10, into the sums of the units that read it.

    r8 begins `reach` weights beyond the first one, and moves along: a displacement to either side takes one byte.
    """
    unit_K = np.nonzero(alive_IU)[1]
    place_K, turn_T = np.arange(len(unit_K)), np.arange(2 * reach, len(unit_K), 2 * reach)
    first_I = np.cumsum(alive_IU.sum(1)) - alive_IU.sum(1)
    parts = [loads(isa, at_I), moves(8 * reach, len(turn_T)), multiply_adds(isa, unit_K, place_K % (2 * reach) - reach)]
    order = np.argsort(np.concatenate([3 * first_I, 3 * turn_T + 1, 3 * place_K + 2]), kind="stable")
    code, lengths_N = (np.concatenate(pieces)[order] for pieces in zip(*parts, strict=True))
    return code[np.arange(code.shape[1]) < lengths_N[:, None]]


def loads(isa: Isa, at_N: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
    """`vmovups at(%r10), %{loaded}`, which is the last register but one."""
    head = [0x62, 0x41, 0x7C, 0x48, 0x10] if isa.masked else [0xC4, 0x41, 0x7C, 0x10]
    near_N, far_N = np.divmod(at_N, isa.bytes if isa.masked else 1)  # of near ones a byte counts registers
    is_near_N = (far_N == 0) & (near_N >= -128) & (near_N < 128)
    places = [np.where(is_near_N & (n == 0), near_N, at_N >> 8 * n) & 255 for n in range(4)]
    mode_N = np.where(is_near_N, 0x72, 0xB2)
    code, _ = _joined(len(at_N), [*head, mode_N, *places])
    return code, len(head) + np.where(is_near_N, 2, 5)


def moves(step: int, count: int) -> tuple[Bytes, NDArray[np.int64]]:
    """`addq $step, %r8`."""
    return _joined(count, [0x49, 0x81, 0xC0, *step.to_bytes(4, "little")])


def multiply_adds(isa: Isa, sum_N: NDArray[np.int64], place_N: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
    """Add what was loaded, times the float `place_N` floats from r8, to register `sum_N`.

    On AVX-512 that is `vfmadd231ps 4*place(%r8){1to16}, %zmm30, %zmm{sum}`, on AVX2 `vbroadcastss 4*place(%r8), %ymm15`
    and `vfmadd231ps %ymm14, %ymm15, %ymm{sum}`.
    """
    low, head = (sum_N & 7) << 3, 0x42 | (1 - (sum_N >> 3 & 1)) << 7
    if isa.fused_broadcast:
        head |= (1 - (sum_N >> 4)) << 4
        return _joined(len(sum_N), [0x62, head, 0x0D, 0x50, 0xB8, 0x40 | low, place_N & 255])
    broadcast: list[int | NDArray[np.int64]] = [0xC4, 0x42, 0x7D, 0x18, 0x78, 4 * place_N & 255]
    return _joined(len(sum_N), [*broadcast, 0xC4, head, 0x05, 0xB8, 0xC6 | low])


def _joined(count: int, parts: Sequence[int | NDArray[np.int64]]) -> tuple[Bytes, NDArray[np.int64]]:
    """An instruction of these bytes in each row, with room for the longest; and how many they are."""
    code = np.zeros((count, 11), np.uint8)
    for n, part in enumerate(parts):
        code[:, n] = part
    return code, np.full(count, len(parts))


def data(code: Bytes) -> Iterator[str]:
    """Lines of an assembler that put these bytes where they are."""
    whole = code.size // 8 * 8
    for size, numbers in ((".quad", code[:whole].view("<u8")), (".byte", code[whole:])):
        if len(numbers):
            yield f"{size} " + ",".join(map(str, numbers.tolist()))
