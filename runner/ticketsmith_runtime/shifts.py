"""Shifts along the sequence, by a number of places: rows stand before the first token's, and the last are cut off.

T: positions.  A network is of one length, so that any number of places is one that it knows.
"""

from dataclasses import replace

import numpy as np

from .along import Along, Place, Question, refuse
from .numerics import Numbers
from .sizes import Shape


def part(q: Question) -> Place:
    """A slice of positions. Raises Unsuited if one of its rows is a later token's, or if it leaves some out."""
    shape, along = q.alone()
    rows = _rows(q, shape, along)
    start, stop, step = slice(*(q.attributes[name] for name in ("start", "stop", "step"))).indices(rows)
    if step != 1:
        refuse("it leaves positions out")
    if start > max(along.more, 0):
        refuse("it shifts later positions to earlier ones")
    return Place(along=replace(along, more=stop - start - q.length), start=start)


def padded(q: Question) -> Place:
    """One number before the first position; at the end rows may go, none may come. Raises Unsuited."""
    shape, along = q.alone()
    _rows(q, shape, along)
    before, after = q.attributes["before"], q.attributes["after"]
    if any(low or high for axis, (low, high) in enumerate(zip(before, after, strict=True)) if axis != along.axis):
        refuse("it moves positions, with a border along other axes at once")
    if before[along.axis] < 0 or after[along.axis] > 0:
        refuse("it shifts later positions to earlier ones, or adds some at the end")
    front = np.full((*shape[: along.axis], before[along.axis], *shape[along.axis + 1 :]), q.attributes["value"])
    return _shifted(0, along, front, q.shape[along.axis] - q.length)


def behind(q: Question) -> Place:
    """All positions behind rows that do not depend on tokens. Raises Unsuited if they stand elsewhere."""
    *first, last = q.reads
    arrays = [operand.array for operand in first if operand.array is not None]
    along = last.along
    if along is None or len(arrays) < len(first) or any(operand.along for operand in first):
        refuse("it sets positions beside others")
    _rows(q, last.shape, along)
    front = np.concatenate(arrays, along.axis) if arrays else np.zeros(0)
    return _shifted(len(first), along, front, q.shape[along.axis] - q.length)


def convolved(q: Question) -> Place:
    """A convolution that reads rows before the first token's instead of later ones. Raises Unsuited for another."""
    shape, along = q.alone()
    plane = along.axis - 2
    if plane < 0:
        refuse("it mixes positions")
    taps, apart = q.reads[1].shape[along.axis], q.attributes["dilation"][plane]
    if q.attributes["stride"][plane] != 1 or q.attributes["padding"][plane] or along.more < (taps - 1) * apart:
        refuse("it mixes positions, and reads more than rows before its own")
    return Place(along=replace(along, more=_rows(q, shape, along) - (taps - 1) * apart - q.length))


def _shifted(read: int, along: Along, front: Numbers, more: int) -> Place:
    return Place(along=replace(along, more=more), kept={read: along.axis}, front=front)


def _rows(q: Question, shape: Shape, along: Along) -> int:
    """The size of the axis, if it has one row for a position. Raises Unsuited if there is more in it."""
    if along.keys is not None:
        refuse("it cuts scores, or moves them")
    if along.inner != 1 or shape[along.axis] != q.length + along.more:
        refuse("it moves positions of several samples at once")
    if not q.shape[along.axis]:
        refuse("it leaves no position")
    return shape[along.axis]
