"""The code of int8 in memory, for all layers of a network.

M: rows.
"""

import ctypes
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..kernels._blocks import even
from ..llvm import Code, Machine
from ..shares import Pool
from .instructions import Instructions
from .packed import Packed
from .sums_code import AFTER, program

WIDE = 1 << 20
"""Bytes of weights, over all rows, that take longer to go through than to wake another thread."""
KINDS = {"p": ctypes.c_void_p, "n": ctypes.c_int64}


def alone(layer: Packed, rows: int, pool: Pool) -> bool:
    """Tell whether one thread does all: others would be woken for less than that takes."""
    return pool.threads == 1 or layer.slots.nbytes * rows < WIDE * pool.threads


class Loop:
    """`quantize`, `linear` and `layer` of `sums_code`, with addresses and whole numbers for arguments."""

    def __init__(self, own: Instructions, machine: Machine) -> None:
        self.own = own
        self._code = Code(program(own), machine)
        self.quantize = self._function("quantize", "pnnpnpp")
        self.linear, self.address = self._function("linear", "pppn"), self._code.address("linear")
        self._layer = self._function("layer", "ppppnnnpppnpnn")

    def _function(self, name: str, kinds: str) -> Callable[..., None]:
        return ctypes.CFUNCTYPE(None, *(KINDS[kind] for kind in kinds))(self._code.address(name))

    def sums(
        self,
        layer: Packed,
        after: str,
        q: int,
        offsets_M: NDArray[np.int32],
        scales: NDArray[np.int32],
        y: NDArray[np.float32],
        pool: Pool,
    ) -> None:
        """Outputs of all rows into `y`, (M, width); threads share the units.

        `q`: address of the inputs.  `scales`: (M, 2), or (1, 2) for all rows.  `after`: a name of `sums_code.AFTER`.
        """
        if not len(y):
            return
        rows = (q, offsets_M.ctypes.data, scales.ctypes.data, 8 if len(scales) > 1 else 0)

        def part(groups: range) -> None:
            begins, units = layer.begins[groups.start :], layer.units[groups.start :]
            read = (begins.ctypes.data, layer.starts.ctypes.data, layer.slots.ctypes.data, units.ctypes.data)
            written = y.ctypes.data + 4 * self.own.lanes * groups.start
            self._layer(*read, len(groups), layer.together, AFTER[after], *rows, written, layer.width, len(offsets_M))

        if alone(layer, len(y), pool):
            part(range(layer.groups))
        else:
            list(pool.map(part, even(layer.groups, -(-layer.groups // pool.threads))))
