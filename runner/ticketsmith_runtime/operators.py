"""Every operator of a network: what it computes, the shape of that, and the attributes that it needs.

A new one is a line. Operands are arrays, constants among them; attributes are numbers and words of a manifest.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import numerics, sizes
from .gelu import gelu
from .int8 import numerics as int8

Kind = Callable[[Any], bool]
WIDE = 1e38
"""Of a range: its two ends are a number apart."""
LARGEST = 1 << 31
"""Of whole numbers in attributes."""
BATCH = re.compile(r"[1-9][0-9]{0,8}B")
"""A size that is so many times the number of samples."""
TYPES = {"float": np.float32, "int": np.int64, "bool": np.bool_}


def whole(value: Any) -> bool:
    return type(value) is int and -LARGEST < value < LARGEST


def size(value: Any) -> bool:
    return (whole(value) and value >= 0) or (isinstance(value, str) and BATCH.fullmatch(value) is not None)


def end(value: Any) -> bool:
    return whole(value) or size(value)


def number(value: Any) -> bool:
    return type(value) in (int, float, bool) and abs(value) < 1e300


def flag(value: Any) -> bool:
    return type(value) is bool


def kind(value: Any) -> bool:
    return isinstance(value, str) and value in TYPES


def equation(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-zA-Z]*(,[a-zA-Z]*)*->[a-zA-Z]*", value) is not None


def some(member: Kind, count: int | None = None) -> Kind:
    """A list of those, of so many or any number."""
    return lambda entries: isinstance(entries, list) and count in (None, len(entries)) and all(map(member, entries))


def positive(value: Any) -> bool:
    return whole(value) and value > 0


def natural(value: Any) -> bool:
    return whole(value) and value >= 0


def reach(value: Any) -> bool:
    """Nothing, or a range with zero in it, as float32 has it."""
    if not isinstance(value, list):
        return value is None
    return len(value) == 2 and all(map(number, value)) and -WIDE <= value[0] <= 0 <= value[1] <= WIDE


WHOLES, SIZES, STEPS, BORDERS = some(whole), some(size), some(positive, 2), some(natural, 2)
WINDOWS: dict[str, Kind] = {"kernel": STEPS, "stride": STEPS, "padding": BORDERS, "ceil": flag}
CONV: dict[str, Kind] = {"stride": STEPS, "padding": BORDERS, "dilation": STEPS, "groups": positive}
NORM: dict[str, Kind] = {"axes": positive, "eps": number}
PART: dict[str, Kind] = {"axis": whole, "start": whole, "stop": end, "step": positive}
REDUCED: dict[str, Kind] = {"axes": WHOLES, "keep": flag}


@dataclass(frozen=True)
class Operator:
    """A row of the table."""

    run: Callable[..., Any]
    """(arrays, attributes) -> array."""
    shape: Callable[..., sizes.Shape]
    """The same with shapes in place of arrays; raises ValueError where they do not fit."""
    reads: tuple[int, int]
    """Arrays, at least and at most."""
    attributes: Mapping[str, Kind] = field(default_factory=dict)


def one(run: Callable[..., Any], shape: Callable[..., sizes.Shape] = sizes.same, **attributes: Kind) -> Operator:
    return Operator(run, shape, (1, 1), attributes)


def two(run: Callable[..., Any]) -> Operator:
    return Operator(run, sizes.broadcast, (2, 2))


def reduced(run: Callable[..., Any]) -> Operator:
    return one(lambda x, axes, keep: run(x, axis=tuple(axes), keepdims=keep), sizes.reduced, **REDUCED)


OPERATORS: dict[str, Operator] = {
    # With weights: sparse code computes these where a mask left zeros.
    "linear": Operator(lambda x, w, *b: x @ w.T + b[0] if b else x @ w.T, sizes.linear, (2, 3)),
    "conv": Operator(numerics.conv, sizes.conv, (2, 3), CONV),
    # The same in whole numbers: weights of 8 bits, and after them the step of each unit.
    "linear8": Operator(int8.linear, sizes.linear8, (3, 4), {"fixed": reach}),
    "conv8": Operator(int8.conv, sizes.conv8, (3, 4), {**CONV, "fixed": reach}),
    "embedding8": Operator(int8.embedding, sizes.embedding8, (3, 3)),
    "embedding": Operator(lambda table, indices: table[indices], sizes.embedding, (2, 2)),
    "matmul": Operator(lambda x, y: x @ y, sizes.matmul, (2, 2)),
    "einsum": Operator(
        lambda *x, equation: np.einsum(equation, *x, optimize=True), sizes.einsum, (1, 3), {"equation": equation}
    ),
    "attention": Operator(numerics.attention, sizes.attention, (3, 4), {"causal": flag, "scale": number}),
    # Number by number.
    "relu": one(lambda x: np.maximum(x, 0)),
    "gelu": one(numerics.in_blocks(gelu)),
    "gelu_tanh": one(numerics.in_blocks(numerics.gelu_tanh)),
    "sigmoid": one(numerics.in_blocks(numerics.sigmoid)),
    "silu": one(numerics.in_blocks(numerics.silu)),
    "hardsigmoid": one(numerics.in_blocks(lambda x: np.clip(x + 3, 0, 6) / 6)),
    "hardswish": one(numerics.in_blocks(lambda x: x * np.clip(x + 3, 0, 6) / 6)),
    "softplus": one(numerics.softplus, beta=number, threshold=number),
    "elu": one(numerics.elu, alpha=number),
    "leaky_relu": one(lambda x, slope: np.where(x > 0, x, x * slope).astype(x.dtype), slope=number),
    "tanh": one(np.tanh),
    "erf": one(numerics.erf),
    "exp": one(np.exp),
    "log": one(np.log),
    "log1p": one(np.log1p),
    "sqrt": one(np.sqrt),
    "rsqrt": one(lambda x: 1 / np.sqrt(x)),
    "neg": one(np.negative),
    "abs": one(np.abs),
    "sign": one(np.sign),
    "floor": one(np.floor),
    "ceil": one(np.ceil),
    "round": one(np.rint),
    "sin": one(np.sin),
    "cos": one(np.cos),
    "logical_not": one(np.logical_not),
    "bitwise_not": one(np.bitwise_not),
    "isnan": one(np.isnan),
    "cast": one(lambda x, type: x.astype(_like(x, TYPES[type])), type=kind),
    "add": two(np.add),
    "sub": two(np.subtract),
    "mul": two(np.multiply),
    "div": two(lambda x, y: np.true_divide(x, y)),
    "floor_div": two(np.floor_divide),
    "pow": two(np.power),
    "fmod": two(np.fmod),
    "remainder": two(np.remainder),
    "minimum": two(np.minimum),
    "maximum": two(np.maximum),
    "eq": two(np.equal),
    "ne": two(np.not_equal),
    "ge": two(np.greater_equal),
    "gt": two(np.greater),
    "le": two(np.less_equal),
    "lt": two(np.less),
    "bitwise_and": two(np.bitwise_and),
    "bitwise_or": two(np.bitwise_or),
    "logical_and": two(np.logical_and),
    "logical_or": two(np.logical_or),
    "where": Operator(np.where, sizes.broadcast, (3, 3)),
    # Along axes.
    "softmax": one(numerics.softmax, axis=whole),
    "log_softmax": one(numerics.log_softmax, axis=whole),
    "layer_norm": Operator(numerics.layer_norm, sizes.normalized, (1, 3), NORM),
    "rms_norm": Operator(numerics.rms_norm, sizes.normalized, (1, 2), NORM),
    "group_norm": Operator(numerics.group_norm, sizes.grouped, (1, 3), {"groups": positive, "eps": number}),
    "batch_norm": Operator(numerics.batch_norm, sizes.channelled, (5, 5), {"eps": number}),
    "sum": reduced(np.sum),
    "mean": reduced(np.mean),
    "amax": reduced(np.max),
    "amin": reduced(np.min),
    "any": reduced(np.any),
    "cumsum": one(lambda x, axis: np.cumsum(x, axis), axis=whole),
    "argmax": one(
        lambda x, axis, keep: x.argmax(axis, keepdims=keep),
        lambda x, axis, keep: sizes.reduced(x, [axis], keep),
        axis=whole,
        keep=flag,
    ),
    # Planes.
    "max_pool": one(numerics.max_pool, sizes.pool, dilation=STEPS, **WINDOWS),
    "avg_pool": one(numerics.avg_pool, sizes.pool, border=flag, **WINDOWS),
    "adaptive_avg_pool": one(numerics.adaptive_avg_pool, sizes.resized, size=some(positive, 2)),
    "nearest": one(numerics.nearest, sizes.resized, size=some(positive)),
    "bilinear": one(numerics.bilinear, sizes.resized, size=some(positive, 2), corners=flag),
    "stuffed": one(numerics.stuffed, sizes.stuffed, stride=some(positive)),
    "pad": one(numerics.pad, sizes.pad, before=WHOLES, after=WHOLES, value=number),
    # Numbers moved.
    "view": one(lambda x, to: x.reshape(to), sizes.view, to=SIZES),
    "expand": one(lambda x, to: np.broadcast_to(x, to), sizes.expand, to=SIZES),
    "permute": one(lambda x, axes: x.transpose(axes), sizes.permute, axes=WHOLES),
    "slice": one(
        lambda x, axis, start, stop, step: x[numerics.along(x, axis, slice(start, stop, step))], sizes.cut, **PART
    ),
    "slice_scatter": Operator(numerics.scattered, sizes.scattered, (2, 2), PART),
    "select": one(
        lambda x, axis, index: x[numerics.along(x, axis, index)], sizes.select, axis=whole, index=whole
    ),
    "cat": Operator(lambda *x, axis: np.concatenate(x, axis), sizes.cat, (1, 1000), {"axis": whole}),
    "roll": one(lambda x, shifts, axes: np.roll(x, shifts, axes), shifts=WHOLES, axes=WHOLES),
    "flip": one(lambda x, axes: np.flip(x, axes), axes=WHOLES),
    "repeat": one(lambda x, repeats: np.tile(x, repeats), sizes.repeat, repeats=SIZES),
    "index": Operator(numerics.index, sizes.index, (2, 9), {"axes": WHOLES}),
    "gather": Operator(
        lambda x, i, axis: np.take_along_axis(x, i, axis), sizes.gathered, (2, 2), {"axis": whole}
    ),
    # Numbers from nothing.
    "arange": Operator(
        lambda start, stop, step: np.arange(start, stop, step),
        sizes.arange,
        (0, 0),
        {"start": whole, "stop": size, "step": positive},
    ),
    "full": Operator(
        lambda to, value: np.full(to, value, _of(value)), sizes.full, (0, 0), {"to": SIZES, "value": number}
    ),
}  # fmt: skip


def _of(value: Any) -> type:
    return {bool: np.bool_, int: np.int64, float: np.float32}[type(value)]


def _like(x: numerics.Numbers, to: type) -> Any:
    """A float stays as wide as it is: what is held against float64 is computed in it."""
    return x.dtype if to is np.float32 and x.dtype.kind == "f" else to
