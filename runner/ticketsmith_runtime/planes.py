"""Convolutions and pooling over a tile of samples, place by place: where values are in memory, and LLVM IR for loops.

A value is rows of lanes, a lane per sample, with a border of zeros that no node writes. Values are place by place, all
channels of a place side by side; the network's input is plane by plane, as it comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .chain import Layer
from .graph import Conv, Graph, Node, Plane, Pool, Unsuited
from .kernels._isa import Reach
from .llvm import splat
from .tiles import gather

Places = int | NDArray[np.int64]
WIDEST = 32
"""Side of a square that is pooled: each of its places is an instruction."""


@dataclass(frozen=True)
class Value:
    """Places of a plane, in rows."""

    plane: Plane
    border: int
    by_plane: bool = False

    @property
    def rows(self) -> int:
        return self.plane.channels * (self.plane.height + 2 * self.border) * self.line

    @property
    def line(self) -> int:
        """Places from one line to the next."""
        return self.plane.width + 2 * self.border

    @property
    def step(self) -> int:
        """Rows from one place to the next."""
        return 1 if self.by_plane else self.plane.channels

    def at(
        self, channel: int | NDArray[np.int64], down: int | NDArray[np.int64], right: int | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The row of a channel at a place; (0, 0) is the corner of the border."""
        if self.by_plane:
            return np.asarray((channel * (self.plane.height + 2 * self.border) + down) * self.line + right)
        return np.asarray((down * self.line + right) * self.plane.channels + channel)


@dataclass(frozen=True, eq=False)
class Arranged:
    """A graph cut in two: a body over planes, a head of layers that read whole planes."""

    values: list[Value]
    """Values of the body, the network's input first."""
    begins: list[int]
    """Place of each in the scratch memory of a tile, in rows. The last one, the head's input, is written elsewhere."""
    scratch: int
    """Rows."""
    body: list[Node]
    head: list[Layer]
    """Their columns as the body leaves its value."""


def arrange(graph: Graph) -> Arranged:
    """Give everything its place. Raises Unsuited."""
    shapes, (body, head) = graph.shapes(), cut(graph)
    values = [Value(shapes[n], border, by_plane=not n) for n, border in enumerate(borders(body))]
    if values[-1].border or any(isinstance(node, Conv) and node.adds == 0 for node in body):
        raise Unsuited("a convolution adds the network's input, or a Linear reads what a convolution pads")
    head[0] = reordered(head[0], np.argsort(values[-1].at(*places(values[-1].plane))))
    begins, scratch = placed(values, [value.rows for value in values], body)
    return Arranged(values, begins, scratch, body, head)


def cut(graph: Graph) -> tuple[list[Node], list[Layer]]:
    """The body over planes, and the layers at the end that read whole planes. Raises Unsuited if there is none."""
    shapes, count = graph.shapes(), len(graph.nodes)
    if any(isinstance(node, Pool) and node.size > WIDEST for node in graph.nodes):
        raise Unsuited(f"it pools squares of more than {WIDEST} x {WIDEST}")
    while count and isinstance(node := graph.nodes[count - 1], Conv) and node.whole(count - 1, shapes[count - 1]):
        count -= 1
    head = [node.layer for node in graph.nodes[count:] if isinstance(node, Conv)]
    if not head:
        raise Unsuited("the network does not end in a Linear")
    return list(graph.nodes[:count]), head


def reach(node: Conv, x: Value, row: int) -> tuple[Layer, Reach]:
    """The node's layer with its columns in the order in which its inputs are in memory, and where that is."""
    at_I = x.at(*places(Plane(x.plane.channels, *node.kernel)))
    order = np.argsort(at_I)
    return reordered(node.layer, order), Reach(
        at_I=row * at_I[order],
        step=row * node.stride * x.step,
        spread=row,
        onward=row * len(node.layer.bias_O),
        adds=node.adds is not None,
    )


def code(arranged: Arranged, lanes: int, names: Sequence[str], streams: Sequence[int]) -> Iterator[str]:
    """`@body`(x, out, last, scratch, stream): one tile of samples from the caller's memory to the head's input.

    `names`: of the body's convolutions.  `streams`: where each one's weights begin in `stream`, in bytes.
    """
    row, values = 4 * lanes, arranged.values
    first = values[0]
    yield from gather(lanes, first.plane.size, first.plane.width if first.border else first.plane.size)
    convolutions = iter(zip(names, streams, strict=True))
    calls = []
    for n, node in enumerate(arranged.body):
        x, y = values[node.reads], values[n + 1]
        if isinstance(node, Pool):
            yield from _pool(n, node, x, y, lanes)
            calls.append((n, node.reads, 0))
        else:
            name, at = next(convolutions)
            yield from _lines(n, node, x, y, name, row)
            calls.append((n, node.reads, at))
    yield "define internal void @body(ptr %x, ptr %out, i64 %last, ptr %scratch, ptr %stream) {\nentry:"
    for n, begin in enumerate(arranged.begins):
        yield f"  %v{n} = getelementptr i8, ptr %scratch, i64 {begin * row}"
    yield from _entered(first, row)
    yield "filled:"
    for n, reads, at in calls:
        out, added = "%out" if n + 1 == len(arranged.body) else f"%v{n + 1}", getattr(arranged.body[n], "adds", None)
        yield f"  %s{n} = getelementptr i8, ptr %stream, i64 {at}\n  %y{n} = ptrtoint ptr {out} to i64"
        yield f"  %a{n} = ptrtoint ptr %v{added or 0} to i64\n  %d{n} = sub i64 %a{n}, %y{n}"
        yield f"  call void @node{n}(ptr %v{reads}, ptr {out}, ptr %s{n}, i64 %d{n})"
        if _bends(arranged.body[n]):  # of a border too: GELU of zero is zero
            yield f"  call void @gelu(ptr {out}, i64 {values[n + 1].rows})"
    yield "  ret void\n}"


def _bends(node: Node) -> bool:
    return isinstance(node, Conv) and node.layer.gelu


def reordered(layer: Layer, order: NDArray[np.int64]) -> Layer:
    return replace(layer, weight_OI=layer.weight_OI[:, order], alive_OI=layer.alive_OI[:, order])


def places(plane: Plane) -> tuple[NDArray[np.int64], ...]:
    """Channel, line and column of each input, in torch's order."""
    return tuple(axis.ravel() for axis in np.indices(plane))


def borders(body: Sequence[Node]) -> list[int]:
    """Border of each value: as the convolutions that read it need. The terms of a sum have the same border."""
    widths = [0] * (len(body) + 1)
    for node in body:
        if isinstance(node, Conv):
            widths[node.reads] = max(widths[node.reads], node.padding)
    changed = True
    while changed:
        changed = False
        for n, node in enumerate(body):
            if isinstance(node, Conv) and node.adds is not None and widths[n + 1] != widths[node.adds]:
                widths[n + 1] = widths[node.adds] = max(widths[n + 1], widths[node.adds])
                changed = True
    return widths


def placed(values: Sequence[object], sizes: Sequence[int], body: Sequence[Node]) -> tuple[list[int], int]:
    """Beginning of each, and the size of all.

    Values share memory with values of the same form that nobody reads any more: a border stays a border.
    """
    last = {0: -1}
    for n, node in enumerate(body):
        last[n + 1] = n
        for read in (node.reads, getattr(node, "adds", None)):
            if read is not None:
                last[read] = n
    begins, free, size = [], dict[object, list[int]](), 0
    for n, value in enumerate(values):
        if gaps := free.get(value):
            begins.append(gaps.pop())
        else:
            begins.append(size)
            size += sizes[n]
        for done in (m for m in range(n) if last[m] == n - 1):
            free.setdefault(values[done], []).append(begins[done])
    return begins, size


def _entered(x: Value, row: int) -> Iterator[str]:
    """The samples into the first value, line by line where it has a border."""
    if not x.border:
        yield "  call void @gather(ptr %x, ptr %v0, i64 %last)\n  br label %filled"
        return
    height, width = x.plane.height, x.plane.width
    yield "  br label %line\nline:\n  %l = phi i64 [0, %entry], [%lnext, %line]"
    yield f"  %c = udiv i64 %l, {height}\n  %skip = mul i64 %c, {2 * x.border}\n  %down = add i64 %l, %skip"
    yield f"  %at0 = mul i64 %down, {x.line * row}\n  %at = add i64 %at0, {int(x.at(0, x.border, x.border)) * row}"
    yield f"  %to = getelementptr i8, ptr %v0, i64 %at\n  %from0 = mul i64 %l, {width}"
    yield "  %from = getelementptr float, ptr %x, i64 %from0\n  call void @gather(ptr %from, ptr %to, i64 %last)"
    yield f"  %lnext = add i64 %l, 1\n  %lmore = icmp ult i64 %lnext, {x.plane.channels * height}"
    yield "  br i1 %lmore, label %line, label %filled"


def _lines(n: int, node: Conv, x: Value, y: Value, name: str, row: int) -> Iterator[str]:
    """`@node{n}`: the layer's code once per line of its output."""
    corner = x.border - node.padding
    begin, down = int(x.at(0, corner, corner)) * row, int(x.at(0, node.stride, 0)) * row
    yield f"define internal void @node{n}(ptr %x, ptr %y, ptr %stream, i64 %between) {{\nentry:\n  br label %line"
    yield "line:\n  %l = phi i64 [0, %entry], [%next, %line]"
    yield from _offset("x", "l", down, begin)
    yield from _offset("y", "l", int(y.at(0, 1, 0)) * row, int(y.at(0, y.border, y.border)) * row)
    yield f"  call x86_64_sysvcc void @{name}(ptr %xl, ptr %yl, ptr %stream, i64 {y.plane.width}, i64 %between)"
    yield from _again("l", "next", y.plane.height, "line", "done")
    yield "done:\n  ret void\n}"


def _pool(n: int, node: Pool, x: Value, y: Value, lanes: int) -> Iterator[str]:
    """`@node{n}`: each row of each place from the same row of the places of its square."""
    row, vector = 4 * lanes, f"<{lanes} x float>"
    corner, out = int(x.at(0, x.border, x.border)) * row, int(y.at(0, y.border, y.border)) * row
    yield f"define internal void @node{n}(ptr %x, ptr %y, ptr %stream, i64 %between) {{\nentry:\n  br label %line"
    yield "line:\n  %l = phi i64 [0, %entry], [%lnext, %lined]"
    yield from _offset("x", "l", int(x.at(0, node.stride, 0)) * row, corner)
    yield from _offset("y", "l", int(y.at(0, 1, 0)) * row, out)
    yield "  br label %place\nplace:\n  %p = phi i64 [0, %line], [%pnext, %placed]"
    yield from _offset("xl", "p", int(x.at(0, 0, node.stride)) * row, 0)
    yield from _offset("yl", "p", int(y.at(0, 0, 1)) * row, 0)
    yield "  br label %channel\nchannel:\n  %c = phi i64 [0, %place], [%cnext, %channel]"
    yield from _offset("xlp", "c", row * (x.plane.height + 2 * x.border) * x.line if x.by_plane else row, 0)
    yield from _offset("ylp", "c", row, 0)
    square = [int(x.at(0, i, j)) * row for i in range(node.size) for j in range(node.size)]
    for k, at in enumerate(square):
        yield f"  %a{k} = getelementptr i8, ptr %xlpc, i64 {at}\n  %f{k} = load {vector}, ptr %a{k}, align {row}"
    yield from _reduced(node, len(square), vector, lanes)
    yield f"  store {vector} %result, ptr %ylpc, align {row}"
    yield from _again("c", "cnext", x.plane.channels, "channel", "placed")
    yield "placed:"
    yield from _again("p", "pnext", y.plane.width, "place", "lined")
    yield "lined:"
    yield from _again("l", "lnext", y.plane.height, "line", "done")
    yield "done:\n  ret void\n}"


def _reduced(node: Pool, count: int, vector: str, lanes: int) -> Iterator[str]:
    """`%result` of `%f0`.. . NaN among them is NaN."""
    left = "%f0"
    for k in range(1, count):
        if node.kind == "mean":
            yield f"  %r{k} = fadd {vector} {left}, %f{k}"
        else:
            yield f"  %r{k} = call {vector} @llvm.maximum.v{lanes}f32({vector} {left}, {vector} %f{k})"
        left = f"%r{k}"
    share = 1 / count if node.kind == "mean" else 1.0
    yield f"  %result = fmul {vector} {left}, {splat(share, lanes)}"


def _offset(base: str, index: str, step: int, begin: int) -> Iterator[str]:
    """`%{base}{index}` = base + index * step + begin, in bytes."""
    key = f"{base}{index}"
    yield f"  %{key}m = mul i64 %{index}, {step}\n  %{key}o = add i64 %{key}m, {begin}"
    yield f"  %{key} = getelementptr i8, ptr %{base}, i64 %{key}o"


def _again(index: str, following: str, count: int, label: str, after: str) -> Iterator[str]:
    yield f"  %{following} = add i64 %{index}, 1\n  %{label}more = icmp ult i64 %{following}, {count}"
    yield f"  br i1 %{label}more, label %{label}, label %{after}"
