"""Rules for what reads a plane: convolutions, pooling, other sizes."""

from typing import TYPE_CHECKING, Any

from torch import fx

from ..applicable import NotApplicable
from .rules import Arguments, given, only, operand

if TYPE_CHECKING:
    from . import Lowering


def convolved(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    """In planes, a line being one of one row; transposed, over inputs with zeros between them, by the kernel turned."""
    lines = node.meta["val"].dim() == 3
    if node.meta["val"].dim() not in (3, 4):
        raise NotApplicable(f"{node.target} has planes of {node.meta['val'].dim() - 2} axes")
    stride, dilation, more = (
        _pair(a.get(name), lines, start) for name, start in (("stride", 1), ("dilation", 1), ("output_padding", 0))
    )
    x, weight = a["input"], a["weight"]
    if lines:
        x, weight = (_with_row(net, value, given) for value, given in ((x, node.args[0]), (weight, node.args[1])))
    kernel = [int(size) for size in ([1] if lines else [])] + [int(size) for size in operand(node, 1).shape[2:]]
    padding = a["padding"]
    if isinstance(padding, str):
        padding = (
            [0] * len(kernel)
            if padding == "valid"
            else [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
        )
        if a["padding"] == "same" and any(d * (k - 1) % 2 for d, k in zip(dilation, kernel, strict=True)):
            raise NotApplicable("it pads one side more than the other")
    padding = _pair(padding, lines, 0) if len(padding) < 2 or not lines else list(padding)
    if "transpose" in str(node.target) or a.get("transposed"):
        x, weight, padding = _turned(
            net,
            x,
            weight,
            [*operand(node, 1).shape[:2], *kernel],
            a["groups"],
            stride,
            padding,
            dilation,
            more,
        )
        stride = [1, 1]
    y = net.put(
        "conv", x, weight, *given(a["bias"]), stride=stride, padding=padding, dilation=dilation, groups=a["groups"]
    )
    return net.put("view", y, to=net.shape(node)) if lines else y


def _turned(
    net: "Lowering", x: Any, weight: Any, shape: list[int], groups: int, stride: list[int], padding: list[int],
    dilation: list[int], more: list[int],
) -> tuple[Any, Any, list[int]]:  # fmt: skip
    """(I, O / groups, rows, columns) -> (O, I / groups, rows, columns), both axes of the kernel backwards."""
    reads, units, *kernel = map(int, shape)
    weight = net.put("view", weight, to=[groups, reads // groups, units, *kernel])
    weight = net.put("flip", net.put("permute", weight, axes=[0, 2, 1, 3, 4]), axes=[3, 4])
    weight = net.put("view", weight, to=[groups * units, reads // groups, *kernel])
    borders = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    x = net.put("stuffed", x, stride=stride) if stride != [1, 1] else x
    if min(borders) < 0 or any(more):
        before, after = [0, 0, *borders], [0, 0, *(b + m for b, m in zip(borders, more, strict=True))]
        return net.put("pad", x, before=before, after=after, value=0.0), weight, [0, 0]
    return x, weight, borders


def _with_row(net: "Lowering", value: Any, given: Any) -> Any:
    *before, length = (net.size(size) for size in given.meta["val"].shape)
    return net.put("view", value, to=[*before, 1, length])


def _pair(value: Any, lines: bool, start: int) -> list[int]:
    sizes: list[int] = [start] if value is None or value == [] else [value] if isinstance(value, int) else list(value)
    if lines:
        return [start, sizes[0]]
    return sizes * 2 if len(sizes) == 1 else sizes


def largest(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    y = net.put("max_pool", a["self"], dilation=_pair(a["dilation"], False, 1), **_windows(a))
    return [y] if "indices" in str(node.target) else y


def mean(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    if a["divisor_override"]:
        raise NotApplicable("it divides a mean by another number than its own")
    return net.put("avg_pool", a["self"], border=a["count_include_pad"], **_windows(a))


def _windows(a: Arguments) -> dict[str, Any]:
    kernel = _pair(a["kernel_size"], False, 1)
    stride = kernel if not a["stride"] else _pair(a["stride"], False, 1)
    return {"kernel": kernel, "stride": stride, "padding": _pair(a["padding"], False, 0), "ceil": a["ceil_mode"]}


def adapted(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    size = [int(side) for side in node.meta["val"].shape[-2:]]
    if size == [1, 1]:
        return net.put("mean", a["self"], axes=[-2, -1], keep=True)
    return net.put("adaptive_avg_pool", a["self"], size=size)


def resized(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    size, before = ([int(side) for side in shape[2:]] for shape in (node.meta["val"].shape, operand(node, 0).shape))
    factors = a["scale_factors"] or [1.0] * len(size)
    exact = a["output_size"] is not None or all(n * f == m for n, f, m in zip(before, factors, size, strict=True))
    only("enlarges by a factor that fits no whole number of places", exact)
    if "bilinear" in str(node.target):
        return net.put("bilinear", a["input"], size=size, corners=a["align_corners"])
    return net.put("nearest", a["input"], size=size)
