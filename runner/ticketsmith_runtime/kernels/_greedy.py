"""Windows that move along the inputs of a group of units, each as early as some unit still waits for an input.

A group is as many consecutive units as a register has lanes. A step has a window of consecutive inputs: it begins at
the first input that a unit of the group waits for, and each unit takes the next ones that it waits for inside, so many
at most. No schedule that keeps the order of inputs has fewer steps of these windows.

G: groups.  S: steps of all groups, group after group.  K: kept weights, as in `_rows`.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..llvm import Code, Machine
from ..making import MAKING
from ._rows import Rows


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps that have every weight once."""

    lengths_G: NDArray[np.int64]
    """Steps of each group."""
    starts_S: NDArray[np.int32]
    """First input of each step's window."""
    slots_K: NDArray[np.int64]
    """Place of each weight in (S, lanes, picks), flattened."""


def steps(rows: Rows, lanes: int, window: int, picks: int = 1, align: int = 1) -> Steps:
    """A schedule for windows of `window` inputs, `picks` for each of `lanes` units; starts are multiples of `align`.

    `align` is a power of two, and no more than `window`. A weight's input lies so far from the beginning of its window:
    `inputs_K - starts_S[slots_K // (lanes * picks)]`. Takes a few nanoseconds for each weight. Raises ValueError.
    """
    if min(lanes, picks) < 1 or not 1 <= align <= window or align & (align - 1):
        raise ValueError(f"no schedule for {lanes} lanes, {picks} picks, windows of {window} inputs at {align}s")
    groups, kept = rows.groups(lanes), len(rows.inputs_K)
    begins_O = np.pad(rows.begins_O, (0, groups * lanes - len(rows.begins_O) + 1), mode="edge")
    next_O, lengths_G = begins_O[:-1].copy(), np.zeros(groups, np.int64)
    starts_S, slots_K = np.empty(kept, np.int32), np.empty(kept, np.int64)
    arrays = (begins_O, np.ascontiguousarray(rows.inputs_K), next_O, lengths_G, starts_S, slots_K)
    _, run = _code()
    run(*(array.ctypes.data for array in arrays), groups, lanes, window, picks, -align)
    return Steps(lengths_G, starts_S[: lengths_G.sum()].copy(), slots_K)


@cache
def _code() -> tuple[Code, Any]:
    """The loop, and what keeps it in memory. One for all machines: nothing in it is a vector."""
    with MAKING:
        code = Code([LOOP], Machine.host())
    return code, ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6, *[ctypes.c_int64] * 5)(code.address("greedy"))


LOOP = """
define void @greedy(ptr %begins, ptr %inputs, ptr %nexts, ptr %lengths, ptr %starts, ptr %slots,
                    i64 %groups, i64 %lanes, i64 %window, i64 %picks, i64 %mask) {
entry:
  %ends = getelementptr i64, ptr %begins, i64 1
  %size = mul i64 %lanes, %picks
  %any = icmp ugt i64 %groups, 0
  br i1 %any, label %group, label %exit
group:
  %g = phi i64 [0, %entry], [%g1, %grouped]
  %s0 = phi i64 [0, %entry], [%s, %grouped]
  %u0 = mul i64 %g, %lanes
  br label %step
step: ; the first of a group takes nothing, and finds where the windows begin
  %s = phi i64 [%s0, %group], [%s1, %begun]
  %limit = phi i64 [0, %group], [%limit1, %begun]
  %s.before = sub i64 %s, 1
  %slot.step = mul i64 %s.before, %size
  br label %lane
lane:
  %l = phi i64 [0, %step], [%l1, %laned]
  %first = phi i64 [9223372036854775807, %step], [%first1, %laned]
  %u = add i64 %u0, %l
  %next = getelementptr i64, ptr %nexts, i64 %u
  %end.at = getelementptr i64, ptr %ends, i64 %u
  %k0 = load i64, ptr %next
  %end = load i64, ptr %end.at
  %slot.lane = mul i64 %l, %picks
  %slot.first = add i64 %slot.step, %slot.lane
  br label %pick
pick:
  %k = phi i64 [%k0, %lane], [%k1, %take]
  %p = phi i64 [0, %lane], [%p1, %take]
  %there = icmp ult i64 %k, %end
  br i1 %there, label %look, label %laned
look:
  %input.at = getelementptr i32, ptr %inputs, i64 %k
  %input32 = load i32, ptr %input.at
  %input = zext i32 %input32 to i64
  %inside = icmp slt i64 %input, %limit
  %room = icmp ult i64 %p, %picks
  %takes = and i1 %inside, %room
  br i1 %takes, label %take, label %laned
take:
  %slot = add i64 %slot.first, %p
  %slot.at = getelementptr i64, ptr %slots, i64 %k
  store i64 %slot, ptr %slot.at
  %k1 = add i64 %k, 1
  %p1 = add i64 %p, 1
  br label %pick
laned:
  %waits = phi i64 [9223372036854775807, %pick], [%input, %look]
  store i64 %k, ptr %next
  %sooner = icmp slt i64 %waits, %first
  %first1 = select i1 %sooner, i64 %waits, i64 %first
  %l1 = add i64 %l, 1
  %lanes.left = icmp ult i64 %l1, %lanes
  br i1 %lanes.left, label %lane, label %stepped
stepped:
  %done = icmp eq i64 %first1, 9223372036854775807
  br i1 %done, label %grouped, label %begun
begun:
  %start = and i64 %first1, %mask
  %start32 = trunc i64 %start to i32
  %start.at = getelementptr i32, ptr %starts, i64 %s
  store i32 %start32, ptr %start.at
  %limit1 = add i64 %start, %window
  %s1 = add i64 %s, 1
  br label %step
grouped:
  %length = sub i64 %s, %s0
  %length.at = getelementptr i64, ptr %lengths, i64 %g
  store i64 %length, ptr %length.at
  %g1 = add i64 %g, 1
  %more = icmp ult i64 %g1, %groups
  br i1 %more, label %group, label %exit
exit:
  ret void
}
"""
