"""Shapes of what operators put out, from the shapes of what they read: known, and bounded, before anything is computed.

Each rule takes what its operator takes, with shapes in place of arrays, and raises ValueError where they do not fit.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Shape = tuple[int, ...]
LONGEST = (1 << 31) // (127 * 128)
"""Inputs of a unit in int8 whose sum surely fits into 32 bits."""


def broadcast(*shapes: Shape) -> Shape:
    """Numbers against numbers, sizes of 1 repeated."""
    return np.broadcast_shapes(*shapes)


def same(x: Shape, *_: Shape, **__: object) -> Shape:
    """The shape of the first."""
    return x


def axis_of(x: Shape, axis: int) -> int:
    """An axis counted from the front."""
    if not -len(x) <= axis < len(x):
        raise ValueError(f"there is no axis {axis} of {len(x)}")
    return axis % len(x)


def view(x: Shape, to: Sequence[int]) -> Shape:
    """The same numbers in another shape."""
    if math.prod(to) != math.prod(x) or min(to, default=0) < 0:
        raise ValueError(f"{x} cannot be viewed as {tuple(to)}")
    return tuple(to)


def expand(x: Shape, to: Sequence[int]) -> Shape:
    """Sizes of 1 repeated up to a shape."""
    if broadcast(x, tuple(to)) != tuple(to):
        raise ValueError(f"{x} cannot be repeated up to {tuple(to)}")
    return tuple(to)


def permute(x: Shape, axes: Sequence[int]) -> Shape:
    """The axes in another order."""
    if sorted(axes) != list(range(len(x))):
        raise ValueError(f"{list(axes)} is no order of {len(x)} axes")
    return tuple(x[axis] for axis in axes)


def cut(x: Shape, axis: int, start: int, stop: int, step: int) -> Shape:
    """A part of an axis."""
    axis = axis_of(x, axis)
    return *x[:axis], len(range(*slice(start, stop, step).indices(x[axis]))), *x[axis + 1 :]


def select(x: Shape, axis: int, index: int) -> Shape:
    """One entry of an axis, which is gone then."""
    axis = axis_of(x, axis)
    axis_of((0,) * x[axis], index)
    return *x[:axis], *x[axis + 1 :]


def cat(*shapes: Shape, axis: int) -> Shape:
    """One behind the other along an axis."""
    axis = axis_of(shapes[0], axis)
    rest = {(*x[:axis], *x[axis + 1 :]) for x in shapes}
    if len(rest) > 1 or len({len(x) for x in shapes}) > 1:
        raise ValueError(f"{list(shapes)} cannot be put together along axis {axis}")
    return *shapes[0][:axis], sum(x[axis] for x in shapes), *shapes[0][axis + 1 :]


def pad(x: Shape, before: Sequence[int], after: Sequence[int], value: float) -> Shape:
    """A border around; less than none cuts."""
    if not len(before) == len(after) == len(x):
        raise ValueError(f"borders of {len(before)} axes for {len(x)}")
    return _positive(tuple(size + low + high for size, low, high in zip(x, before, after, strict=True)))


def stuffed(x: Shape, stride: Sequence[int]) -> Shape:
    """Zeros between the places of the last axes."""
    plane = tuple((size - 1) * step + 1 for size, step in zip(_last(x, len(stride)), stride, strict=True))
    return _positive((*x[: -len(stride)], *plane))


def reduced(x: Shape, axes: Sequence[int], keep: bool) -> Shape:
    """Some axes made one number."""
    gone = {axis_of(x, axis) for axis in axes}
    return tuple(1 if axis in gone else size for axis, size in enumerate(x) if keep or axis not in gone)


def index(x: Shape, *indices: Shape, axes: Sequence[int]) -> Shape:
    """Numpy's indexing by arrays at some axes."""
    if len(indices) != len(axes) or list(axes) != sorted({axis_of(x, axis) for axis in axes}):
        raise ValueError(f"{len(indices)} indices for axes {list(axes)} of {len(x)}")
    shape, rest = broadcast(*indices), [size for axis, size in enumerate(x) if axis not in axes]
    together = list(axes) == list(range(axes[0], axes[0] + len(axes)))
    at = axes[0] if together else 0
    return *rest[:at], *shape, *rest[at:]


def gathered(x: Shape, indices: Shape, axis: int) -> Shape:
    """Entries of an axis, chosen for each place."""
    axis_of(x, axis)
    if len(indices) != len(x):
        raise ValueError(f"indices of {len(indices)} axes for {len(x)}")
    return indices


def scattered(x: Shape, part: Shape, axis: int, start: int, stop: int, step: int) -> Shape:
    """The first, with a part of an axis replaced."""
    if cut(x, axis, start, stop, step) != part:
        raise ValueError(f"{part} is not the part of {x} that it replaces")
    return x


def repeat(x: Shape, repeats: Sequence[int]) -> Shape:
    """The whole, several times along each axis."""
    if len(repeats) < len(x):
        raise ValueError(f"{len(repeats)} repeats of {len(x)} axes")
    whole = (1,) * (len(repeats) - len(x)) + x
    return _positive(tuple(size * times for size, times in zip(whole, repeats, strict=True)))


def arange(start: int, stop: int, step: int) -> Shape:
    """Whole numbers from one to before another."""
    return (len(range(start, stop, step)),)


def full(to: Sequence[int], value: float | int | bool) -> Shape:
    """One number everywhere."""
    return _positive(tuple(to))


def matmul(x: Shape, y: Shape) -> Shape:
    """The product of matrices, batch by batch."""
    if min(len(x), len(y)) < 2 or x[-1] != y[-2]:
        raise ValueError(f"{x} and {y} have no product")
    return *broadcast(x[:-2], y[:-2]), x[-2], y[-1]


def einsum(*shapes: Shape, equation: str) -> Shape:
    """Einstein's sums."""
    inputs, _, outputs = equation.partition("->")
    sizes: dict[str, int] = {}
    terms = inputs.split(",")
    if len(terms) != len(shapes) or any(len(term) != len(x) for term, x in zip(terms, shapes, strict=False)):
        raise ValueError(f"{equation} does not fit {list(shapes)}")
    for term, x in zip(terms, shapes, strict=True):
        for letter, size in zip(term, x, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"{letter} of {equation} has two sizes")
    if set(outputs) - sizes.keys():
        raise ValueError(f"{equation} puts out an axis that nothing has")
    return tuple(sizes[letter] for letter in outputs)


def linear(x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """A sum of the last axis for each unit."""
    if len(weight) != 2 or not x or x[-1] != weight[1] or any(shape != weight[:1] for shape in bias):
        raise ValueError(f"weights {weight} do not fit {x}")
    return *x[:-1], weight[0]


def linear8(x: Shape, weight: Shape, scale: Shape, *bias: Shape, **_: object) -> Shape:
    """The same with a step for each unit. Raises ValueError for so many inputs that a sum might not fit 32 bits."""
    return linear(x, weight, _scaled(weight, scale), *bias)


def conv8(x: Shape, weight: Shape, scale: Shape, *bias: Shape, fixed: object = None, **geometry: Any) -> Shape:
    """The same with a step for each unit."""
    return conv(x, weight, _scaled(weight, scale), *bias, **geometry)


def _scaled(weight: Shape, scale: Shape) -> Shape:
    if math.prod(weight[1:]) > LONGEST:
        raise ValueError(f"units of {math.prod(weight[1:]):,} inputs: {LONGEST:,} are the most in int8")
    return scale


def embedding(table: Shape, indices: Shape) -> Shape:
    """A row of a table for each index."""
    return *indices, *_last(table, len(table) - 1)


def embedding8(indices: Shape, table: Shape, scale: Shape) -> Shape:
    """The same with a step for each row."""
    if len(table) != 2 or scale != table[:1]:
        raise ValueError(f"a table {table} does not fit steps {scale}")
    return embedding(table, indices)


def conv(
    x: Shape,
    weight: Shape,
    *bias: Shape,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Shape:
    """Units at each place of a plane: (B, C, H, W)."""
    fits = len(x) == len(weight) == 4 and x[1] == weight[1] * groups and not weight[0] % groups
    if not fits or any(shape != weight[:1] for shape in bias):
        raise ValueError(f"weights {weight} in {groups} groups do not fit {x}")
    reach = tuple((size - 1) * step + 1 for size, step in zip(weight[2:], dilation, strict=True))
    return x[0], weight[0], *places(x[2:], reach, stride, padding)


def pool(
    x: Shape,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil: bool,
    dilation: Sequence[int] = (1, 1),
    border: bool = True,
) -> Shape:
    """Windows of the last two axes."""
    if any(2 * low > taps for low, taps in zip(padding, kernel, strict=True)):
        raise ValueError("a border of a window is more than half of it")
    reach = tuple((taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True))
    return *x[:-2], *places(_last(x, 2), reach, stride, padding, ceil)


def resized(x: Shape, size: Sequence[int], **_: object) -> Shape:
    """Another size of the last axes."""
    _last(x, len(size))
    return _positive((*x[: -len(size)], *size))


def attention(q: Shape, k: Shape, v: Shape, *mask: Shape, causal: bool, scale: float) -> Shape:
    """Values by the likeness of their keys to a query: (..., L, E), (..., S, E), (..., S, V) -> (..., L, V)."""
    if min(map(len, (q, k, v))) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ValueError(f"queries {q}, keys {k} and values {v} do not fit")
    scores = (*broadcast(q[:-2], k[:-2], v[:-2]), q[-2], k[-2])
    if any(broadcast(scores, shape) != scores for shape in mask):
        raise ValueError(f"the mask does not fit scores {scores}")
    return *scores[:-1], v[-1]


def normalized(x: Shape, *gains: Shape, axes: int = 1, **_: object) -> Shape:
    """The shape of the first, whose last axes the gains have."""
    if any(gain != _last(x, axes) for gain in gains):
        raise ValueError(f"gains {list(gains)} do not fit {x}")
    return x


def channelled(x: Shape, *gains: Shape, eps: float) -> Shape:
    """The shape of the first, whose second axis the others have."""
    return grouped(x, *gains, groups=1, eps=eps)


def grouped(x: Shape, *gains: Shape, groups: int, eps: float) -> Shape:
    """The shape of the first, whose second axis the gains have."""
    if len(x) < 2 or x[1] % groups or any(gain != x[1:2] for gain in gains):
        raise ValueError(f"{groups} groups and gains {list(gains)} do not fit {x}")
    return x


def _last(x: Shape, count: int) -> Shape:
    if not 0 < count <= len(x):
        raise ValueError(f"{x} has no {count} axes")
    return x[len(x) - count :]


def _positive(shape: Shape) -> Shape:
    if min(shape, default=0) < 0:
        raise ValueError(f"{shape} has a negative size")
    return shape


def places(
    x: Shape, kernel: Shape, stride: Sequence[int], padding: Sequence[int], ceil: bool = False
) -> tuple[int, ...]:
    """Times that a window fits. With `ceil` the last may hang over, unless it begins beyond the border: as in torch."""
    counts = []
    for size, reach, step, border in zip(x, kernel, stride, padding, strict=True):
        room = size + 2 * border - reach
        places = -(-room // step) + 1 if ceil else room // step + 1
        counts.append(places - 1 if ceil and (places - 1) * step >= size + border else places)
    if min(counts) < 1:
        raise ValueError(f"a window of {kernel} does not fit {x}")
    return tuple(counts)
