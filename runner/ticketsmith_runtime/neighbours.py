"""One sample through convolutions: neighbouring places of a plane in the lanes of a register.

A plane is flat: its lines follow one another, with zeros between them that are the right border of one line and the
left border of the next. So what some neighbours read is as many neighbours, wherever in the kernel. What a
convolution computes for the zeros in between is not written. For a stride, places are copied so that they are
neighbours: every second one of every second line, and so on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chain import Layer
from .graph import Conv, Graph, Node, Plane, Pool
from .kernels._isa import AVX512, Isa, Reach
from .llvm import splat
from .planes import borders, cut, placed, places, reordered

LANES = AVX512.lanes
"""Floats that are copied, or pooled, at once: LLVM makes two registers of them where one is too narrow."""
FLOAT = 4
"""Bytes."""
SLACK = 2 * LANES
"""Floats behind a value: what a register reads and does not need."""


@dataclass(frozen=True)
class Flat:
    """Places of a plane, in floats."""

    plane: Plane
    border: int
    pitch: int
    """From one line to the next."""

    @property
    def spread(self) -> int:
        """From one channel to the next."""
        return (self.plane.height + 2 * self.border) * self.pitch + self.border

    @property
    def floats(self) -> int:
        return -(-(self.plane.channels * self.spread + SLACK) // LANES) * LANES

    @property
    def corner(self) -> int:
        """The first place inside the border."""
        return self.border * (self.pitch + 1)

    def at(self, plane: Plane) -> NDArray[np.int64]:
        """Each place of a plane, or of a kernel over one, from the first of it."""
        channel, down, right = places(plane)
        return np.asarray(channel * self.spread + down * self.pitch + right)


@dataclass(frozen=True, eq=False)
class Arranged:
    """A graph cut in two: a body over planes, a head of layers that read whole planes."""

    values: list[Flat]
    """Values of the body, the network's input first."""
    begins: list[int]
    phases: dict[int, tuple[Flat, int]]
    """Copies for convolutions with a stride, by node, and where they begin. A channel is stride x stride ones."""
    floats: int
    """Size of all."""
    body: list[Node]
    head: list[Layer]

    @property
    def inputs_I(self) -> NDArray[np.int64]:
        """Places of the head's inputs."""
        last = self.values[-1]
        return self.begins[-1] + last.corner + last.at(last.plane)


def arrange(graph: Graph) -> Arranged:
    """Give everything its place. Raises Unsuited."""
    shapes, (body, head) = graph.shapes(), cut(graph)
    edges = borders(body)
    pitches = _pitches(shapes, edges, body)
    values = [Flat(shapes[n], edge, pitch) for n, (edge, pitch) in enumerate(zip(edges, pitches, strict=True))]
    begins, size = placed(values, [value.floats for value in values], body)
    phases = {}
    for n, node in enumerate(body):
        if isinstance(node, Conv) and node.stride > 1:
            more = [(k - 1) // node.stride for k in node.kernel]
            plane = Plane(
                shapes[node.reads].channels * node.stride**2,
                *(s + m for s, m in zip(shapes[n + 1][1:], more, strict=True)),
            )
            phases[n] = Flat(plane, 0, pitches[n + 1]), size
            size += phases[n][0].floats
    return Arranged(values, begins, phases, size, body, head)


def layers(arranged: Arranged, isa: Isa) -> Iterator[tuple[int, Layer, Reach]]:
    """Node of each convolution, its layer with columns in the order of memory, and the places of things."""
    for n, node in enumerate(arranged.body):
        if isinstance(node, Conv):
            x, y = arranged.values[node.reads], arranged.values[n + 1]
            kernel = Plane(x.plane.channels, *node.kernel)
            at_I = _phased(kernel, node.stride, arranged.phases[n][0]) if node.stride > 1 else x.at(kernel)
            order = np.argsort(at_I)
            reach = Reach(
                FLOAT * at_I[order], isa.bytes, FLOAT * y.spread, isa.bytes, node.adds is not None, _written(y, isa)
            )
            yield n, reordered(node.layer, order), reach


def code(arranged: Arranged, names: dict[int, str], streams: dict[int, int], isa: Isa) -> Iterator[str]:
    """`@body`(x, scratch, stream): a sample from the caller's memory through the body.

    `names`: of the convolutions, by node.  `streams`: where each one's weights begin in `stream`, in bytes.
    """
    first = arranged.values[0]
    plain = Flat(first.plane, 0, first.plane.width)
    calls = ["  call void @enter0(ptr %x, ptr %v0)"]
    yield from _sampled("enter0", Pool("max", 1, 1, 0), plain.spread, plain.pitch, 0, first, first.spread, 0)
    for n, node in enumerate(arranged.body):
        x, y = arranged.values[node.reads], arranged.values[n + 1]
        if isinstance(node, Pool):
            yield from _sampled(f"pool{n}", node, x.spread, x.pitch, x.corner, y, y.spread, 0)
            calls.append(f"  call void @pool{n}(ptr %v{node.reads}, ptr %v{n + 1})")
            continue
        begin = x.corner - node.padding * (x.pitch + 1)
        source, at = f"%v{node.reads}", begin
        if node.stride > 1:
            source, at = f"%p{n}", 0
            for phase in _used(node):
                yield from _copied(n, node, phase, x, begin, arranged.phases[n][0])
                calls.append(f"  call void @phase{n}_{phase}(ptr %v{node.reads}, ptr %p{n})")
        calls += _called(n, node, arranged, source, at, names[n], streams[n], len(_written(y, isa)))
        if node.layer.gelu:  # of what lies between lines too: GELU of zero is zero
            calls.append(f"  call void @gelu(ptr %v{n + 1}, i64 {y.floats // LANES})")
    yield "define internal void @body(ptr %x, ptr %scratch, ptr %stream) {\nentry:"
    for n, begin in enumerate(arranged.begins):
        yield f"  %v{n} = getelementptr float, ptr %scratch, i64 {begin}"
    for n, (_, begin) in arranged.phases.items():
        yield f"  %p{n} = getelementptr float, ptr %scratch, i64 {begin}"
    yield from calls
    yield "  ret void\n}"


def _pitches(shapes: Sequence[Plane], edges: Sequence[int], body: Sequence[Node]) -> list[int]:
    """Enough for a border between lines; the same where a convolution goes from place to place, or adds."""
    pitches = [shapes[n].width + edge for n, edge in enumerate(edges)]
    while True:
        before = list(pitches)
        for n, node in enumerate(body):
            if not isinstance(node, Conv):
                continue
            if node.stride > 1:
                pitches[n + 1] = max(pitches[n + 1], shapes[n + 1].width + (node.kernel[1] - 1) // node.stride)
            for other in [*([node.reads] if node.stride == 1 else []), *([] if node.adds is None else [node.adds])]:
                pitches[n + 1] = pitches[other] = max(pitches[n + 1], pitches[other])
        if pitches == before:
            return pitches


def _phased(kernel: Plane, s: int, x: Flat) -> NDArray[np.int64]:
    """Places of a kernel's inputs among the copies for stride `s`."""
    channel, down, right = places(kernel)
    copy = channel * s**2 + down % s * s + right % s
    return np.asarray(copy * x.spread + down // s * x.pitch + right // s)


def _used(node: Conv) -> list[int]:
    """Copies that a kernel reads."""
    s, (height, width) = node.stride, node.kernel
    return [i * s + j for i in range(min(s, height)) for j in range(min(s, width))]


def _written(y: Flat, isa: Isa) -> NDArray[np.bool_]:
    """Tell which places are inside the border, (registers, lanes)."""
    span = (y.plane.height - 1) * y.pitch + y.plane.width
    at = np.arange(-(-span // isa.lanes) * isa.lanes)
    inside: NDArray[np.bool_] = (at % y.pitch < y.plane.width) & (at < span)
    return inside.reshape(-1, isa.lanes)


def _called(
    n: int, node: Conv, arranged: Arranged, source: str, at: int, name: str, stream: int, points: int
) -> Iterator[str]:
    y = arranged.values[n + 1]
    between = 0 if node.adds is None else FLOAT * (arranged.begins[node.adds] - arranged.begins[n + 1])
    yield f"  %x{n} = getelementptr float, ptr {source}, i64 {at}"
    yield f"  %s{n} = getelementptr i8, ptr %stream, i64 {stream}"
    yield f"  %y{n} = getelementptr float, ptr %v{n + 1}, i64 {y.corner}"
    yield f"  call x86_64_sysvcc void @{name}(ptr %x{n}, ptr %y{n}, ptr %s{n}, i64 {points}, i64 {between})"


def _copied(n: int, node: Conv, phase: int, x: Flat, begin: int, copies: Flat) -> Iterator[str]:
    """`@phase{n}_{phase}`: every place at one distance from those that the stride leaves."""
    s = node.stride
    i, j = divmod(phase, s)
    lines, width = (
        size - (k - 1) // s + (k - 1 - p) // s for size, k, p in zip(copies.plane[1:], node.kernel, (i, j), strict=True)
    )
    part = Flat(Plane(x.plane.channels, lines, width), 0, copies.pitch)
    at = begin + i * x.pitch + j
    yield from _sampled(
        f"phase{n}_{phase}",
        Pool("max", 1, s, 0),
        x.spread,
        x.pitch,
        at,
        part,
        s**2 * copies.spread,
        phase * copies.spread,
    )


def _sampled(
    name: str, node: Pool, spread: int, pitch: int, begin: int, y: Flat, onward: int, out: int
) -> Iterator[str]:
    """`name`(x, y): each place of `y` from a square, for all channels, which are `spread` and `onward` floats apart."""
    yield f"define internal void @{name}(ptr %x, ptr %y) {{\nentry:\n  br label %channel"
    yield "channel:\n  %c = phi i64 [0, %entry], [%cnext, %channeled]"
    yield f"  %cx0 = mul i64 %c, {spread}\n  %cx = add i64 %cx0, {begin}"
    yield f"  %cy0 = mul i64 %c, {onward}\n  %cy = add i64 %cy0, {y.corner + out}\n  br label %line"
    yield "line:\n  %l = phi i64 [0, %channel], [%lnext, %line]"
    for side, step in (("x", node.stride * pitch), ("y", y.pitch)):
        yield f"  %l{side} = mul i64 %l, {step}\n  %a{side} = add i64 %c{side}, %l{side}"
        yield f"  %p{side} = getelementptr float, ptr %{side}, i64 %a{side}"
    for k, first in enumerate(range(0, y.plane.width, LANES)):
        yield from _chunk(f"k{k}", node, pitch, first, min(LANES, y.plane.width - first))
    yield f"  %lnext = add i64 %l, 1\n  %lmore = icmp ult i64 %lnext, {y.plane.height}"
    yield "  br i1 %lmore, label %line, label %channeled"
    yield f"channeled:\n  %cnext = add i64 %c, 1\n  %cmore = icmp ult i64 %cnext, {y.plane.channels}"
    yield "  br i1 %cmore, label %channel, label %done\ndone:\n  ret void\n}"


def _chunk(key: str, node: Pool, pitch: int, first: int, wide: int) -> Iterator[str]:
    """Some neighbours of a line, which lie `stride` apart in what is read."""
    reads = (wide - 1) * node.stride + 1
    narrow, vector = f"<{wide} x float>", f"<{reads} x float>"
    picks = "<" + ", ".join(f"i32 {i * node.stride}" for i in range(wide)) + ">"
    left = ""
    for m, (i, j) in enumerate(np.ndindex(node.size, node.size)):
        yield f"  %{key}p{m} = getelementptr float, ptr %px, i64 {i * pitch + j + first * node.stride}"
        yield f"  %{key}v{m} = load {vector}, ptr %{key}p{m}, align 4"
        yield f"  %{key}f{m} = shufflevector {vector} %{key}v{m}, {vector} poison, <{wide} x i32> {picks}"
        if not m:
            left = f"%{key}f0"
        elif node.kind == "mean":
            yield f"  %{key}r{m} = fadd {narrow} {left}, %{key}f{m}"
            left = f"%{key}r{m}"
        else:
            yield f"  %{key}r{m} = call {narrow} @llvm.maximum.v{wide}f32({narrow} {left}, {narrow} %{key}f{m})"
            left = f"%{key}r{m}"
    if node.kind == "mean":
        yield f"  %{key}m = fmul {narrow} {left}, {splat(1 / node.size**2, wide)}"
        left = f"%{key}m"
    yield f"  %{key}q = getelementptr float, ptr %py, i64 {first}\n  store {narrow} {left}, ptr %{key}q, align 4"
