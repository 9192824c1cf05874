"""Follows the sequence through a network of tokens: where it lies in each value, and who mixes positions.

A position may depend on those before it by attention, whose mask is causal, and by shifts. B: samples.  T: positions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from . import shifts, sizes
from .along import Along, Cut, Operand, Place, Question, refuse
from .graph import Unsuited
from .network import Network
from .numerics import Numbers
from .operators import OPERATORS
from .sizes import Shape

HIDDEN = -1e4
"""A score that is this low, or lower, has no share: exp() of it is nothing in float32."""


LONGEST = 1 << 15
"""Positions: a mask has as many squared."""


def followed(network: Network, batch: int, fixed: Mapping[int, Numbers]) -> dict[int, Place]:
    """The nodes that the first output needs and tokens reach, with their parts. `fixed`: all values without tokens.

    Raises Unsuited, naming the node that mixes positions otherwise.
    """
    if len(network.inputs) != 1 or network.inputs[0].type != "int" or len(network.inputs[0].shape) != 1:
        refuse("its input is not one sequence of tokens")
    if (length := network.inputs[0].shape[0]) < 2:
        refuse("its sequence has one position")
    if length > LONGEST:
        refuse(f"its sequence has more than {LONGEST:,} positions")
    shapes, needed = network.shapes(batch), _needed(network)
    alongs: dict[int, Along] = {0: Along(1)}
    places: dict[int, Place] = {}
    for n, node in enumerate(network.nodes):
        value = network.first + n
        if value not in needed or value in fixed:
            continue
        reads = [Operand(shape=shapes[r], along=alongs.get(r), array=fixed.get(r)) for r in node.reads]
        asked = Question(node=node, reads=reads, shape=shapes[value], attributes=node.sized(batch), length=length)
        try:
            places[n] = RULES.get(node.operator, _unknown)(asked)
        except Unsuited as error:
            raise Unsuited(f"node {n} ({node.operator}): {error}") from None
        alongs[value] = places[n].along
    if alongs.get(network.outputs[0]) != Along(1) or len(shapes[network.outputs[0]]) != 3:
        refuse("its first output is not a row of logits for each position")
    return places


def _needed(network: Network) -> set[int]:
    needed, ahead = set[int](), [network.outputs[0]]
    while ahead:
        if (value := ahead.pop()) not in needed:
            needed.add(value)
            ahead += network.nodes[value - network.first].reads if value >= network.first else ()
    return needed


def causal(mask: Numbers) -> bool:
    """Tell whether nobody sees who comes later, and everybody somebody. A mask of bool says who is seen."""
    if mask.ndim < 2:
        return False
    seen = mask if mask.dtype == bool else mask > HIDDEN
    earlier = np.tri(*mask.shape[-2:], dtype=np.bool_)
    return mask.shape[-1] == mask.shape[-2] and not (seen & ~earlier).any() and bool((seen & earlier).any(-1).all())


def plain(mask: Numbers) -> bool:
    """Tell whether a causal mask says nothing else: every earlier key is seen, with nothing added."""
    earlier = np.tri(*mask.shape[-2:], dtype=np.bool_)
    return bool((mask == earlier).all() if mask.dtype == bool else not mask[..., earlier].any())


def _unknown(q: Question) -> Place:
    refuse("it mixes positions, for all that is known")


def _cuts(q: Question, along: Along) -> list[Cut]:
    """Operands without tokens that meet the sequence, all aligned at their last axes."""
    cuts = []
    for n, operand in enumerate(q.reads):
        for axis in (along.axis, along.keys):
            own = -1 if axis is None or operand.along else axis - len(q.shape) + len(operand.shape)
            if own >= 0 and operand.shape[own] != 1:
                if along.more:
                    refuse("a constant meets positions that are cut off, or have rows before them")
                if operand.shape[own] != q.length:
                    refuse("a constant has numbers for positions of several samples at once")
                cuts.append(Cut(read=n, axis=own, keys=axis == along.keys))
    return cuts


def _joint(q: Question) -> Along:
    """The place of the sequence in numbers beside numbers, all aligned at their last axes."""
    moved = [(operand, _shifted(along, len(q.shape) - len(operand.shape))) for _, operand, along in q.moving]
    along = next((along for _, along in moved if along.keys is not None), moved[0][1])
    for operand, other in moved:
        if (other.axis, other.inner, other.more) != (along.axis, along.inner, along.more):
            refuse("it sets positions beside others")
        own = -1 if along.keys is None else along.keys - len(q.shape) + len(operand.shape)
        if other.keys != along.keys and (other.keys is not None or (own >= 0 and operand.shape[own] != 1)):
            refuse("it sets keys beside something else")
    return along


def _shifted(along: Along, by: int) -> Along:
    return replace(along, axis=along.axis + by, keys=None if along.keys is None else along.keys + by)


def _elementwise(q: Question) -> Place:
    along = _joint(q)
    if along.keys is not None:
        along = replace(along, stage=_stage(q, along))
    return Place(along=along, cuts=_cuts(q, along))


def _stage(q: Question, along: Along) -> str:
    """Scores after numbers were changed one by one: whatever is not known to hide later keys does not."""
    name, stages = (
        q.node.operator,
        {operand.along.stage for operand in q.reads if operand.along and operand.along.keys is not None},
    )
    if (along.axis, along.keys) != (len(q.shape) - 2, len(q.shape) - 1):
        return ""
    if name == "add" and "shares" not in stages and len(q.moving) == 1:
        mask = next(operand.array for operand in q.reads if operand.along is None)
        if mask is not None and causal(_full(q, mask)):
            return "masked"
    if name == "where" and q.reads[0].array is not None and len(q.moving) == 1:
        seen, other = _full(q, q.reads[0].array), q.reads[2 if q.reads[1].along else 1].array
        hides = other is not None and bool((other <= HIDDEN).all())
        return "masked" if hides and causal(seen if q.reads[1].along else ~seen) else ""
    stays = name == "mul" and stages == {"shares"}
    stays |= name == "cast" and q.attributes["type"] == "float"
    stays |= name == "add" and stages == {"masked"} and _gentle(q)
    return next(iter(stages)) if stays and len(stages) == 1 and len(q.moving) == 1 else ""


def _gentle(q: Question) -> bool:
    """Tell whether nothing is added that brings hidden scores back."""
    return all(
        operand.array is not None and bool((operand.array < -HIDDEN / 2).all())
        for operand in q.reads
        if not operand.along
    )


def _full(q: Question, mask: Numbers) -> Numbers:
    return np.broadcast_to(mask, np.broadcast_shapes(mask.shape, q.shape[-2:]))


def _side_by_side(q: Question) -> Place:
    axis = q.attributes["axis"] % len(q.shape)
    if q.node.operator == "cat" and any(sequence.axis == axis for _, _, sequence in q.moving):
        return shifts.behind(q)
    along = _joint(q)
    if axis == along.axis or along.keys is not None:
        refuse("it mixes positions")
    return Place(along=along, cuts=_cuts(q, along))


def _apart(q: Question) -> Place:
    """Along axes that are none of the sequence's: each position for itself."""
    axes = q.attributes["axes"] if "axes" in q.attributes else [q.attributes["axis"]]
    return Place(along=replace(q.untouched(axes)[1], stage=""))


def _normed(q: Question) -> Place:
    return Place(along=q.untouched(range(-q.attributes["axes"], 0))[1])


def _shares(q: Question) -> Place:
    shape, along = q.alone()
    if along.keys is None or q.attributes["axis"] % len(shape) != along.keys:
        return _apart(q)
    if along.stage != "masked":
        refuse("it looks at later positions: no causal mask was found")
    return Place(along=replace(along, stage="shares"))


def _reduced(q: Question) -> Place:
    axes = q.attributes["axes"] if "axes" in q.attributes else [q.attributes["axis"]]
    shape, along = q.untouched(axes)
    gone = [] if q.attributes["keep"] else [axis % len(shape) for axis in axes]
    return Place(along=_without(along, gone))


def _without(along: Along, gone: Sequence[int]) -> Along:
    if along.keys is not None:
        refuse("it takes scores apart")
    return replace(along, axis=along.axis - sum(axis < along.axis for axis in gone))


def _selected(q: Question) -> Place:
    shape, along = q.untouched([q.attributes["axis"]])
    return Place(along=_without(along, [q.attributes["axis"] % len(shape)]))


def _sliced(q: Question) -> Place:
    shape, along = q.alone()
    axis = q.attributes["axis"] % len(shape)
    if axis == along.axis and q.shape != shape:
        return shifts.part(q)
    if axis == along.keys and q.shape != shape:
        refuse("it cuts the sequence")
    return Place(along=along)


def _permuted(q: Question) -> Place:
    along, axes = q.alone()[1], list(q.attributes["axes"])
    keys = None if along.keys is None else axes.index(along.keys)
    return Place(along=replace(along, axis=axes.index(along.axis), keys=keys))


def _viewed(q: Question) -> Place:
    shape, along = q.alone()
    axis, inner = _found(shape, along.axis, along.inner, q)
    if along.keys is None:
        return Place(along=replace(along, axis=axis, inner=inner))
    keys, wide = _found(shape, along.keys, 1, q)
    if (q.shape[axis], q.shape[keys]) != (q.length, q.length) or inner * wide > 1:
        refuse("it lays scores together")
    return Place(along=replace(along, axis=axis, keys=keys))


def _found(shape: Shape, axis: int, inner: int, q: Question) -> tuple[int, int]:
    """The axis of the sequence in a view, and how many places of it each position has."""
    behind = inner * int(np.prod(shape[axis + 1 :], dtype=np.int64))
    after, rows = 1, q.length + q.moving[0][2].more
    for place in reversed(range(len(q.shape))):
        if after * q.shape[place] >= behind * rows:
            inside, remains = divmod(behind, after)
            if remains or not inside or q.shape[place] % (inside * rows):
                break
            return place, inside
        after *= q.shape[place]
    refuse("it takes the sequence apart")


def _expanded(q: Question) -> Place:
    shape, along = q.alone()
    by = len(q.shape) - len(shape)
    if q.shape[along.axis + by] != shape[along.axis]:
        refuse("it repeats a position")
    return Place(along=_shifted(along, by))


def _repeated(q: Question) -> Place:
    shape, along = q.alone()
    along = _shifted(along, len(q.shape) - len(shape))
    if any(q.attributes["repeats"][axis] != 1 for axis in (along.axis, along.keys) if axis is not None):
        refuse("it repeats the sequence")
    return Place(along=along)


def _padded(q: Question) -> Place:
    _, along = q.alone()
    if q.attributes["before"][along.axis] or q.attributes["after"][along.axis]:
        return shifts.padded(q)
    if along.keys is not None:
        refuse("it moves positions")
    return Place(along=along)


def _linear(q: Question) -> Place:
    return Place(along=q.untouched([-1])[1])


def _embedded(q: Question) -> Place:
    return Place(along=q.alone(1)[1])


def _embedded8(q: Question) -> Place:
    return Place(along=q.alone()[1])


def _indexed(q: Question) -> Place:
    if q.attributes["axes"] == [0] and not q.reads[0].along:
        return _embedded(q)
    shape, along = q.untouched(q.attributes["axes"])
    mark = list(range(-len(shape), 0))
    mark[along.axis] = -100  # whatever axis has this size afterwards
    at = sizes.index(tuple(mark), *(operand.shape for operand in q.reads[1:]), axes=q.attributes["axes"]).index(-100)
    return Place(along=replace(_without(along, []), axis=at))


def _attended(q: Question) -> Place:
    ends = [(len(operand.shape) - 2, operand.along) for operand in q.reads[:3]]
    if any(along is None or (along.axis, along.inner, along.keys) != (axis, 1, None) for axis, along in ends):
        refuse("queries, keys and values are not those of the sequence")
    if any(operand.shape[-2] != q.length for operand in q.reads[:3]):
        refuse("positions of several samples stand in one axis")
    along = Along(len(q.shape) - 2)
    if len(q.reads) < 4:
        if not q.attributes["causal"]:
            refuse("it looks at later positions: it is not causal, and has no mask")
        return Place(along=along, kept={1: len(q.reads[1].shape) - 2, 2: len(q.reads[2].shape) - 2}, plain=_paired(q))
    mask = q.reads[3].array
    if mask is None:
        refuse("its mask depends on tokens")
    mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, (q.length, q.length)))
    if not q.attributes["causal"] and not causal(mask):
        refuse("it looks at later positions: its mask is not causal")
    own = q.reads[3].shape
    cuts = [Cut(read=3, axis=len(own) - 2 + n, keys=bool(n)) for n in (0, 1) if len(own) > 1 - n and own[n - 2] != 1]
    kept = {1: len(q.reads[1].shape) - 2, 2: len(q.reads[2].shape) - 2}
    return Place(along=along, cuts=cuts, kept=kept, plain=_paired(q) and plain(mask))


def _paired(q: Question) -> bool:
    """Tell whether each query has keys and values of its own: the same samples and heads."""
    return len({operand.shape[:-2] for operand in q.reads[:3]}) == 1


def _multiplied(q: Question) -> Place:
    """A product with weights, or attention written out: scores of keys, then values by their shares."""
    x, y = q.reads
    rank = len(q.shape)
    if x.along and y.along:
        left, right = _shifted(x.along, rank - len(x.shape)), _shifted(y.along, rank - len(y.shape))
        ends = (left.axis, left.inner, right.inner, x.shape[-2]) == (rank - 2, 1, 1, q.length)
        if ends and left.keys is None and right.keys is None and right.axis == rank - 1 and y.shape[-1] == q.length:
            return Place(along=Along(rank - 2, keys=rank - 1), kept={1: len(y.shape) - 1})
        if ends and left.stage == "shares" and right.axis == rank - 2 and right.keys is None:
            return Place(along=Along(rank - 2), kept={1: len(y.shape) - 2})
        if left.axis >= rank - 2:
            refuse("it mixes positions")
    elif (x.along and x.along.axis == len(x.shape) - 1) or (y.along and y.along.axis == len(y.shape) - 2):
        refuse("it sums over positions")
    along = _joint(q)
    if along.keys is not None:
        refuse("it mixes positions")
    return Place(along=along, cuts=_cuts(q, along) if along.axis < rank - 2 else [])


ELEMENTWISE = {
    name
    for name, operator in OPERATORS.items()
    if operator.shape in (sizes.same, sizes.broadcast) and not {"axis", "axes"} & operator.attributes.keys()
}
RULES: dict[str, Callable[[Question], Place]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(("sum", "mean", "amax", "amin", "any", "argmax"), _reduced),
    **dict.fromkeys(("layer_norm", "rms_norm"), _normed),
    **dict.fromkeys(("log_softmax", "cumsum", "roll", "flip"), _apart),
    **dict.fromkeys(("cat", "slice_scatter", "gather"), _side_by_side),
    "softmax": _shares,
    "linear": _linear,
    "linear8": _linear,
    "embedding": _embedded,
    "embedding8": _embedded8,
    "index": _indexed,
    "attention": _attended,
    "matmul": _multiplied,
    "view": _viewed,
    "expand": _expanded,
    "permute": _permuted,
    "repeat": _repeated,
    "slice": _sliced,
    "select": _selected,
    "pad": _padded,
    "conv": shifts.convolved,
}
"""By operator. One that is not here mixes positions, for all that is known: pooling, sizes, convolutions in int8."""
