"""torch's operators in those of the ticket runtime: a line each, or a function where one becomes several.

A rule takes the lowering, the node of torch's program and its arguments by name; it gives the number of a value.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import fx

from ticketsmith_runtime.network import Constant

from .applicable import NotApplicable

if TYPE_CHECKING:
    from .lowering import _Lowering as Lowering

Arguments = dict[str, Any]
Rule = Callable[["Lowering", fx.Node, Arguments], Any]
aten = torch.ops.aten
LAST = (1 << 31) - 1

WHOLE = {
    aten.linear.default,
    aten.conv1d.default,
    aten.conv1d.padding,
    aten.conv2d.default,
    aten.conv2d.padding,
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    aten.matmul.default,
    aten.einsum.default,
    aten.scaled_dot_product_attention.default,
    aten.layer_norm.default,
    aten.group_norm.default,
    aten.rms_norm.default,
    aten.gelu.default,
    aten.silu.default,
    aten.hardswish.default,
    aten.hardsigmoid.default,
    aten.softplus.default,
    aten.elu.default,
    aten.leaky_relu.default,
    aten.softmax.int,
    aten.log_softmax.int,
    aten.max_pool2d.default,
    aten.avg_pool2d.default,
    aten.adaptive_avg_pool2d.default,
    aten.upsample_nearest2d.vec,
    aten.upsample_bilinear2d.vec,
    aten.roll.default,
}
"""Operators that torch is not to take apart."""


def unary(operator: str) -> Rule:
    return lambda net, node, a: net.put(operator, next(iter(a.values())))


def binary(operator: str, first: str = "self", second: str = "other") -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        x, y = (net.number(a[name], _real(node)) for name in (first, second))
        if a.get("alpha", 1) != 1:
            y = net.put("mul", y, net.number(a["alpha"], _real(node)))
        return net.put(operator, x, y)

    return rule


def divided(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    modes = {None: "div", "floor": "floor_div"}
    if a.get("rounding_mode") not in modes:
        raise NotApplicable(f"it rounds a quotient by {a['rounding_mode']}")
    return binary(modes[a.get("rounding_mode")])(net, node, a)


def _real(node: fx.Node) -> bool:
    """Tell whether a number of Python is a float here: beside floats it is."""
    operands = [each.meta["val"] for each in node.args if isinstance(each, fx.Node)]
    return any(isinstance(each, torch.Tensor) and each.is_floating_point() for each in operands)


def operand(node: fx.Node, place: int) -> Any:
    """The tensor that torch has traced for an argument: its shape and type."""
    return cast(fx.Node, node.args[place]).meta["val"]


def same(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return next(iter(a.values()))


def viewed(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("view", next(iter(a.values())), to=net.shape(node))


def converted(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("cast", a["self"], type=_type(node))


def filled(value: Callable[[Arguments], Any]) -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        kind = {"float": float, "int": int, "bool": bool}[_type(node)]
        number = value(a)
        if kind is float and not abs(number) < 1e300:
            return net.put("expand", net.add(Constant(np.asarray(number, np.float32))), to=net.shape(node))
        return net.put("full", to=net.shape(node), value=kind(number))

    return rule


def _type(node: fx.Node) -> str:
    kind = node.meta["val"].dtype
    return "float" if kind.is_floating_point else "bool" if kind is torch.bool else "int"


def counted(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    start, stop, step = a.get("start", 0), a["end"], a.get("step", 1)
    if any(isinstance(each, float) for each in (start, stop, step)):
        made = Constant(np.arange(start, stop, step, dtype=np.float32))
        return net.add(made)
    found = net.put("arange", start=start, stop=stop, step=step)
    return net.put("cast", found, type="float") if _type(node) == "float" else found


def sliced(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("slice", a["self"], **_part(a))


def _part(a: Arguments) -> dict[str, Any]:
    start, stop = a["start"] or 0, LAST if a["end"] is None else a["end"]
    if isinstance(start, str):
        raise NotApplicable("it cuts where the number of samples says")
    return {
        "axis": a["dim"],
        "start": start,
        "stop": stop if isinstance(stop, str) else min(stop, LAST),
        "step": a["step"],
    }


def scattered(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    part = _part(a)
    if isinstance(part["stop"], int) and part["stop"] < 0:
        part["stop"] += int(node.meta["val"].shape[part["axis"]])
    return net.put("slice_scatter", a["self"], a["src"], **part)


def parts(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    """Every part is a slice; those that nobody reads fall away."""
    axis, at, found = a.get("dim", 0), 0, []
    for each in node.meta["val"]:
        size = net.size(each.shape[axis])
        if isinstance(size, str):
            raise NotApplicable("it splits the axis of samples")
        found.append(net.put("slice", a["self"], axis=axis, start=at, stop=at + size, step=1))
        at += size
    return found


def unbound(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return [net.put("select", a["self"], axis=a["dim"], index=n) for n in range(len(node.meta["val"]))]


def padded(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    before, after = _borders(a["pad"], node.meta["val"].dim())
    return net.put("pad", a["self"], before=before, after=after, value=float(a["value"]))


def _borders(pad: Sequence[int], axes: int) -> tuple[list[int], list[int]]:
    """torch's pairs, last axis first, as two lists of all axes."""
    pairs = [(pad[n], pad[n + 1]) for n in range(0, len(pad), 2)][::-1]
    pairs = [(0, 0)] * (axes - len(pairs)) + pairs
    return [low for low, _ in pairs], [high for _, high in pairs]


def rolled(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("roll", a["self"], shifts=a["shifts"], axes=a["dims"])


def indexed(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    axes = [axis for axis, each in enumerate(a["indices"]) if each is not None]
    return net.put("index", a["self"], *(each for each in a["indices"] if each is not None), axes=axes)


def reduced(operator: str) -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        axes = a.get("dim")
        axes = [axes] if isinstance(axes, int) else axes
        axes = axes or list(range(operand(node, 0).dim()))
        found = net.put(operator, a["self"], axes=axes, keep=bool(a.get("keepdim", False)))
        return net.put("cast", found, type="int") if operator == "sum" and _type(node) == "int" else found

    return rule


def variance(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    shape, axes = operand(node, 0).shape, a["dim"]
    axes = list(range(len(shape))) if axes is None else axes
    correction = 1 if a.get("correction") is None else a["correction"]
    count = math.prod(int(shape[axis]) for axis in axes)
    centred = net.put("sub", a["self"], net.put("mean", a["self"], axes=axes, keep=True))
    mean = net.put("mean", net.put("mul", centred, centred), axes=axes, keep=bool(a["keepdim"]))
    return net.put("mul", mean, net.number(count / (count - correction), True))


def clamped(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    x = next(iter(a.values()))
    low, high = a.get("min", a.get("min_val")), a.get("max", a.get("max_val"))
    x = x if low is None else net.put("maximum", x, net.number(low, _real(node)))
    return x if high is None else net.put("minimum", x, net.number(high, _real(node)))


def powered(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    if type(a["exponent"]) in (int, float) and a["exponent"] == 2:
        return net.put("mul", a["self"], a["self"])
    return binary("pow", "self", "exponent")(net, node, a)


def chosen(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    x, y = (net.number(a[name], _type(node) == "float") for name in ("self", "other"))
    return net.put("where", a["condition"], x, y)


def masked(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("where", a["mask"], net.number(a["value"], _type(node) == "float"), a["self"])


def multiplied(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    """A product with a weight is a Linear, whichever side the weight is on."""
    x, y = (a.get("self", a.get("mat1")), a.get("other", a.get("mat2")))
    if y in net.fixed and operand(node, 1).dim() == 2:
        return net.put("linear", x, net.put("permute", y, axes=[1, 0]))
    ranks = [operand(node, place).dim() for place in range(2)]
    if min(ranks) >= 2:
        return net.put("matmul", x, y)
    letters = "abcdefgh"[: max(ranks) - 1]
    left, right = (letters + "z", "z") if ranks[1] == 1 else ("y", letters[:-1] + "y" + letters[-1])
    return net.put("einsum", x, y, equation=f"{left},{right}->{(left + right).replace('z', '').replace('y', '')}")


def added_product(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    if a.get("beta", 1) != 1 or a.get("alpha", 1) != 1:
        raise NotApplicable("it weighs a product and a sum")
    if {a.get("mat2"), a["self"]} <= net.fixed and operand(node, 0).dim() == 1:
        return net.put("linear", a["mat1"], net.put("permute", a["mat2"], axes=[1, 0]), a["self"])
    x, y = a.get("mat1", a.get("batch1")), a.get("mat2", a.get("batch2"))
    return net.put("add", net.put("matmul", x, y), a["self"])


def linear(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("linear", a["input"], a["weight"], *_given(a["bias"]))


def _given(*values: Any) -> list[Any]:
    return [each for each in values if each is not None]


def attended(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    query, key = (operand(node, place).shape for place in range(2))
    k, v = a["key"], a["value"]
    if a["enable_gqa"] and (times := int(query[-3]) // int(key[-3])) > 1:
        k, v = (_repeated(net, each, given, times) for each, given in zip((k, v), node.args[1:3], strict=True))
    scale = 1 / math.sqrt(int(query[-1])) if a["scale"] is None else a["scale"]
    return net.put("attention", a["query"], k, v, *_given(a["attn_mask"]), causal=a["is_causal"], scale=float(scale))


def _repeated(net: "Lowering", value: Any, given: Any, times: int) -> Any:
    """Every head so many times, one copy beside the other."""
    *before, heads, length, width = (net.size(size) for size in given.meta["val"].shape)
    apart = net.put("view", value, to=[*before, heads, 1, length, width])
    repeated = net.put("expand", apart, to=[*before, heads, times, length, width])
    return net.put("view", repeated, to=[*before, heads * times, length, width])


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
        x, weight = (_with_row(net, each, given) for each, given in ((x, node.args[0]), (weight, node.args[1])))
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
        "conv", x, weight, *_given(a["bias"]), stride=stride, padding=padding, dilation=dilation, groups=a["groups"]
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


def _pair(found: Any, lines: bool, start: int) -> list[int]:
    sizes: list[int] = [start] if found is None or found == [] else [found] if isinstance(found, int) else list(found)
    if lines:
        return [start, sizes[0]]
    return sizes * 2 if len(sizes) == 1 else sizes


def batch_norm(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    channels = int(operand(node, 0).shape[1])
    missing = [net.put("full", to=[channels], value=value) for value in (1.0, 0.0)]
    gain, shift = (
        given if given is not None else other for given, other in zip((a["weight"], a["bias"]), missing, strict=True)
    )
    return [net.put("batch_norm", a["input"], gain, shift, a["running_mean"], a["running_var"], eps=float(a["eps"]))]


def normed(operator: str) -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        eps = a.get("eps")
        gains = _given(a.get("weight"), a.get("bias"))
        if a.get("weight") is None and a.get("bias") is not None:
            raise NotApplicable("it shifts a norm without a gain")
        eps = float(torch.finfo(torch.float32).eps if eps is None else eps)
        y = net.put(operator, a["input"], *gains, axes=len(a["normalized_shape"]), eps=eps)
        return [y] if str(node.target).startswith("aten.native") else y

    return rule


def group_norm(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    groups = a.get("num_groups", a.get("group"))
    y = net.put("group_norm", a["input"], *_given(a.get("weight"), a.get("bias")), groups=groups, eps=float(a["eps"]))
    return [y] if str(node.target).startswith("aten.native") else y


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
    size = [int(each) for each in node.meta["val"].shape[-2:]]
    if size == [1, 1]:
        return net.put("mean", a["self"], axes=[-2, -1], keep=True)
    return net.put("adaptive_avg_pool", a["self"], size=size)


def resized(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    size = [int(each) for each in node.meta["val"].shape[2:]]
    if "bilinear" in str(node.target):
        return net.put("bilinear", a["input"], size=size, corners=a["align_corners"])
    return net.put("nearest", a["input"], size=size)


def permuted(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    rank = node.meta["val"].dim()
    return net.put("permute", a["self"], axes=[axis % rank for axis in a["dims"]])


def transposed(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    rank = node.meta["val"].dim()
    axes, (i, j) = list(range(rank)), ((a["dim0"], a["dim1"]) if "dim0" in a else (0, 1))
    axes[i], axes[j] = axes[j], axes[i]
    return net.put("permute", a["self"], axes=axes)


def gelu(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    return net.put("gelu_tanh" if a["approximate"] == "tanh" else "gelu", a["self"])


UNARY = [
    "relu",
    "sigmoid",
    "tanh",
    "erf",
    "exp",
    "log",
    "log1p",
    "sqrt",
    "rsqrt",
    "neg",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "sin",
    "cos",
    "logical_not",
    "bitwise_not",
    "isnan",
    "silu",
    "hardswish",
    "hardsigmoid",
]
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "fmod": "fmod", "remainder": "remainder", "minimum": "minimum",
    "maximum": "maximum", "eq": "eq", "ne": "ne", "ge": "ge", "gt": "gt", "le": "le", "lt": "lt",
    "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "logical_and": "logical_and", "logical_or": "logical_or",
}  # fmt: skip

RULES: dict[str, Rule] = {
    **{name: unary(name) for name in UNARY},
    **{name: binary(operator) for name, operator in BINARY.items()},
    **dict.fromkeys(("clone", "alias", "detach", "dropout", "lift_fresh_copy", "contiguous"), same),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten"), viewed),
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), filled(lambda a: 0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), filled(lambda a: 1)),
    **dict.fromkeys(("full", "full_like", "new_full"), filled(lambda a: a["fill_value"])),
    **dict.fromkeys(("conv1d", "conv2d", "convolution", "conv_transpose1d", "conv_transpose2d"), convolved),
    **dict.fromkeys(("_to_copy", "to"), converted),
    **dict.fromkeys(("split_with_sizes", "split", "chunk"), parts),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "hardtanh", "relu6"), clamped),
    **dict.fromkeys(("mm", "bmm", "matmul"), multiplied),
    **dict.fromkeys(("addmm", "baddbmm"), added_product),
    **dict.fromkeys(("max_pool2d", "max_pool2d_with_indices"), largest),
    **dict.fromkeys(("adaptive_avg_pool2d", "_adaptive_avg_pool2d"), adapted),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), normed("layer_norm")),
    **dict.fromkeys(("group_norm", "native_group_norm"), group_norm),
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d"), resized),
    **dict.fromkeys(("transpose", "t"), transposed),
    **{name: reduced(name) for name in ("sum", "mean", "amax", "amin", "any")},
    "arange": counted,
    "argmax": lambda net, node, a: net.put("argmax", a["self"], axis=a["dim"], keep=a["keepdim"]),
    "attention": attended,
    "avg_pool2d": mean,
    "cat": lambda net, node, a: net.put("cat", *a["tensors"], axis=a["dim"]),
    "constant_pad_nd": padded,
    "cumsum": lambda net, node, a: net.put("cumsum", a["self"], axis=a["dim"]),
    "copy": lambda net, node, a: net.put("expand", a["src"], to=net.shape(node)),
    "div": divided,
    "einsum": lambda net, node, a: net.put("einsum", *a["tensors"], equation=a["equation"].replace(" ", "")),
    "elu": lambda net, node, a: net.put("elu", a["self"], alpha=float(a["alpha"])),
    "embedding": lambda net, node, a: net.put("embedding", a["weight"], a["indices"]),
    "expand": lambda net, node, a: net.put("expand", a["self"], to=net.shape(node)),
    "floor_divide": binary("floor_div"),
    "flip": lambda net, node, a: net.put("flip", a["self"], axes=a["dims"]),
    "gather": lambda net, node, a: net.put("gather", a["self"], a["index"], axis=a["dim"]),
    "gelu": gelu,
    "index": indexed,
    "index_select": lambda net, node, a: net.put("index", a["self"], a["index"], axes=[a["dim"]]),
    "leaky_relu": lambda net, node, a: net.put("leaky_relu", a["self"], slope=float(a["negative_slope"])),
    "linear": linear,
    "log_softmax": lambda net, node, a: net.put("log_softmax", a["self"], axis=a["dim"]),
    "masked_fill": masked,
    "_native_batch_norm_legit_no_training": batch_norm,
    "permute": permuted,
    "pow": powered,
    "repeat": lambda net, node, a: net.put("repeat", a["self"], repeats=a["repeats"]),
    "rms_norm": normed("rms_norm"),
    "roll": rolled,
    "rsub": binary("sub", "other", "self"),
    "scalar_tensor": filled(lambda a: a["s"]),
    "scaled_dot_product_attention": attended,
    "select": lambda net, node, a: net.put("select", a["self"], axis=a["dim"], index=a["index"]),
    "slice": sliced,
    "slice_scatter": scattered,
    "softmax": lambda net, node, a: net.put("softmax", a["self"], axis=a["dim"]),
    "_softmax": lambda net, node, a: net.put("softmax", a["self"], axis=a["dim"]),
    "softplus": lambda net, node, a: net.put(
        "softplus", a["self"], beta=float(a["beta"]), threshold=float(a["threshold"])
    ),
    "unbind": unbound,
    "var": variance,
    "where": chosen,
}
"""By the name of the overload, or of all of them."""
