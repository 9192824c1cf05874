"""From nodes of a network to records: which of them one record computes, and where their values lie.

B: samples.  C: channels.  O: units.  P: places of outputs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph import Unsuited
from ..network import Network, Node
from ..numerics import taps_of_means
from ..sizes import Shape
from .instructions import Instructions
from .packed import Packed, packed, weights_of
from .part_memory import Argument, Between, Records, Word
from .part_nodes import candidates, shapes_of_samples
from .part_values import Border, Value, Window, bordered, places, pooled, value
from .planes import LARGEST, Kernel, Plane, Reach, reach
from .sums_code import AFTER

MOST = 16
"""Samples at work at a time,"""
TOGETHER = 1 << 20
"""as many as their pieces have so many bytes."""
FULL = 0.15
"""Share of picks that have a weight, below which a window is not worth a second use: as where channels stand alone."""
THROUGH = ("relu", "gelu", "hardswish", "hardsigmoid", "max_pool", "avg_pool", "mean", "view")
"""Operators that treat channels alike."""


class Broken(Unsuited):
    """A node that cannot be computed behind those before it."""

    def __init__(self, n: int, reason: Unsuited) -> None:
        super().__init__(f"node {n}: {reason}")
        self.n = n


class Plan:
    """Some nodes of a network, in order, as records. Raises Unsuited."""

    def __init__(self, network: Network, shapes: Sequence[Shape], nodes: range, own: Instructions) -> None:
        self._network, self.shapes, self.nodes, self._own = network, shapes, nodes, own
        self._readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
        self._read_by: dict[int, list[int]] = {}
        for n in nodes:
            for read in {*network.nodes[n].reads}:
                self._read_by.setdefault(read, []).append(n)
        self.inputs, self.outputs = self._ends()
        self._borders = self._needed()
        self._values: dict[int, Value] = {}
        self._done: set[int] = set()
        self._by_sample: list[NDArray[np.int32]] = []
        self.records, self.packed = Records(len(self.inputs)), list[Packed]()
        for n, read in enumerate(self.inputs):
            self._enter(n, read)
        for n in nodes:
            if n not in self._done:
                self._compute(n, network.nodes[n])
        self.put = [self._leave(n, put) for n, put in enumerate(self.outputs)]
        self.size = self.records.placed()
        if self.size >= LARGEST:
            raise Unsuited("a sample takes more memory than offsets of 32 bits reach")
        self.together = max(1, min(MOST, TOGETHER // self.size))
        for offsets in self._by_sample:
            offsets[: self.together] += np.arange(self.together, dtype=np.int32) * self.size

    def _compute(self, n: int, node: Node) -> None:
        try:
            getattr(self, f"_{node.operator}")(n, node)
        except Unsuited as reason:
            raise Broken(n, reason) from None

    def _ends(self) -> tuple[list[int], list[int]]:
        """Values from before the nodes, and values of theirs that are needed after them."""
        network, first = self._network, self._network.first
        own = {first + n for n in self.nodes}
        read = dict.fromkeys(operand for n in self.nodes for operand in network.nodes[n].reads)
        later = {operand for node in network.nodes[self.nodes.stop :] for operand in node.reads} | {*network.outputs}
        inputs = [operand for operand in read if operand not in own and network.constant(operand) is None]
        return inputs, sorted(own & later)

    def _needed(self) -> dict[int, Border]:
        """Border of each value's bytes: as the convolutions that read it need."""
        borders: dict[int, Border] = {}
        for n in self.nodes:
            node = self._network.nodes[n]
            if node.operator == "conv8":
                before, (up, left) = borders.get(node.reads[0], (0, 0)), node.attributes["padding"]
                borders[node.reads[0]] = max(before[0], up), max(before[1], left)
        return borders

    # Inputs and outputs

    def _enter(self, n: int, read: int) -> None:
        readers = [self._network.nodes[m].operator for m in self._read_by[read]]
        tight, (channels, *plane) = {*readers} <= {"conv8", "linear8"}, self.shapes[read][1:]
        height, width = plane or (1, 1)
        made = value(Plane(channels=channels, height=height, width=width), self._own, ordered=False, tight=tight)
        self._values[read] = made
        counted: dict[str, Argument] = {"channels": channels, "places": made.places, "pitch": made.pitch}
        self.records.add("enter", array=Word(True, n), y=made.room, **counted)

    def _leave(self, n: int, put: int) -> Value:
        made = self._values[put]
        counted: dict[str, Argument] = {"channels": made.plane.channels, "places": made.places, "pitch": made.pitch}
        self.records.add("leave", x=made.room, array=Word(False, n), **counted)
        return made

    def _single(self, read: int, *operators: str) -> int | None:
        """The only reader of a value, if it is one of these operators and among these nodes."""
        readers = self._read_by.get(read, [])
        alone = self._readers[read] == 1 and readers and self._network.nodes[readers[0]].operator in operators
        return readers[0] if alone else None

    def _free(self, read: int) -> bool:
        """Tell whether the order of a value's channels is for nobody but products of all of them to know."""
        ahead = [read]
        while ahead:
            if (operand := ahead.pop()) in self.outputs:
                return False
            for n in self._read_by.get(operand, []):
                node = self._network.nodes[n]
                if node.operator in THROUGH:
                    ahead.append(self._network.first + n)
                elif node.operator not in ("conv8", "linear8") or node.attributes.get("groups", 1) > 1:
                    return False
        return True

    def _taken(self, n: int) -> int:
        """The value of a node that is computed with the one before it."""
        self._done.add(n)
        return self._network.first + n

    # Products

    def _conv8(self, n: int, node: Node) -> None:
        geometry = {name: attribute for name, attribute in node.attributes.items() if name != "fixed"}
        self._product(n, node, Kernel(weights=weights_of(self._constants(node)), **geometry))

    def _linear8(self, n: int, node: Node) -> None:
        """A Linear is a convolution whose kernel is the plane."""
        weights, plane = weights_of(self._constants(node)), self._values[node.reads[0]].plane
        taps = weights.steps_OI.reshape(-1, plane.channels, plane.height, plane.width)
        once: dict[str, Any] = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
        self._product(n, node, Kernel(weights=replace(weights, steps_OI=taps), **once))

    def _constants(self, node: Node) -> list[Any]:
        return [self._network.constant(read) for read in node.reads[1:]]

    def _product(self, n: int, node: Node, kernel: Kernel) -> None:
        x, put = self._values[node.reads[0]], self._network.first + n
        border, fixed = self._borders.get(node.reads[0], (0, 0)), node.attributes.get("fixed")
        steps = bordered(x, border, fixed, self.records, self._own)
        extent = reach(kernel, x.plane, x.border, x.order_C)
        height, width = extent.outputs
        y = value(Plane(channels=len(kernel.weights.scale_O), height=height, width=width), self._own)
        read: dict[str, Argument] = {"q": steps, "scales": x.scales, "y": y.room}
        put = self._row(put, y, extent, read) if y.places == 1 else self._rows(put, y, extent, read)
        self._values[put] = y

    def _rows(self, put: int, y: Value, reach: Reach, read: dict[str, Argument]) -> int:
        """A convolution, and the sum or the ReLU that follows it."""
        put, added = self._summed(put, y)
        if (following := self._single(put, "relu")) is not None:
            put, y.positive = self._taken(following), True
        if added is None and reach.together and self._free(put):
            reach, y.order_C = sorted_units(reach)
        y.known, uses = True, self._own.uses
        layer = packed(reach.weights, reach.places_I, self._own, uses)
        if np.count_nonzero(reach.weights.steps_OI) < FULL * layer.slots.size / 2:
            layer, uses = packed(reach.weights, reach.places_I, self._own), 1
        given: dict[str, Argument] = {"offsets": reach.offsets_P, "rows": len(reach.offsets_P), "uses": uses}
        given |= {"floor": int(y.positive), "delta": Between(y.room, added.room) if added else 0}
        self.records.add("places", **self._layer(layer), **read, **given, span=y.span, pitch=y.pitch)
        return put

    def _summed(self, put: int, y: Value) -> tuple[int, Value | None]:
        """The sum that a convolution is read by alone, if the other side of it is there already."""
        if (following := self._single(put, "add")) is not None:
            first, second = self._network.nodes[following].reads
            other = self._values.get(first if second == put else second)
            if other is not None and other.fits(y) and other.clean:
                y.ordered = other.ordered
                return self._taken(following), other
        return put, None

    def _row(self, put: int, y: Value, reach: Reach, read: dict[str, Argument]) -> int:
        """A Linear, and what follows it: rows are samples, and their offsets are known when all records are."""
        after = ""
        if (following := self._single(put, "relu", "gelu")) is not None:
            put, after = self._taken(following), self._network.nodes[following].operator
        if self._free(put):
            reach, y.order_C = sorted_units(reach)
        layer, offsets = packed(reach.weights, reach.places_I, self._own), np.repeat(reach.offsets_P, MOST)
        self._by_sample.append(offsets)
        self.records.add("row", **self._layer(layer), **read, after=AFTER[after], offsets=offsets)
        return put

    def _layer(self, layer: Packed) -> dict[str, Argument]:
        self.packed.append(layer)
        arrays: dict[str, Argument] = {"begins": layer.begins, "starts": layer.starts, "slots": layer.slots}
        return arrays | {"units": layer.units, "groups": layer.groups, "near": layer.together}

    # Other nodes

    def _relu(self, n: int, node: Node) -> None:
        self._join(n, self._values[node.reads[0]], None)

    def _add(self, n: int, node: Node) -> None:
        x, other = (self._values[read] for read in node.reads)
        if not x.fits(other):
            raise Unsuited("it adds values that lie in memory in different ways")
        self._join(n, x, other)

    def _join(self, n: int, x: Value, other: Value | None) -> None:
        put, floor = self._network.first + n, int(other is None)
        if other is not None and (following := self._single(put, "relu")) is not None:
            put, floor = self._taken(following), 1
        y = self._like(put, x, x.plane, x.ordered and (other is None or other.ordered))
        y.clean = x.clean and (other is None or other.clean)
        given: dict[str, Argument] = {"other": -1 if other is None else other.room, "floor": floor}
        self.records.add("join", x=x.room, y=y.room, floats=x.floats, **given)

    def _gelu(self, n: int, node: Node) -> None:
        self._bent(n, node, "bend")

    def _hardswish(self, n: int, node: Node) -> None:
        self._bent(n, node, "hardswish")

    def _hardsigmoid(self, n: int, node: Node) -> None:
        self._bent(n, node, "hardsigmoid").clean = False  # half of one, where zero is

    def _bent(self, n: int, node: Node, function: str) -> Value:
        x = self._values[node.reads[0]]
        y = self._like(self._network.first + n, x, x.plane, x.ordered)
        self.records.add(function, x=x.room, y=y.room, floats=x.floats)
        return y

    def _mul(self, n: int, node: Node) -> None:
        """Channels by a number for each, as squeeze and excitation has it (Hu et al., arXiv 1709.01507)."""
        x, other = sorted((self._values[read] for read in node.reads), key=lambda factor: -factor.places)
        if x.pitch != other.pitch or other.places > 1 or x.flat:
            raise Unsuited("it multiplies values that lie in memory in different ways")
        y = self._like(self._network.first + n, x, x.plane, x.ordered)
        counted: dict[str, Argument] = {"registers": x.pitch // self._own.lanes, "places": x.places}
        self.records.add("scale", x=x.room, other=other.room, y=y.room, **counted)

    def _like(self, put: int, x: Value, plane: Plane, ordered: bool) -> Value:
        """Room for what has the channels of another."""
        made = self._values[put] = value(plane, self._own, ordered=ordered)
        made.flat, made.order_C, made.clean = x.flat, x.order_C, x.clean
        return made

    def _view(self, n: int, node: Node) -> None:
        x = self._values[node.reads[0]]
        self._values[self._network.first + n] = x if x.places == 1 else replace(x, flat=True)

    def _max_pool(self, n: int, node: Node) -> None:
        function = "highest" if self._values[node.reads[0]].positive else "largest"
        self._pool(n, node, function, Window(**node.attributes), np.zeros(0, np.float32))

    def _avg_pool(self, n: int, node: Node) -> None:
        plane = self._values[node.reads[0]].plane
        counts = taps_of_means((plane.height, plane.width), **node.attributes).astype(np.float32)
        without = {name: attribute for name, attribute in node.attributes.items() if name != "border"}
        self._pool(n, node, "mean", Window(**without), counts)

    def _mean(self, n: int, node: Node) -> None:
        x = self._values[node.reads[0]]
        if not x.ordered or x.plane.channels == 1:
            raise Unsuited("it sums in an order that depends on what is before it")
        whole = Window(kernel=(x.plane.height, x.plane.width), stride=(1, 1), padding=(0, 0), ceil=False)
        self._pool(n, node, "mean", whole, np.array([x.places], np.float32))

    def _pool(self, n: int, node: Node, function: str, window: Window, counts: NDArray[np.float32]) -> None:
        x = self._values[node.reads[0]]
        height, width = places(window, x.plane)
        plane = Plane(channels=x.plane.channels, height=height, width=width)
        y = self._like(self._network.first + n, x, plane, x.ordered)
        y.positive = x.positive
        pooled(function, x, y, window, counts, self.records)


def sorted_units(reach: Reach) -> tuple[Reach, NDArray[np.int64]]:
    """Units in the order of their weights' number, so that the lanes of a group have about as much to do."""
    weights = reach.weights
    order = np.argsort(-np.count_nonzero(weights.steps_OI, axis=1), kind="stable")
    moved = {name: getattr(weights, name)[order] for name in ("steps_OI", "scale_O", "bias_O")}
    return replace(reach, weights=replace(weights, **moved)), order


def plans(network: Network, own: Instructions) -> Iterator[Plan]:
    """Parts of a network, as large as they can be.

    Where a node cannot be computed behind those before it, another part begins with it; behind it, if it is the first.
    """
    if (shapes := shapes_of_samples(network)) is None:
        return
    ahead = [*candidates(network, shapes)][::-1]
    while ahead:
        nodes = ahead.pop()
        if not any(network.nodes[n].operator == "conv8" for n in nodes):
            continue
        try:
            yield Plan(network, shapes, nodes, own)
        except Broken as reason:
            rest = range(max(reason.n, nodes.start + 1), nodes.stop)
            ahead += [rest, range(nodes.start, reason.n)]
        except Unsuited:
            continue
