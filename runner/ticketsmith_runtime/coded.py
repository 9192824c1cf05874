"""Sparse code for the nodes of a network: which layer computes which operator."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from . import layers, places
from .between import Bent, Between, Norm
from .int8.instructions import best
from .int8.loop import Loop
from .int8.packed import typed, weights_of
from .int8.part import Part, PartCode
from .int8.part_plan import plans
from .int8.rows import Rows
from .kernels._isa import widest
from .llvm import Machine
from .network import Constant, Network, Node
from .ordered_code import BENDS
from .shares import Pool

Layer = layers.Rows | places.Places | Rows | Norm | Bent
AFTER = {
    "relu": ("linear", "conv", "linear8"),
    "gelu": ("linear", "linear8"),
    "gelu_tanh": ("linear8",),
}
"""Functions that sparse code knows, and after which operators."""


class Coded:
    """Makes layers for one machine, whose threads share them. A loop that serves many layers is made once."""

    def __init__(self, machine: Machine, pool: Pool) -> None:
        self._machine, self._pool, self._isa, self._own = machine, pool, widest(machine), best(machine)
        self._makers: dict[str, Callable[[Node, Sequence[Constant], str], Layer | None]] = {
            "linear": self._rows,
            "conv": self._places,
            "linear8": self._rows8,
            "layer_norm": self._norm,
            "rms_norm": self._norm,
            **dict.fromkeys(BENDS, lambda node, *_: Bent(self.between, node.operator) if self.between else None),
        }

    def layer(self, node: Node, constants: Sequence[Constant], after: str) -> Layer | None:
        """Code for a node that reads a value and these constants, with what is done `after` it; None: numpy has to do.

        Constants of other types than the operator's own, which no network that was traced has, are numpy's too.
        """
        if node.operator not in self._makers or self._isa is None:
            return None
        return self._makers[node.operator](node, constants, after)

    def parts(self, network: Network) -> list[Part]:
        """Parts around convolutions in int8, each in one call."""
        return [] if self._own is None else [Part(plan, self._parts8) for plan in plans(network, self._own)]

    def _rows(self, node: Node, constants: Sequence[Constant], after: str) -> Layer | None:
        weight, bias = constants[0], constants[1] if len(constants) > 1 else None
        if self._isa is None or not layers.sparse(weight):
            return None
        return layers.Rows(weight, bias, self._isa, self._machine, after, self._pool)

    def _places(self, node: Node, constants: Sequence[Constant], after: str) -> Layer:
        bias = constants[1] if len(constants) > 1 else None
        return layers.planes(constants[0], bias, node.attributes, self._loop, after)

    def _rows8(self, node: Node, constants: Sequence[Constant], after: str) -> Layer | None:
        if self._own is None or not typed(constants):
            return None
        return Rows(weights_of(constants), self._loop8, after, self._pool, **node.attributes)

    def _norm(self, node: Node, constants: Sequence[Constant], after: str) -> Layer | None:
        if self.between is None or any(constant.array.dtype != np.float32 for constant in constants):
            return None
        return Norm(self.between, constants, centred=node.operator == "layer_norm", **node.attributes)

    @cached_property
    def between(self) -> Between | None:
        """Code for what stands between layers, where the machine has instructions for layers too."""
        return Between(self._machine) if self._isa else None

    @cached_property
    def _loop(self) -> places.Loop:
        assert self._isa
        return places.Loop(self._isa, self._machine)

    @cached_property
    def _parts8(self) -> PartCode:
        assert self._own
        return PartCode(self._own, self._machine)

    @cached_property
    def _loop8(self) -> Loop:
        assert self._own
        return Loop(self._own, self._machine)
