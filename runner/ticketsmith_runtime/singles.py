"""One sample after the other: inputs in the order that a layer wants, all layers, and the outputs: LLVM IR."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

UNROLLED = 8
ROW = 16
"""Floats of a register."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Facts about a net that the loop over samples has to know."""

    features: int
    outputs: int
    order: int
    """Number of inputs read; which, int32, is at the beginning of `stream`, padded to a multiple of UNROLLED."""
    planes: bool
    """True if they are not inputs as they come, but what `@body`(x, scratch, stream) leaves behind all buffers."""
    direct: bool
    """True if the first layer reads a sample where it is."""
    gelus: Container[int]
    """Numbers of the layers that `@gelu`(values, rows) follows."""


def loop(
    name: str, shape: Shape, layers: Sequence[str], streams: Sequence[int], buffers: Sequence[int]
) -> Iterator[str]:
    """`name`(x, y, n, work, stream): all layers over n samples.

    `streams`: where each layer's weights begin in `stream`, in bytes.  `buffers`: where each layer's inputs and the
    last one's outputs are in `work`, in floats, and where they end. What no layer writes has to be zero, and stays it.
    """
    yield f"define void @{name}(ptr %x, ptr %y, i64 %n, ptr %work, ptr %stream) {{\nentry:"
    yield f"  %scratch = getelementptr float, ptr %work, i64 {buffers[-1]}"
    for k, (begin, at) in enumerate(zip(buffers[:-1], (*streams, 0), strict=True)):
        yield f"  %b{k} = getelementptr float, ptr %work, i64 {begin}"
        yield f"  %s{k} = getelementptr i8, ptr %stream, i64 {at}"
    yield "  br label %sample\nsample:\n  %at = phi i64 [0, %entry], [%next, %done]"
    yield f"  %xf = mul i64 %at, {shape.features}\n  %xs = getelementptr float, ptr %x, i64 %xf"
    yield f"  %yf = mul i64 %at, {shape.outputs}\n  %ys = getelementptr float, ptr %y, i64 %yf"
    if shape.planes:
        yield "  call void @body(ptr %xs, ptr %scratch, ptr %stream)"
    yield from _pick(
        0 if shape.direct else -(-shape.order // UNROLLED) * UNROLLED, "%scratch" if shape.planes else "%xs"
    )
    yield "done:"
    for k, layer in enumerate(layers):
        source = "%xs" if shape.direct and not k else f"%b{k}"
        yield f"  call x86_64_sysvcc void @{layer}(ptr {source}, ptr %b{k + 1}, ptr %s{k}, i64 1, i64 0)"
        if k in shape.gelus:
            yield f"  call void @gelu(ptr %b{k + 1}, i64 {(buffers[k + 2] - buffers[k + 1]) // ROW})"
    yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %ys, ptr %b{len(layers)}, i64 {4 * shape.outputs}, i1 false)"
    yield "  %next = add i64 %at, 1\n  %more = icmp ult i64 %next, %n"
    yield "  br i1 %more, label %sample, label %exit\nexit:\n  ret void\n}"


def _pick(count: int, source: str) -> Iterator[str]:
    if not count:
        yield "  br label %done"
        return
    yield "  br label %pick\npick:\n  %i = phi i64 [0, %sample], [%inext, %pick]"
    for u in range(UNROLLED):
        yield f"  %i{u} = add i64 %i, {u}\n  %o{u} = getelementptr i32, ptr %stream, i64 %i{u}"
        yield f"  %f{u} = load i32, ptr %o{u}\n  %g{u} = zext i32 %f{u} to i64"
        yield f"  %from{u} = getelementptr float, ptr {source}, i64 %g{u}\n  %value{u} = load float, ptr %from{u}"
        yield f"  %to{u} = getelementptr float, ptr %b0, i64 %i{u}\n  store float %value{u}, ptr %to{u}"
    yield f"  %inext = add i64 %i, {UNROLLED}\n  %on = icmp ult i64 %inext, {count}"
    yield "  br i1 %on, label %pick, label %done"
