"""Rules that bring an operator of torch into those of the ticket runtime; those of planes have a file of their own.

A rule takes the lowering, the node of torch's program and its arguments by name; it gives the number of a value.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import fx

from ticketsmith_runtime.network import Constant

from ..applicable import NotApplicable

if TYPE_CHECKING:
    from . import Lowering

Arguments = dict[str, Any]
Rule = Callable[["Lowering", fx.Node, Arguments], Any]
LAST = (1 << 31) - 1


def unary(operator: str) -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        only(f"asks more of {operator} than a number has", len(a) == 1)
        return net.put(operator, next(iter(a.values())))

    return rule


def binary(operator: str, first: str = "self", second: str = "other") -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        x, y = (net.number(a[name], _real(node)) for name in (first, second))
        if a.get("alpha", 1) != 1:
            y = net.put("mul", y, net.number(a["alpha"], _real(node)))
        return net.put(operator, x, y)

    return rule


def divided(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    modes = {None: "div", "floor": "floor_div"}
    only("rounds a quotient towards zero", a.get("rounding_mode") in modes)
    return binary(modes[a.get("rounding_mode")])(net, node, a)


def _real(node: fx.Node) -> bool:
    """Tell whether a number of Python is a float here: beside floats it is."""
    operands = [argument.meta["val"] for argument in node.args if isinstance(argument, fx.Node)]
    return any(isinstance(argument, torch.Tensor) and argument.is_floating_point() for argument in operands)


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
        made = {"float": float, "int": int, "bool": bool}[_type(node)]
        number = value(a)
        if made is float and not abs(number) < 1e300:
            return net.put("expand", net.add(Constant(np.asarray(number, np.float32))), to=net.shape(node))
        return net.put("full", to=net.shape(node), value=made(number))

    return rule


def kind(dtype: torch.dtype) -> str:
    """The runtime's name of a type: bytes are whole numbers, too."""
    return "float" if dtype.is_floating_point else "bool" if dtype is torch.bool else "int"


def _type(node: fx.Node) -> str:
    return kind(node.meta["val"].dtype)


def only(what: str, *usual: bool) -> None:
    """Raises NotApplicable, saying what is done, unless all is as usual."""
    if not all(usual):
        raise NotApplicable(f"it {what}")


def elu(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    """SELU is one of another scale, which stands before all of it."""
    only("scales what an ELU reads", a["input_scale"] == 1)
    y = net.put("elu", a["self"], alpha=float(a["alpha"]))
    return y if a["scale"] == 1 else net.put("mul", y, net.number(a["scale"], True))


def largest_at(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    only("looks for the largest of all samples", a["dim"] is not None)
    return net.put("argmax", a["self"], axis=a["dim"], keep=a["keepdim"])


def counted(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    start, stop, step = a.get("start", 0), a["end"], a.get("step", 1)
    if any(isinstance(number, float) for number in (start, stop, step)):
        made = Constant(np.arange(start, stop, step, dtype=np.float32))
        return net.add(made)
    numbers = net.put("arange", start=start, stop=stop, step=step)
    return net.put("cast", numbers, type="float") if _type(node) == "float" else numbers


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
    axis, at, slices = a.get("dim", 0), 0, []
    for part in node.meta["val"]:
        size = net.size(part.shape[axis])
        if isinstance(size, str):
            raise NotApplicable("it splits the axis of samples")
        slices.append(net.put("slice", a["self"], axis=axis, start=at, stop=at + size, step=1))
        at += size
    return slices


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
    only("rolls all axes as one", bool(a["dims"]))
    return net.put("roll", a["self"], shifts=a["shifts"], axes=a["dims"])


def indexed(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    axes = [axis for axis, index in enumerate(a["indices"]) if index is not None]
    return net.put("index", a["self"], *(index for index in a["indices"] if index is not None), axes=axes)


def reduced(operator: str) -> Rule:
    def rule(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
        axes = a.get("dim")
        axes = [axes] if isinstance(axes, int) else axes
        axes = axes or list(range(operand(node, 0).dim()))
        reduction = net.put(operator, a["self"], axes=axes, keep=bool(a.get("keepdim", False)))
        return net.put("cast", reduction, type="int") if operator == "sum" and _type(node) == "int" else reduction

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
    return net.put("linear", a["input"], a["weight"], *given(a["bias"]))


def given(*values: Any) -> list[Any]:
    return [value for value in values if value is not None]


def attended(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    only("drops shares of attention at random", a["dropout_p"] == 0)
    query, key = (operand(node, place).shape for place in range(2))
    k, v = a["key"], a["value"]
    if a["enable_gqa"] and (times := int(query[-3]) // int(key[-3])) > 1:
        k, v = (_repeated(net, heads, given, times) for heads, given in zip((k, v), node.args[1:3], strict=True))
    scale = 1 / math.sqrt(int(query[-1])) if a["scale"] is None else a["scale"]
    return net.put("attention", a["query"], k, v, *given(a["attn_mask"]), causal=a["is_causal"], scale=float(scale))


def _repeated(net: "Lowering", value: Any, given: Any, times: int) -> Any:
    """Every head so many times, one copy beside the other."""
    *before, heads, length, width = (net.size(size) for size in given.meta["val"].shape)
    apart = net.put("view", value, to=[*before, heads, 1, length, width])
    repeated = net.put("expand", apart, to=[*before, heads, times, length, width])
    return net.put("view", repeated, to=[*before, heads * times, length, width])


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
        gains = given(a.get("weight"), a.get("bias"))
        if a.get("weight") is None and a.get("bias") is not None:
            raise NotApplicable("it shifts a norm without a gain")
        eps = float(torch.finfo(torch.float32).eps if eps is None else eps)
        y = net.put(operator, a["input"], *gains, axes=len(a["normalized_shape"]), eps=eps)
        return [y] if str(node.target).startswith("aten.native") else y

    return rule


def group_norm(net: "Lowering", node: fx.Node, a: Arguments) -> Any:
    groups = a.get("num_groups", a.get("group"))
    y = net.put("group_norm", a["input"], *given(a.get("weight"), a.get("bias")), groups=groups, eps=float(a["eps"]))
    return [y] if str(node.target).startswith("aten.native") else y


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
