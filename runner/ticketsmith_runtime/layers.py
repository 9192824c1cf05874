"""Layers under a mask in sparse code: a Linear over rows, a convolution over planes.

M: rows.  F: features of one.  O: units.  B: samples.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import batches, samples
from .chain import Layer
from .kernels._isa import AVX512, Isa
from .llvm import Machine
from .making import MAKING
from .network import Constant
from .numerics import Numbers
from .places import Convolution, Loop, Places
from .program import Program
from .shares import TILE, Pool

DENSEST = 0.5
"""Share of kept weights above which a dense product is no slower than one over rows."""
SMALL_CODE = 500_000
"""Bytes of a layer as instructions, which a second-level cache holds beside data."""
WIDE = 1_000_000
"""Kept weights of a layer whose sums for one row take longer than to wake another thread."""


def sparse(weight: Constant) -> bool:
    """Tell whether a mask left so few weights that sparse code over rows pays."""
    return weight.alive is not None and weight.kept <= DENSEST * weight.array.size


class Rows:
    """A Linear, (..., F) -> (..., O): many rows in tiles, few of them one by one. Code is made when it is needed.

    Threads share the units of a large layer for few rows, and the rows otherwise.
    """

    def __init__(
        self,
        weight: Constant,
        bias: Constant | None,
        isa: Isa,
        machine: Machine,
        after: str = "",
        pool: Pool | None = None,
    ) -> None:
        assert weight.alive is not None
        bends = {"relu": after == "relu", "gelu": after == "gelu"}
        self._layer = Layer(weight_OI=weight.array, alive_OI=weight.alive, bias_O=_shift(weight, bias), **bends)
        self._isa, self._machine, self._pool = isa, machine, pool or Pool(1)
        self._made: dict[bool, list[Program]] = {}

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs, float32."""
        x_MF = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return self._sums(x_MF).reshape(*x.shape[:-1], len(self._layer.bias_O))

    def _sums(self, x_MF: Numbers) -> Numbers:
        programs = self._programs(few := len(x_MF) < self._isa.few)
        if few and len(programs) > 1:
            return np.concatenate(list(self._pool.map(lambda program: program(x_MF), programs)), 1)
        if few or self._pool.threads == 1 or len(x_MF) * self._layer.kept < WIDE * self._isa.few:
            return programs[0](x_MF)
        share = -(-len(x_MF) // (self._pool.threads * TILE)) * TILE
        return np.concatenate(list(self._pool.map(programs[0], np.split(x_MF, range(share, len(x_MF), share)))))

    def alone(self) -> Program | None:
        """The program for one row, if one thread does it."""
        programs = self._programs(few=True)
        return programs[0] if len(programs) == 1 else None

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code, as estimated, and of weights, of what has been made."""
        sizes = [size for programs in self._made.values() for made in programs for size in made.sizes]
        return sum(code for code, _ in sizes), sum(data for _, data in sizes)

    def _programs(self, few: bool) -> list[Program]:
        """One for all units; or, for few rows of a large layer, one for a share of them for each thread."""
        if few not in self._made:
            with MAKING:
                self._made[few] = [self._single(part) for part in self._parts()] if few else [self._tiled()]
        return self._made[few]

    def _parts(self) -> list[Layer]:
        if self._pool.threads == 1 or self._layer.kept < WIDE:
            return [self._layer]
        shares = np.array_split(np.arange(len(self._layer.bias_O)), self._pool.threads)
        return [self._layer.with_units(share) for share in shares if len(share)]

    def _single(self, layer: Layer) -> Program:
        return samples.single([layer], self._machine, "pell" if self._isa is AVX512 else "windows")

    def _tiled(self) -> Program:
        small = self._isa.weight_bytes * self._layer.kept < SMALL_CODE
        return batches.tiled([self._layer], ["codegen" if small else "datadriven"], self._isa, self._machine)


def planes(weight: Constant, bias: Constant | None, geometry: Mapping[str, Any], loop: Loop, after: str = "") -> Places:
    """A convolution, (B, C, H, W) -> (B, O, rows, columns), under its mask or without one."""
    alive = np.ones(weight.array.shape, bool) if weight.alive is None else weight.alive
    layer = Convolution(weight_OCHW=weight.array, alive_OCHW=alive, bias_O=_shift(weight, bias), **geometry)
    return Places(layer, loop, relu=after == "relu")


def _shift(weight: Constant, bias: Constant | None) -> NDArray[Any]:
    return np.zeros(len(weight.array), np.float32) if bias is None else bias.array
